from pathlib import Path

import pytest

from tests.training import jobs


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random base whose words are bytes."""
    return jobs.base(tmp_path_factory.mktemp("base") / "tiny")
