from pathlib import Path

import pytest

from service.core import BaseFacts
from service.engines import BaseFiles, base_facts, prepare
from tests.adapters.once import converted_once

__all__ = ["converted_once"]


@pytest.fixture(scope="session")
def files(models: Path) -> BaseFiles:
    """The embedded base model, as `privity prepare` left it."""
    return prepare("embedded", models)


@pytest.fixture(scope="session")
def base(files: BaseFiles) -> BaseFacts:
    return base_facts(files)
