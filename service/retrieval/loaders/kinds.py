"""What a file is: by its bytes first, by its name where bytes cannot tell."""

import io
import re
import zipfile
from pathlib import PurePosixPath

from service.core import State
from service.retrieval.loaders.content import Unreadable

# Each kind and how a person knows it, for the page's hint.
FORMATS = {
    "pdf": "PDF",
    "docx": "Word (.docx)",
    "doc": "old Word (.doc, with LibreOffice)",
    "rtf": "Rich Text (.rtf)",
    "xlsx": "Excel (.xlsx)",
    "html": "web page (.html)",
    "txt": "plain text (.txt)",
    "md": "Markdown (.md)",
    "eml": "e-mail (.eml)",
    "msg": "Outlook message (.msg)",
    "png": "PNG",
    "jpeg": "JPEG",
    "tiff": "TIFF pictures",
    "zip": "zip archive of these",
}
_SUFFIXES = {
    "jpg": "jpeg", "jpe": "jpeg", "tif": "tiff", "text": "txt", "markdown": "md", "htm": "html", "xhtml": "html",
    "docm": "docx", "dotx": "docx", "dotm": "docx", "xlsm": "xlsx", "xltx": "xlsx", "xltm": "xlsx", "dot": "doc",
}  # fmt: skip
_PICTURES = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
)
# Formats told by their first bytes that are not read.
_FOREIGN = (
    (b"GIF8", "a picture", "Save it as PNG or PDF"),
    (b"BM", "a picture", "Save it as PNG or PDF"),
    (b"RIFF", "a sound, a film or a picture", "Add what is said in it as text"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "Unpack it and add its files, or pack them as zip"),
    (b"Rar!\x1a\x07", "a RAR archive", "Unpack it and add its files, or pack them as zip"),
    (b"\x1f\x8b", "a gzip archive", "Unpack it and add its files, or pack them as zip"),
    (b"!BDN", "an Outlook data file (.pst)", "Export its messages as .msg or .eml"),
    (b"MZ", "a program", "Add documents only"),
    (b"\x7fELF", "a program", "Add documents only"),
)  # fmt: skip
# In the directory of an OLE file, by the first that is found: what it is, and what to do about it.
_OLD = (
    ("Workbook", "an old Excel workbook (.xls)", "Save it as .xlsx"),
    ("Book", "an old Excel workbook (.xls)", "Save it as .xlsx"),
    ("PowerPoint Document", "an old PowerPoint presentation (.ppt)", "Save it as PDF"),
    ("VisioDocument", "a Visio drawing", "Save it as PDF"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_HEADERS = frozenset(
    b"from to cc subject date sender received return-path mime-version message-id delivered-to "
    b"content-type reply-to x-mailer".split()
)
_HEADER = re.compile(rb"([A-Za-z][A-Za-z0-9-]*)[ \t]*:")
_PAGE = re.compile(
    rb"(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!--.{0,2000}?-->\s*)*<(?:!doctype html|html)\b", re.DOTALL
)


def accepted() -> str:
    """The sentence that says what is read."""
    *kinds, last = FORMATS.values()
    return f"Privity reads {', '.join(kinds)} and {last}."


def kind_of(data: bytes, name: str) -> tuple[str, str]:
    """The kind that reads these bytes and, when the name says another, a sentence about it.

    Raises Unreadable for a format that is not read, and for bytes that are nothing at all.
    """
    suffix = PurePosixPath(name.replace("\\", "/")).suffix.lower().lstrip(".")
    kind = _sniff(data, suffix)
    expected = _SUFFIXES.get(suffix, suffix)
    if expected in FORMATS and expected != kind:
        return kind, f"The file is named .{suffix} and was read as what it is: {kind.upper()}."
    return kind, ""


def _sniff(data: bytes, suffix: str) -> str:
    if b"%PDF-" in data[:1024]:
        return "pdf"
    if data.startswith(_ZIP):
        return _zip_kind(data, suffix)
    if data.startswith(_OLE):
        return _ole_kind(data)
    if data.startswith(b"{\\rtf"):
        return "rtf"
    for magic, kind in _PICTURES:
        if data.startswith(magic):
            return kind
    for magic, what, remedy in _FOREIGN:
        if data.startswith(magic) and (len(magic) > 2 or not _looks_like_text(data)):
            raise _unsupported(what, remedy)
    return _text_kind(data, suffix)


def _unsupported(what: str, remedy: str) -> Unreadable:
    return Unreadable(State.UNSUPPORTED, f"This is {what}, which is not read. {remedy}. {accepted()}")


def _zip_kind(data: bytes, suffix: str) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
    except Exception as error:  # zipfile has no single error for a broken directory
        reason = f"The file is a damaged archive ({type(error).__name__}). Get a whole copy and add it again."
        raise Unreadable(State.DAMAGED, reason) from None
    package = "[Content_Types].xml" in names
    if "word/document.xml" in names or (suffix == "docx" and package):
        return "docx"
    if "xl/workbook.xml" in names or (suffix == "xlsx" and package):
        return "xlsx"
    if "xl/workbook.bin" in names:
        raise _unsupported("a binary Excel workbook (.xlsb)", "Save it as .xlsx")
    if any(name.startswith("ppt/") for name in names) and package:
        raise _unsupported("a PowerPoint presentation", "Save it as PDF")
    if "mimetype" in names and "content.xml" in names:
        raise _unsupported("an OpenDocument file", "Save it as DOCX, XLSX or PDF")
    if suffix in ("docx", "xlsx"):
        program = "Word document" if suffix == "docx" else "Excel workbook"
        reason = (
            f"The file is named .{suffix} but holds no {program}. Save it anew in the program that made it."
        )
        raise Unreadable(State.DAMAGED, reason)
    return "zip"


def _ole_kind(data: bytes) -> str:
    def holds(name: str) -> bool:
        return name.encode("utf-16-le") in data

    if holds("EncryptedPackage"):
        raise Unreadable(
            State.ENCRYPTED, "The file is protected with a password. Save a copy without it and add that."
        )
    if holds("__properties_version1.0"):
        return "msg"
    if holds("WordDocument"):
        return "doc"
    for name, what, remedy in _OLD:
        if holds(name + "\0"):
            raise _unsupported(what, remedy)
    raise _unsupported("an old Office file", "Save it as DOCX or PDF")


def _text_kind(data: bytes, suffix: str) -> str:
    if not _looks_like_text(data):
        if suffix == "eml" and _headers(data) >= 3:  # attachments may travel as bare bytes
            return "eml"
        if suffix in ("pdf", "docx", "doc", "xlsx", "msg", "zip", "rtf"):
            reason = (
                f"The file is named .{suffix} but is not one, or its beginning is damaged. Get a whole copy."
            )
            raise Unreadable(State.DAMAGED, reason)
        raise Unreadable(State.UNSUPPORTED, f"This is no document that can be read. {accepted()}")
    if suffix in ("html", "htm", "xhtml") or _PAGE.match(data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()):
        return "html"
    if suffix in ("md", "markdown"):
        return "md"
    if b'progid="Word.Document"' in data[:4096] or b"<pkg:package" in data[:4096]:
        raise _unsupported("a Word document stored as one XML file", "Save it as DOCX")
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
