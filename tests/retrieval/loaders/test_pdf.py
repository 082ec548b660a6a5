import io
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from service.config import Documents
from service.core import Document, Entry, State
from service.errors import NotFound
from service.retrieval.loaders import Unreadable, load, page_picture, rectangles

from .made import checked, pdf, read, texts
from .papers import drawn

RENT = (
    "The yearly rent is EUR 12,000, payable in twelve equal parts on the first working day of each month, "
    "without deduction or set-off."
)


def under(data: bytes, number: int, box: tuple[float, float, float, float]) -> str:
    """The characters whose middle lies under a box, asked of PDFium by another road than the loader's."""
    import pypdfium2
    import pypdfium2.raw as raw

    with_pdf: Any = pypdfium2.PdfDocument(data)
    page = with_pdf[number - 1]
    text = page.get_textpage()
    left, bottom, right, top = page.get_mediabox()
    turned = page.get_rotation()
    found = ""
    for i in range(text.count_chars()):
        x0, y0, x1, y1 = text.get_charbox(i)
        x, y = ((x0 + x1) / 2 - left) / (right - left), ((y0 + y1) / 2 - bottom) / (top - bottom)
        x, y = {0: (x, 1 - y), 90: (y, x), 180: (1 - x, y), 270: (1 - y, 1 - x)}[turned]
        if box[0] <= x <= box[2] and box[1] <= y <= box[3] and not text.get_text_range(i, 1).isspace():
            found += chr(raw.FPDFText_GetUnicode(text, i))
    text.close()
    page.close()
    with_pdf.close()
    return found


def squeezed(text: str) -> str:
    return "".join(text.split())


def test_text_blocks_and_pages() -> None:
    document = checked(read(pdf(), "lease.pdf"))
    assert texts(document)[:2] == ["1. RENT", RENT]
    assert [(b.style, b.level, b.page) for b in document.blocks] == [
        ("heading", 1, 1), ("paragraph", 0, 1), ("heading", 1, 1), ("paragraph", 0, 1),
        ("heading", 1, 2), ("paragraph", 0, 2), ("heading", 1, 2), ("paragraph", 0, 2),
    ]  # fmt: skip
    assert document.pages[0].width == 595


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("quote", ["EUR 12,000", "payable in twelve", "first working day", "1. RENT", RENT])
def test_the_characters_under_the_rectangles_are_the_quoted_ones(rotate: int, quote: str) -> None:
    data = pdf(rotate)
    document = read(data, "lease.pdf")
    start = document.text.rindex(quote)
    found = rectangles(data, document, start, start + len(quote))
    assert [number for number, _ in found] == [2]
    boxes = found[0][1]
    assert len(boxes) == (2 if quote in (RENT, "first working day") else 1)
    assert "".join(under(data, 2, box) for box in boxes) == squeezed(quote)


def test_a_span_over_two_pages_has_rectangles_on_both() -> None:
    data = pdf()
    document = read(data, "lease.pdf")
    found = rectangles(data, document, 0, len(document.text))
    assert [number for number, _ in found] == [1, 2]
    assert all(0 <= x <= 1 for _, boxes in found for box in boxes for x in box)
    assert [len(boxes) for _, boxes in found] == [6, 6]


def test_text_of_another_reading_has_no_rectangles() -> None:
    data = pdf()
    document = read(data, "lease.pdf")
    other = replace(document, text=document.text.replace("12,000", "13,000"))
    assert rectangles(data, other, 0, 40) == []
    assert rectangles(data, document, 5, 5) == []


def test_blank_pages_are_counted_and_named() -> None:
    document = checked(read(pdf(pages=4, blank=(2, 4)), "lease.pdf"))
    assert [page.empty for page in document.pages] == [False, True, False, True]
    assert document.ledger == (Entry("odd", "2 pages (2, 4) are blank.", pages=(2, 4)),)


def refused(data: bytes, limits: Documents) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        load(data, "a.pdf", "m", limits)
    return caught.value


def test_what_gives_no_text() -> None:
    limits = Documents()
    assert refused(pdf(blank=(1, 2)), limits).state is State.EMPTY
    assert "blank" in refused(pdf(blank=(1, 2)), limits).reason
    assert refused(pdf(password="x"), limits).state is State.ENCRYPTED
    assert refused(pdf()[:300], limits).state is State.DAMAGED
    assert refused(pdf(pages=3), Documents(max_pages=2)).state is State.TOO_LARGE


def scan(stamp: str) -> bytes:
    from PIL import Image
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen.canvas import Canvas

    file = io.BytesIO()
    canvas = Canvas(file, pagesize=(595, 842))
    canvas.drawImage(ImageReader(Image.new("L", (100, 140), 200)), 0, 0, 595, 842)
    canvas.drawString(30, 820, stamp)
    canvas.showPage()
    canvas.save()
    return file.getvalue()


def test_a_scan_with_a_stamp_is_a_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    error = refused(scan("Case 1:24-cv-00001 Document 7 Filed 03/04/24 Page 1 of 1"), Documents())
    assert error.state is State.EMPTY
    assert "apt-get install tesseract-ocr" in error.reason


def test_page_pictures() -> None:
    from PIL import Image

    data = pdf()
    image = Image.open(io.BytesIO(page_picture(data, 2, 300)))
    assert image.format == "PNG"
    assert image.size[0] in (300, 301)
    assert abs(image.size[1] / image.size[0] - 842 / 595) < 0.01
    darkest, _ = image.convert("L").getextrema()
    assert darkest < 128
    with pytest.raises(NotFound):
        page_picture(data, 3, 300)


def test_threads_take_turns() -> None:
    data = pdf(pages=6)
    seen: list[Document | bytes] = []

    def work(n: int) -> None:
        seen.append(read(data, "a.pdf") if n % 2 else page_picture(data, 1 + n % 6, 200))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 12
    assert len({item.text for item in seen if isinstance(item, Document)}) == 1


def test_places_on_a_page_whose_header_was_left_out() -> None:
    def page(number: int) -> Callable[[Any], None]:
        def draw(canvas: Any) -> None:
            canvas.setFont("Helvetica", 11)
            canvas.drawString(72, 810, "Lease of offices, draft of 4 May")
            for i in range(8):
                canvas.drawString(72, 700 - 20 * i, f"{i + 1}. Clause {chr(97 + number)} binds both parties.")
            canvas.drawString(290, 30, str(number))

        return draw

    data = drawn(*(page(number) for number in (1, 2, 3)))
    document = checked(read(data, "a.pdf"))
    assert document.text.count("Lease of offices") == 1
    assert [(entry.fate, entry.characters, entry.pages) for entry in document.ledger] == [
        ("dropped", 2 * len("Lease of offices, draft of 4 May"), (2, 3)),
        ("dropped", 3, (1, 2, 3)),
    ]
    quote = "3. Clause d binds both parties."
    start = document.text.index(quote)
    ((number, boxes),) = rectangles(data, document, start, start + len(quote))
    assert (number, "".join(under(data, 3, box) for box in boxes)) == (3, squeezed(quote))
