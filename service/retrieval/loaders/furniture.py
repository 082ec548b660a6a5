"""Pure: which lines of a document's pages are running headers, footers and page numbers.

Only lines at the very top or bottom of a page come into question, from its edge inwards without a gap. A running line
stands at the same height on most pages (or on most left or most right ones) with the same words, digits aside. Its
first occurrence stays in the text: no word is lost. A page number is a line of nothing else whose value goes up with
the pages.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import NamedTuple

from service.retrieval.loaders.layout import Line

_EDGE = 4  # bands from the top and from the bottom that are looked at
_NEAR = 9.0  # points: as far apart do running lines stand from page to page
_PAGES = 3  # pages that a line must stand on to be a running one
_LONGEST = 250  # characters
_NUMBER = re.compile(
    r"(?:page\s*|seite\s*|p\.\s*)?[-–—\[(\s]*(?:[a-z]{1,2}[-–.])?(\d{1,4}|[ivxlc]{1,7})[-–—\])\s.]*"
    r"(?:(?:of|von|/)\s*\d{1,4})?[-–—\])\s.]*"
)
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}


class Band(NamedTuple):
    """Lines on one height."""

    top: float
    words: str  # digits as "#", without case
    lines: tuple[int, ...]
    number: int | None  # when it holds a page number and nothing else


@dataclass(slots=True)
class Furniture:
    """Per page the numbers of lines to leave out, and where they stand."""

    running: list[set[int]] = field(default_factory=list)
    numbers: list[set[int]] = field(default_factory=list)


def furniture(pages: Sequence[Sequence[Line]]) -> Furniture:
    edges = [_edges(page) for page in pages]
    found = Furniture([set() for _ in pages], [set() for _ in pages])
    for side in (0, 1):
        bands = [edge[side] for edge in edges]
        _sort_out(bands, _running(bands, len(pages)), _numbered(bands), found)
    return found


def _edges(lines: Sequence[Line]) -> tuple[list[Band], list[Band]]:
    """The bands at the top, from the edge inwards, and those at the bottom. They share none."""
    bands = list(_bands(lines))
    half = len(bands) // 2
    return bands[: min(_EDGE, half)], bands[::-1][: min(_EDGE, len(bands) - half)]


def _bands(lines: Sequence[Line]) -> Iterator[Band]:
    order = sorted((i for i, line in enumerate(lines) if not line.table), key=lambda i: lines[i].box[1])
    band: list[int] = []
    for i in order:
        if band and lines[i].box[1] > _middle(lines[band[0]]):
            yield _band(lines, band)
            band = []
        band.append(i)
    if band:
        yield _band(lines, band)


def _middle(line: Line) -> float:
    return (line.box[1] + line.box[3]) / 2


def _band(lines: Sequence[Line], band: list[int]) -> Band:
    text = " ".join(lines[i].text for i in sorted(band, key=lambda i: lines[i].box[0])).casefold()
    return Band(lines[band[0]].box[1], re.sub(r"\d+", "#", text)[: _LONGEST + 1], tuple(band), _value(text))


def _value(text: str) -> int | None:
    match = _NUMBER.fullmatch(text.strip()) if len(text) < 30 else None
    if not match:
        return None
    if match[1].isdigit():
        return int(match[1])
    digits = [_ROMAN[letter] for letter in match[1]]
    return sum(-a if a < b else a for a, b in zip(digits, [*digits[1:], 0], strict=True))


def _running(sides: Sequence[Sequence[Band]], count: int) -> set[tuple[int, int]]:
    """(page, place) of the bands that stand on most pages."""
    places: dict[str, list[tuple[int, int, float]]] = defaultdict(list)
    for page, bands in enumerate(sides):
        for place, band in enumerate(bands):
            if band.number is None and len(band.words) <= _LONGEST:
                places[band.words].append((page, place, band.top))
    return {(page, place) for own in places.values() for page, place in _steady(own, count)}


def _steady(own: list[tuple[int, int, float]], count: int) -> Iterator[tuple[int, int]]:
    for page, place, top in own:
        near = {other for other, _, height in own if abs(height - top) <= _NEAR}
        if len(near) >= _PAGES and _most(near, count):
            yield page, place


def _most(pages: set[int], count: int) -> bool:
    """More than half of all pages, nearly all left or right ones, or eight in a row and more."""
    if len(pages) > count / 2:
        return True
    for parity in (0, 1):
        own = {page for page in pages if page % 2 == parity}
        if len(own) == len(pages) and len(own) > 0.8 * ((count + 1 - parity) // 2):
            return True
    return len(pages) >= 8 and len(pages) >= 0.9 * (max(pages) - min(pages) + 1)


def _numbered(sides: Sequence[Sequence[Band]]) -> set[tuple[int, int]]:
    """(page, place) of the bands whose number goes on, or comes from, a page near by."""
    numbers = {
        (page, place): band.number
        for page, bands in enumerate(sides)
        for place, band in enumerate(bands)
        if band.number is not None
    }
    values: dict[int, set[int]] = defaultdict(set)
    for (page, _), value in numbers.items():
        values[page].add(value)
    near = (-3, -2, -1, 1, 2, 3)
    return {
        (page, place)
        for (page, place), value in numbers.items()
        if any(value + step in values.get(page + step, ()) for step in near)
    }


def _sort_out(
    sides: Sequence[Sequence[Band]],
    running: set[tuple[int, int]],
    numbered: set[tuple[int, int]],
    found: Furniture,
) -> None:
    """From each page's edge inwards, until a band is neither.

    Where no such end comes, it is the page itself that is repeated, and only its number goes.
    """
    known: set[str] = set()
    either = running | numbered
    for page, bands in enumerate(sides):
        ours = list(takewhile(either.__contains__, ((page, place) for place in range(len(bands)))))
        for _, place in ours:
            band = bands[place]
            if (page, place) in numbered:
                found.numbers[page].update(band.lines)
            elif band.words in known and len(ours) < len(bands):
                found.running[page].update(band.lines)
            known.add(band.words)
