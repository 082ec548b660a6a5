"""A home of an older make: one Chroma for all matters, which had the only copy of the vectors.

They are copied into the matters' own files, once; then the old Chroma goes. Whatever stops this is taken up at the next
start. A document whose vectors are not found is read anew, as after any damage.
"""

from pathlib import Path
from typing import Any

import numpy as np

from service.retrieval.embed import Vectors
from service.retrieval.index import Index, place
from service.retrieval.vectors import AT_ONCE
from service.retrieval.words import Words


def bring_up(home: Path, index: Index) -> None:
    old = home / "chroma" / "chroma.sqlite3"
    if not old.exists():
        return
    import chromadb

    client = chromadb.PersistentClient(str(old.parent), chromadb.Settings(anonymized_telemetry=False))
    shelves = {shelf.name: shelf for shelf in client.list_collections()}
    for pair in index.here():
        _fill(index.words(*pair), shelves.get(place(*pair)))
    client.close()
    index.orphans()
    for left in sorted(
        old.parent.glob(f"{old.name}*"), reverse=True
    ):  # itself last, for it says that this is due
        left.unlink()


def _fill(words: Words, shelf: Any) -> None:
    for key in words.unfilled():
        words.fill(key, _vectors(shelf, words.ids([key])))


def _vectors(shelf: Any, ids: list[str]) -> Vectors | None:
    found = dict[str, Any]()
    for at in range(0, len(ids), AT_ONCE):
        if shelf is not None:
            some = shelf.get(ids=ids[at : at + AT_ONCE], include=["embeddings"])
            found |= dict(zip(some["ids"], some["embeddings"], strict=True))
    return np.array([found[id] for id in ids], np.float32) if found.keys() == set(ids) else None
