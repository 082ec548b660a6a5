"""Graphs of neighbours: for each matter and generation of its index a Chroma in a folder of its own, so that no search
can cross the wall or compare the vectors of two embedders, and that a whole graph, with all that was ever in it, is
taken off the disk by taking its folder away.

What is here is a copy, drawn from the matter's file a little later.
"""

import ctypes
import shutil
import sys
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

from service.retrieval.embed import Vectors as Matrix

AT_ONCE = 500  # written or read in one call
GONE = 5000  # deleted in one call: what a call costs hardly depends on their number
OPEN = 8  # folders at a time; each takes some MiB, files and threads
SYNC = 10_000  # passages after which Chroma writes the graph out, for which everything waits
_PERTURB = -6  # M_PERTURB of glibc's malloc.h
AWAY = ".gone"  # at the end of a folder's name that is on its way off the disk


class Vectors:
    """Opened on first use. Vectors have unit length; scores are cosines."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: OrderedDict[str, tuple[Any, Any]] = OrderedDict()  # clients and their collections
        self._lock = RLock()  # nobody asks a folder that is being closed

    def add(self, name: str, ids: Sequence[str], vectors: Matrix) -> None:
        """Add passages, or write over those of the same id."""
        with self._lock, _filled_memory():
            shelf = self._shelf(name, make=True)
            for at in range(0, len(ids), AT_ONCE):
                shelf.upsert(ids=list(ids[at : at + AT_ONCE]), embeddings=vectors[at : at + AT_ONCE])

    def drop(self, name: str, ids: Sequence[str]) -> None:
        """Take passages out. Their numbers may stay in the folder until `delete`."""
        with self._lock, _filled_memory():
            shelf = self._shelf(name) if ids else None
            for at in range(0, len(ids), GONE):
                if shelf is not None:
                    shelf.delete(ids=list(ids[at : at + GONE]))

    def delete(self, names: Iterable[str]) -> None:
        """Take graphs away, and all that was ever in them."""
        with self._lock, _filled_memory():
            for name in names:
                self._close(name)
                away = self._folder / f"{name}{AWAY}"
                shutil.rmtree(away, ignore_errors=True)
                if (self._folder / name).is_dir():
                    (self._folder / name).rename(away)  # as a whole or not at all
                    shutil.rmtree(away, ignore_errors=True)

    def sweep(self) -> None:
        """Take away what was on its way off the disk."""
        for place in self._folder.glob(f"*{AWAY}"):
            shutil.rmtree(place, ignore_errors=True)

    def names(self) -> set[str]:
        """The graphs that are here."""
        places = self._folder.iterdir() if self._folder.is_dir() else ()
        return {place.name for place in places if place.is_dir() and not place.name.endswith(AWAY)}

    def ids(self, name: str) -> set[str]:
        with self._lock, _filled_memory():
            shelf = self._shelf(name)
            return set() if shelf is None else set(shelf.get(include=[])["ids"])

    def near(self, name: str, query: Matrix, limit: int) -> dict[str, float]:
        """The nearest passages and their cosines, best first (approximate: HNSW)."""
        with self._lock, _filled_memory():
            shelf = self._shelf(name)
            limit = 0 if shelf is None else min(limit, int(shelf.count()))
            if not limit:
                return {}
            found = shelf.query(query_embeddings=[query], n_results=limit, include=["distances"])
        return {id: 1.0 - d for id, d in zip(found["ids"][0], found["distances"][0], strict=True)}

    def close(self) -> None:
        with self._lock, _filled_memory():
            for name in list(self._open):
                self._close(name)

    def _close(self, name: str) -> None:
        client, _ = self._open.pop(name, (None, None))
        if client is not None:
            client.close()

    def _shelf(self, name: str, make: bool = False) -> Any:
        """The collection in the folder of this name; None where there is none."""
        if name in self._open:
            self._open.move_to_end(name)
        elif make or (self._folder / name).is_dir():
            self._open[name] = _opened(self._folder / name, name)
            while len(self._open) > OPEN:
                self._close(next(iter(self._open)))
        return self._open.get(name, (None, None))[1]


@contextmanager
def _filled_memory() -> Iterator[None]:
    """Has glibc fill the memory that it hands out.

    Chroma writes a graph's empty places to disk as they lie in memory: whatever was freed there, the vectors of the
    deleted among it, would be on the disk again.
    """
    fill = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if fill is not None:
        fill(_PERTURB, 0xFF)
    try:
        yield
    finally:
        if fill is not None:
            fill(_PERTURB, 0)


def _opened(folder: Path, name: str) -> tuple[Any, Any]:
    import chromadb

    folder.mkdir(parents=True, exist_ok=True)
    client = chromadb.PersistentClient(str(folder), chromadb.Settings(anonymized_telemetry=False))
    return client, client.get_or_create_collection(
        name,
        embedding_function=None,
        configuration={"hnsw": {"space": "cosine", "ef_search": 200, "sync_threshold": SYNC}},
    )
