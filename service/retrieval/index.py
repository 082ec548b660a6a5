"""What can be searched: for each matter an FTS5 file of words and a Chroma collection of vectors.

The words are written before the vectors and go after them, so every vector's passage is known to the words: what a
crash leaves behind can be found there and taken out.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from service.core import Document, Passage
from service.retrieval.embed import Vectors as Matrix
from service.retrieval.rank import names, profile
from service.retrieval.vectors import Vectors
from service.retrieval.words import Words


class Index:
    def __init__(self, home: Path) -> None:
        self._folder = home / "index"
        self.vectors = Vectors(home / "chroma")

    def words(self, matter: str) -> Words:
        return Words(self._folder / f"{matter}.db")

    def put(self, document: Document, passages: Sequence[Passage]) -> None:
        """Write a document's words, over what stood there. Its vectors follow by `add`."""
        self.drop(document.matter, document.id)
        self.words(document.matter).put(
            document.id,
            document.title,
            names(document.title, document.text),
            profile(document.title, document.text),
            passages,
        )

    def add(self, matter: str, passages: Sequence[Passage], vectors: Matrix) -> None:
        self.vectors.add(matter, [passage.id for passage in passages], vectors)

    def drop(self, matter: str, document: str) -> None:
        words = self.words(matter)
        self.vectors.drop(matter, words.ids([document]))
        words.drop(document)

    def drop_matter(self, matter: str) -> None:
        self.vectors.drop_matter(matter)
        for file in self._folder.glob(f"{matter}.db*"):
            file.unlink(missing_ok=True)

    def sweep(self, known: Callable[[str], set[str]], matters: set[str]) -> None:
        """Take out what no longer belongs: matters outside `matters`, documents outside `known(matter)`."""
        here = {file.stem for file in self._folder.glob("*.db")} | self.vectors.matters()
        for matter in here - matters:
            self.drop_matter(matter)
        for matter in here & matters:
            for document in set(self.words(matter).cards()) - known(matter):
                self.drop(matter, document)

    def close(self) -> None:
        self.vectors.close()
