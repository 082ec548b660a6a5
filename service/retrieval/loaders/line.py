"""The runs of one Word paragraph: what is printed of it, and whose hand it is from."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from service.retrieval.loaders.numbering import W, whole
from service.retrieval.loaders.styles import Styles, on, value
from service.retrieval.loaders.symbols import UNKNOWN, letter, spelled
from service.retrieval.loaders.tracked import Edge, Ink, Run, Runs

# Elements that hold no text of the paragraph.
_SILENT = frozenset(
    ("instrText", "delInstrText", "pPr", "rPr", "rt", "sectPr", "tblPr", "sdtPr", "del", "ins")
)
_PLAIN = {"tab": " ", "ptab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_TRACKED = {"ins": "inserted", "moveTo": "inserted", "del": "deleted", "moveFrom": "deleted"}
_EDGES = {"commentRangeStart": "begin", "commentRangeEnd": "end", "commentReference": "point"}
_UNREAD = frozenset(("blip", "imagedata", "relIds", "chart", "OLEObject", "altChunk"))
_TINY = 4  # half points: smaller than anything that is meant to be read
_WHITE = frozenset(("FFFFFF", "FEFEFE"))


class Hands(NamedTuple):
    """Under which tracked changes the text at hand stands."""

    inserted: Ink | None = None
    deleted: Ink | None = None


NOBODY = Hands()


class Anchored(NamedTuple):
    """What a paragraph holds and what is read after it: a text box, or a footnote by its number."""

    element: Any
    hands: Hands
    label: str = ""


def name_of(element: Any) -> str:
    """The element's local name, "" for comments, entities and the like."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def ink_of(element: Any, kind: str) -> Ink:
    """The hand that a `w:ins`, `w:del` and their like name."""
    by, date = element.get(W + "author", ""), element.get(W + "date", "")
    return Ink("inserted" if kind == "inserted" else "deleted", by, date)


class Line:
    """Collects a paragraph; `take` hands over what was collected. `seen` counts what stays out, in characters."""

    def __init__(self, styles: Styles, seen: Counter[str], hands: Hands = NOBODY) -> None:
        self.hands = hands
        self.shaded = False  # whether white text may stand on a dark ground here
        self.style = ""  # of the paragraph
        self.gap: Ink | None = None  # the break before the paragraph, when it was inserted
        self.anchored: list[Anchored] = []
        self.notes: list[tuple[str, str, Hands]] = []  # kind of reference, id
        self._styles, self._seen = styles, seen
        self._runs: list[Run] = []
        self._fields: list[bool] = []  # per open field: whether its instruction is being read
        self._concealed = ""  # why the run at hand is not to be seen
        self._font = ""
        self._struck = False  # whether the run at hand is printed struck through

    def take(self) -> Runs:
        runs = tuple(self._runs)
        self._runs.clear()
        self._fields = [reading for reading in self._fields if not reading]  # none outlives a paragraph
        return runs

    @contextmanager
    def under(self, kind: str, element: Any) -> Iterator[None]:
        """Reads as inserted or deleted by the hand that `element` names."""
        outer = self.hands
        self.hands = outer._replace(**{kind: ink_of(element, kind)})
        try:
            yield
        finally:
            self.hands = outer

    def put(self, text: str) -> None:
        if any(self._fields):
            return
        text = text.replace("\xa0", " ")
        if self._concealed:
            self._seen[self._concealed] += len(text)
        elif self.hands.inserted and self.hands.deleted:  # came and went: neither text ever had it
            self._seen["undone"] += len(text)
        else:
            self._seen["struck"] += self._struck * len(text)
            self._runs.append(Run(text, self.hands.deleted or self.hands.inserted))

    def edge(self, kind: str, element: Any) -> None:
        side = _EDGES[kind]
        key = element.get(W + "id", "")
        self._runs.append(Run("", Edge(key, side)))  # type: ignore[arg-type]

    def read(self, parent: Any) -> None:
        for child in parent:
            self._one(name_of(child), child)

    def _one(self, name: str, element: Any) -> None:
        if name in ("t", "delText"):
            self.put(spelled(element.text or "", self._font))
        elif name in _PLAIN:
            self.put(_PLAIN[name])
        elif name == "r":
            self._run(element)
        elif name in _TRACKED and len(element):
            with self.under(_TRACKED[name], element):
                self.read(element)
        elif name not in _SILENT:
            self._other(name, element)

    def _other(self, name: str, element: Any) -> None:
        special: dict[str, Callable[[Any], None]] = {
            "fldChar": self._field,
            "sym": self._symbol,
            "txbxContent": lambda box: self.anchored.append(Anchored(box, self.hands)),
            "AlternateContent": self._chosen,
            "footnoteReference": lambda note: self._refer("footnote", note),
            "endnoteReference": lambda note: self._refer("endnote", note),
        }
        if name in special:
            special[name](element)
        elif name in _EDGES:
            self.edge(name, element)
        else:
            self._seen[name] += name in _UNREAD
            self.read(element)

    def _chosen(self, alternate: Any) -> None:
        """The first of the alternatives that a program may pick from: they say the same twice."""
        for child in alternate:
            if name_of(child) in ("Choice", "Fallback"):
                self.read(child)
                return

    def _run(self, run: Any) -> None:
        outer = self._concealed, self._font
        properties = run.find(W + "rPr")
        if properties is not None:
            self._font = _font(properties)
            self._struck = on(properties.find(W + "strike")) or on(properties.find(W + "dstrike"))
        self._concealed = outer[0] or self._why_concealed(properties)
        self.read(run)
        self._concealed, self._font = outer
        self._struck = False

    def _why_concealed(self, properties: Any) -> str:
        vanish = None if properties is None else properties.find(W + "vanish")
        named = "" if properties is None else value(properties, "rStyle")
        if on(vanish) if vanish is not None else self._styles.hides(named) or self._styles.hides(self.style):
            return "hidden"
        if properties is None:
            return ""
        if 0 <= whole(value(properties, "sz"), _TINY + 1) <= _TINY:
            return "tiny"
        white = value(properties, "color").upper() in _WHITE
        ground = properties.find(W + "shd") is not None or properties.find(W + "highlight") is not None
        return "white" if white and not ground and not self.shaded else ""

    def _symbol(self, element: Any) -> None:
        try:
            shown = letter(int(element.get(W + "char", ""), 16), element.get(W + "font", ""))
        except ValueError:
            shown = UNKNOWN
        self._seen["symbol"] += shown == UNKNOWN
        self.put(shown)

    def _field(self, element: Any) -> None:
        """A field is its instruction, then its result: only the result is printed. A tick box has none."""
        kind = element.get(W + "fldCharType")
        if kind == "begin":
            box = element.find(f"{W}ffData/{W}checkBox")
            if box is not None:
                self.put("☒" if _ticked(box) else "☐")
            self._fields.append(True)
        elif kind == "separate" and self._fields:
            self._fields[-1] = False
        elif kind == "end" and self._fields:
            self._fields.pop()

    def _refer(self, kind: str, element: Any) -> None:
        if not any(self._fields):
            self.notes.append((kind, element.get(W + "id", ""), self.hands))


def _ticked(box: Any) -> bool:
    own = box.find(W + "checked")
    return on(own if own is not None else box.find(W + "default"))


def _font(properties: Any) -> str:
    fonts = properties.find(W + "rFonts")
    return "" if fonts is None else str(fonts.get(W + "ascii") or fonts.get(W + "hAnsi") or "")
