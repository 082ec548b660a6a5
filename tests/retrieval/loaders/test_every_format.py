"""The same documents, made up and written in every format: each word comes out once, in its order and in its place.

Of what is read: blocks and pages are whole (`checked`), passages are disjoint, where they say, and hold all the text
(`check`). Formats that need another program are tried less often, for each reading takes seconds.
"""

import re
import shutil
import subprocess
from collections.abc import Callable
from email.message import EmailMessage
from html import escape
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from service.core import Document
from service.retrieval.clauses import passages
from service.retrieval.loaders import FORMATS, load, recognition, rectangles
from tests.retrieval.test_clauses import check

from .compound import compound, message
from .made import LIMITS, checked, docx, paragraph, run
from .papers import drawn, photographed, saved
from .test_packed import zipped
from .test_xlsx import written


class Made(NamedTuple):
    """A block of a document: its rows, of which all but a table's have one cell."""

    style: str
    rows: list[list[str]]


STEMS = (
    "the",
    "Lessee",
    "RENT",
    "(a)",
    "4.2",
    "dürfen",
    "Æon,",
    "due.",
    "§",
    "a-b",
    "“x”",
    "<&>",
    "100%",
    "1.",
)
_words = st.lists(st.sampled_from(STEMS), min_size=1, max_size=14)
_table = st.integers(2, 3).flatmap(
    lambda wide: st.lists(
        st.lists(st.sampled_from(STEMS).map(lambda word: [word]), min_size=wide, max_size=wide),
        min_size=2,
        max_size=4,
    )
)
_blocks = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(("heading", "paragraph", "item")), _words.map(lambda words: [[words]])),
        st.tuples(st.just("table"), _table),
    ),
    min_size=1,
    max_size=6,
)


@st.composite
def documents(draw: st.DrawFn) -> list[Made]:
    """Every word bears a number of its own, so that none can be lost, doubled or moved unseen."""
    number = count()
    return [
        Made(style, [[" ".join(f"{word} w{next(number)}e" for word in cell) for cell in row] for row in rows])
        for style, rows in draw(_blocks)
    ]


def numbers(text: str) -> list[str]:
    return re.findall(r"w\d+e", text)


def lines(made: list[Made], row: Callable[[Made, list[str]], str]) -> list[str]:
    return [row(block, cells) for block in made for cells in block.rows]


def as_text(made: list[Made]) -> bytes:
    return "\n\n".join("\n".join("\t".join(row) for row in block.rows) for block in made).encode()


def as_markdown(made: list[Made]) -> bytes:
    marks = {"heading": "## ", "item": "- ", "table": "| ", "paragraph": ""}
    return "\n\n".join(
        "\n".join(marks[block.style] + " | ".join(row) for row in block.rows) for block in made
    ).encode()


def as_page(made: list[Made]) -> bytes:
    tags = {"heading": "h2", "item": "li", "paragraph": "p"}
    body = ""
    for block in made:
        if block.style == "table":
            rows = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in block.rows)
            body += "<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"
        else:
            body += f"<{tags[block.style]}>{escape(block.rows[0][0])}</{tags[block.style]}>"
    return f'<!DOCTYPE html><html><meta charset="utf-8"><body>{body}</body></html>'.encode()


def as_rtf(made: list[Made]) -> bytes:
    def coded(text: str) -> str:
        return "".join(c if c.isascii() else f"\\u{ord(c)}?" for c in text)

    def row(block: Made, cells: list[str]) -> str:
        if block.style != "table":
            return rf"\pard {coded(cells[0])}\par "
        edges = "".join(rf"\cellx{2000 * n}" for n in range(1, len(cells) + 1))
        return rf"\trowd{edges}\intbl " + "".join(rf"{coded(cell)}\cell " for cell in cells) + r"\row\pard "

    return ("{\\rtf1\\ansi " + "".join(lines(made, row)) + "}").encode()


def as_word(made: list[Made]) -> bytes:
    def row(cells: list[str]) -> str:
        return "<w:tr>" + "".join(f"<w:tc>{paragraph(escape(cell))}</w:tc>" for cell in cells) + "</w:tr>"

    def block(made: Made) -> str:
        if made.style == "table":
            return f"<w:tbl>{''.join(map(row, made.rows))}</w:tbl>"
        half = len(made.rows[0][0]) // 2
        text = made.rows[0][0]
        return paragraph(runs=run(escape(text[:half])) + run(escape(text[half:])))

    return docx("".join(map(block, made)) + "<w:sectPr/>")


def as_workbook(made: list[Made]) -> bytes:
    book = Workbook()
    assert book.active is not None
    for block in made:
        for row in block.rows:
            book.active.append(row)
        book.active.append([])
    return written(book)


def as_mail(made: list[Made]) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@x.example", "b@x.example", "Lease"
    mail.set_content(as_text(made).decode())
    return mail.as_bytes()


def as_outlook(made: list[Made]) -> bytes:
    return compound(message({0x37: "Lease", 0x1000: as_text(made).decode()}))


def as_pages(made: list[Made]) -> list[Callable[[Any], None]]:
    """Half of the blocks on one page, half on another; tables as columns without lines."""

    def page(blocks: list[Made]) -> Callable[[Any], None]:
        def draw(canvas: Any) -> None:
            y = 800.0
            for block in blocks:
                canvas.setFont("Helvetica-Bold" if block.style == "heading" else "Helvetica", 9)
                for row in block.rows:
                    for column, cell in enumerate(row):
                        for text in _wrapped(cell):
                            canvas.drawString(60 + 160 * column, y, text)
                            y -= 0 if block.style == "table" else 12
                    y -= 12 if block.style == "table" else 0
                y -= 12

        return draw

    half = (len(made) + 1) // 2
    return [page(made[:half]), page(made[half:])]


def _wrapped(text: str) -> list[str]:
    """Lines of eight words."""
    words = text.split()
    return [" ".join(words[at : at + 8]) for at in range(0, len(words), 8)]


def as_pdf(made: list[Made]) -> bytes:
    return drawn(*as_pages(made))


READILY: dict[str, Callable[[list[Made]], bytes]] = {
    "txt": as_text, "md": as_markdown, "html": as_page, "rtf": as_rtf, "docx": as_word, "xlsx": as_workbook,
    "eml": as_mail, "msg": as_outlook, "pdf": as_pdf,
}  # fmt: skip
SLOWLY = {"doc", "png", "jpeg", "tiff"}
SELDOM = settings(
    deadline=None, max_examples=2, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
)


def held(document: Document, made: list[Made]) -> None:
    assert numbers(document.text) == numbers(as_text(made).decode())
    whole(document)


def whole(document: Document) -> None:
    checked(document)
    for size in (200, 500):
        check(document, passages(document, size))
    assert all(0 <= mark.start <= mark.end <= len(document.text) for mark in document.marks)


def test_every_format_is_tried() -> None:
    assert READILY.keys() | SLOWLY | {"zip"} == FORMATS.keys()


@pytest.mark.parametrize("kind", READILY)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(made=documents())
def test_every_word_comes_out_once_in_order_and_in_place(kind: str, made: list[Made]) -> None:
    document = load(READILY[kind](made), f"a.{kind}", "m", LIMITS).document
    assert document.kind == kind
    held(document, made)


@settings(deadline=None, max_examples=25)
@given(documents())
def test_the_passages_of_a_pdf_have_their_places_on_the_page(made: list[Made]) -> None:
    data = as_pdf(made)
    document = load(data, "a.pdf", "m", LIMITS).document
    for passage in passages(document, 200):
        found = rectangles(data, document, passage.start, passage.end)
        first, last = document.page_at(passage.start), document.page_at(passage.end - 1)
        assert [page for page, _ in found] == list(range(first, last + 1))
        assert all(0 <= x <= 1 for _, boxes in found for box in boxes for x in box)


@settings(deadline=None, max_examples=25)
@given(st.lists(documents(), min_size=1, max_size=3), st.sampled_from(sorted(READILY)))
def test_what_is_packed_comes_out_as_it_went_in(all_made: list[list[Made]], kind: str) -> None:
    files = {f"{number}/a.{kind}": READILY[kind](made) for number, made in enumerate(all_made)}
    loaded = load(zipped(files), "a.zip", "m", LIMITS)
    assert {file.name: file.data for file in loaded.attachments} == files
    for file, made in zip(loaded.attachments, all_made, strict=True):
        held(load(file.data, file.name, "m", LIMITS).document, made)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
@SELDOM
@given(documents())
def test_an_old_word_file_keeps_every_word(made: list[Made]) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / "a.rtf").write_bytes(as_rtf(made))
        profile = f"-env:UserInstallation=file://{folder}/profile"
        convert = ["soffice", profile, "--headless", "--convert-to", "doc:MS Word 97", "--outdir", folder]
        subprocess.run([*convert, f"{folder}/a.rtf"], check=True, capture_output=True, timeout=120)
        document = load((Path(folder) / "a.doc").read_bytes(), "a.doc", "m", LIMITS).document
    assert document.kind == "doc"
    held(document, made)


@pytest.mark.slow
@pytest.mark.skipif(not recognition.available(), reason="Tesseract is not installed")
@pytest.mark.parametrize(("kind", "form"), [("png", "PNG"), ("jpeg", "JPEG"), ("tiff", "TIFF")])
@SELDOM
@given(made=documents())
def test_a_picture_is_whole_and_its_words_have_boxes(kind: str, form: str, made: list[Made]) -> None:
    """Which words are recognised is another matter; see the benches."""
    rows = [text for line in lines(made, lambda _, cells: " ".join(cells)) for text in _wrapped(line)]
    document = load(
        saved(photographed("The lease of the house", *rows), form=form), "a", "m", LIMITS
    ).document
    assert document.kind == kind
    whole(document)
    assert "lease" in document.text
    at = 0
    for word in document.words:
        assert at <= word.start < word.end <= len(document.text)
        assert all(0 <= side <= 1 for side in word.box)
        at = word.end
