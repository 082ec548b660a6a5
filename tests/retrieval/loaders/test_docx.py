import html
import io
import json
import re
import zipfile
from pathlib import Path

import pytest

from service.config import Documents
from service.core import State
from service.retrieval.loaders import Unreadable, load

from .made import checked, docx, paragraph, read, run, texts

BY = 'w:id="1" w:author="A" w:date="2024-01-01T00:00:00Z"'

SHARED = Path(__file__).parents[3].parent / "shared" / "data"


def inserted(text: str) -> str:
    return f"<w:ins {BY}>{run(text)}</w:ins>"


def deleted(text: str) -> str:
    return f"<w:del {BY}><w:r><w:delText>{text}</w:delText></w:r></w:del>"


def test_tracked_changes_are_read_as_accepted() -> None:
    runs = run("The fee is ") + deleted("USD 1") + inserted("USD 900,000") + run(" per year.")
    moved = f"<w:moveFrom {BY}>{run('gone')}</w:moveFrom><w:moveTo {BY}>{run('come')}</w:moveTo>"
    document = checked(read(docx(paragraph(runs=runs) + paragraph(runs=moved)), "a.docx"))
    assert texts(document) == ["The fee is USD 900,000 per year.", "come"]
    assert tuple(entry.reason for entry in document.ledger) == (
        "Tracked insertions: 2, not yet accepted; they are part of the text.",
        "Tracked deletions: 2; they are not part of the text.",
    )


def test_a_deleted_paragraph_mark_joins_paragraphs() -> None:
    body = paragraph("The rent ", f"<w:rPr><w:del {BY}/></w:rPr>") + paragraph("is due.") + paragraph("Next.")
    assert texts(read(docx(body), "a.docx")) == ["The rent is due.", "Next."]


def test_fields_give_their_result_and_not_their_instruction() -> None:
    def char(kind: str) -> str:
        return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'

    runs = (
        run("See clause ")
        + char("begin")
        + "<w:r><w:instrText>REF x</w:instrText></w:r>"
        + char("begin")
        + run("hidden")
        + char("separate")
        + run("hidden")
        + char("end")
        + char("separate")
        + run("7.2")
        + char("end")
        + f'<w:fldSimple w:instr="DATE">{run(" today")}</w:fldSimple>'
    )
    assert texts(read(docx(paragraph(runs=runs)), "a.docx")) == ["See clause 7.2 today"]


def test_a_field_without_an_end_swallows_its_paragraph_at_most() -> None:
    begun = run("Before ") + '<w:r><w:fldChar w:fldCharType="begin"/></w:r>' + run("instruction")
    assert texts(read(docx(paragraph(runs=begun) + paragraph("After.")), "a.docx")) == ["Before", "After."]


def test_tables_headings_breaks_and_controls() -> None:
    def cell(text: str) -> str:
        return f"<w:tc>{paragraph(text)}</w:tc>"

    gone = f"<w:tr><w:trPr><w:del {BY}/></w:trPr>{cell('x')}{cell('y')}</w:tr>"
    table = f"<w:tbl><w:tr>{cell('Item')}{cell('Price')}</w:tr>{gone}<w:tr>{cell('Desk')}{cell('5')}</w:tr></w:tbl>"
    control = f"<w:sdt><w:sdtPr/><w:sdtContent>{paragraph('In a control.')}</w:sdtContent></w:sdt>"
    broken = paragraph(
        runs="<w:r><w:t>one</w:t><w:br/><w:t>two</w:t><w:tab/><w:t>non</w:t><w:noBreakHyphen/></w:r>"
    )
    title = paragraph("Lease", '<w:pStyle w:val="h2"/>')
    styles = '<w:style w:type="paragraph" w:styleId="h2"><w:name w:val="heading 2"/></w:style>'
    document = checked(read(docx(title + table + control + broken, styles=styles), "a.docx"))
    assert texts(document) == ["Lease", "Item\tPrice\nDesk\t5", "In a control.", "one\ntwo non-"]
    assert [(b.style, b.level) for b in document.blocks[:2]] == [("heading", 2), ("table", 0)]


def test_a_table_that_only_lays_out_text_is_read_as_text() -> None:
    long = "The tenant keeps the premises in good repair. " * 8
    row = f"<w:tr><w:tc>{paragraph('1.')}</w:tc><w:tc>{paragraph(long)}{paragraph(long)}</w:tc></w:tr>"
    document = read(docx(f"<w:tbl>{row}</w:tbl>"), "a.docx")
    assert [b.style for b in document.blocks] == ["paragraph"] * 3


def test_footnotes_endnotes_and_text_boxes() -> None:
    def reference(kind: str) -> str:
        return f'<w:r><w:{kind}Reference w:id="2"/></w:r>'

    def notes(kind: str, text: str) -> str:
        separator = f'<w:{kind} w:type="separator" w:id="0">{paragraph("---")}</w:{kind}>'
        return separator + f'<w:{kind} w:id="2">{paragraph(text)}</w:{kind}>'

    box = f"<w:txbxContent>{paragraph('Boxed.')}</w:txbxContent>"
    twice = (
        f'<w:r><mc:AlternateContent><mc:Choice Requires="wps">{box}</mc:Choice>'
        f"<mc:Fallback>{box}</mc:Fallback></mc:AlternateContent></w:r>"
    )
    body = paragraph(runs=run("Rent") + reference("footnote") + reference("endnote") + twice) + paragraph(
        "Last."
    )
    data = docx(body, footnotes=notes("footnote", "As indexed."), endnotes=notes("endnote", "See annex."))
    expected = ["Rent", "Boxed.", "Footnote 1: As indexed.", "Last.", "Endnote 1: See annex."]
    assert texts(checked(read(data, "a.docx"))) == expected


def test_hidden_text_is_left_out_and_noted() -> None:
    document = read(docx(paragraph(runs=run("Seen.") + run("Unseen.", "<w:vanish/>"))), "a.docx")
    assert document.text == "Seen."
    assert [(entry.fate, entry.characters) for entry in document.ledger] == [("hidden", 7)]


def test_text_in_a_hidden_style_and_white_and_tiny_text() -> None:
    styles = (
        '<w:style w:type="character" w:styleId="H"><w:rPr><w:vanish/></w:rPr></w:style>'
        '<w:style w:type="paragraph" w:styleId="P"><w:rPr><w:vanish/></w:rPr></w:style>'
    )
    white = '<w:color w:val="FFFFFF"/>'
    body = (
        paragraph(runs=run("Seen.") + run("Styled.", '<w:rStyle w:val="H"/>') + run("White.", white))
        + paragraph(
            runs=run("Tiny.", '<w:sz w:val="2"/>') + run("On grey.", white + '<w:shd w:fill="333333"/>')
        )
        + paragraph(
            properties='<w:pStyle w:val="P"/>', runs=run("Gone.") + run(" Back.", '<w:vanish w:val="0"/>')
        )
        + f"<w:tbl><w:tr><w:tc>{paragraph(runs=run('Head', white))}</w:tc><w:tc>{paragraph('x')}</w:tc></w:tr></w:tbl>"
    )
    document = read(docx(body, styles=styles), "a.docx")
    assert texts(document) == ["Seen.", "On grey.", "Back.", "Head\tx"]
    assert [(entry.fate, entry.characters) for entry in document.ledger] == [
        ("hidden", 12),
        ("hidden", 6),
        ("hidden", 5),
    ]


def test_the_first_page_s_header_opens_the_text_and_running_ones_are_counted() -> None:
    header = paragraph("Without prejudice") + paragraph("Page 1 of 3")
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    reference = f'<w:headerReference xmlns:r="{relation}" w:type="default" r:id="r0"/>'
    body = paragraph("Dear Sirs,") + f"<w:sectPr>{reference}</w:sectPr>"
    document = checked(read(docx(body, header=header, footer=paragraph("Smith LLP")), "a.docx"))
    assert texts(document) == ["Without prejudice", "Dear Sirs,"]
    assert [(entry.fate, entry.characters) for entry in document.ledger] == [("kept", 0), ("dropped", 20)]


def test_symbols_tick_boxes_and_picture_fonts() -> None:
    box = '<w:fldChar w:fldCharType="begin"><w:ffData><w:checkBox><w:checked/></w:checkBox></w:ffData></w:fldChar>'
    runs = (
        '<w:r><w:sym w:font="Wingdings" w:char="F0FE"/></w:r><w:r><w:sym w:font="Symbol" w:char="F062"/></w:r>'
        '<w:r><w:sym w:font="Odd" w:char="zz"/></w:r>'
        + run(" \uf0a3 5", '<w:rFonts w:ascii="Symbol"/>')
        + f"<w:r>{box}</w:r>"
    )
    document = read(docx(paragraph(runs=runs)), "a.docx")
    assert document.text == "☑β\ufffd ≤ 5☒"
    assert [entry.fate for entry in document.ledger] == ["odd"]


def test_empty_cells_and_wide_cells_keep_the_columns() -> None:
    def cell(text: str, span: int = 1) -> str:
        return f'<w:tc><w:tcPr><w:gridSpan w:val="{span}"/></w:tcPr>{paragraph(text)}</w:tc>'

    inner = f"<w:tc><w:tbl><w:tr>{cell('deep')}{cell('er')}</w:tr></w:tbl>{paragraph()}</w:tc>"
    rows = (cell(""), cell("2023"), cell("2024")), (cell("Rent", 2), cell("5")), (inner, cell("6"), cell("7"))
    table = "".join(f"<w:tr>{''.join(row)}</w:tr>" for row in rows)
    assert texts(checked(read(docx(f"<w:tbl>{table}</w:tbl>"), "a.docx"))) == [
        "\t2023\t2024\nRent\t\t5\ndeep er\t6\t7"
    ]


def test_a_number_with_words_is_text_even_by_itself() -> None:
    level = '<w:lvl w:ilvl="0"><w:numFmt w:val="decimal"/><w:start w:val="1"/><w:lvlText w:val="Schedule %1"/></w:lvl>'
    lists = f'<w:abstractNum w:abstractNumId="1">{level}</w:abstractNum>'
    lists += '<w:num w:numId="1"><w:abstractNumId w:val="1"/></w:num>'
    alone = '<w:p><w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr></w:pPr></w:p>'
    document = checked(read(docx(alone + paragraph("Rents"), numbering=lists), "a.docx"))
    assert texts(document) == ["Schedule 1", "Rents"]


def test_files_inside_the_document_are_handed_on_and_pictures_counted() -> None:
    file = io.BytesIO(docx(paragraph(runs=run("Rent") + "<w:r><w:drawing><w:blip/></w:drawing></w:r>")))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("word/embeddings/sheet.xlsx", b"inner")
        archive.writestr("word/embeddings/oleObject1.bin", b"x")
        archive.writestr("word/vbaProject.bin", b"x")
    loaded = load(file.getvalue(), "a.docm", "m", Documents())
    assert [(a.name, a.data) for a in loaded.attachments] == [("sheet.xlsx", b"inner")]
    assert [entry.fate for entry in loaded.document.ledger] == ["unread", "attached", "unread", "odd"]


def test_text_struck_through_by_hand_stays_and_is_noted() -> None:
    document = read(docx(paragraph(runs=run("Rent ") + run("USD 5", "<w:strike/>") + run("."))), "a.docx")
    assert document.text == "Rent USD 5."
    assert [(entry.fate, entry.characters) for entry in document.ledger] == [("odd", 5)]


def test_a_long_paragraph_in_a_heading_style_is_no_heading() -> None:
    document = read(docx(paragraph("The tenant pays. " * 30, '<w:outlineLvl w:val="1"/>')), "a.docx")
    assert document.blocks[0].style == "paragraph"


def test_a_bomb_is_refused_by_its_real_size() -> None:
    data = docx(paragraph("x" * 5_000_000))
    assert len(data) < 20_000
    with pytest.raises(Unreadable) as caught:
        load(data, "a.docx", "m", Documents(max_bytes=1_000_000))
    assert caught.value.state is State.TOO_LARGE


def test_entities_are_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("[Content_Types].xml", "")
        archive.writestr(
            "word/document.xml",
            '<!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
            '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
            "<w:body><w:p><w:r><w:t>&e;</w:t></w:r></w:p></w:body></w:document>",
        )
    with pytest.raises(Unreadable) as caught:
        read(file.getvalue(), "a.docx")
    assert caught.value.state is State.DAMAGED


def test_what_python_docx_writes() -> None:
    import docx as python_docx

    document = python_docx.Document()
    document.add_heading("Supply Agreement", 1)
    document.add_paragraph("The supplier delivers.")
    document.add_paragraph("First", style="List Number")
    document.add_paragraph("Second", style="List Number")
    file = io.BytesIO()
    document.save(file)
    found = checked(read(file.getvalue(), "a.docx"))
    assert texts(found) == ["Supply Agreement", "The supplier delivers.", "1. First", "2. Second"]
    assert (found.blocks[0].style, found.blocks[0].level) == ("heading", 1)


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not there")
def test_real_contracts_keep_every_word_in_order() -> None:
    rows = json.loads((SHARED / "documents" / "manifest.json").read_text("utf-8"))
    whole = 0
    for row in rows:
        if row["file"].startswith("docx_derived/"):
            data = (SHARED / "documents" / row["file"]).read_bytes()
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                body = archive.read("word/document.xml").decode()
            plain = re.sub(r"<[^>]*>", "", body.replace("</w:p>", "\n"))
            text = checked(read(data, "a.docx")).text
            assert re.findall(r"\w+", text) == re.findall(r"\w+", html.unescape(plain)), row["file"]
            gold = re.findall(r"\w+", (SHARED / row["gold_text"]).read_text("utf-8"))
            whole += re.findall(r"\w+", text)[: len(gold)] == gold  # then a table that the file has more
    assert whole == 5  # the other three were cut when they were made: their own words are whole, see above
