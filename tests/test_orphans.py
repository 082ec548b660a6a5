"""A worker does not outlive the process that started it."""

from pathlib import Path

import psutil

from service.lock import owner
from tests.conftest import free_port
from tests.test_walks import served


def test_a_worker_whose_parent_was_killed_ends_and_frees_its_home(tmp_path: Path, models: Path) -> None:
    (tmp_path / "models").symlink_to(models, target_is_directory=True)
    with served(tmp_path, free_port()) as service:
        workers = psutil.Process(service.pid).children()
        service.kill()
        gone, alive = psutil.wait_procs(workers, 240)
        assert gone
        assert not alive
    assert owner(tmp_path) is None, "the next start finds the home free"
