"""Rows parted into those that are learned and those that are held out. Pure.

What belongs together stays together: rows of one document, of its versions, and rows with nearly the same passage. So
nothing that is held out has been read in training.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from service.training.rows import Row

HELD_OUT = 0.15
ALIKE = (
    0.6  # of the shingles of the shorter passage that the longer one shares: then they are nearly the same
)
COMMON = 40  # passages with a shingle; what stands in more is a form's own words, and says nothing
SHINGLE = 8  # words
KEPT = 40  # shingles of a passage that are compared

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Split:
    train: tuple[Row, ...]
    held_out: tuple[Row, ...]
    together: int = 0  # rows that stand where they do because their passage is nearly another group's


@dataclass(frozen=True, slots=True)
class Leaks:
    """What stands on both sides: rows, passages word for word or nearly, and groups."""

    rows: int = 0
    passages: int = 0
    near: int = 0
    groups: int = 0

    def __bool__(self) -> bool:
        return bool(self.rows or self.passages or self.near or self.groups)


def distinct(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Each row once, blanks and capitals aside; the first of those that are the same."""
    found = dict[tuple[str, ...], Row]()
    for row in rows:
        found.setdefault((_plain(row.question), _plain(row.context), _plain(row.answer), row.label), row)
    return tuple(found.values())


def split(rows: Sequence[Row], share: float = HELD_OUT, seed: int = 0) -> Split:
    """Parts whole families of rows, about `share` of all rows into those held out, the same for the same seed."""
    families, together = _families(rows)
    wanted, held = round(share * len(rows)), set[int]()
    for family in sorted(families, key=lambda family: _lot(rows[family[0]], seed)):
        # A family that would overshoot by more than it lacks is left to the training.
        if len(held) < wanted and len(held) + len(family) - wanted <= wanted - len(held):
            held.update(family)
    if not held and wanted and len(families) > 1:
        least = min(families, key=lambda family: (len(family), _lot(rows[family[0]], seed)))
        held.update(least)
    return Split(
        tuple(row for n, row in enumerate(rows) if n not in held),
        tuple(row for n, row in enumerate(rows) if n in held),
        together,
    )


def leaks(train: Sequence[Row], held_out: Sequence[Row]) -> Leaks:
    """What is on both sides, whoever made the split."""
    ids = {row.id for row in train}
    passages, known = {_plain(row.context) for row in train}, {group(row) for row in train}
    shared = [row for row in held_out if _plain(row.context) not in passages]
    near = _alike([*train, *shared])
    edge = len(train)
    return Leaks(
        sum(row.id in ids for row in held_out),
        len({_plain(row.context) for row in held_out} & passages),
        len({max(pair) for pair in near if min(pair) < edge <= max(pair)}),
        len({group(row) for row in held_out if group(row)} & known),
    )


def group(row: Row) -> str:
    """What a row belongs to: the family of its document, or what its file says; "" where nothing is known."""
    return row.source.group or row.source.document


def groups(rows: Iterable[Row]) -> set[str]:
    """All that these rows belong to; where nothing is known of a row, its passage stands for it."""
    return {group(row) or _plain(row.context) for row in rows}


def _families(rows: Sequence[Row]) -> tuple[list[list[int]], int]:
    """The rows by what must stay together, and how many were brought together by their passages alone."""
    parents = list(range(len(rows)))

    def root(n: int) -> int:
        while parents[n] != n:
            parents[n] = parents[parents[n]]
            n = parents[n]
        return n

    first = dict[str, int]()
    for n, row in enumerate(rows):
        for key in (f"group {group(row)}" if group(row) else "", f"passage {_plain(row.context)}"):
            if key:
                parents[root(n)] = root(first.setdefault(key, n))
    before = len({root(n) for n in range(len(rows))})
    for a, b in _alike(rows):
        parents[root(b)] = root(a)
    families = defaultdict[int, list[int]](list)
    for n in range(len(rows)):
        families[root(n)].append(n)
    return list(families.values()), before - len(families)


def _alike(rows: Sequence[Row]) -> Iterator[tuple[int, int]]:
    """Pairs of rows whose passages share most of their runs of words; of rows with one passage the first one."""
    first = dict[str, int]()
    for n, row in enumerate(rows):
        first.setdefault(_plain(row.context), n)
    signs = {n: _shingles(text) for text, n in first.items()}
    where = defaultdict[int, list[int]](list)
    for n, found in signs.items():
        for sign in found:
            where[sign].append(n)
    shared = defaultdict[tuple[int, int], int](int)
    for places in where.values():
        if 1 < len(places) <= COMMON:
            for i, a in enumerate(places):
                for b in places[i + 1 :]:
                    shared[a, b] += 1
    for (a, b), count in shared.items():
        if count >= ALIKE * min(len(signs[a]), len(signs[b])):
            yield a, b


def _shingles(text: str) -> frozenset[int]:
    """The smallest of the hashes of a passage's runs of words: passages that share text share most of them."""
    words = _WORD.findall(text)
    runs = {" ".join(words[n : n + SHINGLE]) for n in range(max(1, len(words) - SHINGLE + 1))}
    return frozenset(sorted(int.from_bytes(sha256(run.encode()).digest()[:8]) for run in runs)[:KEPT])


def _lot(row: Row, seed: int) -> bytes:
    """A draw by what a family is, not by where it stands in the list."""
    return sha256(f"{seed} {group(row) or _plain(row.context)}".encode("utf-8", "surrogatepass")).digest()


def _plain(text: str) -> str:
    return " ".join(text.lower().split())
