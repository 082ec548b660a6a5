"""The clause tree of a document: what a reader would call its outline, and what references point to. Pure.

Passages are cut along the plain row of clause marks (see `numbering`). The tree is stricter: dates, signatures and
addresses set as headings are no clauses of it, a table of contents gives none, a schedule lasts until the next one,
and its parts stand within it.

    1. Term                      body
      1.1 The term is …
    SCHEDULE 1 – THE PROPERTY    schedule
      Part 1: rights granted
        1. The right …
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from service.core import Block, Document
from service.retrieval.numbering import Clause, Outline, clauses

_APPENDED = re.compile(
    r"[\W_]*(?P<word>schedule|exhibit|annexure|annex|appendix|attachment)\b[ \t]*[\"“(]*(?P<which>[\w.-]{0,8})",
    re.I,
)
_CONTENTS = re.compile(r"\W*(?:table\s+of\s+)?(?:contents|index)\W*", re.I)
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_NO_HEADING = re.compile(
    rf"\d{{1,2}}(?:st|nd|rd|th)?\s+{_MONTH},?\s+\d{{4}}\b.*"  # dates
    rf"|{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{4}}\b.*"
    r"|.*\b(?:by|name|title|its|date|signature|signed|witness)\s*:.*|.*_{3,}.*|/s/.*"  # signatures
    r"|(?:in\s+witness\s+whereof|by\s+hand|by\s+(?:hand|e-?mail|post|courier|recorded|registered)\b).*"
    r"|.*\bacting\s+by\b.*|(?:executed|signed|sealed)\s+(?:as|by|for|on|and)\b.*"
    r"|[^\n]*\b[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2}|.*\b[A-Z]{2}\s+\d{5}(?:-\d{4})?"  # addresses
    r"|.*\bsource:\s.*|page\s+\d+.*|\[?(?:signature|remainder)\b.*|quicklinks\b.*",
    re.I,
)
LINE = 150  # characters of a line of a table of contents, at most
_ORDER = {"style": 0, "word": 20, "capitals": 21, "roman": 30, "decimal": 40, "item": 60}


@dataclass(slots=True)
class Row(Outline):
    """The open clauses, by the tree's rules. `seen` holds the last number of each kind in the body or appendix."""

    thorough: ClassVar[bool] = True
    seen: dict[str, tuple[int, ...]] = field(default_factory=dict)
    body: tuple[list[Clause], dict[str, tuple[int, ...]]] | None = (
        None  # as left when the first schedule began
    )
    begun: bool = False  # an "Exhibit 10.5" above the first number is a filing's name for the whole document

    def fits(self, clause: Clause) -> bool:
        """As any row, or going on from the last of the kind, however much was closed between."""
        return self._own(clause) or (self.body is not None and _next(clause, self.body[1]))

    def enter(self, clause: Clause) -> tuple[str, ...]:
        appended = appendix(clause) is not None
        if self.body and not appended and not self._own(clause) and _next(clause, self.body[1]):
            self.open, self.seen = self.body  # what looked like a schedule was a line of the body
            self.body = None
        if self.begun and appended:
            self.body, self.seen = self.body or (self.open, self.seen), {}
        self.begun = self.begun or bool(clause.number and not appended)
        self.open = [*self.open[: self._keep(clause, appended)], clause]
        self.seen[clause.kind] = clause.number
        return self.path

    def _own(self, clause: Clause) -> bool:
        return Outline.fits(self, clause) or _next(clause, self.seen)

    def _keep(self, new: Clause, appended: bool) -> int:
        """How many of the open clauses stay open above a new one. Kinds of items nest as they come."""
        if new.kind.startswith("item"):
            return next((n for n, c in enumerate(self.open) if c.kind == new.kind), len(self.open))
        for n, old in enumerate(self.open):
            if self.begun and (appended or appendix(old)):
                if appended:
                    return 0
            elif new.kind == old.kind or _depth(new) <= _depth(old):
                return n
        return len(self.open)


def _next(clause: Clause, seen: dict[str, tuple[int, ...]]) -> bool:
    last = seen.get(clause.kind, ())
    return bool(last) and clause.number == (*last[:-1], last[-1] + 1)


def _depth(clause: Clause) -> int:
    name, _, number = clause.kind.partition(":")
    return _ORDER[name] + (int(number) if number.isdigit() else 0)


@dataclass(frozen=True, slots=True)
class Node:
    """A clause of the tree: [start, end) holds it with all below it."""

    clause: Clause
    end: int
    path: tuple[str, ...]  # the headings from the outermost to its own
    appendix: (
        int  # place in the tree of the schedule (exhibit, annex …) that it is or lies in; -1 in the body
    )

    @property
    def start(self) -> int:
        return self.clause.start

    @property
    def number(self) -> tuple[int, ...]:
        return self.clause.number

    @property
    def label(self) -> str:
        return self.clause.label


def tree(document: Document) -> tuple[Node, ...]:
    """The clauses in reading order."""
    return tuple(_closed(_without_contents(list(_opened(document))), len(document.text)))


def blocks(document: Document) -> Iterator[Block]:
    """The document's blocks, and what stands between them: signs join the next block, words are a block."""
    at, page = 0, 1
    for block in document.blocks:
        between = document.text[at : block.start]
        if any(c.isalnum() for c in between):
            yield Block(at, block.start, page)
        elif between.strip():
            block = replace(block, start=at)
        yield block
        at, page = block.end, block.page
    if document.text[at:].strip():
        yield Block(at, len(document.text), page)


def appendix(clause: Clause) -> tuple[str, str] | None:
    """The word and the sign of a schedule, exhibit or annex: ("schedule", "1"); None for any other clause."""
    if clause.rank != "part" or clause.kind in ("roman", "word:1"):
        return None
    found = _APPENDED.match(clause.heading)
    if found is None or (not found["which"] and len(clause.heading) > len(found.group())):
        return None
    return found["word"].lower(), found["which"].upper().rstrip(".-")


def _opened(document: Document) -> Iterator[Clause]:
    """The clauses, but for those whose words no reader takes for a heading."""
    row = Row()
    for block in blocks(document):
        for clause in clauses(document.text, block, row):
            if _is_heading(clause):
                row.enter(clause)
                yield clause


def _is_heading(clause: Clause) -> bool:
    if clause.label and clause.number and not clause.caption:
        return True
    words = clause.caption or clause.heading
    return not _NO_HEADING.fullmatch(words[:200]) and any(c.isalpha() for c in words)


def _without_contents(found: list[Clause]) -> list[Clause]:
    """Without the lines of a table of contents that bear no page numbers: they come again as headings."""
    at = next((n for n, clause in enumerate(found) if _CONTENTS.fullmatch(clause.caption)), None)
    if at is None or at + 2 >= len(found):
        return found
    first, second = _plain(found[at + 1]), _plain(found[at + 2])
    for n in range(at + 2, len(found)):
        if found[n].start - found[at].start > LINE * (n - at):
            break
        name = _plain(found[n])
        if len(name) > 3 and (name == first or (name == second and n > at + 2)):
            return found[: at + 1] + found[n:]
    return found


def _plain(clause: Clause) -> str:
    return "".join(c for c in clause.heading.lower() if c.isalnum())


def _closed(found: Sequence[Clause], end: int) -> Iterator[Node]:
    """Every clause with where it ends: at the first after it that closes it."""
    ends, paths, within = [end] * len(found), list[tuple[str, ...]](), list[int]()
    row, stack = Row(), list[int]()
    for n, clause in enumerate(found):
        paths.append(row.enter(clause))
        while len(stack) >= len(row.open):
            ends[stack.pop()] = clause.start
        own = n if row.begun and appendix(clause) else -1
        within.append(own if own >= 0 or not stack else within[stack[-1]])
        stack.append(n)
    for clause, stop, path, inside in zip(found, ends, paths, within, strict=True):
        yield Node(clause, stop, path, inside)
