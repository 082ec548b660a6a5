"""How contracts number themselves: the marks that open clauses, and the tree that they build. Pure.

A mark counts only where a clause can begin (a line's start, or after a finished sentence) and only if its number
follows from what came before, so that page numbers, tables of contents and cross-references do not build a tree.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from service.core import Block

Rank = Literal["part", "clause", "item"]

_WORD = (
    r"(?P<word>ARTICLE|Article|SECTION|Section|SCHEDULE|Schedule|EXHIBIT|Exhibit|ANNEX|Annex|APPENDIX|Appendix"
    r"|ATTACHMENT|Attachment|CLAUSE|Clause|PART|Part)[ \t]+"
    r"(?P<which>\d{1,3}(?:\.\d{1,3})*|[IVXLC]{1,7}|[A-Z](?:-\d+)?)\b[.:]?"
)
_DECIMAL = r"(?P<decimal>\d{1,2}(?:\.\d{1,3}){1,4})[.)]?(?=[ \t\xa0]*\n|[ \t\xa0]+[\"“'(\[A-Z])"
_NUMBER = r"(?P<number>\d{1,2})[.)](?=[ \t\xa0]*\n|[ \t\xa0]+[\"“'(\[A-Z])"
_ROMAN = r"(?P<roman>[IVX]{1,5})\.(?=[ \t\xa0]+[\"“'(\[A-Z])"
_ITEM = (
    r"\((?P<item>[a-z]{1,2}|[ivx]{1,5}|[A-Z]|\d{1,2})\)(?=[ \t\xa0]|\n)"
    r"|(?P<letter>[a-zA-Z])[.)](?=[ \t\xa0]+[\"“'(\[A-Z])"
)
_MARK = re.compile(f"(?:{_WORD}|{_DECIMAL}|{_NUMBER}|{_ROMAN}|{_ITEM})")
_PLACE = re.compile(r"(?:^|\n)[ \t\xa0]*(?=[\w(])|(?<=[.;:”\"])[ \t\xa0]+(?=[\w(])")
_PLACE_OR_GAP = re.compile(_PLACE.pattern + r"|(?<=\S)[ \t\xa0]{2,}(?=\d{1,2}\.\d)")
_BEGINS = (
    "All|Any|Company|During|Each|Either|Except|For|If|In"
    "|Neither|No|Notwithstanding|Nothing|On|Subject|The|This|To|Upon"
)
_CAPTION = re.compile(
    r"[ \t\xa0\n]*[\"“]?(?P<caption>[A-Z][^.:;\n]{3,90}?)[\"”]?[ \t]*"
    rf"(?:[.:](?=\s|$)|[-–—]{{1,2}}\s|\n|$|(?=\s\([ai1A]\)\s)|(?=\s(?:{_BEGINS})\s[a-zA-Z]))"
)
_RUNS_ON = re.compile(r"[ \t\n]+[a-z]")
_LEADERS = re.compile(r"(?:\.[ \t]?){4,}|…{2,}|_{4,}")
_PAGED = re.compile(r"[A-Za-z.)][ \t]+\d{1,3}[ \t]*$")
_CAPITALS = re.compile(r"[^a-z]*[A-Z]{3}[^a-z]*")
_SMALL = re.compile(
    "a|an|and|as|at|by|for|from|in|into|is|it|no|not|of|on|or|per|than|that|the|this|to|under|upon|with", re.I
)


@dataclass(frozen=True, slots=True)
class Clause:
    """The opening of a clause: where it stands, what number it bears and what it is called."""

    start: int
    end: int  # of the mark and caption
    kind: str
    number: tuple[int, ...]
    label: str  # as printed: "4.", "(a)", "ARTICLE IV"; empty for a heading without a number
    caption: str
    rank: Rank

    @property
    def heading(self) -> str:
        return f"{self.label} {self.caption}".strip()


@dataclass(slots=True)
class Outline:
    """The clauses that stand open at one place of a document, outermost first."""

    open: list[Clause] = field(default_factory=list)
    # Whether a lone "SCHEDULE 2" is a heading, and "2.1" after wide blanks a clause; passages are cut without them.
    thorough: ClassVar[bool] = False

    def fits(self, clause: Clause) -> bool:
        """Whether the clause's number follows from those that stand open, or begins a new row."""
        if not clause.number:
            return True
        last = next((c.number for c in self.open if c.kind == clause.kind), None)
        if last is None:
            return clause.number[-1] <= 2 or clause.rank == "part"
        if clause.number[:-1] == last[:-1]:
            return clause.number[-1] == 1 or 0 < clause.number[-1] - last[-1] <= 3
        return clause.number[-1] <= 2

    def enter(self, clause: Clause) -> tuple[str, ...]:
        """Close what the clause ends, open it, and return the headings that now stand, its own last."""
        keep = len(self.open)
        for at, other in enumerate(self.open):
            if _closes(clause, other):
                keep = at
                break
        self.open[keep:] = [clause]
        return self.path

    @property
    def path(self) -> tuple[str, ...]:
        return tuple(c.heading for c in self.open)


def _closes(new: Clause, old: Clause) -> bool:
    if new.kind == old.kind:
        return True
    return _depth(new.kind) <= _depth(old.kind)


def _depth(kind: str) -> int:
    """Where a kind of mark stands among the others; item marks nest in the order they appear."""
    name, _, number = kind.partition(":")
    order = {"style": 0, "word": 20, "capitals": 21, "roman": 30, "decimal": 40, "item": 60}
    return order[name] + (int(number) if number.isdigit() else 0) + (99 if name == "item" else 0)


def clauses(text: str, block: Block, tree: Outline) -> Iterator[Clause]:
    """The clauses that begin in a block, in order. `tree` is read between steps: enter each clause as it comes."""
    body = text[block.start : block.end]
    if block.style == "table":
        return
    if block.style == "heading" or _bare_heading(body):
        if (found := _whole(body, block, tree.thorough)) is not None:
            yield found
        return
    lines = _Lines(body)
    for place in (_PLACE_OR_GAP if tree.thorough else _PLACE).finditer(body):
        mark = _MARK.match(body, place.end())
        if mark is None:
            continue
        inline = place.end() > 0 and "\n" not in place.group()
        found = _clause(body, mark, block.start, tree, lines)
        if found is not None and not (inline and found.kind.startswith("item")) and tree.fits(found):
            yield found


def _bare_heading(body: str) -> bool:
    line = body.strip()
    return (
        len(line) <= 90 and "\n" not in line and bool(_CAPITALS.fullmatch(line)) and not _LEADERS.search(line)
    )


def _whole(body: str, block: Block, thorough: bool) -> Clause | None:
    """The clause of a block that is a heading from end to end. A lone "SCHEDULE 2" looks like a line of a table of
    contents, and counts only with `thorough`."""
    lead = len(body) - len(body.lstrip("# \t\n"))
    line = " ".join(body[lead:].split())
    mark = _MARK.match(body, lead)
    alone = thorough and mark is not None and bool(mark["word"]) and not body[mark.end() :].strip()
    if not line or _LEADERS.search(line) or (_PAGED.search(line) and not alone):
        return None
    if mark is not None:
        kind, number = _reading(mark)
        label, caption = mark.group().strip(), " ".join(body[mark.end() :].split())
    else:
        kind = f"style:{max(1, block.level)}" if block.style == "heading" else "capitals"
        number, label, caption = (), "", line
    rank: Rank = "clause" if kind.startswith(("decimal", "item")) else "part"
    return Clause(block.start, block.end, kind, number, label, caption[:120], rank)


class _Lines:
    """Where the lines of a block end, and which hold the dots of a table of contents. Read once, for a block may be
    one long line with a mark at every word."""

    def __init__(self, body: str) -> None:
        self._ends = [*(match.start() for match in re.finditer("\n", body)), len(body)]
        self._leaders = [match.start() for match in _LEADERS.finditer(body)]

    def end(self, at: int) -> int:
        return self._ends[bisect_left(self._ends, at)]

    def led(self, start: int, end: int) -> bool:
        return bisect_left(self._leaders, start) < bisect_left(self._leaders, end)


def _clause(body: str, mark: "re.Match[str]", offset: int, tree: Outline, lines: _Lines) -> Clause | None:
    end = lines.end(mark.start())
    if lines.led(mark.start(), end) or (end - mark.start() < 120 and _PAGED.search(body, mark.start(), end)):
        return None
    kind, number = _reading(mark, tree)
    found = _CAPTION.match(body, mark.end())
    caption = " ".join(found["caption"].split()) if found and _titled(found["caption"]) else ""
    stop = found.end() if found and caption else mark.end()
    if mark["word"] and not caption and _RUNS_ON.match(body, mark.end()):
        return None  # "Section 4 of the Lease provides that …" is a sentence, not a clause
    rank: Rank = "part" if mark["word"] else "item" if kind.startswith("item") and not caption else "clause"
    return Clause(offset + mark.start(), offset + stop, kind, number, mark.group().strip(), caption, rank)


def _titled(caption: str) -> bool:
    words = [w for w in re.findall(r"[A-Za-z][\w'’-]*", caption) if not _SMALL.fullmatch(w)]
    return 0 < len(words) <= 10 and sum(w[0].isupper() for w in words) >= 0.7 * len(words)


def _reading(mark: "re.Match[str]", tree: Outline | None = None) -> tuple[str, tuple[int, ...]]:
    """The kind of a mark and its number."""
    if mark["word"]:
        return f"word:{_word_depth(mark['word'])}", numbers(mark["which"])
    if mark["decimal"]:
        number = tuple(int(n) for n in mark["decimal"].split("."))
        return f"decimal:{len(number)}", number
    if mark["number"]:
        return "decimal:1", (int(mark["number"]),)
    if mark["roman"]:
        return "roman", (_roman(mark["roman"]),)
    return _item(mark["item"] or mark["letter"], tree)


def _word_depth(word: str) -> int:
    return 1 if word.upper() in ("SECTION", "CLAUSE") else 0


def _item(sign: str, tree: Outline | None) -> tuple[str, tuple[int, ...]]:
    """(i) is the letter after (h), or else the first of a Roman row."""
    if sign.isdigit():
        return "item:digit", (int(sign),)
    letter = ord(sign[0].lower()) - 96
    row = "item:lower" if sign.islower() else "item:upper"
    before = next((c.number[-1] for c in tree.open if c.kind == row), None) if tree else None
    if set(sign) <= set("ivx") and not (len(sign) == 1 and before == letter - 1):
        return "item:roman", (_roman(sign.upper()),)
    return row, (letter + 26 * (len(sign) - 1),)


def numbers(which: str) -> tuple[int, ...]:
    """A number as printed after a word: "4.1", "IV" or "B" to (4, 1), (4,) or (2,)."""
    if which[0].isdigit():
        return tuple(int(n) for n in which.split("."))
    if set(which) <= set("IVXLC") and which not in ("C", "L"):
        return (_roman(which),)
    return (ord(which[0]) - 64,)


def _roman(sign: str) -> int:
    values = [{"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}[c] for c in sign]
    return sum(-v if v < after else v for v, after in zip(values, [*values[1:], 0], strict=True))
