"""A page as the child process read it, on its way to the parent: lines, before headers and footers are told apart."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from service.retrieval.loaders.layout import Line

_STAMP = 120  # characters: so little beside a picture of the whole page is a stamp on a scan


@dataclass(frozen=True, slots=True)
class Sheet:
    width: float  # points
    height: float
    lines: tuple[Line, ...] = ()
    unmapped: int = 0  # glyphs that the file gives no meaning to
    hidden: Mapping[str, int] = field(default_factory=dict)  # characters by cause, see hidden.Cause
    layer: bool = False  # the text is that of a scan's own recognition layer
    covered: bool = False  # one picture covers the page
    blank: bool = False  # nothing is drawn on it
    cut: bool = False  # it held more than is read of a page
    filled: int = 0  # characters in form fields and text boxes, at the end of the lines
    comments: int = 0  # characters of comments, not in the lines
    clips: int = 0  # files clipped to the page
    confidence: float | None = None  # of recognition, 0 to 1

    @property
    def characters(self) -> int:
        return sum(len(line.text) for line in self.lines)

    @property
    def silent(self) -> bool:
        """The page shows something that is not in its text: a picture, with a stamp at most; fonts without meaning."""
        if self.blank or self.confidence is not None:
            return False
        if self.covered and not self.layer and self.characters < _STAMP:
            return True
        return not self.lines or self.unmapped > self.characters

    def packed(self) -> dict[str, Any]:
        """As JSON can hold it. Glyphs stay behind."""
        lines = tuple(line._replace(origin=()) for line in self.lines)
        return asdict(self) | {"lines": lines}


def unpacked(values: Mapping[str, Any]) -> Sheet:
    return Sheet(**{**values, "lines": tuple(_line(line) for line in values["lines"])})


def _line(values: list[Any]) -> Line:
    text, (x0, y0, x1, y1), bold, first_word, table, paragraph, words, _ = values
    boxes = tuple((a, b, c, d) for a, b, c, d in words)
    return Line(text, (x0, y0, x1, y1), bold, first_word, table, paragraph, boxes)
