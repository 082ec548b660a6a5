"""Documents by the likeness of their profiles to a question: BM25 over character 4-grams, all in memory.

A question has a hundred grams and each is in most profiles, which is where a full-text index is at its slowest; the
profiles are short and few, so their grams are held as sorted arrays instead. k1 = 1.2, b = 0.75, and the weight of a
gram is never less than 1e-6, as in FTS5.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

K1, B = 1.2, 0.75
LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class Profile:
    """A document's grams, each once, as sorted numbers, and how often each stands there."""

    grams: NDArray[np.uint32]
    times: NDArray[np.uint16]

    @classmethod
    def of(cls, grams: Iterable[str]) -> "Profile":
        numbers = np.fromiter((crc32(gram.encode("utf-8", "surrogatepass")) for gram in grams), np.uint32)
        unique, times = np.unique(numbers, return_counts=True)
        return cls(unique, np.minimum(times, 65535).astype(np.uint16))

    @classmethod
    def read(cls, data: bytes) -> "Profile":
        number = len(data) // 6
        grams = np.frombuffer(data, np.uint32, number)
        return cls(grams, np.frombuffer(data, np.uint16, number, offset=4 * number))

    def __bytes__(self) -> bytes:
        return self.grams.tobytes() + self.times.tobytes()


class Likeness:
    """Frozen; `changed` makes another."""

    def __init__(
        self,
        keys: Sequence[str],
        lengths: NDArray[np.float64],
        grams: NDArray[np.uint32],
        owners: NDArray[np.int32],
        times: NDArray[np.uint16],
    ) -> None:
        """`grams` are sorted; each with the place of the document in `keys` that has it, and how often it does."""
        self._keys, self._lengths = tuple(keys), lengths
        self._grams, self._owners, self._times = grams, owners, times

    @classmethod
    def of(cls, profiles: Sequence[tuple[str, Profile]]) -> "Likeness":
        sizes = [len(profile.grams) for _, profile in profiles]
        grams = np.concatenate([profile.grams for _, profile in profiles] or [np.zeros(0, np.uint32)])
        times = np.concatenate([profile.times for _, profile in profiles] or [np.zeros(0, np.uint16)])
        owners = np.repeat(np.arange(len(profiles), dtype=np.int32), sizes)
        order = np.argsort(grams, kind="stable")
        lengths = np.array([profile.times.sum(dtype=np.int64) for _, profile in profiles], np.float64)
        return cls([key for key, _ in profiles], lengths, grams[order], owners[order], times[order])

    def changed(self, came: Sequence[tuple[str, Profile]], gone: Sequence[str]) -> "Likeness":
        """With these documents more and those fewer."""
        left = self._without(set(gone) | {key for key, _ in came})
        for key, profile in came:
            left = left._with(key, profile)
        return left

    def _without(self, gone: set[str]) -> "Likeness":
        stay = np.array([key not in gone for key in self._keys], bool)
        if stay.all():
            return self
        places = np.cumsum(stay, dtype=np.int32) - 1
        kept = stay[self._owners]
        keys = [key for key in self._keys if key not in gone]
        owners = places[self._owners[kept]]
        return Likeness(keys, self._lengths[stay], self._grams[kept], owners, self._times[kept])

    def _with(self, key: str, profile: Profile) -> "Likeness":
        at = np.searchsorted(self._grams, profile.grams, "right")
        return Likeness(
            [*self._keys, key],
            np.append(self._lengths, float(profile.times.sum(dtype=np.int64))),
            np.insert(self._grams, at, profile.grams),
            np.insert(self._owners, at, len(self._keys)),
            np.insert(self._times, at, profile.times),
        )

    @cached_property
    def _worn(self) -> NDArray[np.float64]:
        """What a gram's times are weighed against: the longer the profile, the more."""
        return np.asarray(K1 * (1 - B + B * self._lengths / self._lengths.mean()), np.float64)

    def scores(self, grams: Iterable[str] | Profile, limit: int) -> dict[str, float]:
        """The `limit` documents that share most with these grams, best first; those that share none are left out."""
        if not len(self._grams):
            return {}
        asked = grams if isinstance(grams, Profile) else Profile.of(grams)
        first = self._grams.searchsorted(asked.grams, "left")
        shared = self._grams.searchsorted(asked.grams, "right") - first
        ends = shared.cumsum()
        each = (first - ends + shared).repeat(shared) + np.arange(ends[-1] if len(ends) else 0)
        owners, times = self._owners[each], self._times[each].astype(np.float64)
        weights = np.maximum(np.log((len(self._keys) - shared + 0.5) / (shared + 0.5)), LEAST)
        parts = weights.repeat(shared) * times * (K1 + 1) / (times + self._worn[owners])
        total = np.bincount(owners, parts, len(self._keys))
        found = sorted(((self._keys[at], float(total[at])) for at in np.flatnonzero(total)), key=_best)
        return dict(found[:limit])


def _best(scored: tuple[str, float]) -> tuple[float, str]:
    return -scored[1], scored[0]
