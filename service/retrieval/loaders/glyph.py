"""Pure: the glyphs of a page: which way they run, and which of them stand on one line.

Units are PDF points, origin at the page's top left, as the page is shown.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from service.retrieval.loaders.tables import Box

_SAMPLE = 2000  # glyphs that tell which way a page's text runs


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
