"""Word documents, walked in their OOXML: what is printed is read, as if every tracked change were accepted.

Inserted and moved-in text is present, deleted and moved-away text absent. Automatic numbers and the results
of fields are text. A footnote follows the paragraph that refers to it, endnotes follow the whole, a text box
follows the paragraph that anchors it. Cells of a table row are parted by tabs, rows by line ends.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from service.config import Documents
from service.core import Entry, State, Style
from service.retrieval.loaders.archive import Archive
from service.retrieval.loaders.content import Content, Part, Unreadable, compose
from service.retrieval.loaders.headings import MAX_HEADING, heading_level
from service.retrieval.loaders.numbering import Numbering, W, whole
from service.retrieval.loaders.styles import Styles, value

_GONE = frozenset(
    ("del", "moveFrom", "delText", "instrText", "delInstrText", "pPr", "rPr", "rt", "sectPr", "tblPr")
)
_SYMBOLS = {"F0B7": "•", "F0A7": "▪", "F0A8": "☐", "F06F": "☐", "F0FE": "☒", "F0FC": "✓"}
_PLAIN = {"tab": " ", "ptab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_OFF = ("0", "false", "off")
_LONG_CELL = 200  # characters a cell on average from which a table is a page layout and not a table


def read(data: bytes, limits: Documents) -> Content:
    """Raises Unreadable(TOO_LARGE) when the parts unpack to more than `limits.max_bytes`."""
    with Archive(data, limits.max_bytes) as archive:
        main = archive.related("").get("officeDocument", "word/document.xml")
        root = archive.tree(main)
        if root is None or root.find(W + "body") is None:
            raise Unreadable(State.DAMAGED, "The file holds no Word document. Save it anew in Word.")
        near = archive.related(main)

        def tree(kind: str) -> Any:
            return archive.tree(near[kind]) if kind in near else None

        walk = _Walk(
            Styles(tree("styles")), Numbering(tree("numbering")), tree("footnotes"), tree("endnotes")
        )
        walk.blocks(root.find(W + "body"))
        walk.finish()
        return compose(walk.parts, tuple(_ledger(walk.seen, near)))


def _ledger(seen: Counter[str], near: dict[str, str]) -> Iterator[Entry]:
    if inserted := seen["ins"] + seen["moveTo"]:
        yield Entry(
            "inserted", f"Tracked insertions: {inserted}, not yet accepted; they are part of the text."
        )
    if deleted := seen["del"] + seen["moveFrom"]:
        yield Entry("deleted", f"Tracked deletions: {deleted}; they are not part of the text.")
    if seen["vanish"]:
        yield Entry("hidden", f"Pieces of hidden text: {seen['vanish']}; they are not part of the text.")
    if "comments" in near:
        yield Entry("commented", "The comments in the margin were not read.")
    if "header" in near or "footer" in near:
        yield Entry("dropped", "The running headers and footers were not read.")


def _name(element: Any) -> str:
    """The element's local name, "" for comments, entities and the like."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


class _Walk:
    """One pass over the body: parts in reading order, and what was seen on the way."""

    def __init__(self, styles: Styles, numbering: Numbering, footnotes: Any, endnotes: Any) -> None:
        self.parts: list[Part] = []
        self.seen: Counter[str] = Counter()
        self._styles, self._numbering = styles, numbering
        self._notes = {"footnoteReference": _by_id(footnotes), "endnoteReference": _by_id(endnotes)}
        self._text: list[str] = []  # of the paragraph being read
        self._fields: list[bool] = []  # per open field: whether its instruction is being read
        self._boxes: list[Any] = []  # text boxes and footnotes to read after the paragraph
        self._footnotes: list[tuple[int, Any]] = []
        self._endnotes: list[tuple[int, Any]] = []

    def blocks(self, parent: Any) -> None:
        for child in parent:
            name = _name(child)
            if name == "p":
                self._paragraph(child)
            elif name == "tbl":
                self._table(child)
            elif name == "AlternateContent":
                self._chosen(child, self.blocks)
            elif name in _GONE:
                self.seen[name] += name in ("del", "moveFrom")
            else:
                self.seen[name] += 1
                self.blocks(child)

    def finish(self) -> None:
        """Reads what stands after the body's last paragraph."""
        self._end_paragraph()
        for number, note in self._endnotes:
            self._note(f"Endnote {number}", note)

    def _chosen(self, alternate: Any, read: Callable[[Any], None]) -> None:
        """The first of the alternatives that a program may pick from: they say the same twice."""
        for child in alternate:
            if _name(child) in ("Choice", "Fallback"):
                read(child)
                return

    # --- paragraphs ---------------------------------------------------------------------------------------

    def _paragraph(self, paragraph: Any) -> None:
        properties = paragraph.find(W + "pPr")
        self._inline(paragraph)
        mark = None if properties is None else properties.find(W + "rPr")
        if mark is not None and (mark.find(W + "del") is not None or mark.find(W + "moveFrom") is not None):
            return  # its end was deleted: the next paragraph goes on from here
        style = (value(properties, "pStyle") if properties is not None else "") or self._styles.default
        label = self._label(properties, style)
        self._end_paragraph(label, self._heading(properties, style))

    def _end_paragraph(self, label: str = "", level: int = 0) -> None:
        text = "".join(self._text).replace("\xa0", " ").strip()
        self._text.clear()
        self._fields = [
            reading for reading in self._fields if not reading
        ]  # no instruction outlives a paragraph
        if text:
            text = f"{label} {text}" if label else text
            level = (level or heading_level(text)) if len(text) <= 2 * MAX_HEADING else 0
            kind: Style = "heading" if level else "list" if label else "paragraph"
            self.parts.append(Part(text, kind, level))
        self._after_paragraph()

    def _after_paragraph(self) -> None:
        boxes, self._boxes = self._boxes, []
        notes, self._footnotes = self._footnotes, []
        for box in boxes:
            self.blocks(box)
        for number, note in notes:
            self._note(f"Footnote {number}", note)

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

    # --- runs ---------------------------------------------------------------------------------------------

    def _inline(self, parent: Any) -> None:
        for child in parent:
            name = _name(child)
            if name == "t":
                self._put(child.text or "")
            elif name in _PLAIN:
                self._put(_PLAIN[name])
            elif name in _GONE or (name == "r" and self._hidden(child)):
                self.seen[name] += name in ("del", "moveFrom")
            else:
                self._other(name, child)

    def _other(self, name: str, element: Any) -> None:
        if name == "fldChar":
            self._field(element.get(W + "fldCharType"))
        elif name == "sym":
            self._put(_SYMBOLS.get(element.get(W + "char", "").upper(), "\ufffd"))
        elif name in self._notes:
            self._refer(name, element.get(W + "id", ""))
        elif name == "txbxContent":
            self._boxes.append(element)
        elif name == "AlternateContent":
            self._chosen(element, self._inline)
        else:
            self.seen[name] += name in ("ins", "moveTo")
            self._inline(element)

    def _put(self, text: str) -> None:
        if not any(self._fields):
            self._text.append(text)

    def _hidden(self, run: Any) -> bool:
        properties = run.find(W + "rPr")
        vanish = None if properties is None else properties.find(W + "vanish")
        hidden = vanish is not None and vanish.get(W + "val") not in _OFF
        self.seen["vanish"] += hidden
        return hidden

    def _field(self, kind: str | None) -> None:
        """A field is its instruction, then its result: only the result is printed."""
        if kind == "begin":
            self._fields.append(True)
        elif kind == "separate" and self._fields:
            self._fields[-1] = False
        elif kind == "end" and self._fields:
            self._fields.pop()

    def _refer(self, kind: str, key: str) -> None:
        note = self._notes[kind].pop(key, None)
        if note is None:
            return
        self.seen[kind] += 1
        (self._footnotes if kind == "footnoteReference" else self._endnotes).append((self.seen[kind], note))

    def _note(self, name: str, note: Any) -> None:
        text = " ".join(part.text for part in self._apart(note))
        self.parts.append(Part(f"{name}: {text}"))

    # --- tables -------------------------------------------------------------------------------------------

    def _table(self, table: Any) -> None:
        rows = [[self._apart(cell) for cell in _inside(row, "tc")] for row in _inside(table, "tr")]
        cells = [cell for row in rows for cell in row if cell]
        length = sum(len(part.text) for cell in cells for part in cell)
        if cells and (max(map(len, rows)) == 1 or length > _LONG_CELL * len(cells)):
            self.parts += (part for cell in cells for part in cell)
            return
        lines = ("\t".join(map(_cell, row)).strip() for row in rows)
        self.parts.append(Part("\n".join(line for line in lines if line), "table"))

    def _apart(self, parent: Any) -> list[Part]:
        """The parts inside an element, read by themselves."""
        outer, self.parts = self.parts, []
        text, self._text = self._text, []
        boxes, self._boxes = self._boxes, []
        notes, self._footnotes = self._footnotes, []
        self.blocks(parent)
        self._end_paragraph()
        inner, self.parts = self.parts, outer
        self._text, self._boxes, self._footnotes = text, boxes, notes
        return inner


def _cell(parts: Iterable[Part]) -> str:
    return " ".join(" ".join(part.text.split()) for part in parts)


def _inside(parent: Any, name: str) -> Iterator[Any]:
    """Rows of a table or cells of a row, also those within content controls; deleted rows are passed over."""
    for child in parent:
        found = _name(child)
        if found == name:
            properties = child.find(W + "trPr")
            if properties is None or properties.find(W + "del") is None:
                yield child
        elif found in ("sdt", "sdtContent", "customXml", "ins", "moveTo"):
            yield from _inside(child, name)


def _by_id(root: Any) -> dict[str, Any]:
    """Footnotes or endnotes by their id, the separators that Word keeps among them left out."""
    notes = () if root is None else root
    return {
        n.get(W + "id", ""): n for n in notes if _name(n) in ("footnote", "endnote") and not n.get(W + "type")
    }
