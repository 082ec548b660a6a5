"""Vectors kept in memory, by collection and document.

All passages of a matter are then compared, and exactly: up to some hundred thousand that is as quick as a graph of
neighbours, and of few documents, or of many small matters, much quicker. What is held is a copy: Chroma has the truth.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from threading import Lock, Thread

import numpy as np

from service.retrieval.embed import WIDTH, Vectors

MOST = 250_000  # vectors in memory, of 1.5 KiB
AT_ONCE = 2000  # vectors that a search waits for; more are read while it goes another way
FRESH = 60.0  # seconds for which a collection that was searched keeps its place

Documents = Mapping[str, Vectors]  # by key, each with its passages in order


class Held:
    """`count` tells how many vectors a collection has, `read` gives them with their ids, some at a time."""

    def __init__(
        self,
        count: Callable[[str], int],
        read: Callable[[str], Iterable[tuple[Sequence[str], Vectors]]],
        most: int = MOST,
    ) -> None:
        self._count, self._read, self._most = count, read, most
        self._lock, self._closed = Lock(), False
        self._known: OrderedDict[str, Documents] = OrderedDict()
        self._used: dict[str, float] = {}
        self._turns: dict[str, int] = {}  # rises with each write to a collection
        self._coming: Thread | None = None

    def get(self, name: str) -> Documents | None:
        """The documents of a collection; None when they are not here, or not yet."""
        with self._lock:
            known = self._known.get(name)
            if known is not None:
                self._known.move_to_end(name)
                self._used[name] = time.monotonic()
                return known
        number = self._count(name)
        if not self._room(name, number):
            return None
        if number <= AT_ONCE:
            return self._fetch(name)
        self._fetch_later(name)
        return None

    def add(self, name: str, ids: Sequence[str], vectors: Vectors) -> None:
        """They are in the collection now."""
        came = dict(by_document([(ids, vectors)]))
        self._change(name, lambda known: {**known, **came})

    def drop(self, name: str, keys: Iterable[str]) -> None:
        """No vector of these documents is in the collection any more."""
        gone = set(keys)
        self._change(name, lambda known: {key: v for key, v in known.items() if key not in gone})

    def forget(self, name: str) -> None:
        with self._lock:
            self._turns[name] = self._turns.get(name, 0) + 1
            self._known.pop(name, None)

    def close(self) -> None:
        self._closed = True
        self.wait()
        self._known.clear()

    def wait(self) -> None:
        """Until all that is on its way is here."""
        if self._coming is not None:
            self._coming.join()

    def _change(self, name: str, changed: Callable[[Documents], Documents]) -> None:
        with self._lock:
            self._turns[name] = self._turns.get(name, 0) + 1
            if name in self._known:
                self._known[name] = changed(self._known[name])

    def _room(self, name: str, number: int) -> bool:
        """Whether so many vectors may come in; makes place for them at the cost of what was not searched lately."""
        if not number or number > self._most:
            return False
        with self._lock:
            since = time.monotonic() - FRESH
            size = {one: sum(map(len, documents.values())) for one, documents in self._known.items()}
            for old in [one for one in self._known if self._used.get(one, 0.0) < since]:
                if sum(size.values()) + number > self._most:
                    del self._known[old], size[old]
            return sum(size.values()) + number <= self._most

    def _fetch(self, name: str) -> Documents | None:
        turn = self._turns.get(name, 0)
        found = dict(by_document(self._pieces(name)))
        with self._lock:
            if turn == self._turns.get(name, 0) and not self._closed:  # nothing was written meanwhile
                self._known[name] = found
                self._used[name] = time.monotonic()
                return found
        return None

    def _pieces(self, name: str) -> Iterator[tuple[Sequence[str], Vectors]]:
        for piece in self._read(name):
            if self._closed:
                return
            yield piece

    def _fetch_later(self, name: str) -> None:
        with self._lock:
            if self._closed or (self._coming is not None and self._coming.is_alive()):
                return  # one at a time, so that no more come in than there is room for
            self._coming = Thread(target=self._fetch, args=(name,), name="vectors", daemon=True)
            self._coming.start()


def by_document(pieces: Iterable[tuple[Sequence[str], Vectors]]) -> Iterator[tuple[str, Vectors]]:
    """Vectors under the keys of their documents, in the order of the passages' numbers. What is not whole, from the
    first passage on, is left out."""
    ids: list[str] = []
    parts = [np.zeros((0, WIDTH), np.float32)]
    for some, vectors in pieces:
        ids += some
        parts.append(np.asarray(vectors, np.float32).reshape(len(some), WIDTH))
    every = np.concatenate(parts)
    named = ((key, int(number), at) for at, id in enumerate(ids) for key, _, number in [id.rpartition(".")])
    for key, group in groupby(sorted(named), key=lambda one: one[0]):
        numbers, places = zip(*((number, at) for _, number, at in group), strict=True)
        if numbers == tuple(range(len(numbers))):
            yield key, every[list(places)]
