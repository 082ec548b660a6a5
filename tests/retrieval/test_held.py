"""Vectors in memory: what they say is what the disk has, whatever comes and goes."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core import Filter, Passage
from service.retrieval.embed import WIDTH, Vectors
from service.retrieval.held import Held
from service.retrieval.hits import Hits, best, foremost
from service.retrieval.library import Library
from service.retrieval.rank import fuse
from service.storage import Database
from tests.retrieval.house import database, library, scope

A, BOTH = scope("mat-a"), scope("mat-a", "mat-b")
QUESTION = "what rent shall the tenant pay in a quarter"


def contract(number: int, clauses: int = 6) -> bytes:
    said = ("The tenant pays the rent.", "The landlord repairs the roof.", "Bolts are delivered in May.")
    return "\n\n".join(
        f"{n}. Clause. {said[(n * number) % 3]} It is due in quarter{n * number}. " + "Time is short. " * 20
        for n in range(1, clauses + 1)
    ).encode()


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Database]:
    made = database(tmp_path, "mat-a", "mat-b")
    yield made
    made.close()


@pytest.fixture
def shelves(tmp_path: Path, made: Database) -> Iterator[Library]:
    shelves = library(tmp_path, made)
    for number in range(1, 6):
        shelves.add(contract(number), f"{number}.txt", BOTH, "mat-a" if number % 2 else "mat-b")
    assert shelves.wait(240)
    yield shelves
    shelves.close()


def found(shelves: Library, filter: Filter | None = None) -> list[tuple[str, float]]:
    passages: Sequence[Passage] = shelves.search(QUESTION, BOTH, 64, filter).passages
    return sorted((p.id, round(p.score, 5)) for p in passages)


def drawn(shelves: Library) -> None:
    """Wait until Chroma has all."""
    until = time.monotonic() + 240
    while shelves._index.behind:
        assert time.monotonic() < until
        time.sleep(0.01)


def same_everywhere(shelves: Library) -> None:
    """In memory, in the matters' files and, in the end, in Chroma."""
    drawn(shelves)
    index = shelves._index
    assert index.held._known
    for name, held in index.held._known.items():
        there = dict(index._words(name).vectors())
        assert held.keys() == there.keys()
        assert all(np.array_equal(held[key], there[key]) for key in held)
        kept = index.vectors._shelf(name).get(include=["embeddings"])
        chroma = dict(zip(kept["ids"], kept["embeddings"], strict=True))
        ids = {f"{key}.{n}": v for key in held for n, v in enumerate(held[key])}
        assert ids.keys() == chroma.keys()
        assert all(np.allclose(ids[id], chroma[id], atol=1e-6) for id in ids)


@pytest.mark.parametrize("filter", [None, Filter(title="3")])
def test_search_in_memory_finds_what_chroma_finds(shelves: Library, filter: Filter | None) -> None:
    in_memory = found(shelves, filter)
    index = shelves._index
    assert index.held._known
    drawn(shelves)
    index.held = Held(index._number, lambda name: index._words(name).vectors(), most=0)
    assert found(shelves, filter) == in_memory != []
    for name in index.vectors.names():  # and while its graph is being drawn
        index._words(name).draw(list(index._words(name).drawn())[:1], 0)
    assert found(shelves, filter) == in_memory


def test_what_comes_goes_and_changes_is_so_in_memory_at_once(shelves: Library) -> None:
    found(shelves)
    first = shelves.documents(A, "mat-a")[0]
    late = shelves.add(contract(7), "7.txt", A, "mat-a")
    assert shelves.wait(240)
    assert late.id in {id.rpartition(".")[0] for id, _ in found(shelves)}
    same_everywhere(shelves)
    newer = shelves.add(contract(8), "8.txt", A, "mat-a", replaces=first.id)
    assert shelves.wait(240)
    documents = {id.rpartition(".")[0] for id, _ in found(shelves)}
    assert newer.id in documents
    assert first.id not in documents
    same_everywhere(shelves)
    shelves.reread(late.id, A)
    assert shelves.wait(240)
    same_everywhere(shelves)
    shelves.remove_many([late.id, newer.id], A)
    assert not {late.id, newer.id} & {id.rpartition(".")[0] for id, _ in found(shelves)}
    same_everywhere(shelves)
    shelves.remove_matter("mat-a", A)
    assert not any(name.startswith("mat-a") for name in shelves._index.held._known)
    shelves.check()


class Shelf:
    """A collection that can be written to while it is read."""

    def __init__(self, number: int) -> None:
        self.size = number
        self.meanwhile = lambda: None

    def count(self, _: str) -> int:
        return self.size

    def read(self, _: str) -> Iterator[tuple[str, Vectors]]:
        self.meanwhile()
        yield "d", np.ones((self.size, WIDTH), np.float32)


def test_what_was_read_while_something_was_written_is_not_kept() -> None:
    shelf = Shelf(3)
    held = Held(shelf.count, shelf.read)
    shelf.meanwhile = lambda: held.drop("one", ["d"])
    assert held.get("one") is None
    shelf.meanwhile = lambda: None
    assert list(held.get("one") or ()) == ["d"]


def test_no_more_is_held_than_may_be_and_what_is_searched_stays() -> None:
    shelf = Shelf(10)
    held = Held(shelf.count, shelf.read, most=25)
    assert held.get("one")
    assert held.get("two")
    assert held.get("three") is None
    held._used["one"] -= 1000
    assert held.get("three")
    assert set(held._known) == {"two", "three"}


numbers = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=12)


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=4), st.integers(1, 6))
def test_the_best_by_arrays_are_the_best_one_by_one(
    parts: list[tuple[list[float], list[float]]], limit: int
) -> None:
    found, near, said = [], {}, {}
    for which, (cosines, bm25) in enumerate(parts):
        size = min(len(cosines), len(bm25))
        starts = np.array([0, size // 2])
        keys = [f"{which}x-1", f"{which}y-1"]
        found.append(Hits(keys, starts, np.array(cosines[:size]), np.array(bm25[:size])))
        for at in range(size):
            id, near[id], said[id] = found[-1].at(at)
    assert len(near) == sum(len(hits.cosines) for hits in found)
    most = max(said.values()) or 1.0
    ids = {found[which].at(at)[0] for which, at in best(found, most, limit)}
    chosen = fuse({id: near[id] for id in ids}, {id: said[id] for id in ids}, most)[:limit]
    assert chosen == fuse(near, said)[:limit]


def test_only_the_foremost_numbers_count() -> None:
    assert foremost(np.array([3.0, 1.0, 0.0, 2.0]), 2).tolist() == [3.0, 0.0, 0.0, 2.0]
    assert foremost(np.array([3.0, 0.0]), 2).tolist() == [3.0, 0.0]
