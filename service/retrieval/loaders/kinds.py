"""What a file is: by its bytes first, by its name where bytes cannot tell."""

import io
import re
import zipfile
from pathlib import PurePosixPath

from service.core import State
from service.retrieval.loaders.content import Unreadable

FORMATS = "Privity reads PDF, Word (.docx), plain text (.txt, .md) and e-mail (.eml)."

# Formats told by their first bytes that are not read yet.
_FOREIGN = (
    (b"{\\rtf", "an RTF document", "Save it as DOCX or PDF"),
    (b"\x89PNG\r\n\x1a\n", "a picture", "Add a PDF that holds text"),
    (b"\xff\xd8\xff", "a picture", "Add a PDF that holds text"),
    (b"GIF8", "a picture", "Add a PDF that holds text"),
    (b"II*\x00", "a picture", "Add a PDF that holds text"),
    (b"MM\x00*", "a picture", "Add a PDF that holds text"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "Unpack it and add its files"),
    (b"Rar!\x1a\x07", "a RAR archive", "Unpack it and add its files"),
    (b"\x1f\x8b", "a gzip archive", "Unpack it and add its files"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_HEADERS = frozenset(
    b"from to cc subject date sender received return-path mime-version message-id delivered-to "
    b"content-type reply-to x-mailer".split()
)
_HEADER = re.compile(rb"([A-Za-z][A-Za-z0-9-]*)[ \t]*:")


def kind_of(data: bytes, name: str) -> tuple[str, str]:
    """The kind that reads these bytes and, when the name says another, a sentence about it.

    Raises Unreadable for a format that is not read, and for bytes that are nothing at all.
    """
    suffix = PurePosixPath(name.replace("\\", "/")).suffix.lower().lstrip(".")
    kind = _sniff(data, suffix)
    expected = {"text": "txt", "markdown": "md"}.get(suffix, suffix)
    if expected in ("pdf", "docx", "eml", "txt", "md") and expected != kind:
        return kind, f"The file is named .{suffix} and was read as what it is: {kind.upper()}."
    return kind, ""


def _sniff(data: bytes, suffix: str) -> str:
    if b"%PDF-" in data[:1024]:
        return "pdf"
    if data.startswith(_ZIP):
        return _zip_kind(data, suffix)
    if data.startswith(_OLE):
        raise _ole(data)
    for magic, what, remedy in _FOREIGN:
        if data.startswith(magic):
            raise _unsupported(what, remedy)
    return _text_kind(data, suffix)


def _unsupported(what: str, remedy: str) -> Unreadable:
    return Unreadable(State.UNSUPPORTED, f"This is {what}, which is not read yet. {FORMATS} {remedy}.")


def _zip_kind(data: bytes, suffix: str) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
    except Exception as error:  # zipfile has no single error for a broken directory
        reason = f"The file is a damaged archive ({type(error).__name__}). Get a whole copy and add it again."
        raise Unreadable(State.DAMAGED, reason) from None
    if "word/document.xml" in names or (suffix == "docx" and "[Content_Types].xml" in names):
        return "docx"
    if any(name.startswith("xl/") for name in names):
        raise _unsupported("an Excel workbook", "Save it as PDF")
    if any(name.startswith("ppt/") for name in names):
        raise _unsupported("a PowerPoint presentation", "Save it as PDF")
    if suffix == "docx":
        raise Unreadable(
            State.DAMAGED, "The file is named .docx but holds no Word document. Save it anew in Word."
        )
    raise _unsupported("a zip archive", "Unpack it and add its files")


def _ole(data: bytes) -> Unreadable:
    if "EncryptedPackage".encode("utf-16-le") in data:
        return Unreadable(
            State.ENCRYPTED, "The file is protected with a password. Save a copy without it and add that."
        )
    if "__substg1.0_".encode("utf-16-le") in data:
        return _unsupported("an Outlook message (.msg)", "Save it as .eml or PDF")
    if "WordDocument".encode("utf-16-le") in data:
        return _unsupported("an old Word document (.doc)", "Save it as DOCX or PDF")
    return _unsupported("an old Office file", "Save it as DOCX or PDF")


def _text_kind(data: bytes, suffix: str) -> str:
    if not _looks_like_text(data):
        if suffix == "eml" and _headers(data) >= 3:  # attachments may travel as bare bytes
            return "eml"
        if suffix in ("pdf", "docx"):
            reason = (
                f"The file is named .{suffix} but is not one, or its beginning is damaged. Get a whole copy."
            )
            raise Unreadable(State.DAMAGED, reason)
        raise Unreadable(State.UNSUPPORTED, f"This is no document that can be read. {FORMATS}")
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if suffix in ("html", "htm", "xhtml") or start.startswith((b"<!doctype html", b"<html")):
        raise _unsupported("an HTML page", "Save it as PDF, or its text as .txt")
    if suffix == "rtf":
        raise Unreadable(
            State.DAMAGED, "The file is named .rtf but is not one. Get a whole copy, as DOCX or PDF."
        )
    if suffix in ("md", "markdown"):
        return "md"
    needed = {"eml": 1, "txt": 99, "text": 99}.get(suffix, 4)  # a .txt may well hold a pasted e-mail
    return "eml" if _headers(data) >= needed else "txt"


def _looks_like_text(data: bytes) -> bool:
    """No NUL bytes, and next to no control characters; UTF-16 is told by its byte order mark."""
    if data.startswith(_UTF16):
        return True
    odd = len(data) - len(data.translate(None, bytes({*range(32), 127} - {9, 10, 11, 12, 13, 26, 27})))
    return b"\x00" not in data and odd <= len(data) // 200


def _headers(data: bytes) -> int:
    """How many well-known e-mail headers stand at the very top."""
    found = set()
    for line in data[:65536].lstrip(b"\xef\xbb\xbf").splitlines():
        match = _HEADER.match(line)
        if match:
            found.add(match[1].lower())
        elif not line[:1].isspace() and not line.startswith(b"From "):
            break
    return len(found & _HEADERS)
