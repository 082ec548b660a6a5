"""Pure: the lines of a page -> its text and blocks.

Blocks are found by the gaps between lines, indentation, size, and by lines that end although the next word had room.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from service.core import Style
from service.retrieval.loaders.headings import MAX_HEADING, heading_level, numbered_depth, starts_clause
from service.retrieval.loaders.layout import Line, joined

_STOPS = (".", ";", ":", "?", "!", ")", '"', "”")
_CONTENTS = re.compile(r"[^\d.,]\s\d{1,3}$")  # as a line of a table of contents ends
_BULLETS = ("•", "●", "▪", "◦", "\uf0b7")


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


def compose(lines: Sequence[Line]) -> Laid:
    """The text: words of a paragraph parted by single spaces, blocks by a blank line."""
    text: list[str] = []
    spans: list[Span] = []
    at = 0
    heights = [line.height for line in lines if not line.table]
    body = median(heights) if heights else 0.0
    for block in _blocks(list(lines)):
        written = joined(block)
        if spans:
            text.append("\n\n")
            at += 2
        text.append(written)
        spans.append(Span(at, at + len(written), *_style(written, block, body)))
        at += len(written)
    return Laid("".join(text), tuple(spans))


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
