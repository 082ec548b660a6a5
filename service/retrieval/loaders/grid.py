"""Tables: rows on lines of their own, cells parted by tabs; or, of a table that only lays out a page, its parts."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from service.retrieval.loaders.content import Part
from service.retrieval.loaders.tracked import Ink, Run, Runs, squeezed, whole_ink

_LONG_CELL = 200  # characters a cell on average from which a table is a page layout and not a table


class Cell(NamedTuple):
    parts: Sequence[Part]
    span: int = 1  # columns that it goes over


class Row(NamedTuple):
    cells: Sequence[Cell]
    ink: Ink | None = None  # of a row that was inserted or deleted as a whole


def laid(rows: Sequence[Row]) -> list[Part]:
    """One table part; the parts one after another where there is one column, or more text than a table has."""
    cells = [cell.parts for row in rows for cell in row.cells]
    filled = [parts for parts in cells if any(part.accepted.strip() for part in parts)]
    length = sum(len(part.accepted) for parts in filled for part in parts)
    if max((len(row.cells) for row in rows), default=0) <= 1 or length > _LONG_CELL * max(1, len(filled)):
        return [part for parts in cells for part in parts]
    return [Part(tuple(chain.from_iterable(map(_row, rows))), "table")]


def _row(row: Row) -> Iterator[Run]:
    """The row's runs with its line end; none for a row without words."""
    cells = [(squeezed(joined(cell.parts)), cell.span) for cell in row.cells]
    words = [run for cell, _ in cells for run in cell]
    if not any(run.text for run in words):
        return
    ink = row.ink or whole_ink(words)
    for at, (cell, span) in enumerate(cells):
        yield from cell
        yield Run("\t" * (span if at < len(cells) - 1 else 0), ink)
    yield Run("\n", ink)


def joined(parts: Iterable[Part]) -> Runs:
    """The parts in a line of their own, a space between them."""
    runs: list[Run] = []
    for part in parts:
        if runs and part.text:
            runs.append(Run(" ", whole_ink(part.runs)))
        runs += part.runs
    return tuple(runs)
