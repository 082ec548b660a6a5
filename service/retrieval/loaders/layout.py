"""Pure: the glyphs of a page -> its lines and tables, with the glyph behind every character.

Glyphs come in the order in which the file holds them, which is the reading order of nearly every file
that a word processor or a browser made. Lines are found by their height on the page.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from service.retrieval.loaders.glyph import Glyph, rows
from service.retrieval.loaders.tables import Box, Table

_SPACE = 0.18  # a gap of this share of the height parts two words, even where the file holds no space
_HAIR = 0.05  # the same after a clause number
_NUMBER = re.compile(r"(?:\d{1,2}\.)+\d{1,2}")
_RISES = 4  # lines above the line before, from which a page is sorted by height
_HYPHENS = ("-", "\u2010")


class Line(NamedTuple):
    """What stands on one height, or a whole table: words, and the extent."""

    text: str
    box: Box
    bold: bool = False
    first_word: float = 0.0  # width
    table: bool = False
    paragraph: int = 0  # that a recogniser found; 0 where lines tell by themselves
    words: tuple[Box, ...] = ()  # the box of each word, where they were recognised
    origin: tuple[int, ...] = ()  # for every character that is no space the glyph that it comes from

    @property
    def height(self) -> float:
        return self.box[3] - self.box[1]


def lines(glyphs: Sequence[Glyph], tables: Sequence[Table] = ()) -> list[Line]:
    """The page's lines and tables, in reading order."""
    found: list[Line] = []
    held: dict[int, list[int]] = {}
    loose: list[int] = []
    home: int | None = None
    for i, glyph in enumerate(glyphs):
        if tables and not glyph.blank:  # a blank goes with the word before it
            home = _home(glyph, tables)
        if home is None:
            loose.append(i)
            continue
        if home not in held:  # the table stands where its first glyph does
            found += _lines(glyphs, loose)
            loose = []
            held[home] = []
            found.append(Line("", (0.0, 0.0, 0.0, 0.0), table=True, paragraph=home))
        held[home].append(i)
    found += _lines(glyphs, loose)
    whole = (
        _tabled(glyphs, tables[line.paragraph], held[line.paragraph]) if line.table else line
        for line in found
    )
    return _ordered(list(whole))


def _ordered(found: list[Line]) -> list[Line]:
    """As the file has them, unless it goes upwards again and again: then from top to bottom, left to right."""
    if sum(_rises(a, b) for a, b in pairwise(found)) < _RISES:
        return found
    level: list[list[Line]] = []
    for line in sorted(found, key=lambda line: line.box[1]):
        if level and line.box[1] < (level[-1][0].box[1] + level[-1][0].box[3]) / 2:
            level[-1].append(line)
        else:
            level.append([line])
    return [line for row in level for line in sorted(row, key=lambda line: line.box[0])]


def _rises(a: Line, b: Line) -> bool:
    """Whether `b` stands above `a`, in the same column."""
    shared = min(a.box[2], b.box[2]) - max(a.box[0], b.box[0])
    return b.box[1] + b.box[3] < 2 * a.box[1] and shared > 0.3 * min(a.box[2] - a.box[0], b.box[2] - b.box[0])


def _home(glyph: Glyph, tables: Sequence[Table]) -> int | None:
    centre = _centre(glyph)
    return next((n for n, table in enumerate(tables) if table.cell_at(*centre) >= 0), None)


def _lines(glyphs: Sequence[Glyph], chosen: Sequence[int]) -> Iterator[Line]:
    part = [glyphs[i] for i in chosen]
    for row in rows(part):
        line = _line(part, row)
        yield line._replace(origin=tuple(chosen[i] for i in line.origin))


def _tabled(glyphs: Sequence[Glyph], table: Table, chosen: Sequence[int]) -> Line:
    """The table as one line: cells parted by tabs, rows by line ends; empty rows and columns are left out."""
    texts = {cell: list(_lines(glyphs, own)) for cell, own in _shared_out(glyphs, table, chosen).items()}
    rows = range(len(table.cells))
    columns = [c for c in range(len(table.xs) - 1) if any(_starts(table, r, c, texts) for r in rows)]
    written: list[str] = []
    origin: list[int] = []
    for r in rows:
        fields = [texts[table.cells[r][c]] if _starts(table, r, c, texts) else [] for c in columns]
        origin += (i for field in fields for line in field for i in line.origin)
        written.append("\t".join(joined(field) if field else "" for field in fields).rstrip("\t"))
    text = "\n".join(row for row in written if row)
    return Line(text, table.box, table=True, origin=tuple(origin))


def _shared_out(glyphs: Sequence[Glyph], table: Table, chosen: Sequence[int]) -> dict[int, list[int]]:
    """The glyphs of each cell. A blank goes with the word before it."""
    inside: dict[int, list[int]] = {}
    cell = -1
    for i in chosen:
        if not glyphs[i].blank:
            cell = table.cell_at(*_centre(glyphs[i]))
        inside.setdefault(cell, []).append(i)
    return {cell: own for cell, own in inside.items() if any(not glyphs[i].blank for i in own)}


def _centre(glyph: Glyph) -> tuple[float, float]:
    x0, y0, x1, y1 = glyph.box
    return (x0 + x1) / 2, (y0 + y1) / 2


def _starts(table: Table, r: int, c: int, texts: dict[int, list[Line]]) -> bool:
    """Whether a cell with text has its upper left corner here."""
    number = table.cells[r][c]
    first = (c == 0 or table.cells[r][c - 1] != number) and (r == 0 or table.cells[r - 1][c] != number)
    return number in texts and first


def _line(glyphs: Sequence[Glyph], row: list[int]) -> Line:
    text: list[str] = []
    origin: list[int] = []
    last: Glyph | None = None
    spaced = False
    for i in row:
        glyph = glyphs[i]
        if glyph.blank:
            spaced = True
            continue
        if last and (spaced or _apart(last, glyph, text)):
            text.append(" ")
        text.append(glyph.text)
        origin += [i] * sum(not c.isspace() for c in glyph.text)
        last, spaced = glyph, False
    return _measured("".join(text), origin, [glyphs[i] for i in row if not glyphs[i].blank])


def _apart(last: Glyph, glyph: Glyph, text: Sequence[str]) -> bool:
    """Whether a gap parts two words. After the number that a line begins with, half a hair is enough: "2.1 Rent"."""
    gap, height = glyph.box[0] - last.box[2], max(last.height, glyph.height)
    if gap > _SPACE * height:
        return True
    numbered = last.text.isdigit() and glyph.text.isupper() and gap > _HAIR * height
    return numbered and _NUMBER.fullmatch("".join(text)) is not None


def _measured(text: str, origin: list[int], drawn: list[Glyph]) -> Line:
    boxes = [glyph.box for glyph in drawn]
    box = (
        min(b[0] for b in boxes),
        median(b[1] for b in boxes),
        max(b[2] for b in boxes),
        median(b[3] for b in boxes),
    )
    word = text.split(" ", 1)[0]
    last = min(len(word), len(drawn)) - 1
    wide = drawn[last].box[2] - drawn[0].box[0]
    return Line(text, box, all(g.bold for g in drawn), wide, origin=tuple(origin))


def joined(block: list[Line]) -> str:
    """One string of a block's lines. A hyphen at a line's end stays, no space after it."""
    text = block[0].text
    for line in block[1:]:
        text += line.text if text.endswith(_HYPHENS) else " " + line.text
    return text
