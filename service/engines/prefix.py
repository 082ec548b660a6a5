"""Which rows of the KV memory hold what. Pure: it decides, and the runner carries the moves out.

A row is one sequence's place in the model's memory. Each row is free, lent to a running sequence, or kept: idle,
its tokens still computed, so that a later prompt that begins alike runs only the rest.

    row 0  lent   ████████████░░░░░░   up to 18 cells are set aside for it
    row 1  kept   ███████              the next prompt under the same key may begin with these
    row 2  free
"""

from collections.abc import Sequence
from dataclasses import dataclass

SHORTEST = 16  # tokens; a shorter match is not worth a move


@dataclass(frozen=True, slots=True)
class Key:
    """What cached values depend on beside the tokens: the wall they were made behind, and the weights."""

    salt: str
    adapter: str  # content digest


@dataclass(frozen=True, slots=True)
class Forget:
    """Drop what a row holds from position `start` on."""

    row: int
    start: int


@dataclass(frozen=True, slots=True)
class Copy:
    """Let `target` begin with the first `length` positions of `source`."""

    source: int
    target: int
    length: int


Move = Forget | Copy


@dataclass(frozen=True, slots=True)
class Lease:
    """A row for a sequence; its first `length` tokens are there once the moves are done, in order."""

    row: int
    length: int
    moves: tuple[Move, ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    key: Key
    tokens: tuple[int, ...]


class PrefixCache:
    """Rows and cells of the memory, counted as if no two rows shared a cell (so never too few are free)."""

    def __init__(self, rows: int, cells: int) -> None:
        self.rows = rows
        self.cells = cells
        self.clear()

    def clear(self) -> None:
        """Forget everything: the memory itself was wiped."""
        self._free = list(range(self.rows))
        self._kept: dict[int, _Kept] = {}  # least recently used first
        self._lent: dict[int, int] = {}  # row -> cells set aside

    def take(self, key: Key, tokens: Sequence[int], need: int) -> Lease:
        """A row for `tokens` that may grow to `need` cells; at least the last token is left to run."""
        source, length = self._longest(key, tokens)
        moves: list[Move] = []
        if source is None:
            row = self._empty(moves)
        elif length < len(self._kept[source].tokens) and self._free and self._held + need <= self.cells:
            row = self._free.pop()
            self._kept[source] = self._kept.pop(source)  # used just now
            moves.append(Copy(source, row, length))
        else:
            row = source
            if length < len(self._kept.pop(source).tokens):
                moves.append(Forget(row, length))
        while self._held + need > self.cells:
            self._free.append(self._evict(moves))
        self._lent[row] = need
        return Lease(row, length, tuple(moves))

    def give(self, row: int, key: Key, tokens: Sequence[int]) -> None:
        """A sequence is done with its row, which holds exactly `tokens`."""
        del self._lent[row]
        if tokens:
            self._kept[row] = _Kept(key, tuple(tokens))
        else:
            self._free.append(row)

    def check(self) -> None:
        """Raises AssertionError, with the numbers, when rows or cells do not add up."""
        rows = sorted([*self._free, *self._kept, *self._lent])
        assert rows == list(range(self.rows)), f"free + kept + lent rows are {rows}, not all {self.rows}"
        assert self._held <= self.cells, f"{self._held} cells are held of {self.cells}"

    @property
    def lent(self) -> int:
        return len(self._lent)

    @property
    def _held(self) -> int:
        return sum(self._lent.values()) + sum(len(kept.tokens) for kept in self._kept.values())

    def _longest(self, key: Key, tokens: Sequence[int]) -> tuple[int | None, int]:
        best, length = None, SHORTEST - 1
        for row, kept in self._kept.items():
            if kept.key == key and (shared := _shared(kept.tokens, tokens)) > length:
                best, length = row, shared
        return best, length if best is not None else 0

    def _empty(self, moves: list[Move]) -> int:
        return self._free.pop() if self._free else self._evict(moves)

    def _evict(self, moves: list[Move]) -> int:
        row = next(iter(self._kept))
        del self._kept[row]
        moves.append(Forget(row, 0))
        return row


def _shared(kept: Sequence[int], tokens: Sequence[int]) -> int:
    """How many tokens the two begin with alike, leaving at least one of `tokens` over."""
    end = min(len(kept), len(tokens) - 1)
    for index in range(end):
        if kept[index] != tokens[index]:
            return index
    return end
