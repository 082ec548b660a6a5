import io
import zipfile

import pytest

from service.config import Documents
from service.core import State
from service.retrieval.loaders import FORMATS, Unreadable, load

from .made import docx, paragraph, pdf, read

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100)
MAIL = b"From: a@x.example\nTo: b@x.example\nSubject: Rent\nDate: Mon, 4 Mar 2024 10:00:00 +0000\n\nDear B,"


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (pdf(), "lease.docx", "pdf"),
        (docx(paragraph("Hello")), "lease.pdf", "docx"),
        (b"plain words", "lease.pdf", None),
        (b"plain words", "lease", "txt"),
        (b"plain words", "lease.TEXT", "txt"),
        (b"# words", "lease.md", "md"),
        (MAIL, "mail.eml", "eml"),
        (MAIL, "mail", "eml"),
        (MAIL, "pasted.txt", "txt"),
        (b"no headers here", "mail.eml", "txt"),
        (MAIL + bytes(range(32)), "mail.eml", "eml"),
        (b"<!DOCTYPE html><p>x</p>", "a.txt", "html"),
        (b"<!-- saved --><HTML><p>x</p>", "page", "html"),
        (b"<p>x</p>", "a.htm", "html"),
        (b"{\\rtf1 hello}", "a.doc", "rtf"),
        (b"MZ is the name of a file", "a", "txt"),
    ],
)
def test_a_file_is_read_as_what_it_is(data: bytes, name: str, kind: str | None) -> None:
    document = read(data, name)
    assert document.kind == (kind or "txt")
    assert document.title == name


def test_a_wrong_name_is_noted() -> None:
    assert tuple(entry.reason for entry in read(pdf(), "lease.docx").ledger) == (
        "The file is named .docx and was read as what it is: PDF.",
    )
    assert read(pdf(), "lease.pdf").ledger == ()


@pytest.mark.parametrize(
    ("data", "name", "state", "word"),
    [
        (b"", "a.pdf", State.EMPTY, "0 bytes"),
        (b" \n\t\n", "a.txt", State.EMPTY, "no text"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "a.docx", State.ENCRYPTED, "password"),
        (OLE + "WordDocument".encode("utf-16-le"), "a.doc", State.DAMAGED, "DOC"),
        (OLE + "__properties_version1.0".encode("utf-16-le"), "a.msg", State.DAMAGED, "MSG"),
        (OLE + "Workbook\0".encode("utf-16-le"), "a.xls", State.UNSUPPORTED, "Save it as .xlsx"),
        (OLE + "PowerPoint Document\0".encode("utf-16-le"), "a.ppt", State.UNSUPPORTED, "Save it as PDF"),
        (OLE, "a.mpp", State.UNSUPPORTED, "old Office file"),
        (b"{\\rtf1 }", "a.rtf", State.EMPTY, "no text"),
        (b"<html><script>x</script></html>", "a.html", State.EMPTY, "no text"),
        (b"GIF89a123", "a.gif", State.UNSUPPORTED, "picture"),
        (b"7z\xbc\xaf\x27\x1c", "a.7z", State.UNSUPPORTED, "zip"),
        (b"MZ\x00\x01", "a.exe", State.UNSUPPORTED, "program"),
        (
            b'<?xml version="1.0"?><?mso-application progid="Word.Document"?>',
            "a.xml",
            State.UNSUPPORTED,
            "DOCX",
        ),
        (zipped("xl/workbook.xml"), "a.xlsx", State.DAMAGED, "XLSX"),
        (zipped("xl/workbook.bin", "[Content_Types].xml"), "a.xlsb", State.UNSUPPORTED, ".xlsx"),
        (zipped("ppt/a.xml", "[Content_Types].xml"), "a.pptx", State.UNSUPPORTED, "PDF"),
        (zipped("mimetype", "content.xml"), "a.odt", State.UNSUPPORTED, "OpenDocument"),
        (zipped(), "a.zip", State.EMPTY, "no files"),
        (zipped("a.pdf"), "a.docx", State.DAMAGED, "no Word document"),
        (b"PK\x03\x04 and nothing more", "a.docx", State.DAMAGED, "damaged"),
        (b"\x00\x01\x02\x03" * 50, "a.pdf", State.DAMAGED, "named .pdf"),
        (b"\x00\x01\x02\x03" * 50, "a.bin", State.UNSUPPORTED, "Privity reads PDF"),
        (b"%PDF-1.7 and nothing more", "a.pdf", State.DAMAGED, "damaged"),
    ],
)
def test_what_is_not_read_says_why(data: bytes, name: str, state: State, word: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(data, name)
    assert caught.value.state is state
    assert word in caught.value.reason
    assert caught.value.reason.endswith(".")


def test_every_kind_says_what_it_is() -> None:
    assert {"pdf", "docx", "doc", "rtf", "xlsx", "html", "txt", "md", "eml", "msg", "zip"} <= FORMATS.keys()
    assert all(FORMATS.values())


def test_a_file_over_the_limit() -> None:
    with pytest.raises(Unreadable) as caught:
        load(b"x" * 11, "a.txt", "m", Documents(max_bytes=10))
    assert caught.value.state is State.TOO_LARGE
