"""Tables without ruling lines: told where columns stand apart, and nowhere else."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.retrieval.loaders import rectangles
from service.retrieval.loaders.aligned import aligned_tables
from service.retrieval.loaders.blocks import compose
from service.retrieval.loaders.glyph import Glyph
from service.retrieval.loaders.layout import lines

from .made import checked, read, texts
from .papers import drawn as pdf
from .papers import words
from .test_layout import drawn, glyph

LINE = 12.0

RENT = (
    ("Year", "Rent", "Notice"),
    ("First year", "EUR 12,000", "six months"),
    ("Second year", "EUR 13,000", "three months"),
)


def laid(*cells: tuple[str, float, float]) -> list[Glyph]:
    """Cells in the order in which the file is to hold them: text, place, line."""
    return [g for text, x, row in cells for g in drawn(text, x=x, y=100 + LINE * row)]


def grid(rows: Any, *xs: float) -> list[Glyph]:
    return laid(
        *((text, x, n) for n, row in enumerate(rows) for x, text in zip(xs, row, strict=True) if text)
    )


def tables(glyphs: list[Glyph]) -> list[str]:
    return [line.text for line in lines(glyphs, aligned_tables(glyphs)) if line.table]


def test_columns_that_stand_apart_are_a_table() -> None:
    assert tables(grid(RENT, 72, 200, 320)) == [
        "Year\tRent\tNotice\nFirst year\tEUR 12,000\tsix months\nSecond year\tEUR 13,000\tthree months"
    ]


def test_figures_may_end_in_one_line() -> None:
    figures = ("1,000", "12", "123,456", "7")
    rows = [(f"Item {n}", 72.0, float(n)) for n in range(4)]
    ends = [(text, 300 - 5 * len(text), float(n)) for n, text in enumerate(figures)]
    (table,) = tables(laid(*(cell for pair in zip(rows, ends, strict=True) for cell in pair)))
    assert table == "Item 0\t1,000\nItem 1\t12\nItem 2\t123,456\nItem 3\t7"


def test_an_empty_cell_stays_empty_and_a_row_of_its_own_kind_stays_a_row() -> None:
    rows = (("Fees", "", "EUR"), ("Start", "May", "100"), ("Middle", "June", "200"), ("End", "July", "300"))
    assert tables(grid(rows, 72, 200, 320)) == [
        "Fees\t\tEUR\nStart\tMay\t100\nMiddle\tJune\t200\nEnd\tJuly\t300"
    ]


def test_cells_of_several_lines_are_told_by_the_files_own_order() -> None:
    """The file holds a cell's lines one after another, then the next cell: the row is told by that."""
    glyphs = laid(
        ("Year", 72, 0), ("Rent", 200, 0),
        ("First year,", 72, 1.5), ("from May", 72, 2.5), ("EUR 12,000", 200, 1.5), ("and the tax", 200, 2.5),
        ("Second year", 72, 4), ("EUR 13,000", 200, 4),
    )  # fmt: skip
    assert tables(glyphs) == [
        "Year\tRent\nFirst year, from May\tEUR 12,000 and the tax\nSecond year\tEUR 13,000"
    ]


def test_what_goes_on_under_the_last_cell_belongs_to_it() -> None:
    glyphs = grid((*RENT, ("", "", "in writing")), 72, 200, 320)
    assert tables(glyphs)[0].endswith("\nSecond year\tEUR 13,000\tthree months in writing")


def test_paragraphs_around_a_table_stay_outside() -> None:
    above = drawn("The rent is due as follows, in each of the years that are named:", y=70)
    below = drawn("It is paid in advance, on the first working day of the month.", y=160)
    glyphs = above + grid(RENT, 72, 200, 320) + below
    assert [line.table for line in lines(glyphs, aligned_tables(glyphs))] == [False, True, False]


LONG = (
    ("the parties agree that the whole of it", "the account that the lessor names"),
    ("rent be paid in advance on or before", "from time to time in writing and"),
    ("the first day of the month, in euro, and", "without any set off or deduction"),
    ("by transfer of cleared funds to", "that the lessee may think is due."),
)
DEFINED = (
    ("Lessor", "means the person that the first schedule names as the owner, and whoever follows it"),
    ("Term", "means the time from the beginning of the lease to its end, in whatever way that comes"),
    ("Rent", "means the sum that the lessee owes to the lessor for the use of the premises in a year"),
)
SIGNED = (
    ("LESSOR", "LESSEE"),
    ("By: /s/ Ada", "By: /s/ Bob"),
    ("Name: Ada", "Name: Bob"),
    ("Its: CEO", "Its: CFO"),
)
LINED = (("ACME PLC", "BOLT LTD"), ("-" * 30, "-" * 30), ("Ada Berg", "Bob Cole"), ("Director", "Director"))
ITEMS = ("The rent is due.", "It is paid in advance.", "It ends in May.", "It is over.")


def beside(*marks: str) -> list[tuple[str, str]]:
    return list(zip(marks, ITEMS, strict=False))


@pytest.mark.parametrize(
    ("rows", "xs"),
    [
        (LONG, (72, 320)),
        (DEFINED, (72, 150)),
        (SIGNED, (72, 320)),
        (LINED, (72, 320)),
        (beside("1.", "2.", "3.", "4."), (72, 110)),
        (beside("(a)", "(b)", "(c)"), (72, 110)),
        (beside("•", "•", "•"), (72, 110)),
        (beside("1.1", "1.2", "1.3"), (72, 110)),
        (beside("Section 1", "Section 2", "Section 3"), (72, 150)),
        ([("Rent", "3"), ("Term", "5"), ("Notice", "12"), ("Law", "14")], (72, 400)),
        ([("1", "Rent", "3"), ("2", "Term", "5"), ("3", "Notice", "12")], (72, 100, 400)),
        ([("Year", "Rent"), ("First", "EUR 12")], (72, 200)),
    ],
)
def test_prose_lists_contents_and_signatures_are_no_tables(rows: Any, xs: tuple[float, ...]) -> None:
    assert tables(grid(rows, *xs)) == []


def test_columns_that_the_file_holds_one_after_the_other_are_no_table() -> None:
    columns = [(row[c], x, float(n)) for c, x in ((0, 72.0), (1, 250.0)) for n, row in enumerate(RENT)]
    assert tables(laid(*columns)) == []


def test_cells_that_stand_in_no_line_are_no_table() -> None:
    cells = [(str(n) * 4, 72 + 9.0 * n, float(n)) for n in range(4)]
    more = [(str(n) * (3 + 2 * n % 5), 250 + 23.0 * (n * n % 4), float(n)) for n in range(4)]
    assert tables(laid(*(cell for pair in zip(cells, more, strict=True) for cell in pair))) == []


def test_text_between_the_cells_in_the_file_keeps_them_from_being_a_table() -> None:
    glyphs = grid(RENT[:2], 72, 200, 320) + drawn("a note in the margin", y=400) + grid(RENT, 72, 200, 320)
    assert tables(glyphs) == []


def test_a_table_in_a_pdf_and_the_places_of_its_cells() -> None:
    def page(canvas: Any) -> None:
        words("The rent is due as follows:")(canvas)
        for n, row in enumerate(RENT):
            for x, text in zip((72, 200, 320), row, strict=True):
                canvas.drawString(x, 720 - 16 * n, text)
        canvas.drawString(72, 640, "It is paid in advance.")

    data = pdf(page)
    document = checked(read(data, "a.pdf"))
    assert texts(document) == [
        "The rent is due as follows:",
        "Year\tRent\tNotice\nFirst year\tEUR 12,000\tsix months\nSecond year\tEUR 13,000\tthree months",
        "It is paid in advance.",
    ]
    assert [block.style for block in document.blocks] == ["paragraph", "table", "paragraph"]
    start = document.text.index("EUR 13,000")
    ((_, ((x0, y0, x1, y1),)),) = rectangles(data, document, start, start + len("EUR 13,000"))
    assert 199 / 595 <= x0 < x1 < 270 / 595
    assert 142 / 842 < y0 < y1 < 158 / 842


cell = st.text("aB1 .,:-", max_size=12)
places = st.lists(st.floats(0, 500), min_size=2, max_size=4, unique=True)


@settings(deadline=None)
@given(st.data())
def test_no_table_changes_the_order_of_the_files_words(data: st.DataObject) -> None:
    xs = sorted(data.draw(places))
    rows = data.draw(st.lists(st.tuples(*(cell for _ in xs)), min_size=1, max_size=7))
    glyphs = grid(rows, *xs) + data.draw(st.lists(glyph, max_size=6))
    data.draw(st.randoms()).shuffle(glyphs) if data.draw(st.booleans()) else None
    found = lines(glyphs, aligned_tables(glyphs))
    for line in found:
        assert list(line.origin) == sorted(line.origin)
    origin = [i for line in found for i in line.origin]
    assert sorted(set(origin)) == [i for i, g in enumerate(glyphs) if not g.blank]
    assert "".join(compose(found).text.split()) == "".join(glyphs[i].text for i in dict.fromkeys(origin))


@settings(deadline=None)
@given(st.lists(st.tuples(cell, cell, cell), min_size=3, max_size=6))
def test_a_plain_grid_gives_its_own_cells(rows: list[tuple[str, str, str]]) -> None:
    rows = [tuple(" ".join(text.split()) for text in row) for row in rows]  # type: ignore[misc]
    for found in tables(grid(rows, 72, 200, 320)):
        written = [[text for text in row if text] for row in rows]
        for line in found.split("\n"):
            cells = [text for text in line.split("\t") if text]
            assert cells in written or any(cells[:-1] == row[:-1] for row in written)
