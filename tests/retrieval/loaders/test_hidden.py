"""What a reader of the page cannot see is not in the text, and the ledger says so."""

from collections.abc import Callable
from typing import Any

import pytest

from service.core import Document

from .made import checked, read
from .papers import drawn, photographed, scanned, words

SEEN = "The rent is EUR 12,000 a year."
SECRET = "The tenant is insolvent."


def page(draw: Callable[[Any], None]) -> Document:
    def whole(canvas: Any) -> None:
        words(SEEN)(canvas)
        canvas.setFont("Helvetica", 12)
        draw(canvas)

    return checked(read(drawn(whole), "a.pdf"))


def white(canvas: Any) -> None:
    canvas.setFillGray(1)
    canvas.drawString(72, 600, SECRET)


def tiny(canvas: Any) -> None:
    canvas.setFont("Helvetica", 0.8)
    canvas.drawString(72, 600, SECRET)


def outside(canvas: Any) -> None:
    canvas.drawString(700, 600, SECRET)


def invisible(canvas: Any) -> None:
    text = canvas.beginText(72, 600)
    text.setTextRenderMode(3)
    text.textOut(SECRET)
    canvas.drawText(text)


def blackened(canvas: Any) -> None:
    canvas.drawString(72, 600, SECRET)
    canvas.rect(70, 596, 200, 16, stroke=0, fill=1)


def whitened(canvas: Any) -> None:
    canvas.drawString(72, 600, SECRET)
    canvas.setFillGray(1)
    canvas.rect(70, 596, 200, 16, stroke=0, fill=1)


def black_on_black(canvas: Any) -> None:
    canvas.rect(70, 596, 200, 16, stroke=0, fill=1)
    canvas.drawString(72, 600, SECRET)


@pytest.mark.parametrize(
    ("draw", "word"),
    [
        (white, "colour of its background"),
        (tiny, "too small"),
        (outside, "outside the page"),
        (invisible, "Invisible"),
        (blackened, "redaction"),
        (whitened, "redaction"),
        (black_on_black, "redaction"),
    ],
)
def test_hidden_text_is_left_out_and_counted(draw: Callable[[Any], None], word: str) -> None:
    document = page(draw)
    assert document.text == SEEN
    (entry,) = document.ledger
    assert (entry.fate, entry.pages) == ("hidden", (1,))
    assert word in entry.reason
    assert entry.characters == len("".join(SECRET.split()))


def white_on_black(canvas: Any) -> None:
    canvas.rect(70, 596, 200, 16, stroke=0, fill=1)
    white(canvas)


def highlighted(canvas: Any) -> None:
    canvas.drawString(72, 600, SECRET)
    canvas.setFillColorRGB(1, 1, 0, alpha=0.4)
    canvas.rect(70, 596, 200, 16, stroke=0, fill=1)


def shaded(canvas: Any) -> None:
    canvas.setFillGray(0.85)
    canvas.rect(70, 596, 200, 16, stroke=0, fill=1)
    canvas.setFillGray(0)
    canvas.drawString(72, 600, SECRET)


def underlined(canvas: Any) -> None:
    canvas.drawString(72, 600, SECRET)
    canvas.rect(70, 596, 200, 2, stroke=0, fill=1)


@pytest.mark.parametrize("draw", [white_on_black, highlighted, shaded, underlined])
def test_what_can_be_read_is_text(draw: Callable[[Any], None]) -> None:
    document = page(draw)
    assert document.text == f"{SEEN}\n\n{SECRET}"
    assert document.ledger == ()


def test_half_a_line_under_a_bar() -> None:
    def draw(canvas: Any) -> None:
        canvas.drawString(72, 600, "Signed by Mr Berg of Oslo.")
        start = 72 + canvas.stringWidth("Signed by ", "Helvetica", 12)
        canvas.rect(start, 596, canvas.stringWidth("Mr Berg", "Helvetica", 12), 16, stroke=0, fill=1)

    assert page(draw).text.endswith("Signed by of Oslo.")


def layered(canvas: Any, bar: bool = False) -> None:
    """A scan with invisible words where its picture shows them, as recognition programs leave it."""
    image = photographed(SEEN, SECRET)
    if bar:
        from PIL import ImageDraw

        scale = 1700 / 595
        high = (842 - 760 + 1.6 * 12) * scale
        ImageDraw.Draw(image).rectangle(
            (60 * scale, high - 14 * scale, 300 * scale, high + 5 * scale), fill=0
        )
    scanned(image)(canvas)
    text = canvas.beginText(72, 760)
    text.setTextRenderMode(3)
    text.setFont("Helvetica", 12)
    text.textOut(SEEN)
    text.setTextOrigin(72, 760 - 1.6 * 12)
    text.textOut(SECRET)
    canvas.drawText(text)


def test_the_layer_of_a_scan_is_its_text() -> None:
    document = checked(read(drawn(layered), "a.pdf"))
    assert document.text == f"{SEEN} {SECRET}"
    assert [entry.fate for entry in document.ledger] == ["recognised"]
    assert document.pages[0].confidence is None


def test_under_a_bar_in_a_scan_the_layer_is_left_out() -> None:
    document = checked(read(drawn(lambda canvas: layered(canvas, bar=True)), "a.pdf"))
    assert document.text == SEEN
    assert [entry.fate for entry in document.ledger] == ["recognised", "hidden"]
