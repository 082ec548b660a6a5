"""Which index answers for a matter, and by which embedder.

A generation is what passages and vectors depend on beside the documents: the embedder, the passages' size, and how
passages are cut. When one of these changes, a new generation is built beside the old one, which goes on answering.
Vectors of two embedders are never compared: where the old embedder cannot be had, words alone answer until then.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from service.retrieval.embed import Embedder
from service.retrieval.records import Records

CUT = 1  # raise it when passages are cut, or words and profiles made, in another way


@dataclass(frozen=True, slots=True)
class Generation:
    name: str  # short, of letters and digits
    embedder: str  # the embedder's identity


class Generations:
    """`wanted` is the generation of this program as it is set up now. `earlier` are embedders that older ones may have
    been made by; none is loaded before it is needed."""

    def __init__(self, records: Records, embedder: Embedder, earlier: Iterable[Embedder], size: int) -> None:
        self._records = records
        self._embedders = {one.identity: one for one in (*earlier, embedder)}
        made = hashlib.sha256(f"{embedder.identity} {size} {CUT}".encode()).hexdigest()
        self.wanted = Generation(made[:8], embedder.identity)

    def live(self, matter: str) -> Generation:
        """The one that answers."""
        found = self._records.generations().get(matter)
        return self.wanted if found is None else Generation(*found)

    def behind(self) -> list[str]:
        """The matters that an older generation answers for."""
        found = self._records.generations()
        return sorted(matter for matter, (name, _) in found.items() if name != self.wanted.name)

    def embedder(self, generation: Generation) -> Embedder | None:
        """What made the vectors of this generation; None when it cannot be had here."""
        return self._embedders.get(generation.embedder)

    def told(self, matters: Iterable[str]) -> str:
        """The index's version in a word or two, for Coverage."""
        found = {self.live(matter) for matter in matters} or {self.wanted}
        return ", ".join(self._told(one) for one in sorted(found, key=lambda one: one.name))

    def _told(self, generation: Generation) -> str:
        if generation.name == self.wanted.name:
            return generation.name
        if self.embedder(generation) is None:
            return f"{generation.name} (by words alone while {self.wanted.name} is being built)"
        return f"{generation.name} (while {self.wanted.name} is being built)"
