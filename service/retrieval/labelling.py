"""Passages are told their types of clause: as they come in where that costs nothing, or else afterwards.

A head over the vectors of search labels a document as it is taken in. One with a model of its own reads every passage
once more, so its documents can be searched first and are labelled when nothing else is to be done, some passages at a
time. Every document knows the head that labelled it. What another one labelled keeps its types until they are told
anew, all of the document's in one transaction; a head that is gone takes its types along.
"""

from collections.abc import Sequence
from dataclasses import replace
from threading import RLock

import numpy as np

from service.core import Passage
from service.retrieval.clause_types import Head
from service.retrieval.embed import Vectors
from service.retrieval.generations import Generation, Generations
from service.retrieval.index import Index, place
from service.retrieval.records import Records
from service.retrieval.words import Words

PIECE = 16  # passages read at a time by a model of its own: a file that comes waits for no more than these
NOBODY = "nobody"  # stands for the digest where there is no head


class Labelling:
    """`step` and `look` belong to one thread; `take` may come from any. `writing` is held around what is written."""

    def __init__(
        self, records: Records, index: Index, generations: Generations, head: Head | None, writing: RLock
    ) -> None:
        self._records, self._index, self._generations = records, index, generations
        self._head, self._writing = head, writing
        self._behind: dict[tuple[str, str], None] = {}  # matter and generation
        self._begun: tuple[str, str, list[tuple[str, ...]]] = ("", "", [])  # document, head, types so far
        self._asked, self._looked = 1, 0  # times that all matters were to be looked at, and were

    @property
    def digest(self) -> str:
        return self._head.digest if self._head else NOBODY

    @property
    def types(self) -> tuple[str, ...]:
        return self._head.types if self._head else ()

    @property
    def due(self) -> bool:
        return self._looked != self._asked or bool(self._behind)

    def take(self, head: Head | None) -> None:
        """Label by this head from now on."""
        self._head = head
        self._asked += 1

    def look(self, matter: str) -> None:
        """Find out whether documents of a matter lack their types."""
        for generation in {self._generations.live(matter), self._generations.wanted}:
            words = self._index.words(matter, generation.name)
            if self._able(generation) and words.unlabelled(self.digest):
                self._behind[matter, generation.name] = None

    def _able(self, generation: Generation) -> bool:
        """Whether the head can label what lies in this generation."""
        head = self._head
        return head is None or head.own is not None or head.embedder == generation.embedder

    def at_once(
        self, generation: Generation, passages: Sequence[Passage], vectors: Vectors | None
    ) -> tuple[Sequence[Passage], str]:
        """The passages with their types and the head that told them, "" where that is left for later."""
        head = self._head
        if head is None:
            return passages, NOBODY
        if head.own or vectors is None or not self._able(generation):
            return passages, ""
        types = head.told(passages, vectors)
        return [replace(p, types=of) for p, of in zip(passages, types, strict=True)], head.digest

    def kept(self, old: Words, key: str, passages: Sequence[Passage]) -> tuple[Sequence[Passage], str]:
        """The passages with the types that they have in another generation, where this head told them."""
        if key in old.unlabelled(self.digest):
            return passages, ""
        known = old.read(old.ids([key]))
        if len(known) != len(passages):  # it was taken away just now
            return passages, ""
        return [replace(p, types=one.types) for p, one in zip(passages, known, strict=True)], self.digest

    def step(self) -> None:
        """Label some passages of one document; the document's types are written when all of it has been read."""
        if self._looked != (asked := self._asked):
            self._behind.clear()
            for matter in self._records.matters():
                self.look(matter)
            self._looked = asked  # last: until then it is due
            return
        head, (matter, generation) = self._head, next(iter(self._behind))
        digest, words = head.digest if head else NOBODY, self._index.words(matter, generation)
        key = next(iter(words.unlabelled(digest)), None)
        if key is None:
            self._behind.pop((matter, generation), None)
            return
        if self._begun[:2] != (key, digest):
            self._begun = (key, digest, [])
        ids, types = words.ids([key]), self._begun[2]
        part = ids[len(types) : len(types) + (PIECE if head and head.own else len(ids))]
        if part:
            types += (
                self._told(head, place(matter, generation), words.read(part)) if head else [()] * len(part)
            )
        if len(types) == len(ids):
            with self._writing:
                words.label(key, types, digest)

    def _told(self, head: Head, name: str, passages: Sequence[Passage]) -> list[tuple[str, ...]]:
        if head.own:
            return head.told(passages)
        known = self._index.read(name, [p.id for p in passages])
        return head.told(passages, np.stack([known[p.id] for p in passages]))

    def give_up(self) -> str:
        """After a fault of ours: leave the matter without types until the next start; which one it was."""
        self._begun = ("", "", [])
        if not self._behind:
            return ""
        first = next(iter(self._behind))
        del self._behind[first]
        return first[0]
