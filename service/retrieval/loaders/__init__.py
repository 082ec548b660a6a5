"""A file's bytes -> Document: canonical text, blocks and pages. One file per format.

    load(data, name, matter, limits)             -> Loaded(document, attachments), or raises Unreadable(state, reason)
    document_id(matter, digest)                  -> the id that the same bytes always have in the same matter
    page_picture(data, page, width)              -> PNG of a page of a PDF or picture
    stop_reading()                               -> the load at hand raises Stopped: the program ends
    rectangles(data, document, start, end)       -> where a span of its text stands on its pages

What a file is, its bytes say; the name decides only where bytes cannot (`.md` or `.txt`).
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from service.config import Documents
from service.core import Document, Entry, State
from service.retrieval.loaders import doc, docx, eml, html, msg, packed, pdf, rtf, text, xlsx
from service.retrieval.loaders.child import Stopped
from service.retrieval.loaders.content import Attachment, Content, Unreadable
from service.retrieval.loaders.kinds import FORMATS, kind_of
from service.retrieval.loaders.pdf import PICTURED, page_picture, rectangles, stop_reading
from service.retrieval.loaders.tracked import original_text

__all__ = [
    "FORMATS",
    "PICTURED",
    "Attachment",
    "Loaded",
    "Stopped",
    "Unreadable",
    "document_id",
    "load",
    "original_text",
    "page_picture",
    "rectangles",
    "stop_reading",
]

_HALVES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file as read, and the files inside it. Of an archive the document's text is empty."""

    document: Document
    attachments: tuple[Attachment, ...] = ()


def document_id(matter: str, digest: str) -> str:
    """The id of the file with this sha256 (hex) in this matter."""
    return "d" + hashlib.sha256(f"{matter}:{digest}".encode()).hexdigest()[:20]


def load(data: bytes, name: str, matter: str, limits: Documents) -> Loaded:
    """The document in these bytes; `name` is the file's own name and becomes the title.

    Raises Unreadable, and nothing else, for a file that is empty, encrypted, damaged, of another format or
    too large.
    """
    _check_size(data, limits)
    kind, note = kind_of(data, name)
    content = _read(kind, data, limits)
    if not content.text.strip() and not content.attachments:
        raise Unreadable(State.EMPTY, "The file opens but holds no text. Look whether it is the right file.")
    digest = hashlib.sha256(data).hexdigest()
    document = Document(
        id=document_id(matter, digest),
        matter=matter,
        title=name,
        kind=kind,
        digest=digest,
        text=_sound(content.text),
        blocks=content.blocks,
        pages=content.pages,
        ledger=(Entry("odd", note), *content.ledger) if note else content.ledger,
        marks=content.marks,
        words=content.words,
    )
    return Loaded(document, content.attachments)


def _sound(text: str) -> str:
    """With halves of characters, which no encoding can write, replaced one by one: offsets stay."""
    return _HALVES.sub("\ufffd", text)


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
        "png": pdf.read_image,
        "jpeg": pdf.read_image,
        "tiff": pdf.read_image,
        "docx": docx.read,
        "doc": doc.read,
        "rtf": rtf.read,
        "xlsx": xlsx.read,
        "html": html.read,
        "eml": eml.read,
        "msg": msg.read,
        "zip": packed.read,
        "md": text.read_markdown,
        "txt": text.read_plain,
    }
    try:
        return readers[kind](data, limits)
    except (Unreadable, Stopped):
        raise
    except (
        Exception
    ) as error:  # parsers meet hostile bytes with whatever they have; its message may quote them
        raise Unreadable(
            State.DAMAGED,
            f"The file is damaged or not what it seems: it could not be read as {kind.upper()} "
            f"({type(error).__name__}). Open it in the program that made it, save it anew and add it again.",
        ) from None
