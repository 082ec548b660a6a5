"""Every call of PDFium: opening a file, the glyphs of a page, its picture.

PDFium's state belongs to the process and bears one thread at a time. Every call is made, and every handle
closed, under one lock, which is held for one page at a time.
"""

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from service.core import State
from service.retrieval.loaders.content import Unreadable
from service.retrieval.loaders.layout import Box, Glyph

# The one piece of module state here, for it guards a C library's own.
_PDFIUM = threading.Lock()

_HYPHENS = (0x02, 0xAD, 0xFFFE)  # what PDFium makes of a hyphen at a line's end; a soft one that is drawn
_WRITTEN = {0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st",
            0xF0B7: "•", 0xF0A7: "▪"} | dict.fromkeys(_HYPHENS, "-")  # fmt: skip
_BOLD = 600  # font weight
_PIXELS = 16_000_000  # of a page picture, at most
_FEW = 240  # glyphs from which a page is not asked for a covering picture any more


@dataclass(frozen=True, slots=True)
class Drawn:
    """A page: its glyphs in the file's order, its size in points as it is shown."""

    glyphs: list[Glyph]
    width: float
    height: float
    unmapped: int  # glyphs that the file gives no meaning to
    covered: bool  # one picture fills most of the page, and there is little beside it


@contextmanager
def opened(data: bytes) -> Iterator[Any]:
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


def drawn(pdf: Any, number: int) -> Drawn | None:
    """The page (from 1), or None when it cannot be opened."""
    from pypdfium2 import PdfiumError

    with _PDFIUM:
        try:
            page = pdf[number - 1]
        except PdfiumError:
            return None
        try:
            return _drawn(page)
        except PdfiumError:
            return None
        finally:
            page.close()


def _drawn(page: Any) -> Drawn:
    text = page.get_textpage()
    try:
        glyphs, unmapped = _glyphs(page, text)
    finally:
        text.close()
    width, height = page.get_size()
    return Drawn(glyphs, width, height, unmapped, len(glyphs) < _FEW and _covered(page, width * height))


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
            bold, fresh = _is_bold(text, i), False
        raw.FPDFText_GetLooseCharBox(text, i, ctypes.byref(box))
        glyphs.append(Glyph(character, place(box.left, box.bottom, box.right, box.top), bold))
    return glyphs, unmapped


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

    with _PDFIUM:
        try:
            pdf.init_forms()
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
