from pathlib import Path

import pytest

from service.errors import Conflict
from service.lock import HomeLock, owner


def test_one_owner_at_a_time(tmp_path: Path) -> None:
    assert owner(tmp_path) is None
    lock = HomeLock(tmp_path, "http://127.0.0.1:3000")
    with pytest.raises(Conflict, match="PRIVITY_HOME"):
        HomeLock(tmp_path, "http://127.0.0.1:3001")
    lock.tell("http://127.0.0.1:9")
    assert owner(tmp_path) == "http://127.0.0.1:9"
    lock.release()
    assert owner(tmp_path) is None
