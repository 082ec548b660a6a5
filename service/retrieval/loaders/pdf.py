"""PDFs and pictures: text with the place of every character, page pictures, rectangles of a quotation.

The file itself is read by a child process (`child`, `reader`), a page at a time. A page's text follows from its bytes
alone, so that the rectangles of a span are worked out anew from the original file and nothing is stored beside it;
only the words that were recognised in pictures are kept with their boxes, for recognition takes seconds.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from service.config import Documents
from service.core import Document, State
from service.errors import NotFound
from service.retrieval.loaders import recognition
from service.retrieval.loaders.binding import bound
from service.retrieval.loaders.child import Child, Fault, Lost
from service.retrieval.loaders.content import Content, Unreadable
from service.retrieval.loaders.enclosures import Enclosed, Enclosures
from service.retrieval.loaders.places import around
from service.retrieval.loaders.sheet import Sheet, unpacked
from service.retrieval.loaders.tables import Box

PICTURED = frozenset(("pdf", "png", "jpeg", "tiff"))  # kinds whose pages have pictures

# The module's state, for the processes behind it are the program's: one reads, one shows pages to people.
_READING, _SHOWING = Child(), Child()

_OPENING = 60.0  # seconds
_PAGE = 30.0
_RECOGNITION = 1000.0
_LOSSES = 3  # pages that may stop the child before the file is given up
_RECOGNISED = 500  # pages of a file, at most: a page takes seconds

_STOPS = (
    "The file stops the program that reads it: it is damaged, or made to do so. "
    "Print it to a new PDF and add that."
)
_NO_TEXT = "The file holds pictures of pages and no text of theirs: a scan."


def read(data: bytes, limits: Documents) -> Content:
    """Raises Unreadable: ENCRYPTED, DAMAGED, TOO_LARGE, or EMPTY when no page holds text."""
    return _read("pdf", data, limits)


def read_image(data: bytes, limits: Documents) -> Content:
    """A PNG, JPEG or TIFF through recognition. Raises Unreadable as `read`."""
    return _read("image", data, limits)


def read_both(data: bytes, limits: Documents) -> tuple[Content, Content]:
    """A PDF as `read` gives it, and with headers, footers and page numbers left in: to measure what that costs."""
    sheets, _ = _taken("pdf", data, limits)
    return bound(sheets), bound(sheets, whole=True)


def _read(kind: str, data: bytes, limits: Documents) -> Content:
    sheets, inside = _taken(kind, data, limits)
    content = bound(sheets)
    return replace(content, ledger=(*content.ledger, *inside.ledger), attachments=inside.files)


def _taken(kind: str, data: bytes, limits: Documents) -> tuple[list[Sheet | None], Enclosed]:
    """The pages and the files inside. A file that has neither text nor files is refused."""
    with _READING.held() as child:
        reading = _Reading(child, kind, data, limits)
        sheets = reading.sheets()
        inside = reading.inside(sheets)
    if not inside.files and all(sheet is None for sheet in sheets):
        reason = "No page of the file can be opened. Print it to a new PDF and add that."
        raise Unreadable(State.DAMAGED, reason)
    if not inside.files and not any(sheet and sheet.lines and not sheet.silent for sheet in sheets):
        raise Unreadable(State.EMPTY, _why_empty(sheets))
    return sheets, inside


def stop_reading() -> None:
    """Give up the file that is being read, in whatever thread: its `load` raises Stopped."""
    _READING.stop()


def _why_empty(sheets: Sequence[Sheet | None]) -> str:
    if all(sheet is None or sheet.blank for sheet in sheets):
        return "Every page of the file is blank. Look whether it is the right file."
    if not recognition.available():
        return f"{_NO_TEXT} {recognition.INSTALL}."
    return f"{_NO_TEXT} Text recognition found no words on them. Scan them anew, straight and at 300 dpi."


class _Reading:
    """One file's way through the child, page by page."""

    def __init__(self, child: Child, kind: str, data: bytes, limits: Documents) -> None:
        self._child, self._kind, self._data, self._limits = child, kind, data, limits
        self._losses = 0

    def sheets(self) -> list[Sheet | None]:
        """The pages; None for one that cannot be opened."""
        count = self._open()
        if count > self._limits.max_pages:
            raise Unreadable(
                State.TOO_LARGE,
                f"The file has {count} pages; {self._limits.max_pages} are allowed. "
                "Split it, or raise documents.max_pages.",
            )
        sheets = [self._sheet("sheet", page, _PAGE) for page in range(1, count + 1)]
        silent = [page for page, sheet in enumerate(sheets, 1) if sheet and sheet.silent]
        for page in silent[:_RECOGNISED] if recognition.available() else ():
            found = self._sheet("recognise", page, _RECOGNITION)
            if found is not None:
                sheets[page - 1] = found
        return sheets

    def inside(self, sheets: Sequence[Sheet | None]) -> Enclosed:
        """The files inside. Asked for last: whatever they do to the child, the pages have been read."""
        enclosures = Enclosures(partial(self._child.ask, _PAGE), self._limits.max_bytes)
        files = enclosures.files({page: sheet.clips for page, sheet in enumerate(sheets, 1) if sheet})
        return Enclosed(files, tuple(enclosures.ledger()))

    def _open(self) -> int:
        try:
            return _opened(self._child, self._kind, self._data)
        except Lost:
            raise Unreadable(State.DAMAGED, _STOPS) from None

    def _sheet(self, do: str, page: int, patience: float) -> Sheet | None:
        """None for a page that is damaged, or that stops the child."""
        try:
            return unpacked(self._child.ask(patience, do=do, page=page)[0])
        except Fault:
            return None
        except Unreadable as error:
            if error.state is State.TOO_LARGE:
                raise
            return None
        except Lost:
            self._losses += 1
            if self._losses >= _LOSSES:
                raise Unreadable(State.DAMAGED, _STOPS) from None
            self._open()
            return None


def _opened(child: Child, kind: str, data: bytes) -> int:
    try:
        return int(child.ask(_OPENING, data, do="open", kind=kind)[0]["pages"])
    except Fault as fault:
        raise Unreadable(
            State.DAMAGED, f"The file is damaged and cannot be opened ({fault}). Get a whole copy."
        ) from None


def page_picture(data: bytes, page: int, width: int) -> bytes:
    """A PNG of the page (from 1), `width` pixels wide (50 to 4000; fewer for a page of absurd height).

    Raises NotFound for a page that the file has not, Unreadable for a file or page that cannot be drawn.
    """
    with _SHOWING.held() as child:
        try:
            count = _opened(child, _kind(data), data)
            if not 1 <= page <= count:
                raise NotFound(f"There is no page {page}: the document has {count}.")
            return child.ask(_PAGE, do="picture", page=page, width=min(max(width, 50), 4000))[1]
        except (Lost, Fault):
            raise Unreadable(State.DAMAGED, f"Page {page} is damaged and cannot be drawn.") from None


def _kind(data: bytes) -> str:
    return "pdf" if b"%PDF-" in data[:1024] else "image"


def rectangles(data: bytes, document: Document, start: int, end: int) -> list[tuple[int, list[Box]]]:
    """Where [start, end) of the document's text stands: per page its number and boxes (x0, y0, x1, y1), one a line.

    Boxes are fractions of the page, 0 to 1, origin top left. `data` is the original file. A page whose text does
    not come out as it stands in the document (read by another version of the program) has no boxes: none rather
    than wrong ones.
    """
    pages = [page for page in document.pages if page.start < end and start < page.end]
    recognised = {page.number for page in pages if page.confidence is not None}
    found = [(page.number, _words(document, max(start, page.start), min(end, page.end))) for page in pages]
    if len(recognised) < len(pages):
        with _SHOWING.held() as child:
            found = _shown(child, data, document, start, end, found, recognised)
    return [(number, boxes) for number, boxes in found if boxes]


def _words(document: Document, start: int, end: int) -> list[Box]:
    """The boxes of recognised words, those on one line put together."""
    boxes: list[Box] = []
    for word in document.words:
        if not (word.start < end and start < word.end):
            continue
        last = boxes[-1] if boxes else None
        if last and last[1] <= (word.box[1] + word.box[3]) / 2 <= last[3] and word.box[0] >= last[0]:
            boxes[-1] = around(last, word.box)
        else:
            boxes.append(word.box)
    return boxes


def _shown(
    child: Child,
    data: bytes,
    document: Document,
    start: int,
    end: int,
    found: list[tuple[int, list[Box]]],
    recognised: set[int],
) -> list[tuple[int, list[Box]]]:
    """The pages' boxes, those of pages with text of their own asked of the child."""
    try:
        _opened(child, "pdf", data)
        return [
            (number, boxes if number in recognised else _asked(child, document, number, start, end))
            for number, boxes in found
        ]
    except (Lost, Fault, Unreadable):
        return [(number, boxes) for number, boxes in found if number in recognised]


def _asked(child: Child, document: Document, number: int, start: int, end: int) -> list[Box]:
    page = document.pages[number - 1]
    text = document.text[page.start : page.end]
    told, _ = child.ask(
        _PAGE, do="places", page=number, text=text, start=max(0, start - page.start), end=end - page.start
    )
    width, height = told["size"]
    return [
        (_share(a, width), _share(b, height), _share(c, width), _share(d, height))
        for a, b, c, d in told["boxes"]
    ]


def _share(value: float, whole: float) -> float:
    """The fraction, kept within 0 and 1; 0 for the infinities and NaN that broken fonts give."""
    share = value / whole if whole else 0.0
    return share if 0 <= share <= 1 else float(1 < share < float("inf"))
