"""What kinds of clause a passage is: governing law, a cap on liability, a right to audit.

A linear layer over the vector that the passage has already been given and over its words, hashed, so labelling costs
next to nothing. It is fitted on the vectors of one embedder and speaks of no other's: see `clause_head`.

    shares = softmax(vector · V + words · W + b)        words: idf of each hashed word and pair, to unit length

A passage is of every type whose share reaches the type's threshold; often of none.
"""

import json
import re
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.core import Passage
from service.errors import BadRequest
from service.retrieval.clauses import Heading
from service.retrieval.embed import SHELF, WIDTH, Embedder, Vectors, spoken

FOLDER = SHELF / "clause-types"
FACTS, WEIGHTS = "head.json", "head.safetensors"
MOST = 2**20, 2**25  # bytes of the two files
TYPES = 200  # at most
LEAST = 1e-9

_WORD = re.compile(r"[a-z]+|\d+")
_NAME = re.compile(r"[\w()-][\w ,/()-]{0,59}")  # what a type may be called

Shares = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """`types` are the names, in the order of the columns; the last column of the weights is "no type"."""

    types: tuple[str, ...]
    thresholds: Shares  # (types,)
    embedder: str  # the identity of the embedder whose vectors it was fitted on
    vectors: Shares  # (384, types + 1)
    words: Shares  # (buckets, types + 1)
    idf: Shares  # (buckets,)
    bias: Shares  # (types + 1,)
    digest: str

    def shares(self, vectors: Vectors, texts: Sequence[str]) -> Shares:
        """What each type, and last "no type", has of each text: float32 of shape (texts, types + 1), rows sum to 1."""
        scores = vectors @ self.vectors + self.bias
        for row, text in zip(scores, texts, strict=True):
            at, weights = weighed(text, self.idf)
            row += weights @ self.words[at]
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(scores / scores.sum(axis=1, keepdims=True), np.float32)

    def labelled(self, passages: Iterable[Passage], vectors: Vectors) -> list[Passage]:
        """The passages with their types, those with the greatest shares first."""
        known = list(passages)
        shares = self.shares(vectors, [spoken(passage) for passage in known])
        return [replace(p, types=self._types(row)) for p, row in zip(known, shares, strict=True)]

    def _types(self, shares: Shares) -> tuple[str, ...]:
        reached = np.flatnonzero(shares[:-1] >= self.thresholds)
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


def clause_head(embedder: Embedder, folder: Path = FOLDER) -> tuple[Head | None, str]:
    """The head in the folder if it can be used with this embedder, and a line that says so, or why not."""
    if not folder.exists():
        return None, f"off: there is no {folder.name} on the shelf"
    try:
        head = read(folder)
    except BadRequest as error:
        return None, f"off: {error.message}"
    if head.embedder != embedder.identity:
        return None, (
            f"off: fitted on the embedder {head.embedder}, and {embedder.identity} is in use; "
            "fit them anew with bench/train_clause_types.py"
        )
    return head, f"{len(head.types)} types, {head.digest[:8]}"


def read(folder: Path) -> Head:
    """The head in a folder; BadRequest says what is wrong with it. Nothing in it is ever run."""
    facts, weights = _bytes(folder, FACTS, MOST[0]), _bytes(folder, WEIGHTS, MOST[1])
    types, thresholds, embedder = _facts(folder, facts)
    arrays = _arrays(folder, weights)
    buckets, columns = arrays["words"].shape[:1], (len(types) + 1,)
    shapes = {"vectors": (WIDTH, *columns), "words": (*buckets, *columns), "idf": buckets, "bias": columns}
    if not all(buckets) or {name: array.shape for name, array in arrays.items()} != shapes:
        raise _unfit(folder, f"the shapes in {WEIGHTS} do not belong together")
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise _unfit(folder, f"{WEIGHTS} holds what is no number")
    return Head(types, thresholds, embedder, **arrays, digest=sha256(facts + weights).hexdigest())


def _bytes(folder: Path, name: str, most: int) -> bytes:
    try:
        with (folder / name).open("rb") as file:
            data = file.read(most + 1)
    except OSError:
        raise _unfit(folder, f"{name} cannot be read") from None
    if len(data) > most:
        raise _unfit(folder, f"{name} is larger than {most:,} bytes")
    return data


def _facts(folder: Path, data: bytes) -> tuple[tuple[str, ...], Shares, str]:
    try:
        facts: dict[str, Any] = json.loads(data)
        embedder, listed = facts["embedder"], facts["types"]
        types = tuple(str(one["type"]) for one in listed)
        thresholds = np.array([float(one["threshold"]) for one in listed], np.float32)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _unfit(folder, f"{FACTS} does not say embedder, types and thresholds") from None
    named = all(_NAME.fullmatch(name) for name in types) and isinstance(embedder, str)
    if not named or not 0 < len(types) <= TYPES or len({name.casefold() for name in types}) < len(types):
        raise _unfit(folder, f"{FACTS} does not name its types, each once")
    if not ((thresholds > 0) & (thresholds <= 1)).all():
        raise _unfit(folder, "a threshold is not between 0 and 1")
    return types, thresholds, embedder


def _arrays(folder: Path, data: bytes) -> dict[str, Shares]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        found = load(data)
    except (SafetensorError, ValueError, KeyError, TypeError):
        raise _unfit(folder, f"{WEIGHTS} cannot be read as safetensors") from None
    if found.keys() != {"vectors", "words", "idf", "bias"} or found["words"].ndim != 2:
        raise _unfit(folder, f"{WEIGHTS} does not hold just vectors, words, idf and bias")
    if any(array.dtype not in (np.float16, np.float32) for array in found.values()):
        raise _unfit(folder, f"{WEIGHTS} holds other numbers than float16 and float32")
    return {name: array.astype(np.float32) for name, array in found.items()}


def _unfit(folder: Path, reason: str) -> BadRequest:
    return BadRequest(
        f'The clause types in "{folder.name}" cannot be used: {reason}. '
        "Train them anew with bench/train_clause_types.py, or take the folder away to go without."
    )
