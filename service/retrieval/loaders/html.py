"""HTML pages: what a reader sees, in reading order. Scripts, styles and hidden elements are counted and left out.

`ins` and `del` are tracked changes. Numbers of ordered lists are written out. Rows of a table stand on lines of their
own, cells parted by tabs; a table that only lays out the page is read as text.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from service.config import Documents
from service.core import Entry, State, Style
from service.retrieval.loaders.content import Content, Part, Unreadable, compose
from service.retrieval.loaders.forms import chosen, entered
from service.retrieval.loaders.grid import Cell, Row, laid
from service.retrieval.loaders.headings import MAX_HEADING, heading_level
from service.retrieval.loaders.numbering import formatted, whole
from service.retrieval.loaders.text import decode
from service.retrieval.loaders.tracked import Ink, Run, accepted, squeezed
from service.retrieval.loaders.veiled import hides

_BREAKS = frozenset((
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr",
    "html", "legend", "li", "main", "nav", "ol", "option", "p", "pre", "section", "summary", "table", "tbody",
    "td", "tfoot", "th", "thead", "tr", "ul",
))  # fmt: skip
_SILENT = frozenset((
    "head", "script", "style", "template", "noscript", "iframe", "object", "svg", "math", "title", "select",
))  # fmt: skip
_HEADING = re.compile(r"h([1-6])$")
_CHARSET = re.compile(rb"""charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]{2,40})""", re.IGNORECASE)
_LISTS = {"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_SPAN = 63  # columns that a cell goes over at most
_TAGS = 2_000_000
_LINE = "\x00"  # a line break, which no page holds


def read(data: bytes, limits: Documents) -> Content:
    text, ledger = _decoded(data)
    found, noted = parts(text)
    return compose(found, (*ledger, *noted))


def parts(html: str) -> tuple[list[Part], tuple[Entry, ...]]:
    """The page's blocks, and what was left out."""
    from lxml import etree

    if html.count("<") > _TAGS:
        reason = f"The page holds more than {_TAGS:,} tags. Split it, or save it as PDF."
        raise Unreadable(State.TOO_LARGE, reason)
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_pis=True, huge_tree=True)
    clean = html.replace(_LINE, " ").encode("utf-8", "replace")
    root = etree.fromstring(clean, parser) if html.strip() else None
    if root is None:
        return [], ()
    if any("depth" in error.message for error in parser.error_log):  # the rest of the page is not in the tree
        raise Unreadable(State.DAMAGED, "The page is nested too deeply. Save it as PDF, or its text as .txt.")
    page = _Page()
    steps = {"start": page.start, "end": page.end, "comment": page.comment}
    for event, element in etree.iterwalk(root, events=("start", "end", "comment")):
        steps[event](element)
    page.flush()
    return page.parts, tuple(_ledger(page.left))


def _decoded(data: bytes) -> tuple[str, tuple[Entry, ...]]:
    """By the character set that the page names, else as any text."""
    named = _CHARSET.search(data[:4096])
    if named and not data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode(named[1].decode("ascii")), ()
        except (LookupError, UnicodeDecodeError):
            pass
    return decode(data)


def _ledger(left: Counter[str]) -> Iterator[Entry]:
    if left["script"]:
        yield Entry(
            "dropped", "Scripts, styles and the page's head; they are not part of the text.", left["script"]
        )
    if left["hidden"]:
        yield Entry("hidden", "Elements that the page hides; they are not part of the text.", left["hidden"])
    if left["comment"]:
        yield Entry("hidden", "Remarks in the page's source, which no reader sees.", left["comment"])
    if left["choice"]:
        yield Entry("dropped", "Choices of the page's lists that were not chosen.", left["choice"])
    if left["img"]:
        yield Entry("unread", f"Pictures on the page: {left['img']}; words in them were not read.")


@dataclass(slots=True)
class _Table:
    outer: list[Part]  # where the table's parts go
    rows: list[list[Cell]] = field(default_factory=list)


@dataclass(slots=True)
class _List:
    form: str  # "" for bullets
    next: int


class _Page:
    """One pass over the tree, element by element as it begins and ends: depth costs no stack."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.left: Counter[str] = Counter()
        self._line: list[Run] = []
        self._level = 0
        self._label = ""
        self._raw = 0  # open `pre` elements
        self._silent: list[str] = []  # why each open silent element is not read
        self._tables: list[_Table] = []
        self._lists: list[_List] = []
        self._inks: list[Ink] = []

    def start(self, element: Any) -> None:
        tag = element.tag if isinstance(element.tag, str) else ""
        why = "script" if tag in _SILENT else "hidden" if self._silent or hides(element) else ""
        if tag == "select" and not self._silent:
            why = "choice"
            self._put(chosen(element))
        if why or self._silent:
            self._silent.append(self._silent[0] if self._silent else why)
        elif tag in _BREAKS:
            self.flush()
            self._begin(tag, element)
        else:
            self._inline(tag, element)
        self._put(element.text)

    def end(self, element: Any) -> None:
        tag = element.tag if isinstance(element.tag, str) else ""
        if self._silent:
            self._silent.pop()
        elif tag in _BREAKS:
            self.flush()
            self._end(tag)
        elif tag in ("ins", "del") and self._inks:
            self._inks.pop()
        self._put(element.tail)

    def comment(self, element: Any) -> None:
        text = (element.text or "").strip()
        self.left["comment"] += (
            0 if text.startswith("[") else len(text)
        )  # programs speak to one another in these
        self._put(element.tail)

    def flush(self) -> None:
        """Ends the block at hand."""
        if not self._line:
            return
        runs = list(chain.from_iterable(_lines(self._line)))
        self._line = []
        text = accepted(runs).strip()
        if text and self._label:
            runs.insert(0, Run(f"{self._label} "))
        level = (self._level or heading_level(text)) if len(text) <= 2 * MAX_HEADING else 0
        style: Style = "heading" if level else "list" if self._label else "paragraph"
        self._label = "" if text else self._label
        self.parts.append(Part(tuple(runs), style, level))

    def _put(self, text: str | None) -> None:
        if not text:
            return
        if self._silent:
            self.left[self._silent[0]] += len(text.strip())
            return
        text = text.replace("\n", _LINE) if self._raw else text
        self._line.append(Run(text, self._inks[-1] if self._inks else None))

    def _inline(self, tag: str, element: Any) -> None:
        if tag == "br":
            self._line.append(Run(_LINE))
        elif tag in ("ins", "del"):
            kind = "inserted" if tag == "ins" else "deleted"
            self._inks.append(
                Ink("inserted" if kind == "inserted" else "deleted", "", element.get("datetime", ""))
            )
        elif tag == "input":
            self._line.append(Run(entered(element)))
        self.left["img"] += tag == "img"

    def _begin(self, tag: str, element: Any) -> None:
        if heading := _HEADING.match(tag):
            self._level = int(heading[1])
        elif tag in ("ol", "ul"):
            form = _LISTS.get(element.get("type", ""), "decimal") if tag == "ol" else ""
            self._lists.append(_List(form, whole(element.get("start"), 1)))
        elif tag == "li":
            self._label = self._bullet(element)
        elif tag == "table":
            self._tables.append(_Table(self.parts))
        elif tag == "tr" and self._tables:
            self._tables[-1].rows.append([])
        elif tag in ("td", "th") and self._tables:
            self._cell(element)
        self._raw += tag == "pre"

    def _cell(self, element: Any) -> None:
        rows = self._tables[-1].rows
        if not rows:
            rows.append([])
        self.parts = []
        rows[-1].append(Cell(self.parts, max(1, min(whole(element.get("colspan"), 1), _SPAN))))

    def _end(self, tag: str) -> None:
        if _HEADING.match(tag):
            self._level = 0
        elif tag in ("ol", "ul") and self._lists:
            self._lists.pop()
        elif tag == "li":
            self._label = ""
        elif tag in ("td", "th") and self._tables:
            self.parts = self._tables[-1].outer
        elif tag == "table" and self._tables:
            table = self._tables.pop()
            self.parts = table.outer
            self.parts += laid([Row(row) for row in table.rows])
        self._raw -= tag == "pre"

    def _bullet(self, element: Any) -> str:
        if not self._lists or not self._lists[-1].form:
            return "•"
        own = self._lists[-1]
        number = whole(element.get("value"), own.next)
        own.next = number + 1
        return f"{formatted(number, own.form)}."


def _lines(runs: list[Run]) -> Iterator[tuple[Run, ...]]:
    """The lines of a block, each with its white space squeezed, and what parts them."""
    line: list[Run] = []
    for run in runs:
        first, *others = run.text.split(_LINE)
        line.append(Run(first, run.ink))
        for other in others:
            yield (*squeezed(line), Run("\n", run.ink))
            line = [Run(other, run.ink)]
    yield squeezed(line)
