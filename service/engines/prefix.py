"""Which rows of the KV memory hold what. Pure: it decides, and the runner carries the moves out.

A row is one sequence's place in the model's memory. Each row is free, lent to a running sequence, or kept: idle,
its tokens still computed, so that a later prompt that begins alike runs only the rest.

    row 0  lent   ████████████→
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
    """The rows of the memory. Each has cells for a whole context, so a lease is never too small."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.clear()

    def clear(self) -> None:
        """Forget everything: the memory itself was wiped."""
        self._free = set(range(self.rows))
        self._kept: dict[int, _Kept] = {}  # least recently used first
        self._lent: dict[int, str] = {}  # by row, the adapter

    def take(self, key: Key, tokens: Sequence[int]) -> Lease:
        """A row for `tokens`; at least the last of them is left to run. There must be one that is not lent."""
        source, length = self._longest(key, tokens)
        moves: list[Move] = []
        if source is None:
            row = self._empty(key.adapter, moves)
        elif 2 * length < len(self._kept[source].tokens) and len(self._free) + len(self._kept) > 1:
            self._kept[source] = self._kept.pop(source)  # used just now, so it is not the one to go
            row = self._empty(key.adapter, moves)
            moves.append(Copy(source, row, length))
        else:
            row = source
            if length < len(self._kept.pop(source).tokens):
                moves.append(Forget(row, length))
        self._lent[row] = key.adapter
        return Lease(row, length, tuple(moves))

    def give(self, row: int, key: Key, tokens: Sequence[int]) -> None:
        """A sequence is done with its row, which holds exactly `tokens`."""
        del self._lent[row]
        if tokens:
            self._kept[row] = _Kept(key, tuple(tokens))
        else:
            self._free.add(row)

    def check(self) -> None:
        """Raises AssertionError, with the numbers, when rows do not add up."""
        rows = sorted([*self._free, *self._kept, *self._lent])
        assert rows == list(range(self.rows)), f"free + kept + lent rows are {rows}, not all {self.rows}"

    @property
    def lent(self) -> int:
        return len(self._lent)

    def _longest(self, key: Key, tokens: Sequence[int]) -> tuple[int | None, int]:
        best, length = None, SHORTEST - 1
        for row, kept in self._kept.items():
            if kept.key == key and (shared := _shared(kept.tokens, tokens)) > length:
                best, length = row, shared
        return best, length if best is not None else 0

    def _empty(self, adapter: str, moves: list[Move]) -> int:
        """A free row, else a kept one, from the half that was not used for longest: so there is a choice."""
        if self._free:
            row = self._place(sorted(self._free), adapter)
            self._free.remove(row)
        else:
            row = self._place(list(self._kept)[: max(1, len(self._kept) // 2)], adapter)
            del self._kept[row]
            moves.append(Forget(row, 0))
        return row

    def _place(self, rows: list[int], adapter: str) -> int:
        """Rows that run in one step should lie together: beside those of the same adapter, else far from others."""
        same = [row for row, worn in self._lent.items() if worn == adapter]
        others = [row for row, worn in self._lent.items() if worn != adapter]
        return min(rows, key=lambda row: _gap(row, same) if same else -_gap(row, others))


def _gap(row: int, rows: list[int]) -> int:
    return min((abs(row - other) for other in rows), default=0)


def _shared(kept: Sequence[int], tokens: Sequence[int]) -> int:
    """How many tokens the two begin with alike, leaving at least one of `tokens` over."""
    end = min(len(kept), len(tokens) - 1)
    for index in range(end):
        if kept[index] != tokens[index]:
            return index
    return end
