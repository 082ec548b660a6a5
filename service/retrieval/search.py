"""A question -> the passages that answer it: documents first, then words and vectors, fused."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from service.core import Filed, Passage
from service.retrieval.embed import Embedder
from service.retrieval.index import Index
from service.retrieval.rank import Card, Named, fuse, grams, named, relevant, terms

WIDE = 200  # passages at least that words and vectors each put forward


class Search:
    def __init__(self, index: Index, embedder: Embedder) -> None:
        self._index, self._embedder = index, embedder

    def __call__(self, text: str, documents: Sequence[Filed], k: int) -> tuple[list[Passage], list[Filed]]:
        """The best `k` passages of these (searchable) documents, and the documents that were searched for them."""
        if not text.strip() or not documents:
            return [], list(documents)
        matters = _by_matter(documents)
        known = self._named(text, matters)
        chosen = [f for f in documents if f.id in known.documents]
        if chosen:
            found = self._passages(known, _by_matter(chosen), k, whole=False)
            if found:
                return found, chosen
        return self._passages(Named({}, text), matters, k, whole=True), list(documents)

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
        return named(text, scores, cards)

    def _passages(
        self, asked: Named, matters: Mapping[str, set[str]], k: int, *, whole: bool
    ) -> list[Passage]:
        query, words = self._embedder.query(asked.text), terms(asked.text)
        cosines: dict[str, float] = {}
        bm25: dict[str, float] = {}
        home: dict[str, str] = {}
        wide = max(WIDE, 4 * k)
        for matter, documents in matters.items():
            lexicon, vectors = self._index.words(matter), self._index.vectors
            hits = lexicon.passages(words, None if whole else sorted(documents), wide)
            near = vectors.near(matter, query, wide) if whole else {}
            ids = set(lexicon.ids(documents)) if not whole else {*hits} - {*near}
            found = _inside(near | vectors.cosines(matter, query, sorted(ids)), documents)
            cosines |= found
            bm25 |= _inside(hits, documents)
            home |= dict.fromkeys(found, matter)
        if not relevant(cosines.values()):
            return []
        best = fuse(cosines, bm25)[:k]
        return [
            replace(passage, score=score)
            for id, score in best
            for passage in self._index.words(home[id]).read([id])
        ]


def _by_matter(documents: Iterable[Filed]) -> dict[str, set[str]]:
    matters: dict[str, set[str]] = {}
    for filed in documents:
        matters.setdefault(filed.matter, set()).add(filed.id)
    return matters


def _inside(scores: Mapping[str, float], documents: set[str]) -> dict[str, float]:
    """Only passages of these documents: what a crash or a delete left in the index does not answer."""
    return {id: score for id, score in scores.items() if id.rpartition(".")[0] in documents}
