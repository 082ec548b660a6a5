"""The index is built anew beside the old one, which answers until the new one is whole."""

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from service.core import Passage
from service.retrieval.embed import Embedder, Vectors
from service.retrieval.library import Library
from service.storage import Database
from tests.retrieval.house import HashEmbedder, database, library, scope

A = scope("mat-a")
LEASE = b"1. Rent. The tenant shall pay a rent of 900 pounds.\n\n2. Repairs. The landlord repairs the roof."
SUPPLY = b"1. Price. The buyer shall pay the price of the bolts.\n\n2. Delivery. Bolts are delivered in May."
QUESTION = "the rent of the tenant"
OLD = HashEmbedder("old")


class New(HashEmbedder):
    """Puts the same texts elsewhere: compared with the old one's vectors, nothing is near. Waits to be let go."""

    def __init__(self) -> None:
        super().__init__("new")
        self.reached, self.go = threading.Event(), threading.Event()

    def embed(self, texts: Sequence[str]) -> Vectors:
        if threading.current_thread().name == "ingestion":
            self.reached.set()
            assert self.go.wait(240)
        return np.ascontiguousarray(-super().embed(texts)[:, ::-1])


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Database]:
    made = database(tmp_path, "mat-a")
    shelves = library(tmp_path, made, OLD)
    shelves.add(LEASE, "lease.txt", A, "mat-a")
    shelves.add(SUPPLY, "supply.txt", A, "mat-a")
    assert shelves.wait(240)
    shelves.close()
    yield made
    made.close()


def renewed(shelves: Library) -> None:
    deadline = time.monotonic() + 240
    while shelves.renewing:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert shelves.wait(240)
    shelves.check()


def answers(shelves: Library, question: str = QUESTION) -> tuple[Passage, ...]:
    return shelves.search(question, A).passages


def same(shelves: Library) -> list[tuple[str, float]]:
    return [(p.id, round(p.score, 4)) for p in answers(shelves)]


def test_the_old_index_answers_as_before_until_the_new_one_is_whole(tmp_path: Path, made: Database) -> None:
    old = library(tmp_path, made, OLD)
    before, index = same(old), old.search(QUESTION, A).coverage.index
    old.close()
    new = New()
    shelves = library(tmp_path, made, new, [OLD])
    assert new.reached.wait(240)
    assert same(shelves) == before
    assert shelves.search(QUESTION, A).coverage.index.startswith(f"{index} (while ")
    new.go.set()
    renewed(shelves)
    assert same(shelves) == before
    assert shelves.search(QUESTION, A).coverage.index not in ("", index)
    assert len(list((tmp_path / "index").glob("*.db"))) == 1
    shelves.close()


def test_without_the_old_embedder_words_answer_alone(tmp_path: Path, made: Database) -> None:
    new = New()
    shelves = library(tmp_path, made, new)
    assert new.reached.wait(240)
    found = shelves.search(QUESTION, A)
    assert "900 pounds" in found.passages[0].text
    assert "by words alone" in found.coverage.index
    assert all(p.why is not None and p.why.meaning == 0.0 for p in found.passages)
    assert answers(shelves, "zebra xylophone") == ()
    new.go.set()
    renewed(shelves)
    assert answers(shelves)[0].why.meaning > 0.3  # type: ignore[union-attr]
    shelves.close()


@pytest.mark.parametrize("earlier", [[OLD], []])
def test_what_comes_and_goes_meanwhile_is_right_in_both(
    tmp_path: Path, made: Database, earlier: Sequence[Embedder]
) -> None:
    new = New()
    shelves = library(tmp_path, made, new, earlier)
    assert new.reached.wait(240)
    lease = next(f for f in shelves.documents(A, "mat-a") if f.title == "lease.txt")
    shelves.remove(lease.id, A)
    late = shelves.add(b"3. Tithes. The vicar keeps all tithes of the parish.", "late.txt", A, "mat-a")
    assert answers(shelves) == () or all("900" not in p.text for p in answers(shelves))
    new.go.set()
    renewed(shelves)
    assert answers(shelves, "the tithes of the parish")[0].document == late.id
    assert len(shelves.documents(A, "mat-a")) == 2
    shelves.close()


def test_a_renewal_that_was_stopped_goes_on(tmp_path: Path, made: Database) -> None:
    new = New()
    shelves = library(tmp_path, made, new, [OLD])
    assert new.reached.wait(240)
    threading.Timer(0.2, new.go.set).start()
    shelves.close()
    free = New()
    free.go.set()
    again = library(tmp_path, made, free, [OLD])
    renewed(again)
    assert "900 pounds" in answers(again)[0].text
    again.close()


def test_another_size_of_passages_is_another_generation(tmp_path: Path, made: Database) -> None:
    shelves = library(tmp_path, made, OLD, search={"passage": 200})
    renewed(shelves)
    assert "900 pounds" in answers(shelves)[0].text
    assert all(f.passages == f.done for f in shelves.documents(A, "mat-a"))
    shelves.close()
