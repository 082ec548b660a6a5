from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from service.retrieval.loaders import rectangles
from service.retrieval.loaders.tables import find_tables

from .made import checked, read, texts
from .papers import drawn, words

GRID = [(0.0, y, 300.0, y + 0.5) for y in (0.0, 20.0, 40.0, 60.0)] + [
    (x, 0.0, x + 0.5, 60.0) for x in (0.0, 100.0, 300.0)
]


def test_a_grid_is_a_table() -> None:
    (table,) = find_tables(GRID)
    assert len(table.cells) == 3
    assert table.cell_at(50, 10) == table.cell_at(99, 19) != table.cell_at(101, 10)
    assert table.cell_at(50, 70) == -1


def test_a_missing_line_makes_one_cell() -> None:
    (table,) = find_tables([*GRID[:4], GRID[4], GRID[6], (100.0, 20.0, 100.5, 60.0)])
    assert table.cell_at(50, 10) == table.cell_at(200, 10)
    assert table.cell_at(50, 30) != table.cell_at(200, 30)


def test_a_frame_and_rules_between_paragraphs_are_no_tables() -> None:
    frame = [
        (0.0, 0.0, 300.0, 0.5),
        (0.0, 60.0, 300.0, 60.5),
        (0.0, 0.0, 0.5, 60.0),
        (300.0, 0.0, 300.5, 60.0),
    ]
    assert find_tables(frame) == []
    assert find_tables(GRID[:4]) == []
    assert find_tables([]) == []


sides = st.floats(-50, 700)


@settings(deadline=None)
@given(st.lists(st.tuples(sides, sides, sides, sides), max_size=40), sides, sides)
def test_any_lines_give_cells_that_can_be_asked(boxes: list[Any], x: float, y: float) -> None:
    for table in find_tables([(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in boxes]):
        assert len({len(row) for row in table.cells}) == 1
        inside = table.xs[0] <= x < table.xs[-1] and table.ys[0] <= y < table.ys[-1]
        assert (table.cell_at(x, y) >= 0) == inside


def ruled(canvas: Any) -> None:
    words("The rent is due as follows:")(canvas)
    for i, row in enumerate((("Year", "Rent"), ("First year", "EUR 12,000"), ("Second year,", "EUR 13,000"))):
        for j, text in enumerate(row):
            canvas.rect(72 + 150 * j, 680 - 40 * i, 150, 40)
            canvas.drawString(76 + 150 * j, 704 - 40 * i, text)
    canvas.drawString(76, 606, "with notice")
    canvas.drawString(72, 560, "It is paid in advance.")


def test_a_table_in_a_pdf_keeps_its_rows_and_cells_and_its_places() -> None:
    data = drawn(ruled)
    document = checked(read(data, "a.pdf"))
    assert texts(document) == [
        "The rent is due as follows:",
        "Year\tRent\nFirst year\tEUR 12,000\nSecond year, with notice\tEUR 13,000",
        "It is paid in advance.",
    ]
    assert [block.style for block in document.blocks] == ["paragraph", "table", "paragraph"]
    start = document.text.index("EUR 13,000")
    ((_, ((x0, y0, x1, y1),)),) = rectangles(data, document, start, start + len("EUR 13,000"))
    assert 226 / 595 <= x0 < x1 < 320 / 595
    assert 205 / 842 < y0 < y1 < 225 / 842
