"""The house itself: what holds whatever the rooms do."""

import logging
import time
from pathlib import Path
from threading import enumerate as threads

import pytest

from service import config


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # BentoML's, at its import
def test_a_house_that_is_closed_while_its_model_loads_ends_quietly(
    models: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from service.main import House

    (tmp_path / "models").symlink_to(models, target_is_directory=True)
    house = House.open(config.Settings(home=tmp_path))
    while house.stage == "opening":
        time.sleep(0.01)
    with caplog.at_level(logging.ERROR, "privity"):
        house.close()
        for thread in threads():
            if thread.name == "privity-load":
                thread.join()
    assert not [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]
    assert not house.stage.startswith("failed")
