import shutil
from pathlib import Path

import pytest

from service.core import State
from service.retrieval.loaders import Unreadable, doc, load

from .made import LIMITS, checked, read

FILE = Path(__file__).parents[3].parent / "shared/data/documents/court_real/word-doc.doc"
pytestmark = pytest.mark.skipif(not FILE.is_file(), reason="../shared/data is not there")
WITH_OFFICE = pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")


@WITH_OFFICE
def test_an_old_word_file_is_read_and_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    document = checked(read(FILE.read_bytes(), "opinion.doc"))
    assert document.kind == "doc"
    assert "The appellee/defendant Charles Barker seeks rehearing" in document.text
    assert "Footnote 1: " in document.text
    assert "old format" in document.ledger[0].reason
    assert not list(tmp_path.iterdir())


@WITH_OFFICE
def test_a_conversion_that_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doc, "_SECONDS", 0.05)
    with pytest.raises(Unreadable) as caught:
        read(FILE.read_bytes(), "opinion.doc")
    assert "did not finish" in caught.value.reason


def test_without_libreoffice_the_word_is_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doc.shutil, "which", lambda name: None)
    with pytest.raises(Unreadable) as caught:
        load(FILE.read_bytes(), "opinion.doc", "m", LIMITS)
    assert caught.value.state is State.UNSUPPORTED
    assert "apt-get install libreoffice-writer-nogui" in caught.value.reason


def test_a_password_is_told_from_the_head() -> None:
    data = bytearray(FILE.read_bytes())
    head = data.find(b"\xec\xa5")
    data[head + 11] |= 1
    with pytest.raises(Unreadable) as caught:
        read(bytes(data), "opinion.doc")
    assert caught.value.state is State.ENCRYPTED
