"""A small library in a temporary home: real database, real Chroma, an embedder that only counts words."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from service.config import Settings
from service.core import Caller, Role, Scope
from service.retrieval.clause_types import Head
from service.retrieval.embed import WIDTH, Embedder, Vectors
from service.retrieval.library import Library
from service.storage import Database
from service.storage.tables import Matter


class HashEmbedder(Embedder):
    """Texts that share words are near one another; no model is loaded."""

    def __init__(self, identity: str = "words counted") -> None:
        super().__init__()
        self.identity = identity

    def embed(self, texts: Sequence[str]) -> Vectors:
        vectors: Vectors = np.full((len(texts), WIDTH), 1e-6, np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            for word in text.lower().split():
                digest = hashlib.sha256(word.strip(".,;:?()").encode()).digest()
                vector[int.from_bytes(digest[:4]) % WIDTH] += 1
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors


def scope(*matters: str) -> Scope:
    return Scope(Caller("u1", "ada", Role.MEMBER), frozenset(matters), salt="")


def database(home: Path, *matters: str) -> Database:
    made = Database(home / "privity.db")
    with made.write() as rows:
        for matter in matters:
            rows.merge(Matter(id=matter, name=matter, created=0.0))
    return made


def library(
    home: Path,
    made: Database,
    embedder: Embedder | None = None,
    earlier: Sequence[Embedder] = (),
    head: Head | None = None,
    search: Mapping[str, object] | None = None,
    **settings: object,
) -> Library:
    """Without `head` clauses have no types, unless `search` names some."""
    chosen = {"clauses": ""} | dict(search or {})
    house = Settings(home=home, search=chosen, **settings)  # type: ignore[arg-type]
    return Library(home, made, house, embedder or HashEmbedder(), earlier, head)
