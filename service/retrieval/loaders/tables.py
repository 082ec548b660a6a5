"""Pure: ruling lines of a page -> tables, as grids of cells.

Lines that touch belong together. Their heights and places make the rows and columns of a grid; neighbours with no
line between them are one cell. A grid of fewer than two rows or two columns is a frame, not a table.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

Box = tuple[float, float, float, float]  # x0, y0, x1, y1

_NEAR = 3.0  # points: lines this close are one line, ends this close touch
_MOST = 600  # ruling lines that are looked at: more are a drawing
_EDGES = 120  # rows or columns at most


class _Stroke(NamedTuple):
    at: float  # height of a level line, place of an upright one
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Table:
    """`cells[row][column]` is the number of the cell, shared by the places that a wide or high cell fills."""

    box: Box
    ys: tuple[float, ...]  # edges of the rows
    xs: tuple[float, ...]
    cells: tuple[tuple[int, ...], ...]

    def cell_at(self, x: float, y: float) -> int:
        """The number of the cell at a point, -1 outside the table."""
        row, column = bisect_right(self.ys, y) - 1, bisect_right(self.xs, x) - 1
        if 0 <= row < len(self.cells) and 0 <= column < len(self.cells[0]):
            return self.cells[row][column]
        return -1


def find_tables(rules: Sequence[Box]) -> list[Table]:
    level, upright = _strokes(rules)
    if len(level) < 2 or len(upright) < 2 or len(level) + len(upright) > _MOST:
        return []
    tables = (_table(*group) for group in _groups(level, upright))
    return [table for table in tables if table]


def _strokes(rules: Iterable[Box]) -> tuple[list[_Stroke], list[_Stroke]]:
    level, upright = [], []
    for x0, y0, x1, y1 in rules:
        if x1 - x0 >= y1 - y0:
            level.append(_Stroke((y0 + y1) / 2, x0, x1))
        else:
            upright.append(_Stroke((x0 + x1) / 2, y0, y1))
    return _joined(level), _joined(upright)


def _joined(strokes: list[_Stroke]) -> list[_Stroke]:
    """Pieces of one line put together."""
    found: list[_Stroke] = []
    for stroke in sorted(set(strokes)):
        last = next(
            (
                i
                for i in range(len(found) - 1, max(-1, len(found) - 40), -1)
                if stroke.at - found[i].at <= _NEAR
                and stroke.start <= found[i].end + _NEAR
                and found[i].start <= stroke.end + _NEAR
            ),
            None,
        )
        if last is None:
            found.append(stroke)
        else:
            old = found[last]
            found[last] = _Stroke(old.at, min(old.start, stroke.start), max(old.end, stroke.end))
    return found


def _groups(level: list[_Stroke], upright: list[_Stroke]) -> list[tuple[list[_Stroke], list[_Stroke]]]:
    """Lines that touch, directly or through others."""
    owner = list(range(len(level) + len(upright)))

    def root(i: int) -> int:
        while owner[i] != i:
            owner[i] = owner[owner[i]]
            i = owner[i]
        return i

    for i, h in enumerate(level):
        for j, v in enumerate(upright):
            if _within(v.at, h.start, h.end) and _within(h.at, v.start, v.end):
                owner[root(i)] = root(len(level) + j)
    groups: dict[int, tuple[list[_Stroke], list[_Stroke]]] = {}
    for i, stroke in enumerate([*level, *upright]):
        groups.setdefault(root(i), ([], []))[i >= len(level)].append(stroke)
    return list(groups.values())


def _within(value: float, start: float, end: float) -> bool:
    return start - _NEAR <= value <= end + _NEAR


def _table(level: list[_Stroke], upright: list[_Stroke]) -> Table | None:
    ys, xs = _edges(level), _edges(upright)
    if not (3 <= len(ys) <= _EDGES and 3 <= len(xs) <= _EDGES):
        return None
    cells = _cells(level, upright, ys, xs)
    table = Table((xs[0], ys[0], xs[-1], ys[-1]), ys, xs, cells)
    wide = sum(len(set(row)) > 1 for row in cells)
    return table if wide >= 2 else None


def _edges(strokes: list[_Stroke]) -> tuple[float, ...]:
    edges: list[float] = []
    for at in sorted(stroke.at for stroke in strokes):
        if not edges or at - edges[-1] > _NEAR:
            edges.append(at)
    return tuple(edges)


def _cells(
    level: list[_Stroke], upright: list[_Stroke], ys: tuple[float, ...], xs: tuple[float, ...]
) -> tuple[tuple[int, ...], ...]:
    """Numbers of the cells; a place with no line towards its left or upper neighbour is of that one's cell."""
    cells: list[list[int]] = []
    for r in range(len(ys) - 1):
        cells.append([])
        y = (ys[r] + ys[r + 1]) / 2
        for c in range(len(xs) - 1):
            x = (xs[c] + xs[c + 1]) / 2
            if c and not _ruled(upright, xs[c], y):
                cells[r].append(cells[r][c - 1])
            elif r and not _ruled(level, ys[r], x):
                cells[r].append(cells[r - 1][c])
            else:
                cells[r].append(r * len(xs) + c)
    return tuple(tuple(row) for row in cells)


def _ruled(strokes: list[_Stroke], at: float, across: float) -> bool:
    return any(abs(s.at - at) <= _NEAR and s.start <= across <= s.end for s in strokes)
