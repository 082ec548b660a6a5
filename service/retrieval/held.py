"""Vectors kept in memory, by collection and document.

All passages of a matter are then compared, and exactly: up to some hundred thousand that is as quick as a graph of
neighbours, and of few documents, or of many small matters, much quicker. What is held is a copy: the matter's file has
the truth.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from threading import Lock

from service.retrieval.embed import Vectors

MOST = 250_000  # vectors in memory, of 1.5 KiB
FRESH = 60.0  # seconds for which a collection that was searched keeps its place

Documents = Mapping[str, Vectors]  # by key, each with its passages in order


class Held:
    """`count` tells how many vectors a collection has, `read` gives them by document."""

    def __init__(
        self,
        count: Callable[[str], int],
        read: Callable[[str], Iterable[tuple[str, Vectors]]],
        most: int = MOST,
    ) -> None:
        self._count, self._read, self._most = count, read, most
        self._lock, self._reading = Lock(), Lock()
        self._known: OrderedDict[str, Documents] = OrderedDict()
        self._used: dict[str, float] = {}
        self._turns: dict[str, int] = {}  # rises with each write to a collection

    def get(self, name: str) -> Documents | None:
        """The documents of a collection; None when they are not here. The first to ask waits until they are read."""
        known = self._here(name)
        if known is not None:
            return known
        with self._reading:  # one at a time, so that no more come in than there is room for
            return self._here(name) or (self._fetch(name) if self._room(name, self._count(name)) else None)

    @property
    def number(self) -> int:
        """How many vectors are in memory."""
        with self._lock:
            return sum(len(v) for documents in self._known.values() for v in documents.values())

    def add(self, name: str, key: str, vectors: Vectors) -> None:
        """A document is in the collection now."""
        self._change(name, lambda known: {**known, key: vectors})

    def drop(self, name: str, keys: Iterable[str]) -> None:
        """These documents are not in the collection any more."""
        gone = set(keys)
        self._change(name, lambda known: {key: v for key, v in known.items() if key not in gone})

    def forget(self, name: str) -> None:
        with self._lock:
            self._turns[name] = self._turns.get(name, 0) + 1
            self._known.pop(name, None)

    def _here(self, name: str) -> Documents | None:
        with self._lock:
            known = self._known.get(name)
            if known is not None:
                self._known.move_to_end(name)
                self._used[name] = time.monotonic()
            return known

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
        found = dict(self._read(name))
        with self._lock:
            if turn == self._turns.get(name, 0):  # nothing was written meanwhile
                self._known[name] = found
                self._used[name] = time.monotonic()
                return found
        return None
