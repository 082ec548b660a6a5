"""A new generation of a matter's index, built beside the old one, a document at a time.

The old one answers until the new one has every document that is searched; then one transaction changes over. What is
added meanwhile goes into the old one and is found missing here. Where passages and embedder are the same, nothing is
embedded anew.
"""

import json
from collections.abc import Callable
from threading import RLock

from service.retrieval.clauses import passages
from service.retrieval.files import Files
from service.retrieval.generations import Generations
from service.retrieval.index import Index
from service.retrieval.labelling import Labelling
from service.retrieval.reading import embedded
from service.retrieval.records import Line, Records


class Renewal:
    """`writing` is held around what is written; `going` raises when the program ends."""

    def __init__(
        self,
        records: Records,
        files: Files,
        index: Index,
        generations: Generations,
        labelling: Labelling,
        size: int,
        writing: RLock,
        going: Callable[[], None],
    ) -> None:
        self._records, self._files, self._index, self._generations = records, files, index, generations
        self._labelling, self._size, self._writing, self._going = labelling, size, writing, going
        self._given_up: set[str] = set()

    @property
    def due(self) -> bool:
        return self._matter() is not None

    def step(self) -> None:
        """Take one document into the new generation, or change over when none is missing."""
        matter = self._matter()
        if matter is None:
            return
        missing = self._missing(matter)
        if missing:
            self._put(missing[0])
        else:
            self._change_over(matter)

    def give_up(self) -> str:
        """After a fault of ours: leave the matter with its old generation until the next start; which one it was."""
        matter = self._matter() or ""
        self._given_up.add(matter)
        return matter

    def _matter(self) -> str | None:
        return next((m for m in self._generations.behind() if m not in self._given_up), None)

    def _missing(self, matter: str) -> list[Line]:
        here = self._index.words(matter, self._generations.wanted.name).keys()
        return [line for line in self._records.of([matter]) if line.searched and not here.get(line.key)]

    def _put(self, line: Line) -> None:
        document, wanted = self._files.read(line.filed, line.reading), self._generations.wanted
        embedder = self._generations.embedder(wanted)
        if document is None or embedder is None:
            raise FileNotFoundError
        cut = passages(document, self._size)
        live = self._generations.live(line.filed.matter)
        old = self._index.words(line.filed.matter, live.name)
        same = old.spans(line.key) == [(p.start, p.end, json.dumps(p.path)) for p in cut]
        vectors = None
        if same and live.embedder == wanted.embedder:
            vectors = dict(old.vectors([line.key])).get(line.key)
        if vectors is None:
            vectors = embedded(cut, embedder, self._going, lambda _: None)
        found, head = self._labelling.at_once(wanted, cut, vectors)
        if same and not head:
            found, head = self._labelling.kept(old, line.key, cut)
        with self._writing:
            now = self._records.get(line.filed.id)
            if now is not None and now.searched and now.key == line.key:
                self._index.put(line.key, wanted.name, document, found, vectors, head)
                self._labelling.look(line.filed.matter)

    def _change_over(self, matter: str) -> None:
        wanted = self._generations.wanted
        with self._writing:
            if self._missing(matter):  # one came in just now
                return
            counts = self._index.words(matter, wanted.name).counts()
            numbers = {key.rpartition("-")[0]: number for key, number in counts.items()}
            self._records.searched_by(matter, wanted.name, wanted.embedder, numbers)
            old = [name for name in self._index.generations(matter) if name != wanted.name]
            self._index.delete(matter, old)
