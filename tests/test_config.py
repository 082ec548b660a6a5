from pathlib import Path

import pytest

from service import config
from service.errors import BadRequest


def test_the_environment_goes_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "privity.toml").write_text("[engine]\nslots = 4\nchunk = 64\n[serve]\nport = 4000\n")
    settings = config.load(
        {"PRIVITY_HOME": str(tmp_path), "PRIVITY_ENGINE_SLOTS": "2", "PRIVITY_PORT": "4001"}
    )
    assert (settings.engine.slots, settings.engine.chunk, settings.serve.port) == (2, 64, 4001)


@pytest.mark.parametrize(
    ("toml", "environment", "named"),
    [
        ("[engine]\nslotz = 4\n", {}, "slotz"),
        ("[engin]\nslots = 4\n", {}, "engin"),
        ("", {"PRIVITY_ENGINE_SLOTZ": "4"}, "PRIVITY_ENGINE_SLOTZ"),
        ("", {"PRIVITY_PORT": "seventy"}, "port"),
        ("[engine]\nslots = 0\n", {}, "slots"),
        ("engine = 3\n", {"PRIVITY_ENGINE_SLOTS": "4"}, "engine"),
        ("[engine\n", {}, "privity.toml"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, toml: str, environment: dict[str, str], named: str) -> None:
    (tmp_path / "privity.toml").write_text(toml)
    with pytest.raises(BadRequest, match=named):
        config.load({"PRIVITY_HOME": str(tmp_path), **environment})


def test_a_container_listens_and_keeps_its_state_in_the_volume() -> None:
    settings = config.load({"BENTOML_CONTAINERIZED": "true"})
    assert (settings.serve.host, str(settings.home)) == ("0.0.0.0", config.IN_CONTAINER)
    assert config.load({"BENTOML_CONTAINERIZED": "true", "PRIVITY_HOST": "::1"}).serve.host == "::1"
    assert config.load({}).serve.host == "127.0.0.1"
