"""What can be searched: for each matter and generation a file of words and vectors, and a Chroma collection.

The file has the truth, and a document comes into it and goes as a whole. Its vectors are drawn into Chroma's graph of
neighbours a little later; until then, and while vectors are in memory, all are compared. Where a document is deleted
its matter's graph is taken off the disk with all that was in it, and drawn anew from the file.
"""

import resource
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from heapq import nlargest
from operator import itemgetter
from pathlib import Path
from threading import Lock

from service.core import Document, Passage
from service.retrieval.embed import WIDTH
from service.retrieval.embed import Vectors as Matrix
from service.retrieval.held import Held
from service.retrieval.likeness import Profile
from service.retrieval.rank import names, profile
from service.retrieval.vectors import Vectors
from service.retrieval.words import Words

REMEMBERED = 512  # matters whose words are remembered
FILES = 16  # that a matter's words may hold open
PIECE = 32  # passages drawn into a graph at a time
POSTINGS = 256 * 2**20  # bytes of which words stand where, in memory


class Index:
    def __init__(self, home: Path) -> None:
        self._folder = home / "index"
        self.vectors = Vectors(home / "chroma")
        self.held = Held(self._number, lambda name: self._words(name).vectors())
        self._behind: dict[str, None] = {}  # graphs that lack documents
        self._drawn: dict[str, int] = {}  # how many passages of the document that is being drawn
        self._open: OrderedDict[str, Words] = OrderedDict()
        self._awake: OrderedDict[str, Words] = OrderedDict()  # with connections
        self._most = max(32, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2 // FILES)
        self._lock = Lock()

    def words(self, matter: str, generation: str) -> Words:
        return self._words(place(matter, generation))

    def _words(self, name: str) -> Words:
        with self._lock:
            found = self._open.pop(name, None) or Words(self._file(name), self._lighten)
            self._open[name] = self._awake[name] = found
            self._awake.move_to_end(name)
            if len(self._awake) > self._most:
                self._awake.popitem(last=False)[1].rest()
            if len(self._open) > REMEMBERED:
                old, words = self._open.popitem(last=False)
                self._awake.pop(old, None)
                words.close()
        return found

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.db"

    def _number(self, name: str) -> int:
        return self._words(name).number

    def _lighten(self) -> None:
        """Keep within the room for postings, at the cost of the matters that were asked longest ago."""
        with self._lock:
            weights = [(words, words.weight) for words in reversed(self._open.values())]
        total = 0
        for words, weight in weights:
            total += weight
            if total > POSTINGS and total > weight:  # the last one asked stays, whatever its weight
                words.lighten()

    @property
    def memory(self) -> tuple[int, int]:
        """Bytes of vectors and of postings in memory."""
        with self._lock:
            return self.held.number * 4 * WIDTH, sum(words.weight for words in self._open.values())

    def load(self, matter: str, generation: str) -> None:
        """Bring into memory what searches of a matter read."""
        words = self.words(matter, generation)
        if self.held.get(place(matter, generation)) is not None:
            words.warm()

    def put(
        self,
        key: str,
        generation: str,
        document: Document,
        passages: Sequence[Passage],
        vectors: Matrix | None,
        labelled: str = "",
    ) -> None:
        """Write a document under this key, over what stood there. Without vectors it is found by words alone.
        `labelled` is the head that the passages have their types from."""
        words, name = self.words(document.matter, generation), place(document.matter, generation)
        self.drop(document.matter, generation, [key])
        known = names(document.title, document.text)
        like = Profile.of(profile(document.title, document.text).split())
        words.put(key, document.title, known, like, passages, vectors, labelled)
        if vectors is not None and len(passages):
            self.held.add(name, key, vectors)
            self._behind[name] = None

    def drop(self, matter: str, generation: str, keys: Iterable[str], scrub: bool = False) -> None:
        """Take documents out; `scrub` leaves no trace of them, and no graph until one is drawn anew."""
        words, name = self.words(matter, generation), place(matter, generation)
        known = words.keys()
        here = [key for key in keys if key in known]
        if here and not scrub:
            self.vectors.drop(name, words.ids(words.drawn().keys() & set(here)))
        if here:
            self._drawn.clear()
            words.drop(here, scrub)
            self.held.drop(name, here)
        if scrub:
            self._scrub(name, words)

    def keep(self, matter: str, live: set[str], scrub: bool = False) -> None:
        """Leave nothing of a matter, in any generation, but the documents under these keys."""
        for generation in self.generations(matter):
            words = self.words(matter, generation)
            known = words.keys()
            gone = [key for key in known if key not in live]
            if gone and len(gone) == len(known):
                self.delete(matter, [generation])
            elif gone or (scrub and words.traces):
                self.drop(matter, generation, gone, scrub)

    def mend(self, matter: str, generation: str) -> None:
        """After a start: finish a scrubbing, and find out whether the graph has all that it should."""
        words, name = self.words(matter, generation), place(matter, generation)
        if words.traces > 1:
            self._scrub(name, words)
        elif name not in self.vectors.names():
            words.draw(words.drawn(), 0)
        if words.undrawn():
            self._behind[name] = None

    def _scrub(self, name: str, words: Words) -> bool:
        self._drawn.clear()
        self.vectors.delete([name])
        self._behind[name] = None
        return words.scrub()

    def delete(self, matter: str, generations: Iterable[str]) -> None:
        """Take whole generations of a matter away: the vectors first, for the words know of them."""
        chosen = [place(matter, generation) for generation in generations]
        self.vectors.delete(chosen)
        for name in chosen:
            self._behind.pop(name, None)
            self.held.forget(name)
            with self._lock:
                words = self._open.pop(name, None)
                self._awake.pop(name, None)
            (words or Words(self._file(name))).delete()

    # --- vectors

    @property
    def behind(self) -> bool:
        """Whether a graph is to be drawn further."""
        return bool(self._behind)

    def draw(self) -> None:
        """Take some passages into their matter's graph: few, for while Chroma works nothing else in Python does."""
        name = next(iter(self._behind), None)
        if name is None:
            return
        words = self._words(name)
        if words.traces > 1 and not self._scrub(name, words):
            return  # a reader is in the way; what is drawn before the next try would be taken out again
        found = next(words.vectors(words.undrawn()[:1]), None)
        if found is None:
            self._behind.pop(name, None)
            return
        key, vectors = found
        at = self._drawn.get(key, 0)
        if not at:
            words.draw([key], 2)
        part = slice(at, at + PIECE)
        self.vectors.add(name, words.ids([key])[part], vectors[part])
        self._drawn = {key: at + PIECE}
        if at + PIECE >= len(vectors):
            words.draw([key], 1)

    def give_up(self) -> str:
        """After a fault of Chroma's: leave the graph as it is until the next start; which one it was."""
        return self._behind.popitem()[0] if self._behind else ""

    def near(self, name: str, query: Matrix, limit: int) -> dict[str, float]:
        """The nearest passages and their cosines, best first: by the graph, or while it is being drawn one by one."""
        words = self._words(name)
        if not words.undrawn():
            return self.vectors.near(name, query, limit)
        found = ((f"{key}.{n}", float(s)) for key, v in words.vectors() for n, s in enumerate(v @ query))
        return dict(nlargest(limit, found, key=itemgetter(1)))

    def cosines(self, name: str, query: Matrix, ids: Sequence[str]) -> dict[str, float]:
        """The exact cosines of these passages."""
        return {id: float(vector @ query) for id, vector in self.read(name, ids).items()}

    def read(self, name: str, ids: Sequence[str]) -> dict[str, Matrix]:
        """The vectors of these passages; of some they are not here."""
        places = [(id, *id.rpartition(".")[::2]) for id in ids]
        here = self.held.get(name)
        if here is None:
            here = dict(self._words(name).vectors({key for _, key, _ in places}))
        return {id: here[key][int(n)] for id, key, n in places if key in here}

    def generations(self, matter: str) -> list[str]:
        """The generations of this matter that have words."""
        return [generation for of, generation in self.here() if of == matter]

    def here(self) -> list[tuple[str, str]]:
        """Every (matter, generation) that has words. The generation is "" in files of another make."""
        found = (file.stem.partition(".") for file in sorted(self._folder.glob("*.db")))
        return [(matter, generation) for matter, _, generation in found]

    def orphans(self) -> None:
        """Take away graphs that have no words."""
        self.vectors.sweep()
        self.vectors.delete(self.vectors.names() - {place(*pair) for pair in self.here()})

    def close(self) -> None:
        with self._lock:
            self._awake.clear()
            while self._open:
                self._open.popitem()[1].close()
        self.vectors.close()


def place(matter: str, generation: str) -> str:
    """The name of a file and of a collection."""
    return f"{matter}.{generation}" if generation else matter
