"""Which adapters are in the model's memory. Pure: it decides, and the worker loads and frees.

One that is in use never goes; of the idle ones, those that were retired go at once, and when room is wanted, the least
recently used first.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Errand:
    """What to do between two steps: free some adapters, then load one, if any."""

    free: tuple[str, ...]
    load: str = ""


class Residency:
    """Adapters by digest, least recently used first, and the bytes that they take of the budget."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self._sizes: dict[str, int] = {}
        self._retired: set[str] = set()

    def __len__(self) -> int:
        return len(self._sizes)

    def __iter__(self) -> Iterator[str]:
        return iter(self._sizes)

    def __contains__(self, digest: object) -> bool:
        return digest in self._sizes

    @property
    def size(self) -> int:
        return sum(self._sizes.values())

    def enter(self, digest: str, size: int) -> None:
        self._sizes[digest] = size

    def leave(self, digest: str) -> None:
        self._retired.discard(digest)
        self._sizes.pop(digest, None)

    def retire(self, digest: str) -> None:
        """It is to go as soon as it is idle."""
        if digest in self._sizes:
            self._retired.add(digest)

    def use(self, digests: Iterable[str]) -> None:
        """These are used just now."""
        for digest in digests:
            if digest in self._sizes:
                self._sizes[digest] = self._sizes.pop(digest)

    def errand(self, wanted: Mapping[str, int], used: Set[str]) -> Errand | None:
        """The next thing to do. `wanted` has the sizes of adapters to load, most urgent first; those for which there
        is no room beside the `used` ones must wait.
        """
        if idle := self._retired - used:
            return Errand(tuple(idle))
        for digest, size in wanted.items():
            if (going := self._room(size, used)) is not None:
                return Errand(going, digest)
        return None

    def _room(self, size: int, used: Set[str]) -> tuple[str, ...] | None:
        going: list[str] = []
        left = self.size
        for digest, held in self._sizes.items():
            if left + size > self.budget and digest not in used:
                going.append(digest)
                left -= held
        return tuple(going) if left + size <= self.budget else None
