"""Pure: what stands in columns and is no table, told by its words: prose, lists, tables of contents, signatures."""

import re
from collections.abc import Iterable, Sequence

from service.retrieval.loaders.headings import starts_clause

_WORDY = 32  # characters a cell on average, which only one column may go over
_PROSE = 40  # and that one by no more than this for each column that there is
_LISTED, _NUMBERED = 1 / 3, 0.75  # of a column's cells, from which it is one of marks, or of page numbers
_SIGNED = re.compile(
    r"^(?:by|name|title|its|signed|witness|print name|date|attest)\s*:|signature|_{3}|-{20}|/s/", re.I
)
_MARKER = re.compile(
    r"[^\w\s$€£%]|\(?[\dA-Z]{1,5}[.):]|\(?[ivxlc]{1,6}[.)]?|(?:\d+\.)*\d+\.?"
    r"|(?:section|article|clause|§)\s*[\dIVX.]+",
    re.I,
)
_FOLIO = re.compile(r"(?:[A-Z]{1,2}-)?\d{1,3}|[ivxlc]{1,6}", re.I)
_LEADER = re.compile(r"\.{4}|(?:\. ){4}")

Column = Sequence[str]  # the words of its cells


def is_lookalike(columns: Sequence[Column]) -> bool:
    return _prose(columns) or _listed(columns) or _contents(columns)


def is_signed(cells: Iterable[str]) -> bool:
    """Whether a cell is made to be signed, or has been."""
    return any(_SIGNED.search(cell) for cell in cells)


def _prose(columns: Sequence[Column]) -> bool:
    lengths = [sum(map(len, cells)) / len(cells) for cells in columns]
    return sum(length > _WORDY for length in lengths) > 1 or max(lengths) > _PROSE * len(columns)


def _listed(columns: Sequence[Column]) -> bool:
    """Numbers, letters or bullets, and a text beside each."""
    marked = sum(bool(_MARKER.fullmatch(cell) or starts_clause(cell)) for cell in columns[0])
    return len(columns) == 2 and marked > _LISTED * len(columns[0])


def _contents(columns: Sequence[Column]) -> bool:
    """Page numbers down the right side."""
    numbered = sum(bool(_FOLIO.fullmatch(cell)) for cell in columns[-1])
    dotted = any(_LEADER.search(cell) for cells in columns for cell in cells)
    return numbered > _NUMBERED * len(columns[-1]) or dotted
