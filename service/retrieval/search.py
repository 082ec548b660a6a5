"""A question -> the passages that answer it: documents first, then words and vectors, fused."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

from service.core import Passage, Why
from service.retrieval.embed import Embedder
from service.retrieval.generations import Generations
from service.retrieval.hits import Hits, best, foremost
from service.retrieval.index import Index, place
from service.retrieval.likeness import Profile
from service.retrieval.query import parse
from service.retrieval.rank import Card, Named, contents, fuse, grams, named, proper, relevant, terms
from service.retrieval.records import Line
from service.retrieval.words import Words

SPARE = 8  # passages more than asked for, so that tables of contents can fall behind
CONTENTS = 0.5  # taken from their scores: they hold every word and answer nothing
WIDE = 200  # passages at least that words and vectors each put forward
COMPARED = 1500  # passages whose vectors are all compared; among more, the nearest of all are looked through
FARTHEST = 10_000  # nearest passages looked through

_WORD = re.compile(r"[^\W_]+")
_ENDING = re.compile(r"(?:ing|ed|es|s|d)$")


@dataclass(frozen=True, slots=True)
class Shelf:
    """One matter's part of a search: its words, its vectors, and the documents looked at."""

    words: Words
    name: str  # of its collection
    embedder: Embedder | None  # of these vectors; None: it cannot be had, and words answer alone
    lines: dict[str, Line]  # by key
    whole: bool  # these are all the documents that it holds
    types: tuple[str, ...] = ()  # of clause, which alone are looked at; none given: all passages
    typed: frozenset[str] = frozenset()  # the passages that are of them

    @property
    def inside(self) -> list[str] | None:
        return None if self.whole else sorted(self.lines)

    @property
    def passages(self) -> int:
        if self.types:
            return len(self.typed)
        return sum(line.filed.passages for line in self.lines.values())

    def only(self, scores: Mapping[str, float]) -> dict[str, float]:
        """Only what is looked at, of these documents: what is on its way in or out of the index does not answer."""
        here = self.typed if self.types else scores.keys()
        return {
            id: score for id, score in scores.items() if id in here and id.rpartition(".")[0] in self.lines
        }


class Search:
    def __init__(self, index: Index, generations: Generations) -> None:
        self._index, self._generations = index, generations

    def __call__(
        self, text: str, lines: Sequence[Line], k: int, *, whole: bool, types: tuple[str, ...] = ()
    ) -> tuple[list[Passage], list[Line], str]:
        """The best `k` passages of these (searchable) documents, the documents that were searched for them, and the
        words that were searched for. With `types` only clauses that are of one of them are looked at.

        `whole` says that they are all there is in their matters. A question that names documents is put to these
        alone: the right clause of the wrong contract is worse than none.
        """
        if not text.strip() or not lines:
            return [], list(lines), text
        shelves = self._shelves(lines, whole, types)
        asked = self._named(text, shelves)
        chosen = [line for line in lines if line.key in asked.documents] if asked.documents else []
        if chosen:
            return self._passages(asked.text, self._shelves(chosen, False, types), k), chosen, asked.text
        return self._passages(asked.text, shelves, k), list(lines), asked.text

    def passages(self, lines: Sequence[Line], types: tuple[str, ...]) -> int:
        """How many passages of these documents a search for these types looks at."""
        if not types:
            return sum(line.filed.passages for line in lines)
        return sum(shelf.passages for shelf in self._shelves(lines, True, types))

    def strange(self, text: str, lines: Sequence[Line]) -> tuple[str, ...]:
        """The names in a question that stand in none of the matters' documents, nor in their titles."""
        names = proper(text)
        shelves = self._shelves(lines, True) if names else []
        return tuple(name for name in names if not any(_known(name, shelf.words) for shelf in shelves))

    def exact(
        self, text: str, lines: Sequence[Line], k: int, *, whole: bool, types: tuple[str, ...] = ()
    ) -> list[Passage]:
        """The passages that hold just these words and phrases, by BM25. BadRequest: the query makes no sense."""
        query = parse(text)
        scores: dict[str, float] = {}
        home: dict[str, Words] = {}
        for shelf in self._shelves(lines, whole, types):
            hits = shelf.only(shelf.words.exact(query.fts, shelf.inside, k, types))
            scores |= hits
            home |= dict.fromkeys(hits, shelf.words)
        best = dict(sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:k])
        most = max(best.values(), default=0.0) or 1.0
        said = (*query.phrases, *query.terms)
        found = [
            replace(p, score=best[p.id], why=Why(words=best[p.id] / most, terms=_standing(said, p)))
            for p in _read(best, home)
        ]
        return [_outside(p) for p in sorted(found, key=lambda p: (-p.score, p.id))]

    def _named(self, text: str, shelves: Sequence[Shelf]) -> Named:
        scores: dict[str, float] = {}
        cards: dict[str, Card] = {}
        asked = Profile.of(grams(text))
        for shelf in shelves:
            for key, score in shelf.words.profiles(asked, limit=len(shelf.lines) + 10).items():
                if key in shelf.lines:
                    scores[key] = score
            cards |= {key: card for key, card in shelf.words.cards().items() if key in shelf.lines}

        def common(word: str) -> bool:
            return any(shelf.words.common(word) for shelf in shelves)

        return named(text, scores, cards, common)

    def _passages(self, text: str, shelves: Sequence[Shelf], k: int) -> list[Passage]:
        """The best passages of these documents."""
        words, wide = terms(text), max(WIDE, 4 * k)
        found = [self._hits(shelf, text, words, wide) for shelf in shelves]
        most = max((hits.most for hits in found), default=0.0) or 1.0
        near, said = dict[str, float](), dict[str, float]()
        home: dict[str, Words] = {}
        for which, at in best(found, most, k + SPARE):
            id, near[id], said[id] = found[which].at(at)
            home[id] = shelves[which].words
        scores = dict(fuse(near, said, most)[: k + SPARE])
        passages = [
            replace(p, why=Why(near[p.id], said[p.id] / most, terms=_standing(words, p)))
            for p in _scored(scores, home)
        ]
        passages.sort(key=lambda p: (-p.score, p.id))
        if any(hits.cosines.any() for hits in found) and not relevant(
            (hits.nearest for hits in found),
            sum(shelf.passages for shelf in shelves),
            _together(words, passages[:SPARE]),
        ):
            return []
        return [_outside(p) for p in passages[:k]]

    def _hits(self, shelf: Shelf, text: str, words: Sequence[str], wide: int) -> Hits:
        """Every passage with its cosine and, of the `wide` best by words, its BM25; or, of a matter whose vectors are
        not in memory and of clauses of a type, those that words or a graph of neighbours put forward."""
        held = None if shelf.embedder is None else self._index.held.get(shelf.name)
        if shelf.embedder is None or held is None or shelf.types:
            bm25 = shelf.only(shelf.words.passages(words, shelf.inside, wide, shelf.types))
            return Hits.of(self._cosines(shelf, text, bm25, wide), bm25)
        spans = shelf.words.places()
        keys = [key for key in shelf.lines if 0 < _length(spans.get(key)) == len(held.get(key, ()))]
        scores = shelf.words.sums(words, [spans[key] for key in keys])
        return Hits.all(shelf.embedder.query(text), held, keys, foremost(scores, wide))

    def _cosines(self, shelf: Shelf, text: str, hits: Mapping[str, float], wide: int) -> dict[str, float]:
        """Of what words found and what is near. Of few documents, and of clauses of a type, each is compared."""
        if shelf.embedder is None:
            return dict.fromkeys(hits, 0.0)
        index, query = self._index, shelf.embedder.query(text)
        if shelf.types and shelf.passages <= FARTHEST:
            return index.cosines(shelf.name, query, sorted(shelf.typed))
        if not shelf.whole and shelf.passages <= COMPARED:
            return index.cosines(shelf.name, query, shelf.words.ids(shelf.lines))
        part = not shelf.whole or shelf.types
        share = 2 * shelf.words.number / max(1, shelf.passages) if part else 1.0
        near = shelf.only(index.near(shelf.name, query, min(FARTHEST, ceil(wide * share))))
        return near | index.cosines(shelf.name, query, sorted({*hits} - {*near}))

    def _shelves(self, lines: Sequence[Line], whole: bool, types: tuple[str, ...] = ()) -> list[Shelf]:
        matters: dict[str, dict[str, Line]] = {}
        for line in lines:
            matters.setdefault(line.filed.matter, {})[line.key] = line
        return [self._shelf(matter, of, whole, types) for matter, of in matters.items()]

    def _shelf(self, matter: str, lines: dict[str, Line], whole: bool, types: tuple[str, ...]) -> Shelf:
        generation = self._generations.live(matter)
        words = self._index.words(matter, generation.name)
        embedder = self._generations.embedder(generation)
        typed = frozenset(words.ids(lines, types) if types else ())
        return Shelf(words, place(matter, generation.name), embedder, lines, whole, types, typed)


def _length(span: tuple[int, int] | None) -> int:
    return 0 if span is None else span[1] - span[0] + 1


def _known(name: str, words: Words) -> bool:
    return words.holds(name) or any(name.lower() in card.title for card in words.cards().values())


def _scored(scores: Mapping[str, float], home: Mapping[str, Words]) -> Iterator[Passage]:
    for passage in _read(scores, home):
        fine = CONTENTS if contents(passage.text) else 0.0
        yield replace(passage, score=scores[passage.id] - fine)


def _read(ids: Iterable[str], home: Mapping[str, Words]) -> Iterator[Passage]:
    asked = list(ids)
    for words in {id(home[one]): home[one] for one in asked}.values():
        yield from words.read(one for one in asked if home[one] is words)


def _outside(passage: Passage) -> Passage:
    """With the id that it has outside the index, where readings are not known."""
    return replace(passage, id=f"{passage.document}.{passage.id.rpartition('.')[2]}")


def _standing(words: Iterable[str], passage: Passage) -> tuple[str, ...]:
    """Which of these words stand in the passage or above it, endings aside; of phrases, which stand there as such."""
    text = f"{passage.heading} {passage.text}".lower()
    there = {_ENDING.sub("", word) for word in _WORD.findall(text)}
    plain = " ".join(_WORD.findall(text))
    return tuple(dict.fromkeys(word for word in words if _stands(word.lower(), there, plain)))


def _together(words: Sequence[str], passages: Iterable[Passage]) -> float:
    """The greatest share of these words that stands in one of the passages."""
    return max((len(p.why.terms) for p in passages if p.why), default=0) / max(1, len({*words}))


def _stands(word: str, there: set[str], plain: str) -> bool:
    parts = _WORD.findall(word)
    if len(parts) == 1 and not word.endswith(("*", "!")):
        return _ENDING.sub("", parts[0]) in there
    return f" {' '.join(parts)}" in f" {plain}"
