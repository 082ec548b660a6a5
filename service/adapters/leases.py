"""Answers hold their adapter's files while they run; what is no longer wanted goes after the last of them."""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.adapters.books import Books
from service.adapters.shelf import Shelf, leave
from service.core import BASE, Adapter
from service.errors import Conflict, NotReady


class Leases:
    """`later` does something in the one thread that also places files, so that the two never meet."""

    def __init__(
        self,
        shelf: Shelf,
        books: Books,
        release: Callable[[str], None],
        later: Callable[[Callable[[], None]], None],
    ) -> None:
        self._shelf, self._books = shelf, books
        self._release, self._later = release, later
        self._counting = threading.Lock()  # held for moments only: answers begin under it
        self._running: Counter[str] = Counter()  # answers under each digest
        self._unwanted: set[str] = set()  # digests that go when nothing runs under them

    @contextmanager
    def hold(self, adapter: Adapter) -> Iterator[None]:
        """Raises Conflict if the adapter's files went a moment ago."""
        if adapter.digest == BASE.digest:
            yield
            return
        with self._counting:
            if not self._shelf.holds(adapter.digest):
                raise Conflict(f"{adapter.name} was retired a moment ago. Ask again.")
            self._running[adapter.digest] += 1
        try:
            yield
        finally:
            with self._counting:
                self._running[adapter.digest] -= 1
                last = not self._running[adapter.digest]
            if last and adapter.digest in self._unwanted:
                self._later(lambda: self._drop(adapter.digest))

    def let_go(self, digest: str) -> None:
        """Some version of this content was retired: if no other needs it, it goes after the last answer."""
        self._unwanted.add(digest)
        self._later(lambda: self._drop(digest))

    def _drop(self, digest: str) -> None:
        if self._books.needs(digest):
            self._unwanted.discard(digest)
            return
        with self._counting:
            if self._running[digest]:
                return  # the last answer's end calls again
            hidden = self._shelf.hide(digest)
        self._unwanted.discard(digest)
        with contextlib.suppress(NotReady):  # nothing is loaded, so nothing is to be released
            self._release(digest)
        leave(hidden)
