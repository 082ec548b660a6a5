from pathlib import Path

import pytest

from service.engines import BaseFiles, prepare


@pytest.fixture(scope="session")
def files(models: Path) -> BaseFiles:
    """The embedded base model, as `privity prepare` left it."""
    return prepare("embedded", models)
