"""Nothing is kept that no line owns, and nothing that a line owns is missing. The caller holds the ingestion's lock."""

from collections.abc import Iterable

from service.core import State
from service.retrieval.files import Files
from service.retrieval.generations import Generations
from service.retrieval.index import Index, place
from service.retrieval.records import Line, Records


class Tidying:
    def __init__(self, records: Records, files: Files, index: Index, generations: Generations) -> None:
        self._records, self._files, self._index, self._generations = records, files, index, generations

    def matter(self, matter: str, scrub: bool = False) -> None:
        """Take out of a matter's index what is not searched. `scrub` leaves no trace of its words."""
        self._index.keep(matter, {line.key for line in self._records.of([matter]) if line.searched}, scrub)

    def sweep(self) -> list[str]:
        """After a start: take out what a crash left; the documents that must be read anew, for something is gone."""
        matters = self._records.matters()
        for matter in self._files.matters() - matters:
            self._files.drop_matter(matter)
        for matter, generation in self._index.here():
            if matter not in matters or not self._of_use(matter, generation):
                self._index.delete(matter, [generation])
        self._index.orphans()
        return [document for matter in sorted(matters) for document in self._mend(matter)]

    def _of_use(self, matter: str, generation: str) -> bool:
        return generation in (self._generations.live(matter).name, self._generations.wanted.name)

    def _mend(self, matter: str) -> list[str]:
        lines = self._records.of([matter])
        self._files.sweep(matter, {line.filed.id: line.reading for line in lines})
        self.matter(matter)
        broken = self._broken(matter, [line for line in lines if line.searched])
        for line in broken:
            self._records.change(line.filed, state=State.QUEUED.value, due=True)
        self.matter(matter)
        for generation in self._index.generations(matter):
            self._index.mend(matter, generation)
        return [line.filed.id for line in broken]

    def _broken(self, matter: str, lines: list[Line]) -> list[Line]:
        """The documents that should answer and are not, or not wholly, in the index that does."""
        generation = self._generations.live(matter)
        whole = self._index.words(matter, generation.name).keys()
        return (
            [line for line in lines if not whole.get(line.key)]
            if self._generations.embedder(generation)
            else []
        )

    def check(self, matters: Iterable[str]) -> None:
        """Raise AssertionError, with the numbers, unless the library is whole: see `Library.check`."""
        for matter in matters:
            lines = self._records.of([matter])
            self._check_families(lines)
            self._check_texts(lines)
            self._check_index(matter, {line.key: line for line in lines if line.searched})

    def _check_families(self, lines: list[Line]) -> None:
        current = [line.filed.family for line in lines if line.filed.current]
        assert len(current) == len(set(current)), f"{len(current)} current of {len(set(current))} families"

    def _check_texts(self, lines: list[Line]) -> None:
        for line in lines:
            if line.filed.state.searchable:
                found = self._files.read(line.filed, line.reading)
                assert found is not None, f"{line.filed.id} has no text"
                assert len(found.text) == line.filed.characters, (
                    f"{line.filed.id}: {len(found.text)} characters"
                )

    def _check_index(self, matter: str, lines: dict[str, Line]) -> None:
        generation = self._generations.live(matter)
        words = self._index.words(matter, generation.name)
        counts, name = words.counts(), place(matter, generation.name)
        assert counts.keys() == lines.keys(), f"{len(counts)} documents in words, {len(lines)} searched"
        for key, line in lines.items():
            assert counts[key] == line.filed.passages, f"{key}: {counts[key]} of {line.filed.passages}"
        drawn, graph = words.drawn(), self._index.vectors.ids(name)
        least, most = set(words.ids(key for key in drawn if drawn[key])), set(words.ids(drawn))
        assert least <= graph <= most, f"{len(graph)} vectors in the graph, {len(least)} to {len(most)} drawn"
        number, held = words.number, self._index.held.get(name) or {}
        size = sum(map(len, held.values()))
        assert not held or size == number, f"{size} of {number} vectors in memory"
        assert words.traces < 2, "traces are left of what was deleted"
        if self._generations.embedder(generation) is not None:
            assert number == sum(counts.values()), f"{number} vectors of {sum(counts.values())} passages"
