"""Pages that are pictures. Each run of Tesseract takes a second or more."""

from typing import Any

import pytest

from service.config import Documents
from service.core import Document, State
from service.retrieval.loaders import Unreadable, load, page_picture, recognition, rectangles

from .made import checked, read
from .papers import TEXT, drawn, photographed, saved, scanned, words

needed = pytest.mark.skipif(not recognition.available(), reason="Tesseract is not installed")
QUOTE = "28 February 2029"


def places(data: bytes, document: Document, quote: str) -> tuple[float, float, float, float]:
    start = document.text.index(quote)
    ((_, (box,)),) = rectangles(data, document, start, start + len(quote))
    return box


@needed
def test_a_scan_between_pages_of_text_is_recognised_alone() -> None:
    data = drawn(words("The first page."), scanned(photographed(turn=1.5)), words("The last page."))
    document = checked(read(data, "a.pdf"))
    assert [page.confidence is None for page in document.pages] == [True, False, True]
    assert QUOTE in document.text
    x0, y0, x1, y1 = places(data, document, QUOTE)
    assert 0.45 < x0 < x1 < 0.80  # where it is drawn, but for the lean
    assert 0.15 < y0 < y1 < 0.20
    (entry,) = document.ledger
    assert (entry.fate, entry.pages) == ("recognised", (2,))
    assert document.pages[1].confidence is not None
    assert 0.6 < document.pages[1].confidence <= 1
    assert all(document.text[word.start : word.end].strip() for word in document.words)


@needed
def test_a_page_on_its_side() -> None:
    data = saved(photographed(turn=90), form="PNG")
    document = checked(read(data, "a.png"))
    assert (document.kind, QUOTE in document.text) == ("png", True)
    start = document.text.index(QUOTE)
    ((_, boxes),) = rectangles(data, document, start, start + len(QUOTE))
    assert max(x1 for _, _, x1, _ in boxes) - min(x0 for x0, _, _, _ in boxes) < 0.03  # the words run upwards
    assert max(y1 for _, _, _, y1 in boxes) - min(y0 for _, y0, _, _ in boxes) > 0.1


@needed
def test_frames_of_a_tiff_are_pages() -> None:
    data = saved(
        photographed("This is the first sheet of the lease."),
        photographed("And here comes the second one."),
        form="TIFF",
    )
    document = checked(read(data, "a.tif"))
    assert (document.kind, len(document.pages)) == ("tiff", 2)
    assert "second one" in document.text[document.pages[1].start :]
    assert page_picture(data, 2, 300).startswith(b"\x89PNG")


def refused(data: bytes, name: str) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        load(data, name, "m", Documents())
    return caught.value


def test_without_tesseract_the_ledger_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    image: Any = photographed(*TEXT)
    document = checked(read(drawn(words("The first page."), scanned(image)), "a.pdf"))
    assert document.text == "The first page."
    assert document.pages[1].empty
    (entry,) = document.ledger
    assert (entry.fate, entry.pages) == ("unread", (2,))
    assert "apt-get install tesseract-ocr" in entry.reason
    error = refused(saved(image, form="PNG"), "a.png")
    assert error.state is State.EMPTY
    assert "apt-get install tesseract-ocr" in error.reason


def test_pictures_that_are_none() -> None:
    image = photographed()
    whole = saved(image, form="PNG")
    assert refused(whole[: len(whole) // 2], "a.png").state is State.DAMAGED
    assert refused(b"\x89PNG\r\n\x1a\n" + b"x" * 40, "a.png").state is State.DAMAGED
    assert refused(b"II*\x00" + b"\xff" * 40, "a.tif").state is State.DAMAGED


def test_a_picture_of_too_many_pixels() -> None:
    from PIL import Image

    error = refused(saved(Image.new("1", (16_000, 16_000)), form="PNG"), "a.png")
    assert error.state is State.TOO_LARGE
    assert "megapixels" in error.reason


def test_a_blank_picture_is_empty() -> None:
    from PIL import Image

    assert refused(saved(Image.new("L", (800, 1000), 250), form="JPEG"), "a.jpg").state is State.EMPTY
