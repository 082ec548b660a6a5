"""Pure: the glyphs of a page -> its lines, with the glyph behind every character -> its text and blocks.

Glyphs come in the order in which the file holds them, which is the reading order of nearly every file
that a word processor or a browser made. Lines are found by their height on the page; blocks by the gaps
between lines, indentation, size, and by lines that end although the next word had room.

Units are PDF points, origin at the page's top left, as the page is shown.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Literal, NamedTuple

from service.core import Style
from service.retrieval.loaders.headings import MAX_HEADING, heading_level, numbered_depth, starts_clause
from service.retrieval.loaders.tables import Box, Table

_SPACE = 0.18  # a gap of this share of the height parts two words, even where the file holds no space
_HAIR = 0.05  # the same after a clause number
_NUMBER = re.compile(r"(?:\d{1,2}\.)+\d{1,2}")
_STOPS = (".", ";", ":", "?", "!", ")", '"', "”")
_RISES = 4  # lines above the line before, from which a page is sorted by height
_SAMPLE = 2000  # glyphs that tell which way a page's text runs
_HYPHENS = ("-", "\u2010")
_CONTENTS = re.compile(r"[^\d.,]\s\d{1,3}$")  # as a line of a table of contents ends
_BULLETS = ("•", "●", "▪", "◦", "\uf0b7")


class Glyph(NamedTuple):
    """A drawn character; `text` holds several for a ligature. A blank glyph only parts words."""

    text: str
    box: Box
    bold: bool = False

    @property
    def blank(self) -> bool:
        return self.text.isspace() or not self.text

    @property
    def height(self) -> float:
        return self.box[3] - self.box[1]


class Span(NamedTuple):
    """A block of a page's text."""

    start: int
    end: int
    style: Style
    level: int


@dataclass(frozen=True, slots=True)
class Laid:
    """The text of a page."""

    text: str
    spans: tuple[Span, ...]


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


Way = Literal["right", "left", "up", "down"]


def way(glyphs: Sequence[Glyph]) -> Way:
    """Which way most of the page's text runs, by quarters.

    Text runs sideways where a landscape table stands on a portrait page, or a page was turned after printing.
    """
    drawn = [glyph.box for glyph in glyphs if not glyph.blank][:_SAMPLE]
    ways = Counter(_way(a, b) for a, b in pairwise(drawn))
    return max(ways, key=lambda way: ways[way], default="right")


def upright(glyphs: Sequence[Glyph], way: Way) -> Sequence[Glyph]:
    """The same glyphs, their boxes turned so that text that runs this way runs to the right."""
    return glyphs if way == "right" else [glyph._replace(box=turned(glyph.box, way)) for glyph in glyphs]


def _way(a: Box, b: Box) -> Way:
    across, along = b[0] + b[2] - a[0] - a[2], b[1] + b[3] - a[1] - a[3]
    if abs(across) >= abs(along):
        return "right" if across >= 0 else "left"
    return "down" if along > 0 else "up"


def turned(box: Box, way: Way) -> Box:
    x0, y0, x1, y1 = box
    ways = {"down": (y0, -x1, y1, -x0), "left": (-x1, -y1, -x0, -y0), "up": (-y1, x0, -y0, x1)}
    return ways.get(way, box)


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
        written.append("\t".join(_join(field) if field else "" for field in fields).rstrip("\t"))
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


def compose(lines: Sequence[Line]) -> Laid:
    """The text: words of a paragraph parted by single spaces, blocks by a blank line."""
    text: list[str] = []
    spans: list[Span] = []
    at = 0
    heights = [line.height for line in lines if not line.table]
    body = median(heights) if heights else 0.0
    for block in _blocks(list(lines)):
        joined = _join(block)
        if spans:
            text.append("\n\n")
            at += 2
        text.append(joined)
        spans.append(Span(at, at + len(joined), *_style(joined, block, body)))
        at += len(joined)
    return Laid("".join(text), tuple(spans))


def rows(glyphs: Sequence[Glyph]) -> Iterator[list[int]]:
    """Runs of glyphs that stand on one line, as indices; blank glyphs stay between the words they part."""
    row: list[int] = []
    last: Glyph | None = None
    for i, glyph in enumerate(glyphs):
        if not glyph.blank:
            if last is not None and not same_line(last, glyph):
                yield row
                row = []
            last = glyph
        if row or not glyph.blank:
            row.append(i)
    if row:
        yield row


def same_line(left: Glyph, right: Glyph) -> bool:
    """Whether `right` follows `left` on one line: its middle within the other's height, and not far back."""
    a, b = left.box, right.box
    level = a[1] <= (b[1] + b[3]) / 2 <= a[3] or b[1] <= (a[1] + a[3]) / 2 <= b[3]
    return level and b[0] >= a[0] - max(left.height, right.height) / 2


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


def _join(block: list[Line]) -> str:
    """One string of a block's lines. A hyphen at a line's end stays, no space after it."""
    text = block[0].text
    for line in block[1:]:
        text += line.text if text.endswith(_HYPHENS) else " " + line.text
    return text


def _style(text: str, block: list[Line], body: float) -> tuple[Style, int]:
    if block[0].table:
        return "table", 0
    level = heading_level(text)
    if level:
        return "heading", level
    if len(text) <= MAX_HEADING and len(block) <= 3 and text[-1] not in ".;,:":
        if block[0].height > 1.15 * body:
            return "heading", 1
        if all(line.bold for line in block) and any(c.isalpha() for c in text):
            return "heading", numbered_depth(text) or 2
    return ("list" if text.startswith(_BULLETS) else "paragraph"), 0


def _blocks(lines: list[Line]) -> Iterator[list[Line]]:
    room = [_room(lines, i) for i in range(len(lines) - 1)]
    usual = _usual_gap(lines, room)
    block = lines[:1]
    for i, line in enumerate(lines[1:]):
        if _parted(block, line, usual, room[i]):
            yield block
            block = []
        block.append(line)
    if block:
        yield block


def _room(lines: list[Line], i: int) -> float:
    """The room that line `i` leaves at its right beyond the next line's first word.

    The right edge is that of the neighbours which begin near the same left edge.
    """
    line, following = lines[i], lines[i + 1]
    near = (
        other for other in lines[max(0, i - 6) : i + 7] if abs(other.box[0] - line.box[0]) <= 4 * line.height
    )
    space = 0.4 * following.height
    return (
        max((other.box[2] for other in near), default=line.box[2])
        - line.box[2]
        - space
        - following.first_word
    )


def _usual_gap(lines: list[Line], room: list[float]) -> float:
    """The gap between lines of one paragraph, told by lines that are full and stop in the middle of a sentence."""
    gaps = [
        below.box[1] - line.box[3]
        for line, below, left in zip(lines, lines[1:], room, strict=False)
        if left < 0 and below.box[1] > line.box[1] and not line.text.endswith(_STOPS)
    ]
    return median(gaps) if gaps else 0.35 * median([line.height for line in lines] or [0.0])


def _parted(block: list[Line], line: Line, usual: float, room: float) -> bool:
    """Whether `line` begins a new block after `block`, whose last line leaves this much room."""
    last = block[-1]
    if line.table or last.table:
        return True
    if line.paragraph:
        return line.paragraph != last.paragraph
    height = max(last.height, line.height)
    gap = line.box[1] - last.box[3]
    if gap < -height or gap > usual + 0.45 * height or height > 1.2 * min(last.height, line.height):
        return True
    stopped = last.text.endswith(_STOPS)
    if room > (0.4 if stopped else 2.5) * height and not line.text[0].islower():
        return True  # the next word had room: the line was ended on purpose
    if (stopped or last.text.endswith((" and", " or"))) and starts_clause(line.text):
        return True
    if _CONTENTS.search(last.text) and starts_clause(line.text) and starts_clause(last.text):
        return True
    indented = line.box[0] > last.box[0] + 0.9 * height
    return indented and (len(block) > 1 or stopped) and not starts_clause(last.text)
