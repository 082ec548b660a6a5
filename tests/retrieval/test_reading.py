"""How a file's line ends once it has been read."""

import pytest

from service.core import Facts, State
from service.retrieval.reading import told
from tests.retrieval.loaders.made import read
from tests.retrieval.loaders.papers import drawn, photographed, scanned, words

STAMP = "Case 1:24-cv-00001 Document 7 Filed 03/04/24 Page 1 of 1"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")


def test_a_scanned_page_with_a_stamp_of_words_counts_as_unread() -> None:
    def stamped(canvas: object) -> None:
        scanned(photographed())(canvas)
        words(STAMP, y=830, size=9)(canvas)

    document = read(drawn(words(), stamped), "a.pdf")
    assert STAMP in document.text
    line = told(document, 1, Facts(), ())
    assert (line["state"], line["pages_without_text"]) == (State.PARTIAL, 1)
    assert line["reason"].startswith("No text on page 2")


def test_a_blank_page_is_no_loss() -> None:
    line = told(read(drawn(words(), lambda canvas: None), "a.pdf"), 1, Facts(), ())
    assert (line["state"], line["pages_without_text"]) == (State.READY, 0)
