"""Tables in: what a file holds, what its columns are, and what was left out and why."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from service.errors import BadRequest, TooLarge
from service.training import sheets
from service.training.mapping import Columns, guess, taken
from service.training.rows import MISPLACED
from service.training.sheets import Sheet, read

LAW = "This Agreement is governed by the laws of Delaware."
NOTICE = "Either party may terminate on thirty (30) days’ notice."


def table(rows: list[list[str]], separator: str = ",") -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=separator).writerows(rows)
    return out.getvalue().encode()


def workbook(*rows: list[Any]) -> bytes:
    book, out = Workbook(), io.BytesIO()
    book.create_sheet("empty", 0)
    sheet = book.worksheets[1]
    for row in rows:
        sheet.append(row)
    book.save(out)
    return out.getvalue()


cell = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r", exclude_categories=("Cs", "Cc")), max_size=20
)
grid = st.integers(2, 4).flatmap(
    lambda n: st.lists(st.lists(cell, min_size=n, max_size=n), min_size=1, max_size=6)
)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_sniffed(separator: str) -> None:
    rows = [
        ["Question", "Context", "Answer"],
        ["Which law, exactly; and why?", LAW, "Delaware"],
        ["x", "y", "z"],
    ]
    sheet = read(table(rows, separator), "rows.csv")
    assert sheet.columns == ("Question", "Context", "Answer")
    assert [list(record.values()) for record in sheet.records] == rows[1:]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_the_encoding_is_sniffed(encoding: str) -> None:
    data = "question,answer\nWhose façade?,the tenant’s\n".encode(encoding)
    assert read(data, "rows.csv").records == ({"question": "Whose façade?", "answer": "the tenant’s"},)


@given(grid)
def test_a_table_comes_in_as_it_is(rows: list[list[str]]) -> None:
    head = [f"c{n}" for n in range(len(rows[0]))]
    sheet = read(table([head, *rows]), "rows.csv")
    assert sheet.columns == tuple(head)
    kept = [row for row in rows if any(cell.strip() for cell in row)]
    assert [list(record.values()) for record in sheet.records] == kept


@given(st.binary(max_size=400), st.sampled_from(sheets.FORMS))
def test_no_bytes_break_it(data: bytes, form: str) -> None:
    try:
        sheet = read(data, f"rows.{form}")
    except (BadRequest, TooLarge):
        return
    assert all(set(record) <= set(sheet.columns) for record in sheet.records)


def test_a_workbook_s_formulas_dates_and_numbers_are_text() -> None:
    from datetime import datetime

    data = workbook(
        ["question", "n"], ["=1+1", 3.0], [datetime(2024, 5, 6), True], [None, None], ["last", 1.5]
    )
    assert [tuple(r.values()) for r in read(data, "rows.xlsx").records] == [
        ("=1+1", "3"), ("2024-05-06", "true"), ("last", "1.5"),
    ]  # fmt: skip


def test_a_nest_like_squad_s_becomes_a_record_a_question() -> None:
    qas: list[dict[str, Any]] = [
        {"id": "1", "question": "Which law?", "answers": [{"text": "Delaware", "answer_start": 42}]},
        {"id": "2", "question": "Which court?", "answers": [], "is_impossible": True},
    ]
    nest = {"data": [{"title": "Supply", "paragraphs": [{"context": LAW, "qas": qas}]}]}
    sheet = read(json.dumps(nest).encode(), "squad.json")
    found = taken(sheet, guess(sheet, "answers"), "answers", "u1")
    assert [(r.question, r.context, r.answer, r.source.group) for r in found.rows] == [
        ("Which law?", LAW, "Delaware", "Supply"),
        ("Which court?", LAW, "", "Supply"),
    ]
    flat = {"question": "Which law?", "context": LAW, "answers": {"text": ["Delaware"], "answer_start": [42]}}
    sheet = read(json.dumps(flat).encode() + b"\nnot json\n[1]\n", "rows.jsonl")
    assert sheet.records[0]["answers"] == "Delaware"
    assert sheet.problems == {"The line is not JSON.": 1, "The line is not an object.": 1}


def test_columns_are_guessed_by_their_names_and_else_by_what_they_hold() -> None:
    records = [{"id": str(n), "x1": f"Which law, {n}?", "x2": LAW * 3, "x3": "Delaware"} for n in range(9)]
    sheet = Sheet(("id", "x1", "x2", "x3"), tuple(records), {})
    assert guess(sheet, "answers") == Columns(question="x1", context="x2", answer="x3")
    named = Sheet(("Doc", "Full passage", "The Question", "Answer"), (), {})
    assert guess(named, "answers") == Columns("The Question", "Full passage", "Answer", group="Doc")
    labelled = [
        {"a": f"A fine film, {n} of them.", "b": "positive" if n % 2 else "negative"} for n in range(9)
    ]
    assert guess(Sheet(("a", "b"), tuple(labelled), {}), "classify") == Columns(context="a", label="b")


def test_what_is_left_out_is_counted_with_its_reason() -> None:
    rows = [
        ["question", "context", "answer", "impossible"],
        ["Which law?", LAW, "laws of\n Delaware", ""],
        ["Which law?", LAW, "laws of\n Delaware ", ""],
        ["Which notice?", NOTICE, "sixty days", ""],
        ["Which notice?", NOTICE, "kept for nothing", "TRUE"],
        ["", NOTICE, "", ""],
        ["Which?", "", "", ""],
        ["q" * 2001, LAW, "", ""],
    ]
    sheet = read(table(rows), "rows.csv")
    found = taken(sheet, guess(sheet, "answers"), "answers", "u1")
    assert [(r.question, r.answer) for r in found.rows] == [
        ("Which law?", "laws of\n Delaware"),
        ("Which notice?", ""),
    ]
    assert found.dropped == {
        "The row is in the file already.": 1,
        MISPLACED: 1,
        "The question is empty.": 1,
        "The context is empty.": 1,
        "The question has more than 2,000 characters.": 1,
    }


def test_a_part_without_a_column_is_told() -> None:
    sheet = read(table([["question", "context"], ["a", "b"]]), "rows.csv")
    with pytest.raises(BadRequest, match="answer"):
        taken(sheet, Columns("question", "context"), "answers", "u1")
    with pytest.raises(BadRequest, match="no column of the name"):
        taken(sheet, Columns("question", "context", "nothing"), "answers", "u1")


@pytest.mark.parametrize("name", ["rows.xls", "rows", "rows.exe"])
def test_other_forms_are_refused_by_name(name: str) -> None:
    with pytest.raises(BadRequest, match="csv"):
        read(b"x", name)


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "RECORDS", 2)
    with pytest.raises(TooLarge):
        read(table([["a", "b"], *[["1", "2"]] * 3]), "rows.csv")
    with pytest.raises(TooLarge):
        read(table([[str(n) for n in range(101)]]), "rows.csv")
