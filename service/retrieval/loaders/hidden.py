"""Which glyphs of a PDF page a reader sees: what is white, tiny, off the page or covered is told apart.

Cheap facts raise a suspicion (a light fill, an area painted over the glyph); the page's own picture decides it: where
no pixel of a glyph's box differs from its neighbours, nobody can read the glyph. Invisible text over a picture of the
whole page is the recognition layer of a scan; it counts as seen, but for what lies under a dark bar of that picture.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from service.retrieval.loaders.glyph import Glyph
from service.retrieval.loaders.paint import Area
from service.retrieval.loaders.pdfium import Drawn, Ink
from service.retrieval.loaders.tables import Box

Cause = Literal["invisible", "tiny", "outside", "faint", "covered"]

_TINY = 2.0  # points: a line of this height is under 2-point type
_LIGHT = 200  # shade from which a fill is suspected of vanishing on white
_FLAT = 14  # of 255: less contrast than this nobody reads
_DARK = 90  # a flat stretch darker than this is a bar, not blank paper
_RULES = (
    "_.-–—…"  # drawn as lines to write on, which forms cover with fields: suspected after hidden letters only
)
_AREAS = 300  # of a page that are looked at, the largest first
_COVERED = 0.55  # share of a glyph's box under an area from which it is suspected


@dataclass(frozen=True, slots=True)
class Seen:
    """The page's glyphs with blanks in the place of the hidden ones, and how many those are by cause."""

    glyphs: list[Glyph]
    hidden: dict[str, int]
    layer: bool  # the text is the recognition layer of a scan


def seen(page: Drawn, shades: Callable[[], Any]) -> Seen:
    """`shades` draws the page: an array of grey values, row by row, for the whole page."""
    layer = _is_layer(page)
    judge = _Judge(page, shades, layer)
    hidden: Counter[str] = Counter()
    glyphs = []
    cause: Cause | None = None
    for glyph, owner in zip(page.glyphs, page.objects, strict=True):
        if not glyph.blank and (cause or glyph.text not in _RULES):
            cause = judge.cause(glyph, page.inks[owner])
        hide = cause is not None and not glyph.blank
        if hide:
            hidden[str(cause)] += 1
        glyphs.append(Glyph(" ", (0.0, 0.0, 0.0, 0.0)) if hide else glyph)
    return Seen(glyphs, dict(hidden), layer)


def _is_layer(page: Drawn) -> bool:
    """Most glyphs are invisible, or lie under a picture, and a picture covers the page."""
    if not page.paint.covered(page.width, page.height):
        return False
    last = max((area.order for area in page.paint.areas if area.picture), default=-1)
    drawn = [page.inks[o] for glyph, o in zip(page.glyphs, page.objects, strict=True) if not glyph.blank]
    return sum(ink.invisible or ink.order < last for ink in drawn) > len(drawn) / 2


class _Judge:
    def __init__(self, page: Drawn, shades: Callable[[], Any], layer: bool) -> None:
        self._page, self._shades, self._layer = page, shades, layer
        self._grey: Any = None
        areas = [area for area in page.paint.areas if not (layer and area.picture)]
        self._areas = sorted(areas, key=lambda area: -_extent(area.box))[:_AREAS]

    def cause(self, glyph: Glyph, ink: Ink) -> Cause | None:
        """Why the glyph cannot be seen, or None."""
        x0, y0, x1, y1 = glyph.box
        if x1 < 0 or y1 < 0 or x0 > self._page.width or y0 > self._page.height:
            return "outside"
        if self._layer:
            return None if self._shade(glyph.box) >= _DARK else "covered"
        if ink.invisible:
            return "invisible"
        if min(x1 - x0, y1 - y0) > 0.1 and max(x1 - x0, y1 - y0) < _TINY:
            return "tiny"
        over = self._over(glyph.box, ink)
        if over is not None:
            return "covered" if self._shade(_common(glyph.box, over.box)) >= 0 else None
        return "faint" if ink.shade >= _LIGHT and self._shade(glyph.box) >= 0 else None

    def _over(self, box: Box, ink: Ink) -> Area | None:
        """An area painted over the box, or under it in a shade that the ink does not stand out from."""
        return next(
            (area for area in self._areas if _suspect(area, ink) and _share(box, area.box) > _COVERED), None
        )

    def _shade(self, box: Box) -> int:
        """The grey value of the box where it is flat; where something stands out in it, -1 (or 255 on a layer)."""
        if self._grey is None:
            self._grey = self._shades()
        high, wide = self._grey.shape
        across, down = wide / self._page.width, high / self._page.height
        x0, x1 = sorted((max(0, int(box[0] * across)), min(wide, int(box[2] * across) + 1)))
        y0, y1 = sorted((max(0, int(box[1] * down)), min(high, int(box[3] * down) + 1)))
        cut = self._grey[y0:y1, x0:x1]
        if cut.size < 4:
            return 255 if self._layer else -1
        low, top = int(cut.min()), int(cut.max())
        flat = top - low < _FLAT
        return low if flat else 255 if self._layer else -1


def _extent(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _suspect(area: Area, ink: Ink) -> bool:
    return area.order > ink.order or abs(area.shade - ink.shade) < 40


def _common(a: Box, b: Box) -> Box:
    """What both boxes hold, drawn in by a little at its sides: a bar's soft edge is no glyph."""
    x0, y0, x1, y1 = max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
    inset = min(0.8, (x1 - x0) / 4, (y1 - y0) / 4)
    return x0 + inset, y0 + inset, x1 - inset, y1 - inset


def _share(box: Box, area: Box) -> float:
    """How much of the box lies in the area."""
    size = _extent(box)
    wide = min(box[2], area[2]) - max(box[0], area[0])
    high = min(box[3], area[3]) - max(box[1], area[1])
    return wide * high / size if size > 0 and wide > 0 and high > 0 else 0.0
