"""Passages as vectors: an embedded Chroma, one collection for each matter, so that no search can cross the wall."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from service.retrieval.embed import Vectors as Matrix

ADDED_AT_ONCE = 500


class Vectors:
    """Opened on first use. Vectors have unit length; scores are cosines."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._client: Any = None
        self._lock = Lock()

    def add(self, matter: str, ids: Sequence[str], vectors: Matrix) -> None:
        """Add passages, or write over those of the same id."""
        shelf = self._open().get_or_create_collection(
            matter, embedding_function=None, configuration={"hnsw": {"space": "cosine", "ef_search": 200}}
        )
        for at in range(0, len(ids), ADDED_AT_ONCE):
            shelf.upsert(ids=list(ids[at : at + ADDED_AT_ONCE]), embeddings=vectors[at : at + ADDED_AT_ONCE])

    def drop(self, matter: str, ids: Sequence[str]) -> None:
        shelf = self._shelf(matter)
        for at in range(0, len(ids), ADDED_AT_ONCE):
            if shelf is not None:
                shelf.delete(ids=list(ids[at : at + ADDED_AT_ONCE]))

    def drop_matter(self, matter: str) -> None:
        if self._shelf(matter) is not None:
            self._client.delete_collection(matter)

    def matters(self) -> set[str]:
        return {shelf.name for shelf in self._open().list_collections()}

    def near(self, matter: str, query: Matrix, limit: int) -> dict[str, float]:
        """The nearest passages of the matter and their cosines, best first (approximate: HNSW)."""
        shelf = self._shelf(matter)
        if shelf is None or not limit:
            return {}
        limit = min(limit, shelf.count())
        found = (
            shelf.query(query_embeddings=[query], n_results=limit, include=["distances"]) if limit else None
        )
        if found is None:
            return {}
        return {id: 1.0 - d for id, d in zip(found["ids"][0], found["distances"][0], strict=True)}

    def cosines(self, matter: str, query: Matrix, ids: Sequence[str]) -> dict[str, float]:
        """The exact cosines of these passages."""
        shelf = self._shelf(matter)
        if shelf is None or not ids:
            return {}
        found = shelf.get(ids=list(ids), include=["embeddings"])
        scores = np.asarray(found["embeddings"], np.float32).reshape(-1, len(query)) @ query
        return dict(zip(found["ids"], scores.tolist(), strict=True))

    def close(self) -> None:
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _shelf(self, matter: str) -> Any:
        from chromadb.errors import NotFoundError

        try:
            return self._open().get_collection(matter, embedding_function=None)
        except NotFoundError:
            return None

    def _open(self) -> Any:
        with self._lock:
            if self._client is None:
                import chromadb

                self._folder.mkdir(parents=True, exist_ok=True)
                self._client = chromadb.PersistentClient(
                    str(self._folder), chromadb.Settings(anonymized_telemetry=False)
                )
            return self._client
