"""What kinds of clause a passage is: governing law, a cap on liability, a right to audit.

A linear layer over a vector of the passage and, if the head has weights for them, over its words, hashed.

    shares = softmax(vector · V + words · W + b)        words: idf of each hashed word and pair, to unit length

Where the vector is the one that the passage has been given for the search, labelling costs next to nothing; the head
is fitted on one embedder then, and speaks of no other's vectors. A head with a model of its own reads the passage.

A passage is of every type whose share reaches the type's threshold; often of none.
"""

import re
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from service.core import Passage
from service.retrieval.clauses import Heading
from service.retrieval.embed import Embedder, Vectors, spoken

TYPES = 200  # at most
NAME = re.compile(r"[\w()-][\w ,/().:;&'’+-]{0,59}")  # what a type may be called
LEAST = 1e-9

_WORD = re.compile(r"[a-z]+|\d+")

Shares = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """`types` are the names, in the order of the columns; a last column more is "no type"."""

    types: tuple[str, ...]
    thresholds: Shares  # (types,)
    embedder: str  # the identity of the embedder whose vectors it was fitted on; "" with a model of its own
    vectors: Shares  # (384, columns)
    bias: Shares  # (columns,)
    digest: str
    words: Shares | None = None  # (buckets, columns)
    idf: Shares | None = None  # (buckets,)
    own: Embedder | None = None  # the model that it reads passages with itself

    def shares(self, vectors: Vectors, texts: Sequence[str]) -> Shares:
        """What each type, and last "no type", has of each text: float32 of shape (texts, columns), rows sum to 1."""
        scores = vectors @ self.vectors + self.bias
        if self.words is not None and self.idf is not None:
            for row, text in zip(scores, texts, strict=True):
                at, weights = weighed(text, self.idf)
                row += weights @ self.words[at]
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(scores / scores.sum(axis=1, keepdims=True), np.float32)

    def told(self, passages: Iterable[Passage], vectors: Vectors | None = None) -> list[tuple[str, ...]]:
        """The types of each passage, those with the greatest shares first. `vectors` are those of the search; a head
        with a model of its own needs none."""
        texts = [spoken(passage) for passage in passages]
        if self.own:
            vectors = self.own.embed(texts)
        assert vectors is not None
        return [self._types(row) for row in self.shares(vectors, texts)]

    def _types(self, shares: Shares) -> tuple[str, ...]:
        reached = np.flatnonzero(shares[: len(self.types)] >= self.thresholds)
        return tuple(self.types[at] for at in sorted(reached, key=lambda at: -shares[at]))


def typed(headings: Sequence[Heading], clauses: Iterable[tuple[int, int, str]], end: int) -> list[list[str]]:
    """For each heading the types of the passages (start, end, type) that stand under it with their greater part, up to
    the next heading or the `end` of the text."""
    starts = [heading.start for heading in headings]
    found: list[list[str]] = [[] for _ in headings]
    for first, last, type in clauses:
        under = range(max(0, bisect_right(starts, first) - 1), bisect_right(starts, last - 1))
        held = {at: min(last, *starts[at + 1 : at + 2], end) - max(first, starts[at]) for at in under}
        if held and max(held.values()) > 0:
            at = max(held, key=lambda at: held[at])
            if type not in found[at]:
                found[at].append(type)
    return found


def hashed(text: str, buckets: int) -> list[int]:
    """The places of the text's words and pairs of neighbours, each once; numbers are all alike."""
    words = ["#" if word[0].isdigit() else word for word in _WORD.findall(text.lower())]
    grams = {*words, *(" ".join(pair) for pair in pairwise(words))}
    return sorted({zlib.crc32(gram.encode()) % buckets for gram in grams})


def weighed(text: str, idf: Shares) -> tuple[NDArray[np.int64], Shares]:
    """The same places with their idf, to unit length."""
    at = np.array(hashed(text, len(idf)), np.int64)
    weights = idf[at]
    return at, np.asarray(weights / max(LEAST, float(np.linalg.norm(weights))), np.float32)
