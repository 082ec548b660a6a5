"""What each word gives to the BM25 of each passage, remembered.

BM25 is a sum over words. FTS5 gives one word's part as the rank of a question with that word alone; the parts of the
words in use are kept as arrays, and a question of many words is a sum of arrays instead of a walk through the index.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

MOST = 3_000_000  # numbers remembered, of 12 bytes

Part = tuple[NDArray[np.int32], NDArray[np.float64]]  # rows, and what the word gives to each
Places = Mapping[str, tuple[int, int]]  # the rows of each document's passages, both ends included


class Postings:
    """`ask` finds (row, score) of every passage with a word, `place` the rows of each document; forget everything
    whenever their answers change."""

    def __init__(
        self, ask: Callable[[str], Sequence[tuple[int, float]]], place: Callable[[], Places] = dict
    ) -> None:
        self._ask, self._place = ask, place
        self._known: Places | None = None
        self._parts: OrderedDict[str, Part] = OrderedDict()
        self._size, self._turn, self._lock = 0, 0, Lock()

    def forget(self) -> None:
        with self._lock:
            self._parts.clear()
            self._known = None
            self._size, self._turn = 0, self._turn + 1

    def places(self) -> Places:
        known, turn = self._known, self._turn
        if known is None:
            known = self._place()
            with self._lock:
                if turn == self._turn:
                    self._known = known
        return known

    def stands(self, word: str) -> bool:
        """Whether any passage has the word."""
        return len(self._part(word)[0]) > 0

    def sums(self, words: Iterable[str], spans: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
        """The BM25 of every passage in these spans, one span after the other; 0 where no word stands."""
        total = np.zeros(max((last + 1 for _, last in spans), default=0))
        for word in dict.fromkeys(words):
            rows, scores = self._part(word)
            end = len(rows) if not len(rows) or rows[-1] < len(total) else int(rows.searchsorted(len(total)))
            total[rows[:end]] += scores[:end]
        return np.concatenate([total[first : last + 1] for first, last in spans] or [total])

    def best(
        self, words: Iterable[str], spans: Sequence[tuple[int, int]] | None, limit: int
    ) -> list[tuple[int, float]]:
        """The `limit` rows of the greatest sums, best first; only rows in the spans (both ends included) if given."""
        parts = [self._part(word) for word in dict.fromkeys(words)]
        if spans is not None:
            parts = [_within(part, spans) for part in parts]
        size = max((int(rows.max()) + 1 for rows, _ in parts if len(rows)), default=0)
        total = np.zeros(size)
        for rows, scores in parts:
            total[rows] += scores
        found = np.flatnonzero(total)
        if len(found) > limit:
            found = found[np.argpartition(-total[found], limit)[:limit]]
        return sorted(((int(row), float(total[row])) for row in found), key=lambda hit: (-hit[1], hit[0]))

    def _part(self, word: str) -> Part:
        with self._lock:
            known, turn = self._parts.get(word), self._turn
            if known is not None:
                self._parts.move_to_end(word)
                return known
        hits = self._ask(word)
        part = (
            np.fromiter((row for row, _ in hits), np.int32, len(hits)),
            np.fromiter((score for _, score in hits), np.float64, len(hits)),
        )
        with self._lock:
            if turn == self._turn and word not in self._parts:
                self._parts[word] = part
                self._size += len(hits)
                while self._size > MOST:
                    self._size -= len(self._parts.popitem(last=False)[1][0])
        return part


def _within(part: Part, spans: Sequence[tuple[int, int]]) -> Part:
    rows, scores = part
    kept = [slice(*np.searchsorted(rows, (first, last + 1))) for first, last in spans]
    return (
        np.concatenate([rows[some] for some in kept] or [rows[:0]]),
        np.concatenate([scores[some] for some in kept] or [scores[:0]]),
    )
