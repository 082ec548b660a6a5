import shutil
import subprocess
from pathlib import Path

import pytest

from service.core import Mark
from service.retrieval.loaders import original_text

from .made import W, checked, read, run, texts

HEAD = (
    rb"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\froman\fcharset0 Times;}{\f1\fcharset204 Cyr;}}"
    rb"{\stylesheet{\s0 Normal;}{\s1\outlinelevel0 heading 1;}}{\*\revtbl {Unknown;}{Anna;}{Ben;}}"
    rb"{\info{\title Secret}}"
)


def rtf(body: bytes) -> bytes:
    return HEAD + body + b"}"


def test_paragraphs_headings_and_characters() -> None:
    body = (
        rb"\pard\s1 Lease\par\pard\plain The rent is \'80\uc1 5\u8364? and {\b bold}\line next.\par "
        rb"{\f1 \'c4\'ee\'e3}\emdash\u-10179?\u-8704?\par\pard{\listtext\tab (a)\tab}first\~point\par"
    )
    document = checked(read(rtf(body), "a.rtf"))
    assert texts(document) == ["Lease", "The rent is €5€ and bold\nnext.", "Дог—😀", "(a) first point"]
    assert [block.level for block in document.blocks] == [1, 0, 0, 0]


def test_tables_fields_and_what_is_left_out() -> None:
    body = (
        rb"{\header Smith LLP\par}\trowd\intbl Item\cell Price\cell\row\trowd\intbl\cell 5\cell\row\pard "
        rb'See {\field{\*\fldinst HYPERLINK "x"}{\fldrslt clause 7}}{\v unseen}.{\footnote\pard As \i agreed.}\par '
        rb"{\*\atnid AB}{\*\annotation Too high}{\pict\wmetafile8 0102}{\*\unknown zzz}{\bin3 {{{}End.\par"
    )
    document = checked(read(rtf(body), "a.rtf"))
    assert texts(document) == ["Item\tPrice\n\t5", "See clause 7.", "Footnote 1: As agreed.", "End."]
    assert [(entry.fate, entry.characters) for entry in document.ledger] == [
        ("hidden", 6),
        ("dropped", 9),
        ("commented", 8),
        ("kept", 0),
        ("unread", 0),
    ]


def test_tracked_changes() -> None:
    body = (
        rb"The fee is {\deleted\revauthdel2\revdttmdel-2082369472 USD 1}{\revised\revauth1 USD 900} a year.\par "
        rb"{\revised\revauth1 New.\par}{\deleted\revauthdel1 Old.\par}Last.\par"
    )
    document = checked(read(rtf(body), "a.rtf"))
    assert document.text == "The fee is USD 900 a year.\n\nNew.\n\nLast."
    assert document.marks[:2] == (
        Mark("deleted", 11, 11, "USD 1", "Ben", document.marks[0].date),
        Mark("inserted", 11, 18, "", "Anna", ""),
    )
    assert document.marks[0].date.startswith("19")
    assert original_text(document) == "The fee is USD 1 a year.\n\nOld.\n\nLast."


def test_groups_without_end() -> None:
    assert read(rtf(rb"Rent {\b is due"), "a.rtf").text == "Rent is due"
    assert read(b"{\\rtf1 Rent}}}}} is due", "a.rtf").text == "Rent is due"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_what_libreoffice_writes(tmp_path: Path) -> None:
    import docx
    from docx.oxml import parse_xml

    word = docx.Document()
    word.add_heading("Lease", 1)
    cells = word.add_table(1, 2).rows[0].cells
    cells[0].text, cells[1].text = "Item", "Price"
    line = word.add_paragraph("Größe – ")
    line._p.append(parse_xml(f'<w:ins xmlns:w="{W}" w:id="1" w:author="Anna">{run("new")}</w:ins>'))
    word.save(str(tmp_path / "a.docx"))
    command = ["soffice", f"-env:UserInstallation={tmp_path.as_uri()}/p", "--headless", "--convert-to", "rtf"]
    subprocess.run(
        [*command, "--outdir", str(tmp_path), str(tmp_path / "a.docx")], check=True, capture_output=True
    )
    document = checked(read((tmp_path / "a.rtf").read_bytes(), "a.rtf"))
    assert texts(document) == ["Lease", "Item\tPrice", "Größe – new"]
    assert document.blocks[0].level == 1
    assert [(mark.kind, mark.by) for mark in document.marks] == [("inserted", "Anna")]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (rb"{\cf2 x}", "Rent due"),
        (rb"{\cf1 x}", "Rent x due"),
        (rb"{\cf0 x}", "Rent x due"),
        (rb"{\cf9 x}", "Rent x due"),
        (rb"{\cf2\highlight1 x}", "Rent x due"),
        (rb"{\fs3 x}", "Rent due"),
        (rb"{\fs24 x}", "Rent x due"),
        (rb"{\cf2\plain x}", "Rent x due"),
    ],
)
def test_white_and_tiny_text_is_hidden_and_told(body: bytes, text: str) -> None:
    colours = rb"{\colortbl;\red0\green0\blue0;\red255\green255\blue255;}"
    document = checked(read(rtf(colours + rb"Rent " + body + rb" due\par"), "a.rtf"))
    assert " ".join(document.text.split()) == text
    assert [(entry.fate, entry.characters) for entry in document.ledger] == (
        [("hidden", 1)] if text == "Rent due" else []
    )


def test_white_text_in_a_table_may_stand_on_a_dark_cell() -> None:
    colours = rb"{\colortbl;\red255\green255\blue255;}"
    body = rb"\trowd\intbl {\cf1 Item}\cell Price\cell\row\trowd\intbl A\cell 5\cell\row\pard End.\par"
    assert texts(read(rtf(colours + body), "a.rtf")) == ["Item\tPrice\nA\t5", "End."]
