import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from service.core import Filter, State
from service.errors import Conflict, NotFound
from service.retrieval.embed import Vectors
from service.retrieval.library import Library
from service.storage import Database
from tests.retrieval.house import HashEmbedder, database, library, scope

LEASE = b"1. Rent. The tenant shall pay a rent of 900 pounds a quarter.\n\n2. Repairs. The landlord repairs the roof."
SUPPLY = b"1. Price. The buyer shall pay the price of the bolts.\n\n2. Delivery. Bolts are delivered in May."
A, B = scope("mat-a"), scope("mat-b")


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Database]:
    made = database(tmp_path, "mat-a", "mat-b")
    yield made
    made.close()


@pytest.fixture
def shelves(tmp_path: Path, made: Database) -> Iterator[Library]:
    shelves = library(tmp_path, made, documents={"max_bytes": 5000})
    yield shelves
    shelves.close()


def add(shelves: Library, data: bytes = LEASE, name: str = "lease.txt") -> str:
    filed = shelves.add(data, name, A, "mat-a", "u1")
    assert shelves.wait(240)
    return filed.id


def texts(shelves: Library, query: str, k: int = 8) -> list[str]:
    return [passage.text for passage in shelves.search(query, A, k).passages]


def test_a_document_goes_in_and_answers(shelves: Library) -> None:
    id = add(shelves)
    filed = shelves.get(id, A)
    assert (filed.state, filed.kind, filed.passages, filed.done) == (
        State.READY,
        "txt",
        filed.passages,
        filed.passages,
    )
    assert filed.characters == len(LEASE)
    found = shelves.search("the rent of the tenant", A, 8)
    assert "900 pounds" in found.passages[0].text
    document = shelves.read(id, A)
    for passage in found.passages:
        assert document.text[passage.start : passage.end] == passage.text
        assert (passage.document, passage.title) == (id, "lease.txt")
    assert (found.coverage.documents, found.coverage.passages, found.coverage.not_searched) == (
        1,
        filed.passages,
        0,
    )
    assert shelves.original(id, A)[0].read_bytes() == LEASE
    assert [heading.text for heading in shelves.outline(id, A)] == ["1. Rent", "2. Repairs"]


def test_nothing_is_found_where_nothing_is_near(shelves: Library) -> None:
    add(shelves)
    found = shelves.search("zebra xylophone", A)
    assert found.passages == ()
    assert found.coverage.documents == 1
    assert shelves.search("  ", A).passages == ()


def test_the_wall_stands_before_every_method(shelves: Library) -> None:
    id = add(shelves)
    assert shelves.search("rent of the tenant", B).passages == ()
    assert shelves.search("rent of the tenant", scope()).passages == ()
    for refused in (
        lambda: shelves.get(id, B),
        lambda: shelves.read(id, B),
        lambda: shelves.original(id, B),
        lambda: shelves.outline(id, B),
        lambda: shelves.remove(id, B),
        lambda: shelves.picture(id, 1, 300, B),
        lambda: shelves.rectangles(id, 0, 5, B),
        lambda: shelves.documents(B, "mat-a"),
        lambda: shelves.add(LEASE, "x.txt", B, "mat-a", "u1"),
        lambda: shelves.remove_matter("mat-a", B),
    ):
        with pytest.raises(NotFound):
            refused()
    assert shelves.get(id, A).state is State.READY


def test_a_search_covers_all_matters_of_its_scope_and_no_other(shelves: Library) -> None:
    add(shelves)
    shelves.add(SUPPLY, "supply.txt", B, "mat-b", "u1")
    assert shelves.wait(240)
    both = shelves.search("the tenant and the buyer shall pay", scope("mat-a", "mat-b"))
    assert {passage.title for passage in both.passages} == {"lease.txt", "supply.txt"}
    assert both.coverage.documents == 2
    only = shelves.search(
        "the tenant and the buyer shall pay",
        scope("mat-a", "mat-b"),
        filter=Filter(documents=frozenset({add(shelves)})),
    )
    assert {passage.title for passage in only.passages} == {"lease.txt"}


def test_the_same_bytes_are_taken_once_and_the_same_name_twice(shelves: Library) -> None:
    add(shelves)
    again = shelves.add(LEASE, "copy.txt", A, "mat-a", "u1")
    assert again.state is State.DUPLICATE
    assert "lease.txt" in again.reason
    assert len(shelves.documents(A, "mat-a")) == 1
    add(shelves, SUPPLY, "lease.txt")
    assert len(shelves.documents(A, "mat-a")) == 2
    assert shelves.add(LEASE, "lease.txt", B, "mat-b", "u1").state is State.QUEUED


def test_bad_files_end_in_a_state_and_stop_nothing(shelves: Library) -> None:
    add(shelves, b"", "nothing.txt")
    add(shelves, b"%PDF-1.7 broken", "broken.pdf")
    add(shelves, b"x" * 6000, "big.txt")
    add(shelves)
    states = {filed.title: filed.state for filed in shelves.documents(A, "mat-a")}
    assert states == {
        "nothing.txt": State.EMPTY,
        "broken.pdf": State.DAMAGED,
        "big.txt": State.TOO_LARGE,
        "lease.txt": State.READY,
    }
    assert all(filed.reason for filed in shelves.documents(A, "mat-a") if filed.state is not State.READY)
    assert shelves.search("rent of the tenant", A).coverage.not_searched == 3
    with pytest.raises(Conflict):
        shelves.read(next(f.id for f in shelves.documents(A, "mat-a") if f.title == "broken.pdf"), A)


def test_a_removed_document_never_answers_again(shelves: Library, tmp_path: Path) -> None:
    id = add(shelves)
    shelves.remove(id, A)
    assert texts(shelves, "the rent of the tenant") == []
    with pytest.raises(NotFound):
        shelves.get(id, A)
    assert not list((tmp_path / "files").rglob("*original"))
    add(shelves)
    assert texts(shelves, "the rent of the tenant")


def test_a_removed_matter_leaves_no_file(shelves: Library, tmp_path: Path) -> None:
    add(shelves)
    shelves.remove_matter("mat-a", A)
    assert shelves.documents(A, "mat-a") == []
    assert not (tmp_path / "files" / "mat-a").exists()
    assert not list((tmp_path / "index").iterdir())
    assert not list((tmp_path / "chroma").glob("*"))


def test_a_file_name_leads_nowhere(shelves: Library) -> None:
    add(shelves, LEASE, "..\\..//etc/./lease.txt")
    assert [filed.title for filed in shelves.documents(A, "mat-a")] == ["etc/lease.txt"]


class Held(HashEmbedder):
    """Waits before it embeds, until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go = threading.Event(), threading.Event()

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.reached.set()
        assert self.go.wait(240)
        return super().embed(texts)


def test_a_delete_during_ingestion_wins(tmp_path: Path, made: Database) -> None:
    held = Held()
    shelves = library(tmp_path, made, held)
    filed = shelves.add(LEASE, "lease.txt", A, "mat-a", "u1")
    assert held.reached.wait(240)
    assert shelves.get(filed.id, A).state is State.EMBEDDING
    shelves.remove(filed.id, A)
    held.go.set()
    assert shelves.wait(240)
    assert shelves.documents(A, "mat-a") == []
    assert texts(shelves, "the rent of the tenant") == []
    shelves.close()


def test_what_was_not_finished_is_taken_up_again(tmp_path: Path, made: Database) -> None:
    held = Held()
    shelves = library(tmp_path, made, held)
    long = b"\n\n".join(b"%d. Rent. %s" % (n, b"The tenant shall pay the rent. " * 15) for n in range(1, 30))
    id = shelves.add(long, "lease.txt", A, "mat-a", "u1").id
    assert held.reached.wait(240)
    threading.Timer(0.1, held.go.set).start()
    shelves._ingestion._stopped = True  # as if the program ended in the middle
    shelves.close()
    assert not shelves_state(made, id).final
    again = library(tmp_path, made)
    assert again.wait(240)
    assert again.get(id, A).state is State.READY
    assert texts(again, "the rent of the tenant")
    again.close()


def shelves_state(made: Database, id: str) -> State:
    from service.retrieval.records import Records

    found = Records(made).get(id)
    assert found is not None
    return found.filed.state


def test_what_nobody_owns_is_swept_away(tmp_path: Path, made: Database) -> None:
    shelves = library(tmp_path, made)
    id = add(shelves)
    add(shelves, SUPPLY, "supply.txt")
    shelves._records.remove([id])  # a crash right after the line was deleted
    assert not any("900 pounds" in text for text in texts(shelves, "the rent of the tenant"))
    shelves.close()
    again = library(tmp_path, made)
    assert again.wait(240)
    assert not (tmp_path / "files" / "mat-a" / id).exists()
    again.check()
    assert [filed.title for filed in again.documents(A, "mat-a")] == ["supply.txt"]
    again.close()
