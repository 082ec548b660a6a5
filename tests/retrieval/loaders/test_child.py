"""What hangs or crashes while a file is read takes the child down and nothing else."""

import os
import signal

import pytest

from service.config import Documents
from service.core import State
from service.retrieval.loaders import Unreadable, load, page_picture, pdf
from service.retrieval.loaders.child import Child, Fault, Lost, Stopped

from .made import pdf as lease
from .made import read


def test_a_child_that_dies_or_hangs_is_replaced() -> None:
    child = Child()
    assert child.ask(60, lease(), do="open", kind="pdf")[0] == {"pages": 2}
    process = child._process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    with pytest.raises(Lost):
        child.ask(0.2, do="sheet", page=1)
    assert process.returncode == -signal.SIGKILL
    with pytest.raises(Fault):  # the next one knows no file
        child.ask(60, do="sheet", page=1)
    assert child.ask(60, lease(pages=3), do="open", kind="pdf")[0] == {"pages": 3}
    with pytest.raises(Unreadable):
        child.ask(60, b"%PDF-1.7", do="open", kind="pdf")
    assert child.ask(60, lease(), do="open", kind="pdf")[0] == {"pages": 2}
    child.close()


def test_a_file_that_stops_its_reader_is_damaged_and_the_next_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read(lease(), "a.pdf")  # the child is warm
    with monkeypatch.context() as patch:
        patch.setattr(pdf, "_PAGE", 0.0)
        patch.setattr(pdf, "_LOSSES", 1)
        with pytest.raises(Unreadable) as caught:
            load(lease(), "a.pdf", "m", Documents())
        with pytest.raises(Unreadable):
            page_picture(lease(), 1, 300)
    assert caught.value.state is State.DAMAGED
    assert "stops the program" in caught.value.reason
    assert read(lease(), "a.pdf").text


def test_a_reading_that_is_given_up_is_no_damage() -> None:
    child = Child()
    with child.held():
        child.ask(60, lease(), do="open", kind="pdf")
        child.stop()
        with pytest.raises(Stopped):
            child.ask(60, do="sheet", page=1)
    with child.held():
        assert child.ask(60, lease(), do="open", kind="pdf")[0] == {"pages": 2}
    child.close()
