"""Passages as vectors: an embedded Chroma, one collection for each matter and generation of its index, so that no
search can cross the wall or compare the vectors of two embedders."""

import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from service.retrieval.embed import Vectors as Matrix
from service.retrieval.held import Held

AT_ONCE = 500  # written or read in one call
GONE = 5000  # deleted in one call: what a call costs hardly depends on their number


class Vectors:
    """Opened on first use. Vectors have unit length; scores are cosines."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._client: Any = None
        self._lock = Lock()
        self._shelves: dict[str, Any] = {}
        self._counts: dict[str, int] = {}
        self.held = Held(self.count, self._read)

    def add(self, name: str, ids: Sequence[str], vectors: Matrix) -> None:
        """Add passages, or write over those of the same id."""
        shelf = self._shelf(name) or self._open().create_collection(
            name, embedding_function=None, configuration={"hnsw": {"space": "cosine", "ef_search": 200}}
        )
        for at in range(0, len(ids), AT_ONCE):
            shelf.upsert(ids=list(ids[at : at + AT_ONCE]), embeddings=vectors[at : at + AT_ONCE])
        self._counts.pop(name, None)
        self.held.add(name, ids, vectors)

    def drop(self, name: str, ids: Sequence[str]) -> None:
        """Take whole documents out, by the ids of their passages."""
        shelf = self._shelf(name)
        for at in range(0, len(ids), GONE):
            if shelf is not None:
                shelf.delete(ids=list(ids[at : at + GONE]))
        self._counts.pop(name, None)
        self.held.drop(name, {id.rpartition(".")[0] for id in ids})

    def delete(self, names: Iterable[str]) -> None:
        """Take collections away, and their files, which Chroma leaves behind."""
        for name in names:
            if self._shelf(name) is not None:
                self._shelves.pop(name, None)
                self._client.delete_collection(name)
                self._counts.pop(name, None)
                self.held.forget(name)
        self.sweep()

    def sweep(self) -> None:
        """Take away files that belong to no collection."""
        file = self._folder / "chroma.sqlite3"
        if not file.exists():
            return
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as rows:
            known = {id for (id,) in rows.execute("SELECT id FROM segments")}
        for place in self._folder.iterdir():
            if place.is_dir() and place.name not in known:
                shutil.rmtree(place, ignore_errors=True)

    def names(self) -> set[str]:
        """The collections that are here."""
        return {shelf.name for shelf in self._open().list_collections()}

    def count(self, name: str) -> int:
        known = self._counts.get(name)
        if known is None:
            shelf = self._shelf(name)
            known = self._counts[name] = 0 if shelf is None else int(shelf.count())
        return known

    def ids(self, name: str) -> set[str]:
        shelf = self._shelf(name)
        return set() if shelf is None else set(shelf.get(include=[])["ids"])

    def near(self, name: str, query: Matrix, limit: int) -> dict[str, float]:
        """The nearest passages and their cosines, best first (approximate: HNSW)."""
        shelf = self._shelf(name)
        limit = 0 if shelf is None else min(limit, self.count(name))
        if not limit:
            return {}
        found = shelf.query(query_embeddings=[query], n_results=limit, include=["distances"])
        return {id: 1.0 - d for id, d in zip(found["ids"][0], found["distances"][0], strict=True)}

    def cosines(self, name: str, query: Matrix, ids: Sequence[str]) -> dict[str, float]:
        """The exact cosines of these passages."""
        shelf = self._shelf(name)
        if shelf is None or not ids:
            return {}
        held = self.held.get(name)
        if held is not None:
            places = ((id, *id.rpartition(".")[::2]) for id in ids)
            return {id: float(held[key][int(n)] @ query) for id, key, n in places if key in held}
        scores: dict[str, float] = {}
        for at in range(0, len(ids), AT_ONCE):
            found = shelf.get(ids=list(ids[at : at + AT_ONCE]), include=["embeddings"])
            here = np.asarray(found["embeddings"], np.float32).reshape(-1, len(query)) @ query
            scores |= dict(zip(found["ids"], here.tolist(), strict=True))
        return scores

    def read(self, name: str, ids: Sequence[str]) -> Matrix | None:
        """The vectors of these passages, in this order; None when one is not here."""
        shelf, found = self._shelf(name), dict[str, Any]()
        for at in range(0, len(ids), AT_ONCE):
            if shelf is not None:
                some = shelf.get(ids=list(ids[at : at + AT_ONCE]), include=["embeddings"])
                found |= dict(zip(some["ids"], some["embeddings"], strict=True))
        return np.array([found[id] for id in ids], np.float32) if found.keys() == set(ids) else None

    def _read(self, name: str) -> Iterator[tuple[Sequence[str], Matrix]]:
        """All vectors of a collection with their ids, some at a time."""
        shelf, at = self._shelf(name), 0
        while shelf is not None:
            found = shelf.get(include=["embeddings"], limit=AT_ONCE, offset=at)
            if not found["ids"]:
                return
            yield found["ids"], np.asarray(found["embeddings"], np.float32)
            at += AT_ONCE

    def close(self) -> None:
        self.held.close()
        with self._lock:
            if self._client is not None:
                self._shelves.clear()
                self._client.close()
                self._client = None

    def _shelf(self, name: str) -> Any:
        from chromadb.errors import NotFoundError

        if name not in self._shelves:
            try:
                self._shelves[name] = self._open().get_collection(name, embedding_function=None)
            except NotFoundError:
                return None
        return self._shelves[name]

    def _open(self) -> Any:
        with self._lock:
            if self._client is None:
                import chromadb

                self._folder.mkdir(parents=True, exist_ok=True)
                self._client = chromadb.PersistentClient(
                    str(self._folder), chromadb.Settings(anonymized_telemetry=False)
                )
            return self._client
