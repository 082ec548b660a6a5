"""PDF by pypdfium2: text with the place of every character, page pictures, rectangles of a quotation.

A page's text follows from its bytes alone, so that the rectangles of a span are worked out anew from the
original file: nothing is stored beside it, and only the pages that the span touches are opened.

PDFium's state belongs to the process and bears one thread at a time. Every call is made, and every handle
closed, under one lock, held for one page at a time.
"""

import ctypes
import io
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from service.config import Documents
from service.core import Block, Page, State
from service.errors import NotFound
from service.retrieval.loaders.content import Content, Unreadable
from service.retrieval.loaders.layout import Box, Glyph, Laid, arrange, same_line, upright

# The one piece of module state in the house, for it guards a C library's own: see above.
_PDFIUM = threading.Lock()

_LIGATURES = {
    0xFB00: "ff",
    0xFB01: "fi",
    0xFB02: "fl",
    0xFB03: "ffi",
    0xFB04: "ffl",
    0xFB05: "st",
    0xFB06: "st",
}
_HYPHENS = (0x02, 0xAD, 0xFFFE)  # what PDFium makes of a hyphen at a line's end; a soft one that is drawn
_BOLD = 600  # font weight
_PIXELS = 16_000_000  # of a page picture, at most
_STAMP = 120  # characters: so little beside a picture of the whole page is a stamp on a scan
_SCAN = (
    "The file holds pictures of pages and no text of theirs: a scan. Text recognition is not part of this version; "
    "add a PDF that holds text."
)


def read(data: bytes, limits: Documents) -> Content:
    """Raises Unreadable: ENCRYPTED, DAMAGED, TOO_LARGE, or EMPTY when no page holds text."""
    with _opened(data) as pdf:
        count = len(pdf)
        if count > limits.max_pages:
            raise Unreadable(
                State.TOO_LARGE,
                f"The file has {count} pages; {limits.max_pages} are allowed. "
                "Split it, or raise documents.max_pages.",
            )
        sheets = [_sheet(pdf, n) for n in range(1, count + 1)]
    if all(sheet is None for sheet in sheets):
        raise Unreadable(
            State.DAMAGED, "No page of the file can be opened. Print it to a new PDF and add that."
        )
    if not any(sheet and sheet.laid.text and not sheet.scanned for sheet in sheets):
        raise Unreadable(State.EMPTY, _SCAN)
    return _bound(sheets)


def page_picture(data: bytes, page: int, width: int) -> bytes:
    """A PNG of the page (from 1), `width` pixels wide (50 to 4000; fewer for a page of absurd height).

    Raises NotFound for a page that the file has not, Unreadable for a file or page that cannot be drawn.
    """
    with _opened(data) as pdf:
        if not 1 <= page <= len(pdf):
            raise NotFound(f"There is no page {page}: the document has {len(pdf)}.")
        with _PDFIUM:
            image = _drawn(pdf, page, min(max(width, 50), 4000))
    png = io.BytesIO()
    image.save(png, "PNG", compress_level=4)
    return png.getvalue()


def rectangles(
    data: bytes, text: str, pages: Sequence[Page], start: int, end: int
) -> list[tuple[int, list[Box]]]:
    """Where `text[start:end]` stands: per page its number and boxes (x0, y0, x1, y1), one a line.

    Boxes are fractions of the page, 0 to 1, origin top left. `data` is the original file, `text` and `pages`
    are the document's. A page whose text does not come out as it stands in `text` (read by another version of
    the program) has no boxes: none rather than wrong ones.
    """
    found = []
    with _opened(data) as pdf:
        for page in pages:
            if page.start < end and start < page.end and page.number <= len(pdf):
                sheet = _sheet(pdf, page.number)
                if sheet and sheet.laid.text == text[page.start : page.end].rstrip("\n"):
                    found.append((page.number, sheet.boxes(start - page.start, end - page.start)))
    return [(number, boxes) for number, boxes in found if boxes]


class _Sheet:
    """A page as read: its glyphs, its text, its size in points."""

    def __init__(
        self, glyphs: list[Glyph], width: float, height: float, unmapped: int, covered: bool
    ) -> None:
        self.glyphs, self.width, self.height, self.unmapped = glyphs, width, height, unmapped
        self.upright = upright(glyphs)
        self.laid: Laid = arrange(self.upright)
        self.scanned = covered and len(self.laid.text) < _STAMP

    def boxes(self, start: int, end: int) -> list[Box]:
        boxes: list[Box] = []
        last: Glyph | None = None
        for index in dict.fromkeys(self.laid.origin[max(start, 0) : max(end, 0)]):
            if index < 0:
                continue
            glyph, box = self.upright[index], self.glyphs[index].box
            if last is not None and same_line(last, glyph):
                boxes[-1] = _around(boxes[-1], box)
            else:
                boxes.append(box)
            last = glyph
        return [self._fraction(box) for box in boxes]

    def _fraction(self, box: Box) -> Box:
        x0, y0, x1, y1 = box
        return (
            _share(x0, self.width),
            _share(y0, self.height),
            _share(x1, self.width),
            _share(y1, self.height),
        )


def _share(value: float, whole: float) -> float:
    """The fraction, kept within 0 and 1; 0 for the infinities and NaN that broken fonts give."""
    share = value / whole if whole else 0.0
    return share if 0 <= share <= 1 else float(1 < share < float("inf"))


def _around(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


@contextmanager
def _opened(data: bytes) -> Iterator[Any]:
    with _PDFIUM:
        pdf = _open(data)
    try:
        yield pdf
    finally:
        with _PDFIUM:
            pdf.close()


def _open(data: bytes) -> Any:
    import pypdfium2
    import pypdfium2.raw as raw

    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        code = error.err_code
    if code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
        reason = "The PDF is protected with a password. Save a copy without it and add that."
        raise Unreadable(State.ENCRYPTED, reason)
    raise Unreadable(
        State.DAMAGED, "The PDF is damaged and cannot be opened. Get a whole copy, or print it anew."
    )


def _sheet(pdf: Any, number: int) -> _Sheet | None:
    """The page, or None when it cannot be opened."""
    from pypdfium2 import PdfiumError

    with _PDFIUM:
        try:
            page = pdf[number - 1]
        except PdfiumError:
            return None
        try:
            text = page.get_textpage()
            try:
                glyphs, unmapped = _glyphs(page, text)
            finally:
                text.close()
            width, height = page.get_size()
            covered = len(glyphs) < 2 * _STAMP and _covered(page, width * height)
        except PdfiumError:
            return None
        finally:
            page.close()
    return _Sheet(glyphs, width, height, unmapped, covered)


def _covered(page: Any, area: float) -> bool:
    """Whether one picture covers most of the page."""
    import pypdfium2.raw as raw

    corners = [ctypes.c_float() for _ in range(4)]
    for i in range(raw.FPDFPage_CountObjects(page)):
        item = raw.FPDFPage_GetObject(page, i)
        if raw.FPDFPageObj_GetType(item) != raw.FPDF_PAGEOBJ_IMAGE:
            continue
        if raw.FPDFPageObj_GetBounds(item, *map(ctypes.byref, corners)):
            left, bottom, right, top = (c.value for c in corners)
            if (right - left) * (top - bottom) > 0.6 * area:
                return True
    return False


def _glyphs(page: Any, text: Any) -> tuple[list[Glyph], int]:
    """The page's glyphs in the file's order, and how many the file gives no meaning to."""
    import pypdfium2.raw as raw

    place = _placing(page)
    box, glyphs, unmapped, bold, fresh = raw.FS_RECTF(), [], 0, False, True
    for i in range(raw.FPDFText_CountChars(text)):
        code = raw.FPDFText_GetUnicode(text, i)
        character = _character(code)
        if not character.strip():
            unmapped += code in (0, 0xFFFF)
            fresh = fresh or code in (0x0A, 0x0D)
            glyphs.append(Glyph(" ", (0.0, 0.0, 0.0, 0.0)))
            continue
        if fresh:  # asked once a line: it costs as much as everything else
            bold, fresh = raw.FPDFText_GetFontWeight(text, i) >= _BOLD, False
        raw.FPDFText_GetLooseCharBox(text, i, ctypes.byref(box))
        glyphs.append(Glyph(character, place(box.left, box.bottom, box.right, box.top), bold))
    return glyphs, unmapped


def _character(code: int) -> str:
    if code in _HYPHENS:
        return "-"
    if code in _LIGATURES:
        return _LIGATURES[code]
    if code == 0xFFFF or code < 0x20 or code > 0x10FFFF:
        return " "
    return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)


def _placing(page: Any) -> Any:
    """A function from a box in the page's own space to one in points from the top left as it is shown."""
    import pypdfium2.raw as raw

    width, height = page.get_size()
    scale = 1000

    def device(x: float, y: float) -> tuple[float, float]:
        a, b = ctypes.c_int(), ctypes.c_int()
        size = int(width * scale), int(height * scale)
        raw.FPDF_PageToDevice(page, 0, 0, *size, 0, x, y, ctypes.byref(a), ctypes.byref(b))
        return a.value / scale, b.value / scale

    (ox, oy), (ax, ay), (bx, by) = device(0, 0), device(1000, 0), device(0, 1000)
    ax, ay, bx, by = (ax - ox) / 1000, (ay - oy) / 1000, (bx - ox) / 1000, (by - oy) / 1000

    def place(x0: float, y0: float, x1: float, y1: float) -> Box:
        xs = (ox + ax * x0 + bx * y0, ox + ax * x1 + bx * y1)
        ys = (oy + ay * x0 + by * y0, oy + ay * x1 + by * y1)
        return min(xs), min(ys), max(xs), max(ys)

    return place


def _drawn(pdf: Any, number: int, width: int) -> Any:
    """A PIL image of the page with the values of its form fields."""
    from pypdfium2 import PdfiumError

    try:
        pdf.init_forms()
        page = pdf[number - 1]
        try:
            wide, high = page.get_size()
            bitmap = page.render(scale=min(width / wide, (_PIXELS / (wide * high)) ** 0.5))
            try:
                return bitmap.to_pil().convert("RGB")
            finally:
                bitmap.close()
        finally:
            page.close()
    except (PdfiumError, ZeroDivisionError, ValueError):
        raise Unreadable(State.DAMAGED, f"Page {number} is damaged and cannot be drawn.") from None


def _bound(sheets: list[_Sheet | None]) -> Content:
    """The pages one after another, a blank line between those that hold text."""
    text: list[str] = []
    blocks: list[Block] = []
    pages: list[Page] = []
    at = 0
    last = max(i for i, sheet in enumerate(sheets) if sheet is not None and sheet.laid.text)
    for number, sheet in enumerate(sheets, 1):
        body = sheet.laid.text if sheet else ""
        if sheet:
            blocks += (Block(at + a, at + b, number, style, level) for a, b, style, level in sheet.laid.spans)
        if body and number - 1 < last:
            body += "\n\n"
        size = (sheet.width, sheet.height) if sheet else (0.0, 0.0)
        pages.append(Page(number, at, at + len(body), *size))
        text.append(body)
        at += len(body)
    return Content("".join(text), tuple(blocks), tuple(pages), tuple(_notes(sheets)))


def _notes(sheets: list[_Sheet | None]) -> Iterator[str]:
    empty = [n for n, sheet in enumerate(sheets, 1) if sheet and not sheet.laid.text]
    scanned = [n for n, sheet in enumerate(sheets, 1) if sheet and sheet.laid.text and sheet.scanned]
    damaged = [n for n, sheet in enumerate(sheets, 1) if sheet is None]
    unmapped = sum(sheet.unmapped for sheet in sheets if sheet)
    if empty:
        yield f"{_counted(empty)} no text: a picture or blank. Text recognition is not part of this version."
    if scanned:
        yield f"{_counted(scanned)} a scan with a stamp; only the stamp could be read."
    if damaged:
        yield f"{_counted(damaged, 'is', 'are')} damaged and could not be opened."
    if unmapped:
        yield f"{unmapped} characters have no meaning in the file's fonts and were left out."
    repeated = _running(sheets)
    if repeated:
        yield f"Running headers or footers stand on {repeated} pages and are part of the text."


def _counted(numbers: list[int], one: str = "holds", many: str = "hold") -> str:
    shown = ", ".join(map(str, numbers[:20])) + (" and more" if len(numbers) > 20 else "")
    return f"Page {shown} {one}" if len(numbers) == 1 else f"{len(numbers)} pages ({shown}) {many}"


def _running(sheets: list[_Sheet | None]) -> int:
    """On how many pages the first or last block stands on most others too, page numbers aside."""
    edges: Counter[str] = Counter()
    for laid in (sheet.laid for sheet in sheets if sheet):
        for span in {*laid.spans[:1], *laid.spans[-1:]}:
            edges["".join(c for c in laid.text[span.start : span.end] if not c.isdigit())] += 1
    most = max(edges.values(), default=0)
    return most if most >= 3 and most > len(sheets) / 2 else 0
