"""What a loader hands back, and why it could not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from service.core import Block, Entry, Mark, Page, State, Style, Word
from service.retrieval.loaders.tracked import (
    Comment,
    Composer,
    Edge,
    Ink,
    Run,
    Runs,
    accepted,
    deleted,
    trimmed,
)


class Unreadable(Exception):
    """A file that gives no text. `reason` is a sentence with the remedy and never holds client text."""

    def __init__(self, state: State, reason: str) -> None:
        super().__init__(reason)
        self.state = state
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file inside a file. `name` may hold a relative path, and is as hostile as any."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Content:
    """The text of a file with its structure, before it has a name and a matter."""

    text: str
    blocks: tuple[Block, ...]
    pages: tuple[Page, ...]
    ledger: tuple[Entry, ...] = ()
    marks: tuple[Mark, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    words: tuple[Word, ...] = ()  # see Document.words


class Part(NamedTuple):
    """A block of a document whose text is composed by its loader."""

    text: str | Runs
    style: Style = "paragraph"
    level: int = 0
    gap: Ink | None = None  # the break after it is a tracked insertion

    @property
    def runs(self) -> Runs:
        return (Run(self.text),) if isinstance(self.text, str) else self.text

    @property
    def accepted(self) -> str:
        return self.text if isinstance(self.text, str) else accepted(self.text)


def compose(
    parts: Iterable[Part],
    ledger: tuple[Entry, ...] = (),
    comments: Mapping[str, Comment] = MappingProxyType({}),
) -> Content:
    """The parts one under another, a blank line between them, on a single page.

    Empty parts are left out; what was deleted from one stands as a mark at the beginning of the next.
    """
    sheet = _Sheet(comments)
    for part in parts:
        sheet.add(part)
    text, marks = sheet.end()
    return Content(text, tuple(sheet.blocks), (Page(1, 0, len(text)),), ledger, marks)


class _Sheet:
    """Parts laid one under another."""

    def __init__(self, comments: Mapping[str, Comment]) -> None:
        self.blocks: list[Block] = []
        self._page = Composer(comments)
        self._waiting: list[Run] = []  # what was deleted before the next part
        self._gap: Ink | None = None  # the last break, when it was inserted

    def add(self, part: Part) -> None:
        # A first cell may well be empty: the tab at the head of a table stays.
        runs = trimmed(part.runs, " \r\n" if part.style == "table" else None)
        if not accepted(runs).strip():
            self._add_empty(runs, part.gap)
            return
        if self.blocks:
            self._page.put(Run("\n\n", self._gap))
        start = self._page.at
        self._page.put_all((*self._waiting, *runs))
        self.blocks.append(Block(start, self._page.at, 1, part.style, part.level))
        self._waiting, self._gap = [], part.gap

    def _add_empty(self, runs: Runs, gap: Ink | None) -> None:
        """A part without text leaves its deletions, and comments that begin in it, to the next."""
        ends = [run for run in runs if isinstance(run.ink, Edge) and run.ink.side == "end"]
        self._page.put_all(ends)
        left = [run for run in runs if run not in ends]
        if self._gap and not self._waiting:  # as it was, it went on from the part before
            self._page.put_all(left)
            self._gap = gap
            return
        self._waiting += left
        if gap is None and not (self._waiting and self._waiting[-1].text.endswith("\n\n")):
            self._waiting += _break(self._waiting)

    def end(self) -> tuple[str, tuple[Mark, ...]]:
        self._page.put_all((*_break(self._waiting), *self._waiting))
        return self._page.text, self._page.marks()


def _break(runs: Sequence[Run]) -> Runs:
    """The break that went with what was deleted last; none where nothing was."""
    ink = next((run.ink for run in reversed(runs) if deleted(run)), None)
    return (Run("\n\n", ink),) if ink else ()
