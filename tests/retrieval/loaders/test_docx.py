import io
import zipfile

import pytest

from service.config import Documents
from service.core import State
from service.retrieval.loaders import Unreadable, load

from .made import checked, docx, paragraph, read, run, texts

BY = 'w:id="1" w:author="A" w:date="2024-01-01T00:00:00Z"'


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
    assert "hidden text: 1" in document.ledger[0].reason


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
