"""Whatever comes in, a Document or Unreadable comes out."""

import io
import random
import re
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.retrieval.loaders import Unreadable, original_text

from .compound import compound, message, properties
from .made import checked, docx, paragraph, pdf, read, run
from .test_html import PAGE
from .test_packed import zipped
from .test_rtf import rtf
from .test_tracked import ANNA, deleted, inserted, row
from .test_xlsx import workbook, written

SUFFIXES = (
    "pdf",
    "docx",
    "doc",
    "xlsx",
    "rtf",
    "html",
    "txt",
    "md",
    "eml",
    "msg",
    "zip",
    "png",
    "xyz",
    "jpg",
)
NAMES = st.sampled_from([*(f"a.{suffix}" for suffix in SUFFIXES), "a", "", "../.."])
STARTS = st.sampled_from(
    [
        b"",
        b"%PDF-1.7\n",
        b"PK\x03\x04",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        b"\xff\xfe",
        b"From: a\nTo: b\n\n",
        b"{\\rtf1 ",
        b"<html>",
    ]
)
MAIL = (
    b"From: a@x.example\nTo: b@x.example\nSubject: =?utf-8?B?w6Q=?=\nMIME-Version: 1.0\n"
    b'Content-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: text/html; charset=latin-1\n'
    b"Content-Transfer-Encoding: quoted-printable\n\n<p>The rent=20is due<p>\n--b\n"
    b"Content-Type: application/pdf\nContent-Disposition: attachment; filename=a.pdf\n\nx\n--b--\n"
)
FORMATS = {
    "a.pdf": pdf(pages=1),
    "a.docx": docx(paragraph(runs=run("The rent") + "<w:r><w:tab/></w:r>") + paragraph("is due.")),
    "a.eml": MAIL,
    "a.rtf": rtf(
        rb"\pard\s1 Lease\par{\revised\revauth1 5}\cell\row {\footnote x}\u8364?\'80{\*\x y}\bin2 ab\par"
    ),
    "a.html": PAGE.encode(),
    "a.xlsx": written(workbook()),
    "a.msg": compound(
        message({0x37: "Rent", 0x1000: "Due."}, properties({0x3701: b"x", 0x3707: "a.txt"}, 8))
    ),
    "a.zip": zipped({"a.txt": b"the rent is due", "b.zip": zipped({"c.txt": b"c"})}),
}
CHANGED = docx(
    paragraph(runs=inserted("in") + deleted("out"), properties=f"<w:rPr><w:del {ANNA}/></w:rPr>")
    + f"<w:tbl>{row(run('a'), deleted('b'), change='ins')}</w:tbl>"
    + paragraph(runs='<w:commentRangeStart w:id="1"/>' + run("c")),
    comments=f'<w:comment w:id="1">{paragraph("why")}</w:comment>',
)


def survives(data: bytes, name: str) -> None:
    with suppress(Unreadable):
        document = read(data, name)
        assert [mark.start for mark in document.marks] == sorted(mark.start for mark in document.marks)
        assert all(0 <= mark.start <= mark.end <= len(document.text) for mark in document.marks)
        original_text(document).encode()
        document.text.encode()
        checked(document)


@settings(deadline=None)
@given(STARTS, st.binary(max_size=400), NAMES)
def test_random_bytes(start: bytes, data: bytes, name: str) -> None:
    survives(start + data, name)


@settings(deadline=None)
@given(st.text(max_size=400), NAMES)
def test_random_text(text: str, name: str) -> None:
    survives(text.encode("utf-8", "replace"), name)


@pytest.mark.parametrize("name", FORMATS)
def test_truncated_files(name: str) -> None:
    data = FORMATS[name]
    for length in range(0, len(data), max(1, len(data) // 40)):
        survives(data[:length], name)


@pytest.mark.parametrize("name", FORMATS)
def test_mutated_files(name: str) -> None:
    chance = random.Random(7)
    for _ in range(60):
        data = bytearray(FORMATS[name])
        for _ in range(chance.choice((1, 3, 20))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        survives(bytes(data), name)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_mutated_words(data: st.DataObject) -> None:
    """The parts of a Word file changed before they are packed: a flipped bit in a zip only breaks its checksum."""
    with zipfile.ZipFile(io.BytesIO(CHANGED)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = data.draw(
        st.sampled_from(["word/document.xml", "word/comments.xml", "word/_rels/document.xml.rels"])
    )
    tags = [match.span() for match in re.finditer(rb"<[^>]*>|w:\w+|\"[^\"]*\"", parts[name])]
    (a, b), (c, d) = data.draw(st.sampled_from(tags)), data.draw(st.sampled_from(tags))
    parts[name] = parts[name][:a] + parts[name][c:d] + parts[name][b:]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    survives(file.getvalue(), "a.docx")


@pytest.mark.parametrize(
    "data",
    [
        b"To: " + b"a@b, " * 200_000,
        b"Content-Type: text/plain; " + b"a=b; " * 200_000,
        b"Subject: " + b"=?utf-8?q?a?= " * 100_000,
        b"Content-Type: multipart/mixed; boundary=a\n\n--a\n" * 20_000,
        b"Content-Type: message/rfc822\n\n" * 20_000,
        b"Content-Type: text/html\n\n" + b"<p><![CDATA[" * 50_000,
        b"A: b\n" * 200_000,
    ],
)
@pytest.mark.timeout(20)
def test_mail_made_to_take_long(data: bytes) -> None:
    survives(b"From: a@b\n" + data, "a.eml")


TAGS = st.sampled_from(
    [
        "p",
        "r",
        "t",
        "tbl",
        "tr",
        "tc",
        "sdt",
        "sdtContent",
        "ins",
        "del",
        "fldSimple",
        "txbxContent",
        "pPr",
        "numPr",
        "rPr",
        "moveTo",
        "moveFrom",
        "trPr",
    ]
)


def wrapped(tag: str, parts: list[str]) -> str:
    return f"<w:{tag}>{''.join(parts)}</w:{tag}>"


TREES = st.recursive(
    st.sampled_from(["word", "", "<w:br/>", '<w:fldChar w:fldCharType="begin"/>', '<w:footnoteReference w:id="1"/>']),
    lambda inner: st.builds(wrapped, TAGS, st.lists(inner, max_size=4)),
    max_leaves=30,
)  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(TREES, TREES)
def test_any_nesting_of_word_elements(body: str, note: str) -> None:
    survives(docx(paragraph("Text.") + body, footnotes=f'<w:footnote w:id="1">{note}</w:footnote>'), "a.docx")


def test_deep_nesting_and_odd_numbers() -> None:
    survives(docx("<w:sdt>" * 5000 + "</w:sdt>" * 5000), "a.docx")
    survives(docx("<w:tbl><w:tr><w:tc>" * 60 + paragraph("x") + "</w:tc></w:tr></w:tbl>" * 60), "a.docx")
    level = '<w:lvl w:ilvl="-4"><w:start w:val="99999999999999999999"/><w:lvlText w:val="%9%1"/></w:lvl>'
    lists = (
        f'<w:abstractNum w:abstractNumId="">{level}</w:abstractNum><w:num><w:abstractNumId w:val=""/></w:num>'
    )
    numbered = paragraph("x", '<w:numPr><w:ilvl w:val="-4"/><w:numId w:val="1"/></w:numPr>')
    survives(docx(numbered * 3, numbering=lists), "a.docx")
