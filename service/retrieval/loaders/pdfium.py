"""Every call of PDFium: opening a file, the glyphs of a page and what they are drawn with, its picture.

Runs in the child process alone (`reader`): PDFium reads hostile bytes in C, and may hang or crash there.
Boxes are in points from the top left of the page as it is shown.
"""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from service.core import State
from service.retrieval.loaders.content import Unreadable
from service.retrieval.loaders.embedded import clipped
from service.retrieval.loaders.fields import spread, written
from service.retrieval.loaders.glyph import Glyph
from service.retrieval.loaders.paint import Paint, painted
from service.retrieval.loaders.tables import Box

_HYPHENS = (0x02, 0xAD, 0xFFFE)  # what PDFium makes of a hyphen at a line's end; a soft one that is drawn
_WRITTEN = {0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st",
            0xF0B7: "•", 0xF0A7: "▪"} | dict.fromkeys(_HYPHENS, "-")  # fmt: skip
_BOLD = 600  # font weight
_PIXELS = 16_000_000  # of a page picture, at most
_GLYPHS = 200_000  # of a page, at most: a bomb holds more, no page of words does
_INVISIBLE = (3, 7)  # text render modes: neither filled nor stroked; only clipping


class Ink(NamedTuple):
    """What a run of text is drawn with."""

    order: int  # its place in the page's painting order, from 0
    invisible: bool  # by its render mode
    shade: int  # of the fill, 0 black to 255 white
    bold: bool


@dataclass(frozen=True, slots=True)
class Drawn:
    """A page: its glyphs in the file's order, its size in points as it is shown."""

    glyphs: list[Glyph]
    width: float
    height: float
    unmapped: int = 0  # glyphs that the file gives no meaning to
    inks: dict[int, Ink] = field(default_factory=dict)  # by the number of the text object
    objects: list[int] = field(default_factory=list)  # for each glyph the number of its text object
    paint: Paint = field(default_factory=Paint)
    cut: bool = False  # there were more glyphs than are read
    filled: int = 0  # characters in form fields and text boxes
    comments: int = 0  # characters of comments
    clips: int = 0  # files clipped to the page


@contextmanager
def opened(data: bytes) -> Iterator[Any]:
    pdf = open_pdf(data)
    try:
        yield pdf
    finally:
        pdf.close()


def open_pdf(data: bytes) -> Any:
    """The file's handle. Raises Unreadable: ENCRYPTED or DAMAGED."""
    import pypdfium2
    import pypdfium2.raw as raw

    try:
        pdf = pypdfium2.PdfDocument(data)
        pdf.init_forms()  # before any page is opened
        return pdf
    except pypdfium2.PdfiumError as error:
        code = error.err_code
    if code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
        reason = "The PDF is protected with a password. Save a copy without it and add that."
        raise Unreadable(State.ENCRYPTED, reason)
    raise Unreadable(
        State.DAMAGED, "The PDF is damaged and cannot be opened. Get a whole copy, or print it anew."
    )


def drawn(pdf: Any, number: int) -> Drawn | None:
    """The page (from 1), or None when it cannot be opened."""
    from pypdfium2 import PdfiumError

    try:
        page = pdf[number - 1]
    except PdfiumError:
        return None
    try:
        return _drawn(pdf, page)
    except PdfiumError:
        return None
    finally:
        page.close()


def _drawn(pdf: Any, page: Any) -> Drawn:
    text = page.get_textpage()
    place, (width, height) = _placing(page), page.get_size()
    try:
        paint = painted(page, place)
        return _with_notes(pdf, page, place, _glyphs(text, place, Drawn([], width, height, paint=paint)))
    finally:
        text.close()


def _with_notes(
    pdf: Any, page: Any, place: Callable[[float, float, float, float], Box], drawn: Drawn
) -> Drawn:
    """With values of form fields and text boxes after the page's own glyphs, and comments counted."""
    filled = comments = 0
    top = Ink(2**31, False, 0, False)
    for text, box in written(pdf, page):
        if box is None:
            comments += len(text)
            continue
        more = list(spread(text, place(*box)))
        drawn.glyphs.extend(more)
        drawn.objects.extend([-1] * len(more))
        drawn.inks[-1] = top
        filled += len(text)
    return replace(drawn, filled=filled, comments=comments, clips=clipped(page))


def _glyphs(text: Any, place: Callable[[float, float, float, float], Box], page: Drawn) -> Drawn:
    """The page with its glyphs in the file's order."""
    import pypdfium2.raw as raw

    box, unmapped, at = raw.FS_RECTF(), 0, 0
    ink: Ink | None = None
    count = raw.FPDFText_CountChars(text)
    for i in range(min(count, _GLYPHS)):
        code = raw.FPDFText_GetUnicode(text, i)
        character = _character(code)
        if not character.strip():
            unmapped += code in (0, 0xFFFF)
            page.glyphs.append(Glyph(" ", (0.0, 0.0, 0.0, 0.0)))
            page.objects.append(at)
            continue
        thing = ctypes.c_void_p.from_buffer(raw.FPDFText_GetTextObject(text, i)).value or 0
        if ink is None or thing != at:
            at = thing
            ink = page.inks[at] = page.inks.get(at) or _ink(text, i, page.paint.order.get(at, -1))
        raw.FPDFText_GetLooseCharBox(text, i, ctypes.byref(box))
        page.glyphs.append(Glyph(character, place(box.left, box.bottom, box.right, box.top), ink.bold))
        page.objects.append(at)
    return Drawn(
        page.glyphs, page.width, page.height, unmapped, page.inks, page.objects, page.paint, count > _GLYPHS
    )


def _ink(text: Any, i: int, order: int) -> Ink:
    import pypdfium2.raw as raw

    mode = raw.FPDFTextObj_GetTextRenderMode(raw.FPDFText_GetTextObject(text, i))
    parts = [ctypes.c_uint() for _ in range(4)]
    known = raw.FPDFText_GetFillColor(text, i, *map(ctypes.byref, parts))
    red, green, blue, alpha = (part.value for part in parts)
    shade = (299 * red + 587 * green + 114 * blue) // 1000 if known else 0
    faint = known and mode in (0, 4) and alpha < 8
    return Ink(order, mode in _INVISIBLE or faint, shade if mode in (0, 2, 4, 6) else 0, _is_bold(text, i))


def _is_bold(text: Any, i: int) -> bool:
    """By the font's weight or, where the file does not tell it, by its name."""
    import pypdfium2.raw as raw

    if raw.FPDFText_GetFontWeight(text, i) >= _BOLD:
        return True
    name = ctypes.create_string_buffer(128)
    raw.FPDFText_GetFontInfo(text, i, name, len(name), None)
    return b"bold" in name.value.lower()


def _character(code: int) -> str:
    if code in _WRITTEN:
        return _WRITTEN[code]
    if code == 0xFFFF or code < 0x20 or code > 0x10FFFF:
        return " "
    return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)


def _placing(page: Any) -> Callable[[float, float, float, float], Box]:
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


def picture(pdf: Any, number: int, width: int) -> Any:
    """A PIL image of the page (from 1) with the values of its form fields, `width` pixels wide or less."""
    from pypdfium2 import PdfiumError

    try:
        page = pdf[number - 1]
        try:
            return _rendered(page, width)
        finally:
            page.close()
    except (PdfiumError, ZeroDivisionError, ValueError):
        raise Unreadable(State.DAMAGED, f"Page {number} is damaged and cannot be drawn.") from None


def _rendered(page: Any, width: int) -> Any:
    wide, high = page.get_size()
    bitmap = page.render(scale=min(width / wide, (_PIXELS / (wide * high)) ** 0.5))
    try:
        return bitmap.to_pil().convert("RGB")  # a copy, which outlives the bitmap
    finally:
        bitmap.close()
