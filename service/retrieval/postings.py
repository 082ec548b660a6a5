"""Which passages of a matter have which terms: the bags of its documents in one, all in memory.

BM25 as FTS5 computes it (k1 = 1.2, b = 0.75, no word weighs less than 1e-6). FTS5 itself looks up how long each passage
is with a walk through a tree, which is a third of a second for a word that most of 100,000 passages have; here it is an
array, and a word is a slice of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.retrieval.bags import Bag, terms

K1, B = 1.2, 0.75
LEAST = 1e-6

Numbers = NDArray[np.float64]
Spans = Sequence[tuple[int, int]]  # rows, both ends included
Slice = tuple[NDArray[np.int32], NDArray[np.uint16]]  # rows, and a term's times in each
Places = Mapping[str, tuple[int, int]]  # the rows of each document's passages


@dataclass(frozen=True)
class Postings:
    """`terms` are sorted; those from `starts[n]` to `starts[n + 1]` of `rows` and `times` are of the term n. `lengths`
    are by row, -1 where none is."""

    terms: NDArray[np.uint64]
    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    times: NDArray[np.uint16]
    lengths: NDArray[np.int32]

    @classmethod
    def of(cls, bags: Iterable[tuple[int, Bag]]) -> "Postings":
        """Of documents, each with the row of its first passage."""
        found = list(bags)
        every = _together([np.repeat(bag.terms, bag.shares) for _, bag in found], np.uint64)
        order = np.argsort(every, kind="stable")
        rows = _together([bag.passages + np.int32(first) for first, bag in found], np.int32)
        names, shares = np.unique(every[order], return_counts=True)
        lengths = np.full(max((first + len(bag.lengths) for first, bag in found), default=0), -1, np.int32)
        for first, bag in found:
            lengths[first : first + len(bag.lengths)] = bag.lengths
        times = _together([bag.times for _, bag in found], np.uint16)
        return cls(names, np.cumsum([0, *shares]), rows[order], times[order], lengths)

    def changed(self, came: Sequence[tuple[int, Bag]], gone: Spans) -> "Postings":
        """With these documents more, and without the passages of those rows, which went before the others came."""
        here = [(first, last) for first, last in gone if (self.lengths[first : last + 1] >= 0).any()]
        left = self._without(here) if here else self
        return left._with(Postings.of(came)) if came else left

    def _without(self, gone: Spans) -> "Postings":
        lengths = self.lengths.copy()
        for first, last in gone:
            lengths[first : last + 1] = -1
        stay = lengths[self.rows] >= 0
        shares = np.diff(np.cumsum(np.concatenate([[0], stay]))[self.starts])
        here = shares > 0
        starts = np.cumsum(np.concatenate([[0], shares[here]]))
        return Postings(self.terms[here], starts, self.rows[stay], self.times[stay], lengths)

    def _with(self, other: "Postings") -> "Postings":
        names = np.union1d(self.terms, other.terms)
        mine, theirs = names.searchsorted(self.terms), names.searchsorted(other.terms)
        shares, added = np.zeros(len(names), np.int64), np.zeros(len(names), np.int64)
        shares[mine], added[theirs] = np.diff(self.starts), np.diff(other.starts)
        at = np.repeat(np.cumsum(shares), added)
        lengths = np.full(max(len(self.lengths), len(other.lengths)), -1, np.int32)
        lengths[: len(self.lengths)] = self.lengths
        lengths[: len(other.lengths)][other.lengths >= 0] = other.lengths[other.lengths >= 0]
        return Postings(
            names,
            np.cumsum(np.concatenate([[0], shares + added])),
            np.insert(self.rows, at, other.rows),
            np.insert(self.times, at, other.times),
            lengths,
        )

    @property
    def size(self) -> int:
        """Bytes in memory."""
        arrays = (self.terms, self.starts, self.rows, self.times, self.lengths, self._worn)
        return sum(array.nbytes for array in arrays)

    @cached_property
    def _worn(self) -> Numbers:
        """By row, what a word's times there are weighed against: the longer the passage, the more."""
        here = self.lengths >= 0
        mean = self.lengths[here].mean() if here.any() else 1.0
        return K1 * (1 - B + B * self.lengths / (mean or 1.0))

    @cached_property
    def _passages(self) -> int:
        return int(np.count_nonzero(self.lengths >= 0))

    def stands(self, term: Sequence[int]) -> bool:
        """Whether a passage has all of these terms; none has nothing."""
        return bool(term) and len(_standing(self._slices(term))[0]) > 0

    def sums(self, words: Iterable[str], spans: Spans) -> Numbers:
        """The BM25 of every passage in these spans, one span after the other; 0 where no word stands."""
        total = self._sums(words)
        missing = max((last + 1 for _, last in spans), default=0) - len(total)
        if missing > 0:  # they came just now
            total = np.append(total, np.zeros(missing))
        return np.concatenate([total[first : last + 1] for first, last in spans] or [total[:0]])

    def best(self, words: Iterable[str], spans: Spans | None, limit: int) -> list[tuple[int, float]]:
        """The `limit` rows of the greatest sums, best first; only rows in the spans if given."""
        total = self._sums(words)
        if spans is not None:
            inside = np.zeros(len(total), bool)
            for first, last in spans:
                inside[first : last + 1] = True
            total[~inside] = 0.0
        found = np.flatnonzero(total)
        if len(found) > limit:
            found = found[np.argpartition(-total[found], limit)[:limit]]
        return sorted(((int(row), float(total[row])) for row in found), key=lambda hit: (-hit[1], hit[0]))

    def _sums(self, words: Iterable[str]) -> Numbers:
        """All words in one go: over many small matters what counts is how often numpy is called."""
        wanted = [terms(word) for word in dict.fromkeys(words)]
        slices = iter(self._slices([one for term in wanted for one in term]))
        every = [_standing([next(slices) for _ in term]) for term in wanted if term]
        found = [(rows, times) for rows, times in every if len(rows)]
        if not found:
            return np.zeros(len(self.lengths))
        shares = np.array([len(rows) for rows, _ in found])
        weights = np.maximum(np.log((self._passages - shares + 0.5) / (shares + 0.5)), LEAST)
        rows = np.concatenate([rows for rows, _ in found])
        times = np.concatenate([times for _, times in found]).astype(np.float64)
        parts = weights.repeat(shares) * (times * (K1 + 1) / (times + self._worn[rows]))
        return np.asarray(np.bincount(rows, parts, len(self.lengths)), np.float64)

    def _slices(self, wanted: Sequence[int]) -> list[Slice]:
        """The rows of the passages that have each of these terms, and how often."""
        if not len(self.terms):
            return [(self.rows, self.times)] * len(wanted)
        names = np.array(wanted, np.uint64)
        at = np.minimum(self.terms.searchsorted(names), len(self.terms) - 1)
        firsts = self.starts[at]
        lasts = np.where(self.terms[at] == names, self.starts[at + 1], firsts)
        return [
            (self.rows[first:last], self.times[first:last])
            for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True)
        ]


def _standing(found: Sequence[Slice]) -> Slice:
    """The rows that all of these have, and how often."""
    rows, times = found[0]
    for others, too in found[1:]:
        rows, mine, theirs = np.intersect1d(rows, others, return_indices=True)
        times = np.minimum(times[mine], too[theirs])
    return rows, times


def _together(arrays: Sequence[NDArray[Any]], kind: type[np.generic]) -> NDArray[Any]:
    return np.concatenate([*arrays, np.zeros(0, kind)]).astype(kind, copy=False)
