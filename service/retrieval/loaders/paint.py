"""What a PDF page paints beside its text: filled areas, pictures, ruling lines, and in which order.

Runs in the child process alone, as all that calls PDFium.
"""

import ctypes
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from service.retrieval.loaders.tables import Box

_OBJECTS = 50_000  # of a page that are looked at
_SEGMENTS = 2_000  # of a path
_DEPTH = 4  # of forms inside forms
_THIN = 3.0  # points: a filled area as thin as this is a line
_LARGE = 4.0  # points: an area must be so high and so wide to hide something

Place = Callable[[float, float, float, float], Box]
Matrix = tuple[float, float, float, float, float, float]
_UNTURNED: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


class Area(NamedTuple):
    """A filled area or a picture."""

    box: Box
    order: int  # place in the painting order
    shade: int  # of the fill, 0 black to 255 white
    picture: bool


@dataclass(frozen=True, slots=True)
class Paint:
    areas: tuple[Area, ...] = ()
    rules: tuple[
        Box, ...
    ] = ()  # straight lines along the page's sides, as boxes with next to no height or width
    order: dict[int, int] = field(default_factory=dict)  # text object -> place in the painting order
    marks: int = 0  # objects that are no text

    def covered(self, width: float, height: float) -> bool:
        """Whether one picture covers most of the page."""
        return any(a.picture and _size(a.box, width, height) > 0.6 * width * height for a in self.areas)


def _size(box: Box, width: float, height: float) -> float:
    """Of the part that lies on the page."""
    return max(0.0, min(box[2], width) - max(box[0], 0)) * max(0.0, min(box[3], height) - max(box[1], 0))


def painted(page: Any, place: Place) -> Paint:
    import pypdfium2.raw as raw

    areas: list[Area] = []
    rules: list[Box] = []
    order: dict[int, int] = {}
    marks = 0
    for at, (item, matrix) in enumerate(_objects(page)):
        kind = raw.FPDFPageObj_GetType(item)
        if kind == raw.FPDF_PAGEOBJ_TEXT:
            order[ctypes.cast(item, ctypes.c_void_p).value or 0] = at
            continue
        marks += 1
        if kind == raw.FPDF_PAGEOBJ_PATH:
            shade, stroked = _drawn(item)
            if shade < 0 and not stroked:
                continue
            boxes = [place(*_bounds(corners)) for corners in _figures(item, matrix)]
            rules += (box for box in boxes if _is_rule(box))
            areas += (Area(box, at, shade, False) for box in boxes if shade >= 0 and _is_large(box))
        elif kind in (raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_SHADING):
            box = place(*_outline(item, matrix))
            if _is_large(box):
                areas.append(Area(box, at, 128, kind == raw.FPDF_PAGEOBJ_IMAGE))
    areas += (Area(place(*box), _OBJECTS, 0, False) for box in _notes(page))
    return Paint(tuple(areas), tuple(rules), order, marks)


def _is_rule(box: Box) -> bool:
    wide, high = box[2] - box[0], box[3] - box[1]
    return min(wide, high) <= _THIN and max(wide, high) > 2 * _THIN


def _is_large(box: Box) -> bool:
    return box[2] - box[0] >= _LARGE and box[3] - box[1] >= _LARGE


def _objects(page: Any) -> Iterator[tuple[Any, Matrix]]:
    """All objects in painting order, those inside forms too, with the matrix of the form that they stand in."""
    import pypdfium2.raw as raw

    count = raw.FPDFPage_CountObjects(page)
    waiting = [
        (raw.FPDFPage_GetObject(page, i), _UNTURNED, 0) for i in range(min(count, _OBJECTS) - 1, -1, -1)
    ]
    left = _OBJECTS
    while waiting and left:
        left -= 1
        item, matrix, depth = waiting.pop()
        if raw.FPDFPageObj_GetType(item) != raw.FPDF_PAGEOBJ_FORM:
            yield item, matrix
        elif depth < _DEPTH:
            inner = _times(_matrix(item), matrix)
            parts = min(raw.FPDFFormObj_CountObjects(item), _OBJECTS)
            waiting += (
                (raw.FPDFFormObj_GetObject(item, i), inner, depth + 1) for i in range(parts - 1, -1, -1)
            )


def _matrix(item: Any) -> Matrix:
    import pypdfium2.raw as raw

    m = raw.FS_MATRIX()
    return (m.a, m.b, m.c, m.d, m.e, m.f) if raw.FPDFPageObj_GetMatrix(item, ctypes.byref(m)) else _UNTURNED


def _times(m: Matrix, n: Matrix) -> Matrix:
    """First m, then n."""
    a, b, c, d, e, f = m
    p, q, r, s, t, u = n
    return a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s, e * p + f * r + t, e * q + f * s + u


def _moved(x: float, y: float, m: Matrix) -> tuple[float, float]:
    return m[0] * x + m[2] * y + m[4], m[1] * x + m[3] * y + m[5]


def _bounds(corners: list[tuple[float, float]]) -> Box:
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return min(xs), min(ys), max(xs), max(ys)


def _outline(item: Any, matrix: Matrix) -> Box:
    import pypdfium2.raw as raw

    sides = [ctypes.c_float() for _ in range(4)]
    if not raw.FPDFPageObj_GetBounds(item, *map(ctypes.byref, sides)):
        return 0.0, 0.0, 0.0, 0.0
    left, bottom, right, top = (side.value for side in sides)
    return _bounds([_moved(x, y, matrix) for x in (left, right) for y in (bottom, top)])


def _figures(path: Any, outer: Matrix) -> Iterator[list[tuple[float, float]]]:
    """The path's straight figures: each stroke of two points, and each whole figure of more."""
    import pypdfium2.raw as raw

    matrix = _times(_matrix(path), outer)
    figure: list[tuple[float, float]] = []
    x, y = ctypes.c_float(), ctypes.c_float()
    for i in range(min(raw.FPDFPath_CountSegments(path), _SEGMENTS)):
        segment = raw.FPDFPath_GetPathSegment(path, i)
        if raw.FPDFPathSegment_GetType(segment) == raw.FPDF_SEGMENT_MOVETO:
            yield from _parts(figure)
            figure = []
        if raw.FPDFPathSegment_GetPoint(segment, ctypes.byref(x), ctypes.byref(y)):
            figure.append(_moved(x.value, y.value, matrix))
    yield from _parts(figure)


def _parts(figure: list[tuple[float, float]]) -> Iterator[list[tuple[float, float]]]:
    """The figure, and its sides where it is large: a drawn frame rules a table as lines do."""
    if len(figure) < 2:
        return
    yield figure
    left, bottom, right, top = _bounds(figure)
    if 4 <= len(figure) <= 6 and right - left > _THIN and top - bottom > _THIN:
        yield from ([a, b] for a, b in pairwise(figure))


def _drawn(path: Any) -> tuple[int, bool]:
    """The shade of the fill, -1 where there is none, and whether the path is stroked."""
    import pypdfium2.raw as raw

    mode, stroke = ctypes.c_int(), ctypes.c_int()
    raw.FPDFPath_GetDrawMode(path, ctypes.byref(mode), ctypes.byref(stroke))
    if not mode.value:
        return -1, bool(stroke.value)
    parts = [ctypes.c_uint() for _ in range(4)]
    if not raw.FPDFPageObj_GetFillColor(path, *map(ctypes.byref, parts)):
        return 128, bool(stroke.value)
    red, green, blue, alpha = (part.value for part in parts)
    return (299 * red + 587 * green + 114 * blue) // 1000 if alpha > 8 else -1, bool(stroke.value)


def _notes(page: Any) -> Iterator[Box]:
    """Boxes that lie over the page as annotations: squares, redactions, stamps, text boxes."""
    import pypdfium2.raw as raw

    kinds = (raw.FPDF_ANNOT_SQUARE, raw.FPDF_ANNOT_REDACT, raw.FPDF_ANNOT_STAMP, raw.FPDF_ANNOT_FREETEXT)
    rect = raw.FS_RECTF()
    for i in range(min(raw.FPDFPage_GetAnnotCount(page), 2_000)):
        note = raw.FPDFPage_GetAnnot(page, i)
        if not note:
            continue
        if raw.FPDFAnnot_GetSubtype(note) in kinds and raw.FPDFAnnot_GetRect(note, ctypes.byref(rect)):
            yield rect.left, rect.bottom, rect.right, rect.top
        raw.FPDFPage_CloseAnnot(note)
