"""Tracked changes as data: what the marks say, and that the original can be had back from them."""

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from service.core import Mark
from service.retrieval.loaders import original_text

from .made import checked, docx, paragraph, read, run

ANNA = 'w:id="1" w:author="Anna" w:date="2024-01-01T00:00:00Z"'
BEN = 'w:id="2" w:author="Ben" w:date="2024-02-02T00:00:00Z"'


class Stretch(NamedTuple):
    text: str
    fate: str  # "kept", "ins" or "del"


class Line(NamedTuple):
    stretches: list[Stretch]
    end: str  # what became of the paragraph's end


FATES = st.sampled_from(["kept", "kept", "ins", "del"])
STRETCHES = st.builds(Stretch, st.text("abc. ", min_size=1, max_size=5), FATES)
LINES = st.lists(st.builds(Line, st.lists(STRETCHES, max_size=4), FATES), min_size=1, max_size=5)


def inserted(text: str, by: str = ANNA) -> str:
    return f"<w:ins {by}>{run(text)}</w:ins>"


def deleted(text: str, by: str = ANNA) -> str:
    return f'<w:del {by}><w:r><w:delText xml:space="preserve">{text}</w:delText></w:r></w:del>'


def written(lines: list[Line]) -> bytes:
    makers = {"kept": run, "ins": inserted, "del": deleted}
    body = [paragraph("first")]
    for line in lines:
        runs = "".join(makers[stretch.fate](stretch.text) for stretch in line.stretches) or " "
        end = "" if line.end == "kept" else f"<w:rPr><w:{line.end} {ANNA}/></w:rPr>"
        body.append(paragraph(runs=runs, properties=end))
    return docx("".join(body) + paragraph("last"))


def words(lines: list[Line], without: str) -> list[list[str]]:
    """The words of each paragraph when the changes of one kind are left out."""
    text = "first\n"
    for line in lines:
        text += "".join(stretch.text for stretch in line.stretches if stretch.fate != without)
        text += "" if line.end == without else "\n"
    return [part.split() for part in (text + "last").split("\n") if part.strip()]


def split(text: str) -> list[list[str]]:
    return [part.split() for part in text.split("\n\n")]


@settings(max_examples=150, deadline=None)
@given(LINES)
def test_accepted_and_original_come_back_word_for_word(lines: list[Line]) -> None:
    document = checked(read(written(lines), "a.docx"))
    assert split(document.text) == words(lines, without="del")
    assert split(original_text(document)) == words(lines, without="ins")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.builds(Stretch, st.text("abc ", min_size=1, max_size=5), FATES), min_size=1, max_size=8))
def test_an_inserted_mark_covers_the_inserted_words_and_no_others(stretches: list[Stretch]) -> None:
    bounded = [Stretch("<", "kept"), *stretches, Stretch(">", "kept")]
    makers = {"kept": lambda text: run(text.replace("<", "&lt;")), "ins": inserted, "del": deleted}
    document = read(docx(paragraph(runs="".join(makers[s.fate](s.text) for s in bounded))), "a.docx")
    marks = [mark for mark in document.marks if mark.kind == "inserted"]
    assert "".join(document.text[m.start : m.end] for m in marks) == "".join(
        s.text for s in stretches if s.fate == "ins"
    )
    gone = "".join(mark.text for mark in document.marks if mark.kind == "deleted")
    assert gone == "".join(s.text for s in stretches if s.fate == "del")
    assert original_text(document) == "".join(s.text for s in bounded if s.fate != "ins")
    assert list(document.marks) == sorted(document.marks, key=lambda mark: (mark.start, mark.end))


def test_by_whom_and_when() -> None:
    runs = run("The fee is ") + deleted("USD 1", BEN) + inserted("USD 900,000") + run(" a year.")
    document = read(docx(paragraph(runs=runs)), "a.docx")
    assert document.text == "The fee is USD 900,000 a year."
    assert document.marks == (
        Mark("deleted", 11, 11, "USD 1", "Ben", "2024-02-02T00:00:00Z"),
        Mark("inserted", 11, 22, "", "Anna", "2024-01-01T00:00:00Z"),
    )
    assert original_text(document) == "The fee is USD 1 a year."
    assert [(entry.fate, entry.characters) for entry in document.ledger] == [("inserted", 11), ("deleted", 5)]


def test_moves_are_a_deletion_and_an_insertion() -> None:
    away = f"<w:moveFrom {ANNA}>{run('The rent is due.')}</w:moveFrom>"
    here = f"<w:moveTo {ANNA}>{run('The rent is due.')}</w:moveTo>"
    document = read(docx(paragraph(runs=away) + paragraph("Term.") + paragraph(runs=here)), "a.docx")
    assert document.text == "Term.\n\nThe rent is due."
    assert [(m.kind, m.start, m.text) for m in document.marks] == [
        ("deleted", 0, "The rent is due.\n\n"),
        ("inserted", 7, ""),
    ]
    assert original_text(document) == "The rent is due.\n\nTerm."


def test_what_was_inserted_and_deleted_again_stands_nowhere() -> None:
    again = f"<w:ins {ANNA}>{deleted('never', BEN)}</w:ins>"
    document = read(docx(paragraph(runs=run("Rent.") + again)), "a.docx")
    assert (document.text, document.marks, original_text(document)) == ("Rent.", (), "Rent.")
    assert [(entry.fate, entry.characters) for entry in document.ledger] == [("dropped", 5)]


def row(*cells: str, change: str = "") -> str:
    inner = "".join(f"<w:tc>{paragraph(runs=cell)}</w:tc>" for cell in cells)
    return f"<w:tr><w:trPr>{change and f'<w:{change} {ANNA}/>'}</w:trPr>{inner}</w:tr>"


def test_rows_and_cells_of_tables() -> None:
    table = (
        row(run("Item"), run("Price"))
        + row(run("Desk"), run("5"), change="del")
        + row(run("Lamp"), run("7"), change="ins")
        + row(run("Chair"), deleted("8") + inserted("9"))
    )
    document = checked(
        read(docx(paragraph("Goods") + f"<w:tbl>{table}</w:tbl>" + paragraph("End")), "a.docx")
    )
    assert document.text == "Goods\n\nItem\tPrice\nLamp\t7\nChair\t9\n\nEnd"
    assert original_text(document) == "Goods\n\nItem\tPrice\nDesk\t5\nChair\t8\n\nEnd"


def test_a_row_or_table_that_is_gone() -> None:
    table = row(run("Item"), run("Price"), change="del") + row(run("Desk"), run("5"), change="del")
    document = read(docx(paragraph("Goods") + f"<w:tbl>{table}</w:tbl>" + paragraph("End")), "a.docx")
    assert document.text == "Goods\n\nEnd"
    assert original_text(document) == "Goods\n\nItem\tPrice\nDesk\t5\n\nEnd"


def test_the_number_of_an_inserted_clause_is_inserted_with_it() -> None:
    from .test_numbering import LEGAL

    numbered = '<w:numPr><w:ilvl w:val="2"/><w:numId w:val="1"/></w:numPr>'
    body = paragraph("rent", numbered) + paragraph(runs=inserted("term"), properties=numbered)
    document = read(docx(body, numbering=LEGAL), "a.docx")
    assert document.text == "(a) rent\n\n(b) term"
    assert original_text(document) == "(a) rent"


def test_comments_cover_their_range_and_are_no_part_of_the_text() -> None:
    runs = (
        run("The ")
        + '<w:commentRangeStart w:id="0"/>'
        + run("fee")
        + '<w:commentRangeEnd w:id="0"/><w:r><w:commentReference w:id="0"/></w:r>'
        + run(" is due")
        + '<w:r><w:commentReference w:id="1"/></w:r><w:commentRangeStart w:id="2"/>'
    )
    end = '<w:commentRangeEnd w:id="2"/>'
    comments = "".join(
        f'<w:comment w:id="{n}" w:author="Anna" w:date="d">{paragraph(text)}{paragraph("!")}</w:comment>'
        for n, text in enumerate(["Too high", "When", "Both", "Lost"])
    )
    body = paragraph(runs=runs) + paragraph(runs=run(" monthly ") + end)
    document = checked(read(docx(body, comments=comments), "a.docx"))
    assert document.text == "The fee is due\n\nmonthly"
    found = [(document.text[m.start : m.end], m.text, m.by, m.date) for m in document.marks]
    assert found == [
        ("fee", "Too high\n!", "Anna", "d"),
        ("", "When\n!", "Anna", "d"),
        ("\n\nmonthly", "Both\n!", "Anna", "d"),
        ("", "Lost\n!", "Anna", "d"),
    ]
    assert [(entry.fate, entry.characters) for entry in document.ledger] == [("commented", 28)]


def test_a_deleted_footnote_is_a_deletion() -> None:
    gone = f'<w:del {ANNA}><w:r><w:footnoteReference w:id="2"/></w:r></w:del>'
    kept = '<w:r><w:footnoteReference w:id="3"/></w:r>'
    notes = "".join(
        f'<w:footnote w:id="{n}">{paragraph(text)}</w:footnote>' for n, text in ((2, "Old."), (3, "New."))
    )
    document = read(docx(paragraph(runs=run("Rent") + gone + kept), footnotes=notes), "a.docx")
    assert document.text == "Rent\n\nFootnote 1: New."
    assert [mark.text for mark in document.marks] == ["Footnote: Old.\n\n"]


def test_a_text_without_changes_is_its_own_original() -> None:
    text = "  odd \n\n\n spaces stay\n"
    assert original_text(read(text.encode(), "a.txt")) == text
