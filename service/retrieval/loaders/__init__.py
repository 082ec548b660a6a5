"""A file's bytes -> Document: canonical text, blocks and pages. One file per format.

    load(data, name, matter, limits)             -> Document, or raises Unreadable(state, reason)
    document_id(matter, digest)                  -> the id that the same bytes always have in the same matter
    page_picture(data, page, width)              -> PNG of a PDF page
    rectangles(data, text, pages, start, end)    -> where a span of a PDF's text stands on its pages

What a file is, its bytes say; the name decides only where bytes cannot (`.md` or `.txt`).
"""

import hashlib
from collections.abc import Callable

from service.config import Documents
from service.core import Document, Entry, State
from service.retrieval.loaders import docx, eml, pdf, text
from service.retrieval.loaders.content import Content, Unreadable
from service.retrieval.loaders.kinds import FORMATS, kind_of
from service.retrieval.loaders.pdf import page_picture, rectangles

__all__ = ["FORMATS", "Unreadable", "document_id", "load", "page_picture", "rectangles"]


def document_id(matter: str, digest: str) -> str:
    """The id of the file with this sha256 (hex) in this matter."""
    return "d" + hashlib.sha256(f"{matter}:{digest}".encode()).hexdigest()[:20]


def load(data: bytes, name: str, matter: str, limits: Documents) -> Document:
    """The document in these bytes; `name` is the file's own name and becomes the title.

    Raises Unreadable, and nothing else, for a file that is empty, encrypted, damaged, of another format or
    too large.
    """
    _check_size(data, limits)
    kind, note = kind_of(data, name)
    content = _read(kind, data, limits)
    if not content.text.strip():
        raise Unreadable(State.EMPTY, "The file opens but holds no text. Look whether it is the right file.")
    digest = hashlib.sha256(data).hexdigest()
    return Document(
        id=document_id(matter, digest),
        matter=matter,
        title=name,
        kind=kind,
        digest=digest,
        text=content.text,
        blocks=content.blocks,
        pages=content.pages,
        ledger=(Entry("odd", note), *content.ledger) if note else content.ledger,
        marks=content.marks,
    )


def _check_size(data: bytes, limits: Documents) -> None:
    if not data:
        raise Unreadable(State.EMPTY, "The file is empty (0 bytes). Copy it again from where it came from.")
    if len(data) > limits.max_bytes:
        raise Unreadable(
            State.TOO_LARGE,
            f"The file has {len(data) / 2**20:.1f} MiB; {limits.max_bytes / 2**20:.1f} MiB are allowed. "
            "Split it, or raise documents.max_bytes.",
        )


def _read(kind: str, data: bytes, limits: Documents) -> Content:
    readers: dict[str, Callable[[bytes, Documents], Content]] = {
        "pdf": pdf.read,
        "docx": docx.read,
        "eml": eml.read,
        "md": text.read_markdown,
        "txt": text.read_plain,
    }
    try:
        return readers[kind](data, limits)
    except Unreadable:
        raise
    except (
        Exception
    ) as error:  # parsers meet hostile bytes with whatever they have; its message may quote them
        raise Unreadable(
            State.DAMAGED,
            f"The file is damaged or not what it seems: it could not be read as {kind.upper()} "
            f"({type(error).__name__}). Open it in the program that made it, save it anew and add it again.",
        ) from None
