"""A story of a Word file (its body, a header, a footnote, a comment) walked in its OOXML: parts in reading order.

A footnote follows the paragraph that refers to it, endnotes follow the whole, a text box follows the paragraph that
anchors it. Cells of a table row are parted by tabs, rows by line ends.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from service.core import Style
from service.retrieval.loaders.content import Part
from service.retrieval.loaders.grid import Cell, Row, joined, laid
from service.retrieval.loaders.headings import MAX_HEADING, heading_level
from service.retrieval.loaders.line import NOBODY, Anchored, Hands, Line, ink_of, name_of
from service.retrieval.loaders.numbering import Numbering, W, whole
from service.retrieval.loaders.styles import Styles, value
from service.retrieval.loaders.tracked import Ink, Run, Runs, accepted, rejected, trimmed, whole_ink

_SILENT = frozenset(("pPr", "rPr", "sectPr", "tblPr", "tblGrid", "sdtPr", "sdtEndPr"))
_TRACKED = {"ins": "inserted", "moveTo": "inserted", "del": "deleted", "moveFrom": "deleted"}
_MARGIN = ("commentRangeStart", "commentRangeEnd")
_WRAPPERS = ("sdt", "sdtContent", "customXml", "smartTag", *_TRACKED)
_SPAN = 63  # columns of a Word table at most

Notes = Mapping[str, dict[str, Any]]  # "footnote" and "endnote" -> id -> element


class Story:
    """One pass: `parts` as found, `seen` what was met or left out on the way."""

    def __init__(self, styles: Styles, numbering: Numbering, notes: Notes) -> None:
        self.parts: list[Part] = []
        self.seen: Counter[str] = Counter()
        self._styles, self._numbering, self._notes = styles, numbering, notes
        self._line = Line(styles, self.seen)
        self._endnotes: list[Anchored] = []
        self._inner = 0  # tables and text boxes around the place at hand

    def blocks(self, parent: Any) -> None:
        for child in parent:
            name = name_of(child)
            if name == "p":
                self._paragraph(child)
            elif name == "tbl":
                self._table(child)
            elif name in _TRACKED and len(child):
                with self._line.under(_TRACKED[name], child):
                    self.blocks(child)
            elif name == "AlternateContent":
                self._chosen(child)
            elif name in _MARGIN:
                self._line.edge(name, child)
            elif name not in _SILENT and name not in _TRACKED:
                self.seen[name] += 1
                self.blocks(child)

    def finish(self) -> None:
        """Reads what stands after the body's last paragraph."""
        self._end_paragraph()
        while self._endnotes:
            self._note(self._endnotes.pop(0))

    def apart(self, parent: Any, hands: Hands = NOBODY) -> list[Part]:
        """The parts inside an element, read by themselves."""
        outer, self.parts = self.parts, []
        line, self._line = self._line, Line(self._styles, self.seen, hands)
        self.blocks(parent)
        self._end_paragraph()
        inner, self.parts, self._line = self.parts, outer, line
        return inner

    def _chosen(self, alternate: Any) -> None:
        for child in alternate:
            if name_of(child) in ("Choice", "Fallback"):
                self.blocks(child)
                return

    # --- paragraphs ---------------------------------------------------------------------------------------

    def _paragraph(self, paragraph: Any) -> None:
        properties = paragraph.find(W + "pPr")
        style = (value(properties, "pStyle") if properties is not None else "") or self._styles.default
        shaded = properties is not None and properties.find(W + "shd") is not None
        self._line.style, self._line.shaded = style, shaded or self._inner > 0
        self._line.read(paragraph)
        end = self._end_of(properties)
        if end.deleted:  # the next paragraph goes on from here
            self._put_break(end)
            return
        label = self._label(properties, style)
        self._end_paragraph(label, self._heading(properties, style), end.inserted)

    def _end_of(self, properties: Any) -> Hands:
        """Under which changes the paragraph's end stands."""
        mark = None if properties is None else properties.find(W + "rPr")
        found = (
            {} if mark is None else {name_of(child): child for child in mark if name_of(child) in _TRACKED}
        )
        inks = {_TRACKED[name]: ink_of(child, _TRACKED[name]) for name, child in found.items()}
        return Hands(inks.get("inserted"), inks.get("deleted"))

    def _put_break(self, end: Hands) -> None:
        outer, self._line.hands = self._line.hands, end
        self._line.put("\n\n")
        self._line.hands = outer

    def _end_paragraph(self, label: str = "", level: int = 0, gap: Ink | None = None) -> None:
        runs = self._spaced(self._line.take(), gap)
        text = accepted(runs)
        if text or _titles(label):
            ink = whole_ink(runs) if runs else gap
            runs = (Run(f"{label} " if text else label, ink), *runs) if label else runs
            text = accepted(runs)
            level = (level or heading_level(text)) if len(text) <= 2 * MAX_HEADING else 0
            style: Style = "heading" if level else "list" if label else "paragraph"
            self.parts.append(Part(runs, style, level, gap))
        else:
            self.parts.append(Part(runs, gap=gap))
        if self._styles.is_contents(self._line.style):
            self.seen["contents"] += len(text)
        self._after_paragraph()

    def _spaced(self, runs: Runs, gap: Ink | None) -> Runs:
        """Trimmed. A space where a break was inserted parts the words as they were: it counts as deleted."""
        before, self._line.gap = self._line.gap, gap
        text = rejected(runs)
        first = (Run(" ", _undoing(before)),) if before and text[:1].isspace() else ()
        last = (Run(" ", _undoing(gap)),) if gap and text[-1:].isspace() else ()
        return (*first, *trimmed(runs), *last)

    def _after_paragraph(self) -> None:
        boxes, self._line.anchored = self._line.anchored, []
        notes, self._line.notes = self._line.notes, []
        for box in boxes:
            self._inner += 1
            self.parts += self.apart(box.element, box.hands)
            self._inner -= 1
        for kind, key, hands in notes:
            self._refer(kind, key, hands)

    def _label(self, properties: Any, style: str) -> str:
        number, depth, owner = self._styles.numbering(style)
        own = properties.find(W + "numPr") if properties is not None else None
        if own is not None:
            number = value(own, "numId") or number
            depth = value(own, "ilvl") or depth
        if number in ("", "0"):
            return ""
        tied = self._numbering.level_of
        return self._numbering.label(
            number, whole(depth, 0) if depth else tied(number, style) or tied(number, owner)
        )

    def _heading(self, properties: Any, style: str) -> int:
        own = whole(value(properties, "outlineLvl") if properties is not None else "", -1)
        if own >= 0:
            return own + 1 if own < 9 else 0
        return self._styles.heading(style)

    # --- notes --------------------------------------------------------------------------------------------

    def _refer(self, kind: str, key: str, hands: Hands) -> None:
        note = self._notes[kind].pop(key, None)
        if note is None:
            return
        self.seen[kind] += hands.deleted is None
        number = f" {self.seen[kind]}" if hands.deleted is None else ""
        anchored = Anchored(note, hands, f"{kind.capitalize()}{number}: ")
        if kind == "footnote":
            self._note(anchored)
        else:
            self._endnotes.append(anchored)

    def _note(self, note: Anchored) -> None:
        parts = self.apart(note.element, note.hands)
        ink = note.hands.deleted or note.hands.inserted
        if not (note.hands.deleted and note.hands.inserted) and any(part.text for part in parts):
            self.parts.append(Part((Run(note.label, ink), *joined(parts))))

    # --- tables -------------------------------------------------------------------------------------------

    def _table(self, table: Any) -> None:
        self._inner += 1
        rows = [self._row(row) for row in _inside(table, "tr")]
        self._inner -= 1
        self.parts += laid(rows)

    def _row(self, row: Any) -> Row:
        hands = self._hands(row, "trPr", self._line.hands)
        cells = [self._cell(cell, hands) for cell in _inside(row, "tc")]
        came_and_went = hands.inserted is not None and hands.deleted is not None
        return Row([] if came_and_went else cells, hands.deleted or hands.inserted)

    def _cell(self, cell: Any, hands: Hands) -> Cell:
        properties = cell.find(W + "tcPr")
        span = 1 if properties is None else whole(value(properties, "gridSpan"), 1)
        return Cell(self.apart(cell, self._hands(cell, "tcPr", hands)), max(1, min(span, _SPAN)))

    def _hands(self, element: Any, where: str, around: Hands) -> Hands:
        """The tracked changes of a whole row or cell, within those around it."""
        properties = element.find(W + where)
        for child in () if properties is None else properties:
            name = name_of(child)
            if name in ("ins", "cellIns"):
                around = around._replace(inserted=ink_of(child, "inserted"))
            elif name in ("del", "cellDel"):
                around = around._replace(deleted=ink_of(child, "deleted"))
        return around


def _undoing(ink: Ink) -> Ink:
    return ink._replace(kind="deleted")


def _titles(label: str) -> bool:
    """Whether an automatic number is worth a line of its own: "Schedule 1", but not "3." or "(iv)"."""
    return sum(map(str.isalpha, label)) > 4


def _inside(parent: Any, name: str) -> Iterator[Any]:
    """Rows of a table or cells of a row, also those within content controls."""
    for child in parent:
        found = name_of(child)
        if found == name:
            yield child
        elif found in _WRAPPERS:
            yield from _inside(child, name)


def notes_by_id(root: Any) -> dict[str, Any]:
    """Footnotes or endnotes by their id, the separators that Word keeps among them left out."""
    notes = () if root is None else root
    return {
        n.get(W + "id", ""): n
        for n in notes
        if name_of(n) in ("footnote", "endnote") and not n.get(W + "type")
    }
