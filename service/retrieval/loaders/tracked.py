"""Text in which some stretches are tracked changes and some lie under a comment, until it is composed.

A loader hands over runs; composing gives them their offsets. The canonical text is the text as if every change were
accepted: inserted runs are in it, deleted ones stand beside it as marks.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from typing import Literal, NamedTuple

from service.core import Document, Mark


class Ink(NamedTuple):
    """Whose hand a run is from, where a change is tracked. `date` is as the file gives it."""

    kind: Literal["inserted", "deleted"]
    by: str = ""
    date: str = ""


class Edge(NamedTuple):
    """Where a comment's range begins or ends, or, of one without a range, where it hangs."""

    comment: str  # its id in the file
    side: Literal["begin", "end", "point"]


class Run(NamedTuple):
    text: str
    ink: Ink | Edge | None = None


class Comment(NamedTuple):
    text: str
    by: str
    date: str


Runs = tuple[Run, ...]


def deleted(run: Run) -> bool:
    return isinstance(run.ink, Ink) and run.ink.kind == "deleted"


def accepted(runs: Iterable[Run]) -> str:
    """The text with every change accepted."""
    return "".join(run.text for run in runs if not deleted(run))


def rejected(runs: Iterable[Run]) -> str:
    """The text with every change rejected."""
    return "".join(run.text for run in runs if run.ink is None or deleted(run))


def whole_ink(runs: Iterable[Run]) -> Ink | None:
    """The ink of words that were all inserted or all deleted: what parts them from others came or went too."""
    inks = [run.ink for run in runs if run.text.strip()]
    first = inks[0] if inks else None
    whole = isinstance(first, Ink) and all(isinstance(ink, Ink) and ink.kind == first.kind for ink in inks)
    return first if isinstance(first, Ink) and whole else None


def trimmed(runs: Iterable[Run], white: str | None = None) -> Runs:
    """Without white space (or the characters of `white`) at either end. What parted a deletion from its
    neighbour goes with the deletion."""
    runs = tuple(runs)
    if all(run.ink is None for run in runs):
        return _whole("".join(run.text for run in runs).strip(white))
    left = _trimmed(runs, lambda text: text.lstrip(white))
    return tuple(reversed(_trimmed(reversed(left), lambda text: text.rstrip(white))))


def _whole(text: str) -> Runs:
    return (Run(text),) if text else ()


def _trimmed(runs: Iterable[Run], strip: Callable[[str], str]) -> list[Run]:
    kept: list[Run] = []
    beside: Ink | None = None  # the deletion that lies between the end and here
    done = False
    for run in runs:
        if done or isinstance(run.ink, Edge):
            kept.append(run)
        elif deleted(run):
            assert isinstance(run.ink, Ink)
            beside = run.ink
            kept.append(run)
        else:
            text = strip(run.text)
            if beside and run.ink is None and text != run.text:
                kept.append(Run(" ", beside))
            if text:
                kept.append(Run(text, run.ink))
                done = True
    return kept


def squeezed(runs: Iterable[Run]) -> Runs:
    """With every stretch of white space turned into one space, and none at the ends."""
    runs = tuple(runs)
    if all(run.ink is None for run in runs):
        return _whole(" ".join("".join(run.text for run in runs).split()))
    kept: list[Run] = []
    spaced = True  # whether the accepted text so far ends in a space
    beside: Ink | None = None
    for run in runs:
        text = _one_spaced(run.text)
        if deleted(run):
            assert isinstance(run.ink, Ink)
            beside = run.ink
        elif not isinstance(run.ink, Edge) and text:
            if spaced and text[0] == " ":
                text = text[1:]
                if beside and run.ink is None:
                    kept.append(Run(" ", beside))
            spaced, beside = (text[-1] == " ", None) if text else (spaced, beside)
        kept.append(Run(text, run.ink))
    return trimmed(kept)


def _one_spaced(text: str) -> str:
    inner = " ".join(text.split())
    if not inner:
        return " " if text else ""
    return " " * text[0].isspace() + inner + " " * text[-1].isspace()


class Composer:
    """Runs laid one after another, with the marks that they leave. Read `text`, `at` and `marks` at the end."""

    def __init__(self, comments: Mapping[str, Comment]) -> None:
        self.at = 0
        self._text: list[str] = []
        self._marks: list[Mark] = []
        self._comments = dict(comments)
        self._open: dict[str, int] = {}

    @property
    def text(self) -> str:
        return "".join(self._text)

    def put(self, run: Run) -> None:
        if isinstance(run.ink, Edge):
            self._edge(run.ink)
        elif run.ink is None:
            self._lay(run.text)
        elif run.text:
            self._change(run.text, run.ink)

    def put_all(self, runs: Iterable[Run]) -> None:
        for run in runs:
            self.put(run)

    def marks(self) -> tuple[Mark, ...]:
        """All marks in the order of their starts; a comment whose range never ended hangs at its beginning."""
        for key in list(self._comments):
            self._comment(key, self._open.get(key, self.at), self._open.get(key, self.at))
        return tuple(sorted(self._marks, key=lambda mark: (mark.start, mark.end)))

    def _lay(self, text: str) -> None:
        self._text.append(text)
        self.at += len(text)

    def _change(self, text: str, ink: Ink) -> None:
        start = self.at
        if ink.kind == "inserted":
            self._lay(text)
            mark = Mark("inserted", start, self.at, by=ink.by, date=ink.date)
        else:
            mark = Mark("deleted", start, start, text, ink.by, ink.date)
        last = self._marks[-1] if self._marks else None
        if last and (last.kind, last.by, last.date, last.end) == (ink.kind, ink.by, ink.date, start):
            mark = Mark(mark.kind, last.start, mark.end, last.text + mark.text, mark.by, mark.date)
            self._marks.pop()
        self._marks.append(mark)

    def _edge(self, edge: Edge) -> None:
        if edge.side == "begin":
            self._open.setdefault(edge.comment, self.at)
        elif edge.side == "end" or edge.comment not in self._open:
            self._comment(edge.comment, self._open.get(edge.comment, self.at), self.at)

    def _comment(self, key: str, start: int, end: int) -> None:
        comment = self._comments.pop(key, None)
        if comment is not None:
            self._marks.append(Mark("comment", start, max(start, end), *comment))


def original_text(document: Document) -> str:
    """The text as if every tracked change were rejected; the canonical text itself where none is tracked.

    Words and paragraphs are the original's; automatic numbers stay as they are printed with the changes.
    """
    tracked = [mark for mark in document.marks if mark.kind != "comment"]
    if not tracked:
        return document.text
    pieces, at = [], 0
    for mark in tracked:
        pieces += [document.text[at : mark.start], mark.text]
        at = max(at, mark.end)
    lines = ("".join(pieces) + document.text[at:]).split("\n")
    filled = (list(group) for full, group in groupby(lines, lambda line: bool(line.strip())) if full)
    return "\n\n".join("\n".join(line.rstrip() for line in group) for group in filled)
