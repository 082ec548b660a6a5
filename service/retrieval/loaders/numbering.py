"""Automatic numbering of Word, rendered as printed: "1.2", "(a)", "Article IV".

Counters belong to the abstract definition: lists that share it count on. A list with a start of its own
begins there the first time that it is used. A deeper level begins anew after a higher one (ECMA-376, 17.9).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
LEVELS = 9

_ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
         "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")  # fmt: skip
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth",
             "nine": "ninth", "twelve": "twelfth"}  # fmt: skip
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
          (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip

_REACH = {"lowerLetter": 780, "upperLetter": 780, "lowerRoman": 3999, "upperRoman": 3999,
          "decimalZero": 10**6, "ordinal": 10**6, "cardinalText": 99, "ordinalText": 99}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Level:
    start: int
    format: str
    text: str  # "%1.%2": each %n stands for the counter of level n
    restart: (
        int | None
    )  # begins anew after a level below this number (from 1); 0 never; None after any higher
    legal: bool  # all counters in Arabic figures
    style: str  # the paragraph style that carries this level


@dataclass(slots=True)
class List:
    """What a `w:num` names: an abstract definition and what the list has of its own."""

    abstract: str
    levels: dict[int, Level]
    starts: dict[int, int] = field(default_factory=dict)


class Numbering:
    """The lists of a document, and how far each has counted."""

    def __init__(self, root: Any) -> None:
        """`root` is the element of numbering.xml, or None."""
        self._lists: dict[str, List] = {} if root is None else _lists(root)
        self._counts: dict[str, dict[int, int]] = {}
        self._started: set[tuple[str, int]] = set()

    def level_of(self, number: str, style: str) -> int:
        """The level that the style carries in this list; 0 when none is tied to it."""
        found = self._lists.get(number)
        tied = (i for i, level in found.levels.items() if level.style == style) if found else iter(())
        return next(tied, 0)

    def label(self, number: str, depth: int) -> str:
        """Counts the list on at this level (from 0) and returns what is printed, "" where nothing is."""
        numbered = self._lists.get(number)
        if numbered is None or depth not in numbered.levels:
            return ""
        counts = self._counts.setdefault(numbered.abstract, {})
        self._count(number, numbered, counts, depth)
        return _printed(numbered.levels, counts, depth)

    def _count(self, number: str, numbered: List, counts: dict[int, int], depth: int) -> None:
        levels = numbered.levels
        if depth in numbered.starts and (number, depth) not in self._started:
            counts[depth] = numbered.starts[depth]
        else:
            counts[depth] = counts[depth] + 1 if depth in counts else levels[depth].start
        self._started.add((number, depth))
        for deeper in [d for d in counts if d > depth]:
            restart = levels[deeper].restart if deeper in levels else None
            if restart is None or depth < restart:
                del counts[deeper]
        for higher in range(depth):
            counts.setdefault(higher, levels[higher].start if higher in levels else 1)


def _printed(levels: dict[int, Level], counts: dict[int, int], depth: int) -> str:
    level = levels[depth]
    if level.format == "bullet":
        return "•" if level.text.strip() else ""

    def counter(match: re.Match[str]) -> str:
        n = int(match[1]) - 1
        form = "decimal" if level.legal or n not in levels else levels[n].format
        return formatted(counts.get(n, 1), form)

    return re.sub(r"%([1-9])", counter, level.text).strip()


def formatted(n: int, form: str) -> str:
    """The number in one of Word's formats; Arabic figures where the format is unknown or does not reach."""
    if form == "none":
        return ""
    makers: dict[str, Callable[[int], str]] = {
        "lowerLetter": _letters,
        "upperLetter": lambda n: _letters(n).upper(),
        "lowerRoman": _roman,
        "upperRoman": lambda n: _roman(n).upper(),
        "decimalZero": lambda n: f"{n:02d}",
        "ordinal": lambda n: f"{n}{_suffix(n)}",
        "cardinalText": lambda n: _words(n).capitalize(),
        "ordinalText": lambda n: _ordinal(n).capitalize(),
    }
    reach = _REACH.get(form, 0)
    return makers[form](n) if 1 <= n <= reach else str(n)


def _letters(n: int) -> str:
    """a … z, then aa, bb … as Word counts."""
    return chr(ord("a") + (n - 1) % 26) * ((n - 1) // 26 + 1)


def _roman(n: int) -> str:
    text = ""
    for value, letters in _ROMAN:
        text += letters * (n // value)
        n %= value
    return text


def _suffix(n: int) -> str:
    return "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")


def _words(n: int) -> str:
    if n < 20:
        return _ONES[n]
    return _TENS[n // 10] + (f"-{_ONES[n % 10]}" if n % 10 else "")


def _ordinal(n: int) -> str:
    head, dash, last = _words(n).rpartition("-")
    if last in _ORDINALS:
        return head + dash + _ORDINALS[last]
    return head + dash + (last[:-1] + "ieth" if last.endswith("y") else last + "th")


def _lists(root: Any) -> dict[str, List]:
    abstracts = {a.get(W + "abstractNumId", ""): a for a in root.findall(W + "abstractNum")}
    by_style = {_value(a, "styleLink"): a for a in abstracts.values() if _value(a, "styleLink")}
    lists = {}
    for num in root.findall(W + "num"):
        key = _value(num, "abstractNumId")
        abstract = abstracts.get(key)
        linked = by_style.get(_value(abstract, "numStyleLink")) if abstract is not None else None
        if linked is not None:
            abstract, key = linked, linked.get(W + "abstractNumId", "")
        lists[num.get(W + "numId", "")] = _list(key, abstract, num)
    return lists


def _list(key: str, abstract: Any, num: Any) -> List:
    found = List(key, {} if abstract is None else _levels(abstract))
    for override in num.findall(W + "lvlOverride"):
        depth = whole(override.get(W + "ilvl"), 0)
        found.levels |= _levels(override)
        start = _value(override, "startOverride")
        if start:
            found.starts[depth] = whole(start, 1)
    return found


def _levels(parent: Any) -> dict[int, Level]:
    return {whole(lvl.get(W + "ilvl"), 0): _level(lvl) for lvl in parent.findall(W + "lvl")}


def _level(lvl: Any) -> Level:
    restart = _value(lvl, "lvlRestart")
    legal = lvl.find(W + "isLgl")
    return Level(
        start=whole(_value(lvl, "start"), 0),
        format=_value(lvl, "numFmt") or "decimal",
        text=_value(lvl, "lvlText"),
        restart=whole(restart, 0) if restart else None,
        legal=legal is not None and legal.get(W + "val") not in ("0", "false", "off"),
        style=_value(lvl, "pStyle"),
    )


def _value(element: Any, name: str) -> str:
    child = element.find(W + name)
    return "" if child is None else str(child.get(W + "val", ""))


def whole(text: str | None, otherwise: int) -> int:
    """The number in an attribute, kept to a sane range; `otherwise` when it is none."""
    try:
        return max(-1, min(int(text or ""), 1_000_000))
    except ValueError:
        return otherwise
