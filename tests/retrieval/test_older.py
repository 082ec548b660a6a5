"""A home of an older make is brought up: what was found before is found after, and nothing is embedded anew."""

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import chromadb

from service.retrieval.embed import Vectors
from service.retrieval.library import Library
from tests.retrieval.house import HashEmbedder, database, library, scope

A = scope("mat-a", "mat-b")
QUESTION = "what rent shall the tenant pay in a quarter"


class Counting(HashEmbedder):
    texts = 0

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.texts += len(texts)
        return super().embed(texts)


def aged(home: Path) -> None:
    """Make the home what an older program left: word counts in FTS5, all vectors in one Chroma."""
    shutil.rmtree(home / "chroma", ignore_errors=True)
    client = chromadb.PersistentClient(str(home / "chroma"), chromadb.Settings(anonymized_telemetry=False))
    for file in (home / "index").glob("*.db"):
        shelf = client.create_collection(file.stem, embedding_function=None)
        with closing(sqlite3.connect(file, isolation_level=None)) as rows:
            asked = "SELECT first, last, vectors FROM documents JOIN arrays USING (row)"
            for first, last, data in rows.execute(asked).fetchall():
                said = "SELECT id FROM passages WHERE row BETWEEN ? AND ? ORDER BY row"
                ids = [id for (id,) in rows.execute(said, (first, last))]
                shelf.upsert(ids=ids, embeddings=vectors(data, len(ids)))
            rows.executescript(
                "DROP TABLE arrays; DROP TABLE traces; ALTER TABLE documents DROP COLUMN drawn;"
                "CREATE VIRTUAL TABLE words USING fts5 (headings, text, content = passages, content_rowid = row)"
            )
    client.close()


def vectors(data: bytes, number: int) -> list[list[float]]:
    whole = memoryview(data).cast("f").tolist()
    size = len(whole) // number
    return [whole[at : at + size] for at in range(0, len(whole), size)]


def found(shelves: Library) -> list[tuple[str, float]]:
    return [(p.id, round(p.score, 5)) for p in shelves.search(QUESTION, A, 64).passages]


def test_what_was_found_before_is_found_after(tmp_path: Path) -> None:
    made = database(tmp_path, "mat-a", "mat-b")
    shelves = library(tmp_path, made)
    for number in range(6):
        text = f"{number}. Rent. The tenant pays {number} pounds a quarter. {'Time is short. ' * 40}"
        shelves.add(text.encode(), f"{number}.txt", A, "mat-a" if number % 2 else "mat-b")
    assert shelves.wait(240)
    before = found(shelves)
    shelves.close()
    aged(tmp_path)
    embedder = Counting()
    shelves = library(tmp_path, made, embedder)
    assert shelves.wait(240)
    shelves.check()
    assert embedder.texts == 0
    assert not (tmp_path / "chroma" / "chroma.sqlite3").exists()
    assert found(shelves) == before != []
    assert all(filed.state.searchable for filed in shelves.documents(A, "mat-a"))
    shelves.close()
    made.close()
