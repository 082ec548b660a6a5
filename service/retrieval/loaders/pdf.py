"""PDF: text with the place of every character, page pictures, rectangles of a quotation.

A page's text follows from its bytes alone, so that the rectangles of a span are worked out anew from the
original file: nothing is stored beside it, and only the pages that the span touches are opened.
"""

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from service.config import Documents
from service.core import Block, Entry, Page, State
from service.errors import NotFound
from service.retrieval.loaders.content import Content, Unreadable
from service.retrieval.loaders.layout import Box, Glyph, Laid, Span, arrange, same_line, upright
from service.retrieval.loaders.pdfium import Drawn, drawn, opened, picture

_STAMP = 120  # characters: so little beside a picture of the whole page is a stamp on a scan
_SCAN = (
    "The file holds pictures of pages and no text of theirs: a scan. Text recognition is not part of this "
    "version; add a PDF that holds text."
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page as read."""

    text: str
    spans: tuple[Span, ...]
    width: float
    height: float
    unmapped: int
    scanned: bool  # a picture with a stamp at most


def read(data: bytes, limits: Documents) -> Content:
    """Raises Unreadable: ENCRYPTED, DAMAGED, TOO_LARGE, or EMPTY when no page holds text."""
    with opened(data) as pdf:
        count = len(pdf)
        if count > limits.max_pages:
            raise Unreadable(
                State.TOO_LARGE,
                f"The file has {count} pages; {limits.max_pages} are allowed. "
                "Split it, or raise documents.max_pages.",
            )
        sheets = [_sheet(drawn(pdf, number)) for number in range(1, count + 1)]
    if all(sheet is None for sheet in sheets):
        reason = "No page of the file can be opened. Print it to a new PDF and add that."
        raise Unreadable(State.DAMAGED, reason)
    if not any(sheet and sheet.text and not sheet.scanned for sheet in sheets):
        raise Unreadable(State.EMPTY, _SCAN)
    return _bound(sheets)


def _sheet(page: Drawn | None) -> Sheet | None:
    if page is None:
        return None
    laid = arrange(upright(page.glyphs))
    scanned = page.covered and len(laid.text) < _STAMP
    return Sheet(laid.text, laid.spans, page.width, page.height, page.unmapped, scanned)


def page_picture(data: bytes, page: int, width: int) -> bytes:
    """A PNG of the page (from 1), `width` pixels wide (50 to 4000; fewer for a page of absurd height).

    Raises NotFound for a page that the file has not, Unreadable for a file or page that cannot be drawn.
    """
    with opened(data) as pdf:
        if not 1 <= page <= len(pdf):
            raise NotFound(f"There is no page {page}: the document has {len(pdf)}.")
        image = picture(pdf, page, min(max(width, 50), 4000))
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
    with opened(data) as pdf:
        for page in pages:
            if not (page.start < end and start < page.end and page.number <= len(pdf)):
                continue
            shown = drawn(pdf, page.number)
            boxes = _boxes(shown, text[page.start : page.end], start - page.start, end - page.start)
            if shown and boxes:
                found.append((page.number, [_fraction(box, shown.width, shown.height) for box in boxes]))
    return found


def _boxes(page: Drawn | None, text: str, start: int, end: int) -> list[Box]:
    """The boxes of `text[start:end]` in points; none when the page reads otherwise than `text`."""
    if page is None:
        return []
    turned = upright(page.glyphs)
    laid: Laid = arrange(turned)
    if laid.text != text.rstrip("\n"):
        return []
    boxes: list[Box] = []
    last: Glyph | None = None
    for index in dict.fromkeys(i for i in laid.origin[max(start, 0) : max(end, 0)] if i >= 0):
        box = page.glyphs[index].box
        if last is not None and same_line(last, turned[index]):
            boxes[-1] = _around(boxes[-1], box)
        else:
            boxes.append(box)
        last = turned[index]
    return boxes


def _around(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _fraction(box: Box, width: float, height: float) -> Box:
    x0, y0, x1, y1 = box
    return _share(x0, width), _share(y0, height), _share(x1, width), _share(y1, height)


def _share(value: float, whole: float) -> float:
    """The fraction, kept within 0 and 1; 0 for the infinities and NaN that broken fonts give."""
    share = value / whole if whole else 0.0
    return share if 0 <= share <= 1 else float(1 < share < float("inf"))


def _bound(sheets: list[Sheet | None]) -> Content:
    """The pages one after another, a blank line between those that hold text."""
    text: list[str] = []
    blocks: list[Block] = []
    pages: list[Page] = []
    at = 0
    last = max(i for i, sheet in enumerate(sheets) if sheet is not None and sheet.text)
    for number, sheet in enumerate(sheets, 1):
        body = sheet.text if sheet else ""
        if sheet:
            blocks += (Block(at + a, at + b, number, style, level) for a, b, style, level in sheet.spans)
        if body and number - 1 < last:
            body += "\n\n"
        size = (sheet.width, sheet.height) if sheet else (0.0, 0.0)
        pages.append(Page(number, at, at + len(body), *size))
        text.append(body)
        at += len(body)
    return Content("".join(text), tuple(blocks), tuple(pages), tuple(_ledger(sheets)))


def _ledger(sheets: list[Sheet | None]) -> Iterator[Entry]:
    empty = [n for n, sheet in enumerate(sheets, 1) if sheet and not sheet.text]
    scanned = [n for n, sheet in enumerate(sheets, 1) if sheet and sheet.text and sheet.scanned]
    damaged = [n for n, sheet in enumerate(sheets, 1) if sheet is None]
    unmapped = sum(sheet.unmapped for sheet in sheets if sheet)
    if empty:
        yield Entry("unread", f"{_counted(empty)} no text: a picture or blank.", pages=tuple(empty))
    if scanned:
        yield Entry(
            "unread",
            f"{_counted(scanned)} a scan with a stamp; only the stamp could be read.",
            pages=tuple(scanned),
        )
    if damaged:
        reason = f"{_counted(damaged, 'is', 'are')} damaged and could not be opened."
        yield Entry("unread", reason, pages=tuple(damaged))
    if unmapped:
        reason = "Characters that have no meaning in the file's fonts were left out."
        yield Entry("dropped", reason, characters=unmapped)
    repeated = _running(sheets)
    if repeated:
        yield Entry("kept", f"Running headers or footers stand on {repeated} pages and are part of the text.")


def _counted(numbers: list[int], one: str = "holds", many: str = "hold") -> str:
    shown = ", ".join(map(str, numbers[:20])) + (" and more" if len(numbers) > 20 else "")
    return f"Page {shown} {one}" if len(numbers) == 1 else f"{len(numbers)} pages ({shown}) {many}"


def _running(sheets: list[Sheet | None]) -> int:
    """On how many pages the first or last block stands on most others too, page numbers aside."""
    edges: Counter[str] = Counter()
    for sheet in filter(None, sheets):
        for span in {*sheet.spans[:1], *sheet.spans[-1:]}:
            edges["".join(c for c in sheet.text[span.start : span.end] if not c.isdigit())] += 1
    most = max(edges.values(), default=0)
    return most if most >= 3 and most > len(sheets) / 2 else 0
