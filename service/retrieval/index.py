"""What can be searched: for each matter and generation an FTS5 file of words and a Chroma collection of vectors.

The words are written before the vectors and go after them, so every vector's passage is known to the words; a document
is whole only when both are there. What a crash leaves behind can be found and taken out.
"""

import resource
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Lock

from service.core import Document, Passage
from service.retrieval.embed import Vectors as Matrix
from service.retrieval.likeness import Profile
from service.retrieval.rank import names, profile
from service.retrieval.vectors import Vectors
from service.retrieval.words import Words, stored

REMEMBERED = 512  # matters whose words are remembered
FILES = 16  # that a matter's words may hold open


class Index:
    def __init__(self, home: Path) -> None:
        self._folder = home / "index"
        self.vectors = Vectors(home / "chroma")
        self._open: OrderedDict[str, Words] = OrderedDict()
        self._awake: OrderedDict[str, Words] = OrderedDict()  # with connections
        self._most = max(32, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2 // FILES)
        self._lock = Lock()

    def words(self, matter: str, generation: str) -> Words:
        name = place(matter, generation)
        with self._lock:
            found = self._open.pop(name, None) or Words(self._folder / f"{name}.db")
            self._open[name] = self._awake[name] = found
            self._awake.move_to_end(name)
            if len(self._awake) > self._most:
                self._awake.popitem(last=False)[1].rest()
            if len(self._open) > REMEMBERED:
                old, words = self._open.popitem(last=False)
                self._awake.pop(old, None)
                words.close()
        return found

    def put(
        self,
        key: str,
        generation: str,
        document: Document,
        passages: Sequence[Passage],
        vectors: Matrix | None,
    ) -> None:
        """Write a document under this key, over what stood there. Without vectors it is found by words alone."""
        words = self.words(document.matter, generation)
        self.drop(document.matter, generation, [key])
        known = names(document.title, document.text)
        like = Profile.of(profile(document.title, document.text).split())
        words.put(key, document.title, known, like, passages)
        if vectors is not None and len(passages):
            ids = [stored(key, passage.id) for passage in passages]
            self.vectors.add(place(document.matter, generation), ids, vectors)
        words.seal(key)

    def drop(self, matter: str, generation: str, keys: Iterable[str]) -> None:
        words = self.words(matter, generation)
        known = words.keys()
        here = [key for key in keys if key in known]
        if here:
            self.vectors.drop(place(matter, generation), words.ids(here))
            words.drop(here)

    def keep(self, matter: str, live: set[str], scrub: bool = False) -> None:
        """Leave nothing of a matter, in any generation, but the documents under these keys."""
        for generation in self.generations(matter):
            words = self.words(matter, generation)
            known = words.keys()
            gone = [key for key in known if key not in live]
            if gone and len(gone) == len(known):
                self.delete(matter, [generation])
            elif gone:
                self.drop(matter, generation, gone)
                if scrub:
                    words.scrub()

    def delete(self, matter: str, generations: Iterable[str]) -> None:
        """Take whole generations of a matter away: the vectors first, for the words know of them."""
        chosen = [place(matter, generation) for generation in generations]
        self.vectors.delete(chosen)
        for name in chosen:
            with self._lock:
                words = self._open.pop(name, None)
                self._awake.pop(name, None)
            (words or Words(self._folder / f"{name}.db")).delete()

    def generations(self, matter: str) -> list[str]:
        """The generations of this matter that have words."""
        return [generation for of, generation in self.here() if of == matter]

    def here(self) -> list[tuple[str, str]]:
        """Every (matter, generation) that has words. The generation is "" in files of another make."""
        found = (file.stem.partition(".") for file in sorted(self._folder.glob("*.db")))
        return [(matter, generation) for matter, _, generation in found]

    def orphans(self) -> None:
        """Take away collections that have no words."""
        known = {place(*pair) for pair in self.here()}
        self.vectors.delete(self.vectors.names() - known)

    def close(self) -> None:
        with self._lock:
            self._awake.clear()
            while self._open:
                self._open.popitem()[1].close()
        self.vectors.close()


def place(matter: str, generation: str) -> str:
    """The name of a file and of a collection."""
    return f"{matter}.{generation}" if generation else matter
