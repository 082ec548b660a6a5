"""What is deleted is off the disk: no file of the home holds its text, its words, its name or its vectors any more."""

import hashlib
import sqlite3
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from service.core import Filed
from service.retrieval.clauses import passages
from service.retrieval.embed import WIDTH, Vectors
from service.retrieval.index import Index
from service.retrieval.library import Library
from service.storage import Database
from tests.retrieval.house import HashEmbedder, database, library, scope
from tests.training.papers import paper

A = scope("mat-a")
DELETED, KEPT = 12, 5


class ChanceEmbedder(HashEmbedder):
    """No two texts share a number."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        seeds = (int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) for text in texts)
        vectors = np.array([np.random.default_rng(seed).standard_normal(WIDTH) for seed in seeds], np.float32)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def contract(number: int) -> bytes:
    """With a word of its own in every clause, and so a vector of its own."""
    clauses = (f"{n}. Rent. The zq{number}x{n}zq is due. {'It is paid in May. ' * 15}" for n in range(1, 5))
    return "\n\n".join(clauses).encode()


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Database]:
    made = database(tmp_path, "mat-a")
    yield made
    made.close()


@pytest.fixture
def shelves(tmp_path: Path, made: Database) -> Iterator[Library]:
    shelves = library(tmp_path, made, ChanceEmbedder())
    for number in range(DELETED + KEPT):
        shelves.add(contract(number), f"title-zq{number}x0zq.txt", A, "mat-a")
    settle(shelves)
    yield shelves
    shelves.close()


def settle(shelves: Library) -> None:
    """Wait until all is read, and Chroma has it."""
    assert shelves.wait(240)
    until = time.monotonic() + 240
    while shelves.drawing:
        assert time.monotonic() < until
        time.sleep(0.01)


def traces(shelves: Library, documents: Iterable[Filed]) -> set[bytes]:
    """The documents' own words, their ids, and a piece of each of their vectors."""
    found, ids = set[bytes](), {filed.id for filed in documents}
    words = shelves._index.words("mat-a", shelves._generations.live("mat-a").name)
    for key, vectors in words.vectors():
        document = key.rpartition("-")[0]
        if document in ids:
            number = shelves.get(document, A).title.partition("zq")[2].partition("x")[0]
            found |= {f"zq{number}x{n}zq".encode() for n in range(5)} | {document.encode()}
            found |= {vector[at : at + 16].tobytes() for vector in vectors for at in range(0, WIDTH, 16)}
    return found


def standing(home: Path, wanted: set[bytes]) -> set[tuple[str, bytes]]:
    """Which of these bytes stand in a file's text or name, and in which folder."""
    found = set[tuple[str, bytes]]()
    for file in home.rglob("*"):
        inside = file.read_bytes() if file.is_file() else b""
        place = str(file.relative_to(home))
        found |= {
            (place.split("/")[0], one) for one in wanted if one in inside or one in place.encode("utf-8")
        }
    return found


def test_the_deleted_leave_no_trace_in_any_file(shelves: Library, tmp_path: Path) -> None:
    documents = shelves.documents(A, "mat-a")
    gone, kept = documents[:DELETED], documents[DELETED:]
    wanted, others = traces(shelves, gone), traces(shelves, kept)
    before = {place for place, _ in standing(tmp_path, wanted)}
    assert {"files", "index", "chroma"} <= before  # so the search can find them
    assert shelves.remove_many([filed.id for filed in gone], A) == DELETED
    assert standing(tmp_path, wanted) == set()
    settle(shelves)
    assert standing(tmp_path, wanted) == set()
    assert {one for _, one in standing(tmp_path, others)} == others
    shelves.check()
    assert shelves._index.vectors.ids(next(iter(shelves._index.vectors.names())))  # drawn anew


def test_neither_do_older_readings_and_versions_of_the_deleted(shelves: Library, tmp_path: Path) -> None:
    first = shelves.documents(A, "mat-a")[0]
    wanted = traces(shelves, [first])
    newer = shelves.add(contract(99), "title-zq99x0zq.txt", A, "mat-a", replaces=first.id)
    settle(shelves)
    shelves.reread(newer.id, A)
    settle(shelves)
    wanted |= traces(shelves, [shelves.get(newer.id, A)])
    shelves.remove(newer.id, A)
    settle(shelves)
    assert standing(tmp_path, wanted) == set()


def test_a_reader_in_the_way_only_delays_it(
    shelves: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.storage.database.PATIENCE", 0.05)
    gone = shelves.documents(A, "mat-a")[0]
    wanted = traces(shelves, [gone])
    words = shelves._index.words("mat-a", shelves._generations.live("mat-a").name)
    reading = words.vectors()
    next(reading)  # a read that stays open
    shelves.remove(gone.id, A)
    reading.close()
    settle(shelves)
    assert standing(tmp_path, wanted) == set()


def test_a_reader_that_leaves_early_gives_its_connection_back_without_its_read(
    shelves: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is drawn meanwhile may have that connection at once."""
    words = shelves._index.words("mat-a", shelves._generations.live("mat-a").name)
    scrubbed = list[bool]()

    class Pool(deque[sqlite3.Connection]):
        def append(self, rows: sqlite3.Connection) -> None:
            super().append(rows)
            monkeypatch.setattr(words, "_idle", deque(self))
            scrubbed.append(words.scrub())

    for keys in (None, list(words.keys())):
        reading = words.vectors(keys)
        next(reading)
        words.rest()
        monkeypatch.setattr(words, "_idle", Pool())
        reading.close()
    assert scrubbed == [True, True]


def test_what_has_no_vectors_is_scrubbed_too_once_its_reader_has_left(
    tmp_path: Path, made: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.storage.database.PATIENCE", 0.05)
    index, names = Index(tmp_path), ("one", "two")
    for name in names:
        document = paper(f"{name.title()} is zq{name}zq.", f"{name}.txt", name, "mat-a")
        index.put(name, "g", document, passages(document), None)
    words = index.words("mat-a", "g")
    with words._open() as rows, closing(rows.execute("SELECT id FROM passages")) as reading:
        reading.fetchone()
        index.drop("mat-a", "g", ["one"], scrub=True)
        index.draw()
        assert index.behind, "it is to be tried again"
    index.draw()
    assert standing(tmp_path, {b"zqonezq"}) == set()
    assert {one for _, one in standing(tmp_path, {b"zqtwozq"})} == {b"zqtwozq"}
    index.close()


def test_a_crash_before_the_scrubbing_only_delays_it(
    tmp_path: Path, made: Database, shelves: Library
) -> None:
    gone = shelves.documents(A, "mat-a")[0]
    wanted = traces(shelves, [gone])
    generation = shelves._generations.live("mat-a").name
    line = shelves._records.get(gone.id)
    assert line is not None
    with shelves._ingestion.writing:
        shelves._records.remove([gone.id])
        shelves._index.words("mat-a", generation).drop([line.key], scrub=True)
    shelves.close()
    again = library(tmp_path, made, ChanceEmbedder())
    settle(again)
    made.empty_log()
    assert standing(tmp_path, wanted) == set()
    again.check()
    again.close()
