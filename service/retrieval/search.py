"""A question -> the passages that answer it: documents first, then words and vectors, fused."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from service.core import Filed, Passage
from service.retrieval.embed import Embedder
from service.retrieval.index import Index
from service.retrieval.rank import Card, Named, contents, fuse, grams, named, relevant, terms

SPARE = 8  # passages more than asked for, so that tables of contents can fall behind
CONTENTS = 0.5  # taken from their scores: they hold every word and answer nothing
WIDE = 200  # passages at least that words and vectors each put forward


class Search:
    def __init__(self, index: Index, embedder: Embedder) -> None:
        self._index, self._embedder = index, embedder

    def __call__(
        self, text: str, documents: Sequence[Filed], k: int, *, whole: bool
    ) -> tuple[list[Passage], list[Filed]]:
        """The best `k` passages of these (searchable) documents, and the documents that were searched for them.

        `whole` says that they are all there is in their matters. A question that names documents is put to these
        alone: the right clause of the wrong contract is worse than none.
        """
        if not text.strip() or not documents:
            return [], list(documents)
        asked = self._named(text, _by_matter(documents))
        chosen = [f for f in documents if f.id in asked.documents]
        if chosen:
            return self._passages(asked.text, chosen, k, whole=False), chosen
        return self._passages(asked.text, documents, k, whole=whole), list(documents)

    def _named(self, text: str, matters: Mapping[str, set[str]]) -> Named:
        scores: dict[str, float] = {}
        cards: dict[str, Card] = {}
        asked = grams(text)
        for matter, documents in matters.items():
            words = self._index.words(matter)
            for id, score in words.profiles(asked, limit=len(documents) + 10).items():
                if id in documents:
                    scores[id] = score
            cards |= {id: card for id, card in words.cards().items() if id in documents}

        def common(word: str) -> bool:
            return any(self._index.words(matter).common(word) for matter in matters)

        return named(text, scores, cards, common)

    def _passages(self, text: str, searched: Sequence[Filed], k: int, *, whole: bool) -> list[Passage]:
        """The best passages of these documents; all vectors are compared unless they are `whole` matters."""
        query, words = self._embedder.query(text), terms(text)
        cosines: dict[str, float] = {}
        bm25: dict[str, float] = {}
        home: dict[str, str] = {}
        together = False
        wide = max(WIDE, 4 * k)
        for matter, documents in _by_matter(searched).items():
            lexicon, vectors = self._index.words(matter), self._index.vectors
            inside = None if whole else sorted(documents)
            hits = lexicon.passages(words, inside, wide)
            near = vectors.near(matter, query, wide) if whole else {}
            others = {*hits} - {*near} if whole else lexicon.ids(documents)
            found = _inside(near | vectors.cosines(matter, query, sorted(others)), documents)
            cosines |= found
            bm25 |= _inside(hits, documents)
            home |= dict.fromkeys(found, matter)
            together = together or lexicon.together(words, inside)
        if not relevant(cosines.values(), sum(f.passages for f in searched), together):
            return []
        best = dict(fuse(cosines, bm25)[: k + SPARE])
        return sorted(self._read(best, home), key=lambda p: (-p.score, p.id))[:k]

    def _read(self, scores: Mapping[str, float], home: Mapping[str, str]) -> Iterator[Passage]:
        for matter in {home[id] for id in scores}:
            for passage in self._index.words(matter).read(id for id in scores if home[id] == matter):
                fine = CONTENTS if contents(passage.text) else 0.0
                yield replace(passage, score=scores[passage.id] - fine)


def _by_matter(documents: Iterable[Filed]) -> dict[str, set[str]]:
    matters: dict[str, set[str]] = {}
    for filed in documents:
        matters.setdefault(filed.matter, set()).add(filed.id)
    return matters


def _inside(scores: Mapping[str, float], documents: set[str]) -> dict[str, float]:
    """Only passages of these documents: what a crash or a delete left in the index does not answer."""
    return {id: score for id, score in scores.items() if id.rpartition(".")[0] in documents}
