"""Pure: where a span of a page's text stands on the page.

A page's text is its lines with white space in between, less the headers and footers that were left out. So the
characters that are no space are counted off, against those of the lines that are left.
"""

from collections.abc import Sequence
from itertools import combinations

from service.retrieval.loaders.glyph import Glyph, same_line
from service.retrieval.loaders.layout import Line
from service.retrieval.loaders.tables import Box

_DROPPED = 4  # lines at the top, and at the bottom, that may have been left out; see `furniture`


def places(
    lines: Sequence[Line], level: Sequence[Glyph], glyphs: Sequence[Glyph], text: str, start: int, end: int
) -> list[Box]:
    """The boxes of `text[start:end]`, one a line, in points; none when the page reads otherwise than `text`.

    `level` are the glyphs turned upright, by which lines are told; `glyphs` the same as the page shows them.
    """
    kept = _kept(lines, "".join(text.split()))
    if kept is None:
        return []
    origin = [i for line in kept for i in line.origin]
    first = sum(not c.isspace() for c in text[: max(start, 0)])
    last = first + sum(not c.isspace() for c in text[max(start, 0) : max(end, 0)])
    boxes: list[Box] = []
    before: Glyph | None = None
    for i in dict.fromkeys(origin[first:last]):
        if before is not None and same_line(before, level[i]):
            boxes[-1] = around(boxes[-1], glyphs[i].box)
        else:
            boxes.append(glyphs[i].box)
        before = level[i]
    return boxes


def _kept(lines: Sequence[Line], bare: str) -> list[Line] | None:
    """The lines that make up the text, None when none do."""
    bodies = ["".join(line.text.split()) for line in lines]
    whole = "".join(bodies)
    if whole == bare:
        return list(lines)
    over = len(whole) - len(bare)
    order = sorted(range(len(lines)), key=lambda i: lines[i].box[1])
    edges = dict.fromkeys([*order[: 2 * _DROPPED], *order[-2 * _DROPPED :]])
    able = [i for i in edges if 0 < len(bodies[i]) <= over]
    for count in range(1, min(len(able), 2 * _DROPPED) + 1):
        for gone in combinations(able, count):
            if sum(len(bodies[i]) for i in gone) != over:
                continue
            left = [i for i in range(len(lines)) if i not in gone]
            if "".join(bodies[i] for i in left) == bare:
                return [lines[i] for i in left]
    return None


def around(a: Box, b: Box) -> Box:
    """The box that holds both."""
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])
