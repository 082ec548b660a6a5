"""Pure: the glyphs of a page -> its text and blocks, and for every character the glyph that it comes from.

Glyphs come in the order in which the file holds them, which is the reading order of nearly every file
that a word processor or a browser made. Lines are found by their height on the page; blocks by the gaps
between lines, indentation, size, and by lines that end although the next word had room.

Units are PDF points, origin at the page's top left, as the page is shown.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from service.core import Style
from service.retrieval.loaders.headings import MAX_HEADING, heading_level, numbered_depth, starts_clause

Box = tuple[float, float, float, float]  # x0, y0, x1, y1

_SPACE = 0.18  # a gap of this share of the height parts two words, even where the file holds no space
_STOPS = (".", ";", ":", "?", "!", ")", '"', "”")
_SAMPLE = 2000  # glyphs that tell which way a page's text runs
_HYPHENS = ("-", "\u2010")
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
    """A page's text. `origin[i]` is the glyph behind `text[i]`, -1 for a space or line end put in between."""

    text: str
    origin: tuple[int, ...]
    spans: tuple[Span, ...]


@dataclass(slots=True)
class Line:
    """What stands on one height: characters with the glyphs behind them, and the extent."""

    text: str
    origin: list[int]
    box: Box
    bold: bool
    first_word: float  # width

    @property
    def height(self) -> float:
        return self.box[3] - self.box[1]


def upright(glyphs: Sequence[Glyph]) -> Sequence[Glyph]:
    """The same glyphs, their boxes turned by quarters so that most of the page's text runs to the right.

    Text runs sideways where a landscape table stands on a portrait page, or a page was turned after printing.
    """
    drawn = [glyph.box for glyph in glyphs[:_SAMPLE] if not glyph.blank]
    ways = Counter(_way(a, b) for a, b in pairwise(drawn))
    way = max(ways, key=lambda way: ways[way], default="right")
    if way == "right":
        return glyphs
    return [glyph._replace(box=_turned(glyph.box, way)) for glyph in glyphs]


def _way(a: Box, b: Box) -> str:
    across, along = b[0] + b[2] - a[0] - a[2], b[1] + b[3] - a[1] - a[3]
    if abs(across) >= abs(along):
        return "right" if across >= 0 else "left"
    return "down" if along > 0 else "up"


def _turned(box: Box, way: str) -> Box:
    x0, y0, x1, y1 = box
    return {"down": (y0, -x1, y1, -x0), "left": (-x1, -y1, -x0, -y0), "up": (-y1, x0, -y0, x1)}[way]


def arrange(glyphs: Sequence[Glyph]) -> Laid:
    """The page's text: words of a paragraph parted by single spaces, blocks by a blank line."""
    lines = [_line(glyphs, row) for row in rows(glyphs)]
    text: list[str] = []
    origin: list[int] = []
    spans: list[Span] = []
    body = median(line.height for line in lines) if lines else 0.0
    for block in _blocks(lines):
        if origin:
            text.append("\n\n")
            origin += (-1, -1)
        start = len(origin)
        joined = _join(block, origin)
        text.append(joined)
        spans.append(Span(start, len(origin), *_style(joined, block, body)))
    return Laid("".join(text), tuple(origin), tuple(spans))


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
        if last and (spaced or glyph.box[0] - last.box[2] > _SPACE * max(last.height, glyph.height)):
            text.append(" ")
            origin.append(-1)
        text.append(glyph.text)
        origin += [i] * len(glyph.text)
        last, spaced = glyph, False
    return _measured("".join(text), origin, [glyphs[i] for i in row if not glyphs[i].blank])


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
    return Line(text, origin, box, all(g.bold for g in drawn), drawn[last].box[2] - drawn[0].box[0])


def _join(block: list[Line], origin: list[int]) -> str:
    """One string of a block's lines; `origin` grows along. A hyphen at a line's end stays, no space after it."""
    pieces: list[str] = []
    for line in block:
        if pieces and not pieces[-1].endswith(_HYPHENS):
            pieces.append(" ")
            origin.append(-1)
        pieces.append(line.text)
        origin += line.origin
    return "".join(pieces)


def _style(text: str, block: list[Line], body: float) -> tuple[Style, int]:
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
    height = max(last.height, line.height)
    gap = line.box[1] - last.box[3]
    if gap < -height or gap > usual + 0.45 * height or height > 1.2 * min(last.height, line.height):
        return True
    stopped = last.text.endswith(_STOPS)
    if room > (0.4 if stopped else 2.5) * height and not line.text[0].islower():
        return True  # the next word had room: the line was ended on purpose
    if (stopped or last.text.endswith((" and", " or"))) and starts_clause(line.text):
        return True
    indented = line.box[0] > last.box[0] + 0.9 * height
    return indented and (len(block) > 1 or stopped) and not starts_clause(last.text)
