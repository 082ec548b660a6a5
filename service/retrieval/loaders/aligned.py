"""Pure: the glyphs of a page -> tables without ruling lines, told by columns of text with white gutters between them.

    Year            Rent            Notice
    First year      EUR 12,000      six months       rows of cells that stand under one another, in the order
    Second year     EUR 13,000      three months     in which the file holds them

A wrong table scrambles prose, a missed one costs little: whatever may be columns of prose, a list, a table of contents
or a block of signatures stays prose. And since a table's cells must come in the file's own order, row by row and cell
by cell, no table changes the order of words.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import inf
from statistics import median

from service.retrieval.loaders.glyph import Glyph, rows
from service.retrieval.loaders.lookalikes import is_lookalike, is_signed
from service.retrieval.loaders.tables import Box, Table

_GUTTER = 1.0  # of the height: a gap of this width may part two columns
_FAR, _NEAR = 2.2, 0.8  # of the height: gaps between a table's rows, and to a line of one cell alone
_STRAIGHT = 0.4  # of the height: so far may the edge of a cell be off
_MOSTLY = 0.75  # of a column's cells, whose edges agree
_ROWS, _COLUMNS = 3, 2  # at least
_BANDS = 400  # lines of a page at most, and rows of a table: more are no page of words
_TALLEST = 120
_FULL = 0.6  # of its rows at least are full enough, and of a column's cells


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of glyphs on one line without a wide gap."""

    order: int  # its place in the file
    text: str
    box: Box

    @property
    def height(self) -> float:
        return self.box[3] - self.box[1]


Band = list[Piece]  # what stands on one height, from left to right
Cells = dict[int, Band]  # of a row, by column


def aligned_tables(glyphs: Sequence[Glyph], ruled: Sequence[Table] = ()) -> list[Table]:
    """The tables outside the ruled ones."""
    bands = _bands(_pieces(glyphs))
    if len(bands) > _BANDS:
        return []
    free = [band if not any(_inside(piece, ruled) for piece in band) else [] for band in bands]
    found, at = list[Table](), 0
    while at < len(free):
        end = _reach(free, at)
        table = _table(free[at:end]) if end - at >= _ROWS else None
        if table:
            found.append(table)
        at = end if table else at + 1
    return found


def _inside(piece: Piece, tables: Sequence[Table]) -> bool:
    x, y = (piece.box[0] + piece.box[2]) / 2, (piece.box[1] + piece.box[3]) / 2
    return any(table.cell_at(x, y) >= 0 for table in tables)


def _pieces(glyphs: Sequence[Glyph]) -> list[Piece]:
    found: list[Piece] = []
    for row in rows(glyphs):
        run: list[Glyph] = []
        text = ""
        for glyph in (glyphs[i] for i in row):
            if glyph.blank:
                text += " "
                continue
            if run and glyph.box[0] - run[-1].box[2] > _GUTTER * max(run[-1].height, glyph.height):
                found.append(_piece(len(found), text, run))
                run, text = [], ""
            run.append(glyph)
            text += glyph.text
        if run:
            found.append(_piece(len(found), text, run))
    return found


def _piece(order: int, text: str, run: Sequence[Glyph]) -> Piece:
    boxes = [glyph.box for glyph in run]
    top, bottom = median(box[1] for box in boxes), median(box[3] for box in boxes)
    return Piece(order, text.strip(), (min(b[0] for b in boxes), top, max(b[2] for b in boxes), bottom))


def _bands(pieces: Sequence[Piece]) -> list[Band]:
    """From top to bottom."""
    bands: list[Band] = []
    for piece in sorted(pieces, key=lambda piece: piece.box[1] + piece.box[3]):
        if bands and (piece.box[1] + piece.box[3]) / 2 < bands[-1][0].box[3]:
            bands[-1].append(piece)
        else:
            bands.append([piece])
    return [sorted(band, key=lambda piece: piece.box[0]) for band in bands]


def _reach(bands: Sequence[Band], start: int) -> int:
    """Where the bands end that `start` begins a table with, if it is one: columns may be added, never run together."""
    columns: list[tuple[float, float]] = []
    for at in range(start, min(len(bands), start + _TALLEST)):
        band = bands[at]
        if not band or (at == start and len(band) < _COLUMNS):
            return at
        if at > start and _gap(bands[at - 1], band) > (_FAR if len(band) > 1 else _NEAR) * band[0].height:
            return at
        wider = _merged([*columns, *((piece.box[0], piece.box[2]) for piece in band)], band[0].height)
        if len(wider) < max(len(columns), _COLUMNS):
            return at
        columns = wider
    return min(len(bands), start + _TALLEST)


def _gap(above: Band, below: Band) -> float:
    return min(piece.box[1] for piece in below) - max(piece.box[3] for piece in above)


def _merged(spans: Sequence[tuple[float, float]], height: float) -> list[tuple[float, float]]:
    """The spans, those put together that no gutter parts."""
    found: list[tuple[float, float]] = []
    for left, right in sorted(spans):
        if found and left - found[-1][1] < _GUTTER * height:
            found[-1] = (found[-1][0], max(found[-1][1], right))
        else:
            found.append((left, right))
    return found


def _table(bands: Sequence[Band]) -> Table | None:
    """The bands as a table, from the first row of several cells to the last; None where they are none."""
    height = median(piece.height for band in bands for piece in band)
    columns = _merged([(p.box[0], p.box[2]) for band in bands for p in band], height)
    xs = [columns[0][0] - 1, *((a[1] + b[0]) / 2 for a, b in pairwise(columns)), columns[-1][1] + 1]
    lines = _folded([_row(group, xs) for group in _grouped(bands)], height)
    wide = [n for n, row in enumerate(lines) if len(row) >= _COLUMNS]
    if len(wide) < _ROWS:
        return None
    lines = lines[wide[0] : wide[-1] + 1]
    return _drawn(lines, xs) if _in_order(lines) and _is_table(lines, len(columns), height) else None


def _grouped(bands: Sequence[Band]) -> Iterator[list[Band]]:
    """Bands that make up one row: the file goes back up within it, and never out of it."""
    firsts = [min(piece.order for piece in band) for band in bands]
    below = list(accumulate(reversed(firsts), min))[::-1][1:]  # the first of all that is lower
    last, group = -1, list[Band]()
    for band, following in zip(bands, [*below, inf], strict=True):
        group.append(band)
        last = max(last, *(piece.order for piece in band))
        if last < following:
            yield group
            group = []


def _row(group: Sequence[Band], xs: Sequence[float]) -> Cells:
    cells: Cells = {}
    for band in group:
        for piece in band:
            middle = (piece.box[0] + piece.box[2]) / 2
            cells.setdefault(sum(x <= middle for x in xs) - 1, []).append(piece)
    return cells


def _folded(lines: Sequence[Cells], height: float) -> list[Cells]:
    """With what goes on under the last cell of a row put into that cell."""
    found: list[Cells] = []
    for row in lines:
        column = max(row)
        goes_on = found and len(row) == 1 and column == max(found[-1]) > 0
        if goes_on and row[column][0].box[1] - found[-1][column][-1].box[3] <= _NEAR * height:
            found[-1][column] += row[column]
        else:
            found.append(row)
    return found


def _in_order(lines: Sequence[Cells]) -> bool:
    """Whether the file holds the cells as they are read, and nothing in between."""
    orders = [piece.order for row in lines for column in sorted(row) for piece in row[column]]
    return orders == list(range(orders[0], orders[0] + len(orders)))


def _is_table(lines: Sequence[Cells], count: int, height: float) -> bool:
    full = [row for row in lines if len(row) >= _COLUMNS]
    if len(full) < _ROWS or len(full) < _FULL * len(lines):
        return False
    columns = [[row[column] for row in full if column in row] for column in range(count)]
    if any(len(cells) < _FULL * len(full) for cells in columns):
        return False
    texts = [[_text(cell) for cell in cells] for cells in columns]
    every = (_text(cell) for row in lines for cell in row.values())
    straight = all(_straight(cells, height) for cells in columns)
    return straight and not is_lookalike(texts) and not is_signed(every)


def _text(cell: Band) -> str:
    return " ".join(piece.text for piece in cell)


def _straight(cells: Sequence[Band], height: float) -> bool:
    """Whether the cells of a column begin, end, or have their middle in one line."""
    boxes = [cell[0].box for cell in cells]
    for places in (
        [box[0] for box in boxes],
        [box[2] for box in boxes],
        [(box[0] + box[2]) / 2 for box in boxes],
    ):
        middle = median(places)
        if sum(abs(place - middle) <= _STRAIGHT * height for place in places) >= _MOSTLY * len(places):
            return True
    return False


def _drawn(lines: Sequence[Cells], xs: Sequence[float]) -> Table:
    heights = [[piece.box for cell in row.values() for piece in cell] for row in lines]
    tops = [min(box[1] for box in boxes) for boxes in heights]
    bottoms = [max(box[3] for box in boxes) for boxes in heights]
    ys = [tops[0] - 1, *((a + b) / 2 for a, b in zip(bottoms, tops[1:], strict=False)), bottoms[-1] + 1]
    cells = tuple(tuple(r * len(xs) + c for c in range(len(xs) - 1)) for r in range(len(lines)))
    return Table((xs[0], ys[0], xs[-1], ys[-1]), tuple(ys), tuple(xs), cells)
