"""The child process that reads PDFs and pictures: `python -m service.retrieval.loaders.reader FD`.

It holds one file, and answers one request after another on the socket whose number it is given: a JSON message and
then raw bytes, both ways. See `child` for the other end. Whatever hangs or crashes in a C library does so here.

    {"do": "open", "kind": …} + the file   -> {"pages": n}
    {"do": "sheet", "page": n}             -> a packed Sheet
    {"do": "recognise", "page": n}         -> a packed Sheet, its words from the page's picture
    {"do": "picture", "page": n, "width"}  -> {} + PNG
    {"do": "places", "page": n, "text", "start", "end"} -> {"size": [w, h], "boxes": [[x0, y0, x1, y1], …]} in points
    {"do": "listed"}                       -> {"files": n}, the files inside that the file lists
    {"do": "file", "page": n, "number", "limit"} -> {"name", "why"} + the file inside; page 0 is that list

A refusal is {"state", "reason"}; a fault of ours or of a library {"fault": the error's type}.
"""

import io
import json
import os
import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any, Protocol

from service.retrieval.loaders import embedded, pdfium, recognition
from service.retrieval.loaders.aligned import aligned_tables
from service.retrieval.loaders.content import Unreadable
from service.retrieval.loaders.glyph import Glyph, turned, upright, way
from service.retrieval.loaders.hidden import Seen, seen
from service.retrieval.loaders.image import Frames, legible
from service.retrieval.loaders.layout import Line, lines
from service.retrieval.loaders.places import places
from service.retrieval.loaders.sheet import Sheet
from service.retrieval.loaders.tables import Box, find_tables

_MEMORY = 3 * 2**30  # bytes of address space
_DRAWN = 1200  # pixels across, to see what can be seen
_SCAN = 2500  # pixels across, for recognition
_SHADE = 24  # of 255: paper with less contrast is blank


class Paper(Protocol):
    """An open file."""

    count: int

    def sheet(self, page: int) -> Sheet: ...
    def recognised(self, page: int) -> Sheet: ...
    def picture(self, page: int, width: int) -> Any: ...
    def places(self, page: int, text: str, start: int, end: int) -> tuple[tuple[float, float], list[Box]]: ...
    def listed(self) -> int: ...
    def file(self, page: int, number: int, limit: int) -> embedded.Embedded: ...


class Pdf:
    def __init__(self, data: bytes) -> None:
        self._pdf = pdfium.open_pdf(data)
        self.count = len(self._pdf)

    def sheet(self, page: int) -> Sheet:
        drawn = self._drawn(page)
        shown = self._seen(drawn, page)
        _, found = _laid(drawn, shown)
        return Sheet(
            drawn.width,
            drawn.height,
            tuple(found),
            drawn.unmapped,
            shown.hidden,
            shown.layer,
            drawn.paint.covered(drawn.width, drawn.height),
            blank=not drawn.paint.marks and not drawn.unmapped and not found and not shown.hidden,
            cut=drawn.cut,
            filled=drawn.filled,
            comments=drawn.comments,
            clips=drawn.clips,
        )

    def recognised(self, page: int) -> Sheet:
        image = pdfium.picture(self._pdf, page, _SCAN)
        return _recognised(image, image, self._size(page)[0] / image.width, self._size(page))

    def _size(self, page: int) -> tuple[float, float]:
        wide, high = self._pdf.get_page_size(page - 1)
        return float(wide), float(high)

    def picture(self, page: int, width: int) -> Any:
        return pdfium.picture(self._pdf, page, width)

    def places(self, page: int, text: str, start: int, end: int) -> tuple[tuple[float, float], list[Box]]:
        drawn = self._drawn(page)
        shown = self._seen(drawn, page)
        level, found = _laid(drawn, shown)
        boxes = places(found, level, drawn.glyphs, text, start, end)
        return (drawn.width, drawn.height), boxes

    def listed(self) -> int:
        return embedded.listed(self._pdf)

    def file(self, page: int, number: int, limit: int) -> embedded.Embedded:
        if page:
            return embedded.of_page(self._pdf, page, number, limit)
        return embedded.of_list(self._pdf, number, limit)

    def _drawn(self, page: int) -> pdfium.Drawn:
        drawn = pdfium.drawn(self._pdf, page)
        if drawn is None:
            raise LookupError
        return drawn

    def _seen(self, drawn: pdfium.Drawn, page: int) -> Seen:
        return seen(drawn, lambda: _grey(pdfium.picture(self._pdf, page, _DRAWN)))


def _laid(drawn: pdfium.Drawn, shown: Seen) -> tuple[Sequence[Glyph], list[Line]]:
    """The page's glyphs turned upright, and its lines and tables."""
    own = way(shown.glyphs)
    level = upright(shown.glyphs, own)
    ruled = find_tables([turned(rule, own) for rule in drawn.paint.rules])
    return level, lines(level, [*ruled, *aligned_tables(level, ruled)])


class Picture:
    def __init__(self, data: bytes) -> None:
        self._frames = Frames(data)
        self.count = self._frames.count

    def sheet(self, page: int) -> Sheet:
        """A picture has no text of its own."""
        width, height = self._frames.size(self._frames.frame(page))
        return Sheet(width, height, covered=True)

    def recognised(self, page: int) -> Sheet:
        image = self._frames.frame(page)
        clear, size = legible(image), self._frames.size(image)
        return _recognised(image, clear, size[0] / clear.width, size)

    def picture(self, page: int, width: int) -> Any:
        image = self._frames.frame(page).convert("RGB")
        wide = min(width, image.width * 3)
        return image.resize((wide, max(1, min(4 * wide, round(image.height * wide / image.width)))))

    def places(self, page: int, text: str, start: int, end: int) -> tuple[tuple[float, float], list[Box]]:
        return (0.0, 0.0), []

    def listed(self) -> int:
        return 0

    def file(self, page: int, number: int, limit: int) -> embedded.Embedded:
        raise LookupError


def _recognised(image: Any, clear: Any, scale: float, size: tuple[float, float]) -> Sheet:
    low, high = clear.convert("L").getextrema()
    if high - low < _SHADE:
        return Sheet(*size, blank=True)
    found = recognition.recognise(clear.convert("L"))
    if not found.words:
        return Sheet(*size, confidence=0.0)
    return Sheet(
        *size, recognition.as_lines(found, scale), covered=True, confidence=round(found.confidence, 3)
    )


def _grey(image: Any) -> Any:
    import numpy as np

    return np.asarray(image.convert("L"))


class Desk:
    """The file at hand, and what may be asked about it."""

    def __init__(self) -> None:
        self._paper: Paper | None = None

    def answer(self, asked: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        if asked["do"] == "open":
            self._paper = None  # the last file's memory goes first
            self._paper = Pdf(data) if asked["kind"] == "pdf" else Picture(data)
            return {"pages": self._paper.count}, b""
        assert self._paper is not None
        if asked["do"] == "listed":
            return {"files": self._paper.listed()}, b""
        if asked["do"] == "file":
            found = self._paper.file(asked["page"], asked["number"], asked["limit"])
            return {"name": found.name, "why": found.why}, found.data
        return self._look(self._paper, asked)

    def _look(self, paper: Paper, asked: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
        page = asked["page"]
        if asked["do"] == "sheet":
            return paper.sheet(page).packed(), b""
        if asked["do"] == "recognise":
            return paper.recognised(page).packed(), b""
        if asked["do"] == "picture":
            png = io.BytesIO()
            paper.picture(page, asked["width"]).save(png, "PNG", compress_level=4)
            return {}, png.getvalue()
        size, boxes = paper.places(page, asked["text"], asked["start"], asked["end"])
        return {"size": size, "boxes": boxes}, b""


def serve(
    wire: Connection, answer: Callable[[Mapping[str, Any], bytes], tuple[dict[str, Any], bytes]]
) -> None:
    """Until the other end closes."""
    while True:
        try:
            asked, data = json.loads(wire.recv_bytes()), wire.recv_bytes()
        except EOFError:
            return
        try:
            told, more = answer(asked, data)
        except Unreadable as error:
            told, more = {"state": error.state.value, "reason": error.reason}, b""
        except Exception as error:  # its message may quote the file
            told, more = {"fault": type(error).__name__}, b""
        wire.send_bytes(json.dumps(told).encode("utf-8", "surrogatepass"))
        wire.send_bytes(more)


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(5)  # people's questions go first
    serve(Connection(int(sys.argv[1])), Desk().answer)


if __name__ == "__main__":
    main()
