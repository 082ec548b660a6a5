"""The files inside a PDF: those that it lists, and those that are clipped to its pages. Every call of PDFium for them.

Runs in the child process alone, as all that calls PDFium: a file may be packed to unpack to anything.
"""

import ctypes
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

_MOST = 2_000  # annotations of a page that are looked at
_NAME = 1_000  # characters of a name, its end kept

Why = Literal["", "empty", "broken", "large"]


class Embedded(NamedTuple):
    name: str
    data: bytes
    why: Why = ""  # why there is no data


def listed(pdf: Any) -> int:
    """How many files the catalogue names."""
    import pypdfium2.raw as raw

    return max(0, int(raw.FPDFDoc_GetAttachmentCount(pdf)))


def clipped(page: Any) -> int:
    """How many files are clipped to the page."""
    return sum(1 for _ in _clips(page))


def of_list(pdf: Any, number: int, limit: int) -> Embedded:
    """The file (from 0) of the catalogue, when it unpacks to no more than `limit` bytes."""
    import pypdfium2.raw as raw

    return _taken(raw.FPDFDoc_GetAttachment(pdf, number), limit)


def of_page(pdf: Any, page: int, number: int, limit: int) -> Embedded:
    """The file (from 0) that is clipped to the page (from 1)."""
    import pypdfium2.raw as raw

    leaf = pdf[page - 1]
    try:
        found = Embedded("", b"", "broken")
        for place, note in enumerate(_clips(leaf)):
            if place == number:
                found = _taken(raw.FPDFAnnot_GetFileAttachment(note), limit)
        return found
    finally:
        leaf.close()


def _clips(page: Any) -> Iterator[Any]:
    """The page's annotations that hold a file; each is closed when the next is asked for."""
    import pypdfium2.raw as raw

    for i in range(min(raw.FPDFPage_GetAnnotCount(page), _MOST)):
        note = raw.FPDFPage_GetAnnot(page, i)
        if not note:
            continue
        try:
            if raw.FPDFAnnot_GetSubtype(note) == raw.FPDF_ANNOT_FILEATTACHMENT:
                yield note
        finally:
            raw.FPDFPage_CloseAnnot(note)


def _taken(attachment: Any, limit: int) -> Embedded:
    import pypdfium2.raw as raw

    if not attachment:
        return Embedded("", b"", "broken")
    name, size = _name(attachment), ctypes.c_ulong()
    if not raw.FPDFAttachment_GetFile(attachment, None, 0, ctypes.byref(size)):
        return Embedded(name, b"", "broken")
    if not 0 < size.value <= limit:
        return Embedded(name, b"", "large" if size.value else "empty")
    data = (ctypes.c_char * size.value)()
    whole = raw.FPDFAttachment_GetFile(attachment, data, size.value, ctypes.byref(size))
    return Embedded(name, data.raw) if whole else Embedded(name, b"", "broken")


def _name(attachment: Any) -> str:
    """As the file gives it. PDFium writes UTF-16, a NUL at its end."""
    import pypdfium2.raw as raw

    size = raw.FPDFAttachment_GetName(attachment, None, 0)
    buffer = ctypes.create_string_buffer(size)
    raw.FPDFAttachment_GetName(attachment, ctypes.cast(buffer, ctypes.POINTER(raw.FPDF_WCHAR)), size)
    return buffer.raw.decode("utf-16-le", "replace").split("\0")[0][-_NAME:]
