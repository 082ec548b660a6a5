"""Trial runs in a child process, on the real small model."""

from dataclasses import replace
from pathlib import Path

import pytest

from service.core import LoraFile
from service.engines import BaseFiles, ProbeLimits, prepare_folder, probe
from service.errors import BadRequest
from tests.adapters.made import LINEAR, lora
from tests.engines.loras import write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lora(tmp_path, targets=LINEAR, strength=0.02)
    write(tmp_path / LoraFile.GGUF)
    return tmp_path


@pytest.fixture
def alone(files: BaseFiles) -> BaseFiles:
    return replace(files, folder=None)


def test_it_tells_what_an_adapter_moves_and_how_fast_it_loads(alone: BaseFiles, folder: Path) -> None:
    report = probe(alone, folder)
    assert report.moved > 1
    assert report.parity is None
    assert 0 < report.milliseconds < 5000


def test_both_engines_agree_and_a_wrong_conversion_is_found(files: BaseFiles, folder: Path) -> None:
    both = replace(files, folder=prepare_folder(files, files.gguf.parent))
    report = probe(both, folder)
    assert report.parity is not None
    assert report.parity < 0.75
    write(folder / LoraFile.GGUF, permuted=False)
    with pytest.raises(BadRequest, match="engines differ"):
        probe(both, folder)


def test_one_that_changes_nothing_is_refused(alone: BaseFiles, folder: Path) -> None:
    write(folder / LoraFile.GGUF, strength=0.0)
    with pytest.raises(BadRequest, match="changes nothing"):
        probe(alone, folder)


def test_a_file_that_llama_cannot_load_is_refused(alone: BaseFiles, folder: Path) -> None:
    (folder / LoraFile.GGUF).write_bytes(b"GGUF" + bytes(64))
    with pytest.raises(BadRequest, match="trial run"):
        probe(alone, folder)


def test_it_is_stopped_when_it_takes_too_long_or_too_much(alone: BaseFiles, folder: Path) -> None:
    with pytest.raises(BadRequest, match="longer than 0 seconds"):
        probe(alone, folder, ProbeLimits(seconds=0.1))
    with pytest.raises(BadRequest, match="trial run"):
        probe(alone, folder, ProbeLimits(memory=1))
