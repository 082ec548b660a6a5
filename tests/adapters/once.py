"""Conversions that many tests begin with: the real one, once for each content."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.adapters import door
from service.adapters.convert import convert, encoded
from service.core import BaseFacts, LoraFile


@pytest.fixture(scope="session", autouse=True)
def converted_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The door converts each content in a child process once; the next time it gets a copy of what came of it."""
    kept = tmp_path_factory.mktemp("converted")

    def converted(folder: Path, base: BaseFacts, target: Path) -> None:
        parts = [(folder / name).read_bytes() for name in (LoraFile.CONFIG, LoraFile.WEIGHTS)]
        made = kept / hashlib.sha256(b"".join([*parts, encoded(base).encode()])).hexdigest()
        if not made.exists():
            convert(folder, base, made)
        shutil.copyfile(made, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(door, "convert", converted)
        yield
