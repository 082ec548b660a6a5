"""What people wrote on a PDF page without changing its text: values of form fields, text boxes, comments.

Runs in the child process alone, as all that calls PDFium.
"""

import ctypes
from collections.abc import Iterator
from typing import Any, NamedTuple

from service.retrieval.loaders.glyph import Glyph
from service.retrieval.loaders.tables import Box

_MOST = 2_000  # annotations of a page that are looked at
_LONGEST = 20_000  # characters of one
_UNSEEN = 2 | 32  # flags: hidden; not shown on screen


class Written(NamedTuple):
    """A value that is shown on the page, in its box; or a comment in the margin, which has none."""

    text: str
    box: Box | None


def written(pdf: Any, page: Any) -> Iterator[Written]:
    """Boxes are in the page's own space."""
    import pypdfium2.raw as raw

    rect = raw.FS_RECTF()
    for i in range(min(raw.FPDFPage_GetAnnotCount(page), _MOST)):
        note = raw.FPDFPage_GetAnnot(page, i)
        if not note:
            continue
        kind = raw.FPDFAnnot_GetSubtype(note)
        text = "" if raw.FPDFAnnot_GetFlags(note) & _UNSEEN else _text(pdf, note, kind)
        shown = kind in (raw.FPDF_ANNOT_WIDGET, raw.FPDF_ANNOT_FREETEXT)
        if text and raw.FPDFAnnot_GetRect(note, ctypes.byref(rect)):
            box = (rect.left, min(rect.bottom, rect.top), rect.right, max(rect.bottom, rect.top))
            yield Written(text, box if shown else None)
        raw.FPDFPage_CloseAnnot(note)


def _text(pdf: Any, note: Any, kind: int) -> str:
    import pypdfium2.raw as raw

    if kind == raw.FPDF_ANNOT_WIDGET:
        form = pdf.formenv
        kinds = (raw.FPDF_FORMFIELD_TEXTFIELD, raw.FPDF_FORMFIELD_COMBOBOX, raw.FPDF_FORMFIELD_LISTBOX)
        if not form or raw.FPDFAnnot_GetFormFieldType(form, note) not in kinds:
            return ""
        return _string(lambda buffer, size: raw.FPDFAnnot_GetFormFieldValue(form, note, buffer, size))
    if kind in (raw.FPDF_ANNOT_POPUP, raw.FPDF_ANNOT_LINK):
        return ""
    return _string(lambda buffer, size: raw.FPDFAnnot_GetStringValue(note, b"Contents", buffer, size))


def _string(ask: Any) -> str:
    """What PDFium writes into a buffer: UTF-16, a NUL at its end."""
    import pypdfium2.raw as raw

    size = min(ask(None, 0), 2 * _LONGEST)
    if size <= 2:
        return ""
    buffer = ctypes.create_string_buffer(size)
    ask(ctypes.cast(buffer, ctypes.POINTER(raw.FPDF_WCHAR)), size)
    return buffer.raw.decode("utf-16-le", "replace").split("\0")[0].strip()


def spread(text: str, box: Box) -> Iterator[Glyph]:
    """Glyphs that fill the box, a line of the text under the other."""
    x0, y0, x1, y1 = box
    rows = [row for row in text.splitlines() if row.strip()]
    for n, row in enumerate(rows):
        top, high = y0 + (y1 - y0) * n / len(rows), (y1 - y0) / len(rows)
        wide = min((x1 - x0) / len(row), high / 2)
        yield Glyph(" ", (0.0, 0.0, 0.0, 0.0))
        for i, character in enumerate(row):
            yield Glyph(character, (x0 + i * wide, top, x0 + (i + 1) * wide, top + high))
