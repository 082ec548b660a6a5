"""What one matter's words and vectors say of its passages, as arrays: most are never looked at one by one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.retrieval.held import Documents
from service.retrieval.rank import BLEND

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Hits:
    """Passages with their cosines and their BM25 (0 where no word of the question stands).

    They are those of the documents `keys`, one after the other; each begins at its place in `starts`, and its first
    passage has the number 0.
    """

    keys: Sequence[str]
    starts: NDArray[np.int64]
    cosines: Numbers
    bm25: Numbers

    @classmethod
    def of(cls, cosines: Mapping[str, float], bm25: Mapping[str, float]) -> "Hits":
        """Of single passages, by their ids."""
        ids = list(cosines)
        return cls(
            ids,
            np.zeros(0, np.int64),
            np.array([cosines[id] for id in ids], np.float64),
            np.array([bm25.get(id, 0.0) for id in ids], np.float64),
        )

    @classmethod
    def all(cls, query: NDArray[np.float32], held: Documents, keys: Sequence[str], bm25: Numbers) -> "Hits":
        """Of every passage of these documents, whose BM25 stand one document after the other."""
        sizes = [len(held[key]) for key in keys]
        cosines = np.concatenate([held[key] @ query for key in keys] or [np.zeros(0, np.float32)])
        return cls(keys, np.cumsum([0, *sizes[:-1]]), cosines.astype(np.float64), bm25)

    @property
    def most(self) -> float:
        """The greatest BM25."""
        return float(self.bm25.max(initial=0.0))

    @property
    def nearest(self) -> float:
        return float(self.cosines.max(initial=-1.0))

    def fused(self, most: float) -> Numbers:
        """By cosine and words together, as `rank.fuse`; `most` is the best BM25 in scope."""
        return self.cosines + BLEND * self.bm25 / most

    def at(self, place: int) -> tuple[str, float, float]:
        """A passage's id, cosine and BM25."""
        return self._id(place), float(self.cosines[place]), float(self.bm25[place])

    def _id(self, at: int) -> str:
        if not len(self.starts):
            return self.keys[at]
        document = int(np.searchsorted(self.starts, at, "right")) - 1
        return f"{self.keys[document]}.{at - self.starts[document]}"


def best(found: Sequence[Hits], most: float, limit: int) -> Iterator[tuple[int, int]]:
    """The `limit` passages that are best by cosine and words together, and their equals: (which hits, place)."""
    fused = [hits.fused(most) for hits in found]
    every = np.concatenate(fused or [np.zeros(0)])
    least = np.partition(every, -limit)[-limit] if len(every) > limit else -np.inf
    for which, numbers in enumerate(fused):
        if len(numbers) and numbers.max() >= least:
            yield from ((which, int(at)) for at in np.flatnonzero(numbers >= least))


def foremost(numbers: Numbers, limit: int) -> Numbers:
    """The `limit` greatest of these numbers, in their places, and 0 in the others."""
    if np.count_nonzero(numbers) <= limit:
        return numbers
    kept = np.argpartition(-numbers, limit)[:limit]
    left = np.zeros_like(numbers)
    left[kept] = numbers[kept]
    return left
