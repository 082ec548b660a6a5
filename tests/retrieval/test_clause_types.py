import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from service.config import Settings
from service.core import Filter, Passage
from service.errors import BadRequest
from service.retrieval.clause_types import Head, hashed, typed
from service.retrieval.clauses import Heading
from service.retrieval.embed import SHELF, WIDTH, Embedder
from service.retrieval.heads import FACTS, WEIGHTS, clause_head, read, usable
from service.retrieval.library import Library
from service.storage import Database
from tests.retrieval.house import HashEmbedder, database, library, scope

A = scope("mat-a")
TYPES = ("Rent", "Repairs", "Price")
BUCKETS = 4096
CLAUSE = {
    "Rent": "The tenant shall pay the rent of {} pounds each quarter.",
    "Repairs": "The landlord carries out repairs of the roof within {} days.",
    "Price": "The buyer shall pay the price of {} pounds for the bolts.",
    "": "This letter number {} says nothing that matters here.",
}
FILLER = (
    "It is so agreed between them for good and valuable consideration, and each of them signs in witness of it, "
    * 2
)


def weights() -> dict[str, np.ndarray[Any, Any]]:
    """A passage is of a type when the type's name is among its words."""
    words = np.zeros((BUCKETS, len(TYPES) + 1), np.float16)
    for column, name in enumerate(TYPES):
        words[hashed(name, BUCKETS)[0], column] = 60
    return {
        "vectors": np.zeros((WIDTH, len(TYPES) + 1), np.float16),
        "words": words,
        "idf": np.ones(BUCKETS, np.float16),
        "bias": np.array([0, 0, 0, 4], np.float16),
    }


def facts(embedder: str = "words counted", names: tuple[str, ...] = TYPES, at: float = 0.3) -> dict[str, Any]:
    return {"embedder": embedder, "types": [{"type": name, "threshold": at} for name in names]}


def folder(home: Path, said: object = None, **changed: Any) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    arrays = weights() | changed
    save_file({k: v for k, v in arrays.items() if v is not None}, home / WEIGHTS)
    (home / FACTS).write_text(json.dumps(facts() if said is None else said))
    return home


def passage(text: str) -> Passage:
    return Passage("d.0", "d", "t", 0, len(text), text)


def labels(head: Head, text: str) -> tuple[str, ...]:
    return head.told([passage(text)], np.zeros((1, WIDTH), np.float32))[0]


# --- the head


def test_a_head_reads_back_and_labels(tmp_path: Path) -> None:
    head = read(folder(tmp_path))
    assert (head.types, head.embedder) == (TYPES, "words counted")
    assert labels(head, CLAUSE["Rent"].format(9)) == ("Rent",)
    assert labels(head, CLAUSE[""].format(9)) == ()
    assert set(labels(head, "Rent and repairs.")) == {"Rent", "Repairs"}


def test_shares_sum_to_one(tmp_path: Path) -> None:
    found = read(folder(tmp_path)).shares(np.ones((2, WIDTH), np.float32), ["", "rent " * 5000])
    assert np.allclose(found.sum(axis=1), 1, atol=1e-5)


def test_no_passages_get_no_types(tmp_path: Path) -> None:
    assert read(folder(tmp_path)).told([], np.zeros((0, WIDTH), np.float32)) == []


def test_another_threshold_is_another_head(tmp_path: Path) -> None:
    first = read(folder(tmp_path)).digest
    assert read(folder(tmp_path)).digest == first
    assert read(folder(tmp_path, facts(at=0.4))).digest != first


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda at: folder(at, facts(names=("Rent", "RENT", "Price"))), "each once"),
        (lambda at: folder(at, facts(names=("Rent", "<b>", "Price"))), "plain words"),
        (lambda at: folder(at, facts(names=())), "name its types"),
        (lambda at: folder(at, facts(names=("Rent", "Repairs"))), "shapes"),
        (lambda at: folder(at, facts(at=0.0)), "threshold"),
        (lambda at: folder(at, facts(at=float("nan"))), "threshold"),
        (lambda at: folder(at, [1]), "does not say"),
        (lambda at: folder(at, facts() | {"embedder": 7}), "plain words"),
        (lambda at: folder(at, vectors=np.zeros((7, 4), np.float16)), "shapes"),
        (lambda at: folder(at, idf=np.ones(5, np.float16)), "shapes"),
        (lambda at: folder(at, bias=np.array([0, 0, 0, np.inf], np.float16)), "no number"),
        (lambda at: folder(at, bias=np.zeros(4, np.int64)), "other numbers"),
        (lambda at: folder(at, bias=None), "just vectors"),
        (lambda at: folder(at, more=np.zeros(4, np.float16)), "just vectors"),
        (lambda at: folder(at, words=np.zeros(BUCKETS, np.float16)), "just vectors"),
        (lambda at: (folder(at) / WEIGHTS).write_bytes(b"\x80\x04cposix\nsystem\n"), "safetensors"),
        (lambda at: (folder(at) / WEIGHTS).write_bytes(b"\xff" * 64), "safetensors"),
        (lambda at: (folder(at) / WEIGHTS).write_bytes(b""), "safetensors"),
        (lambda at: (folder(at) / FACTS).write_text("[" * 100_000), "does not say"),
        (lambda at: os.truncate(folder(at) / FACTS, 2**21), "larger"),
        (lambda at: os.truncate(folder(at) / WEIGHTS, 2**26), "larger"),
        (lambda at: (folder(at) / WEIGHTS).unlink(), "cannot be read"),
    ],
)
def test_a_head_that_does_not_hold_together_is_refused(
    tmp_path: Path, spoil: Callable[[Path], object], reason: str
) -> None:
    spoil(tmp_path)
    with pytest.raises(BadRequest, match=reason):
        read(tmp_path)
    head, told = usable(HashEmbedder(), tmp_path)
    assert head is None
    assert told.startswith("off: ")


def test_a_head_of_another_embedder_is_off(tmp_path: Path) -> None:
    head, told = usable(HashEmbedder("another"), folder(tmp_path))
    assert head is None
    assert "train_clause_types" in told
    assert usable(HashEmbedder(), tmp_path)[0] is not None
    assert usable(HashEmbedder(), tmp_path / "none")[0] is None


@given(st.text(max_size=400))
def test_words_have_their_places(text: str) -> None:
    places = hashed(text, 64)
    assert places == sorted(set(places))
    assert all(0 <= place < 64 for place in places)
    assert hashed(text.replace("7", "8"), 64) == places


def test_a_passage_counts_for_the_heading_that_holds_most_of_it() -> None:
    headings = [Heading("1. A", 1, 0, 1), Heading("2. B", 1, 100, 1), Heading("3. C", 1, 120, 1)]
    clauses = [(0, 90, "Rent"), (95, 130, "Price"), (120, 400, "Rent"), (120, 400, "Price")]
    assert typed(headings, clauses, 400) == [["Rent"], ["Price"], ["Rent", "Price"]]
    assert typed(headings, [(500, 600, "Rent")], 600) == [[], [], ["Rent"]]
    assert typed([], clauses, 400) == []
    assert typed([Heading("2. B", 1, 100, 1)], [(0, 90, "Rent")], 400) == [
        []
    ]  # what stands before every heading


# --- the head that ships


def test_the_shipped_head_tells_real_clauses() -> None:
    embedder = Embedder(1, SHELF / "contract-search")
    head, told = clause_head(embedder, Settings())
    if head is None:
        pytest.skip(f"the shipped head is {told}")
    wanted = {
        "Governing law": "This Agreement shall be governed by and construed in accordance with the laws of the State "
        "of New York, without regard to its conflict of laws principles.",
        "Anti-assignment": "Neither party may assign this Agreement or any of its rights without the prior written "
        "consent of the other party, which shall not be unreasonably withheld.",
        "Cap on liability": "In no event shall either party's aggregate liability under this Agreement exceed the "
        "total fees paid in the twelve months before the claim arose.",
        "Audit rights": "The Licensor may, on ten days' notice, have an independent accountant inspect and audit the "
        "books and records of the Licensee once a year.",
        "Insurance": "The Distributor shall maintain commercial general liability insurance of not less than "
        "$1,000,000 per occurrence and name the Supplier as an additional insured.",
    }
    nothing = "The parties held a telephone conference on Tuesday and exchanged the minutes by e-mail."
    texts = [*wanted.values(), nothing]
    found = head.told([passage(text) for text in texts], embedder.embed(texts))
    assert [name in types for name, types in zip(wanted, found[:-1], strict=True)] == [True] * len(wanted)
    assert found[-1] == ()
    assert sum(file.stat().st_size for file in (SHELF / "clause-types").iterdir()) < 12_000_000


# --- in the library


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[tuple[Library, Database]]:
    made = database(tmp_path, "mat-a", "mat-b")
    shelves = library(tmp_path, made, head=read(folder(tmp_path / "head")), search={"passage": 200})
    for number in range(6):
        text = "\n\n".join(
            f"{n}. {CLAUSE[name].format(10 * number + n)} {FILLER}" for n, name in enumerate(CLAUSE, 1)
        )
        shelves.add(text.encode(), f"paper {number}.txt", A, "mat-a")
    assert shelves.wait(240)
    yield shelves, made
    shelves.close()
    made.close()


def only(*types: str, **more: Any) -> Filter:
    return Filter(clauses=frozenset(types), **more)


def test_every_passage_knows_its_types_and_they_are_counted(kept: tuple[Library, Database]) -> None:
    shelves, _ = kept
    found = shelves.search("pounds", A, k=64, exact=True).passages
    assert found
    for one in found:
        assert set(one.types) == {name for name in TYPES if name.lower() in one.text.lower()}
    assert shelves.clause_types(A, "mat-a") == dict.fromkeys(TYPES, 6)
    shelves.check()


@given(
    types=st.sets(st.sampled_from(TYPES), min_size=1),
    k=st.integers(1, 24),
    exact=st.booleans(),
    query=st.sampled_from(["pounds", "shall", "the rent", "landlord", "nothing"]),
    document=st.none() | st.integers(0, 5),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_filter_finds_what_brute_force_finds(
    kept: tuple[Library, Database], types: set[str], k: int, exact: bool, query: str, document: int | None
) -> None:
    shelves, _ = kept
    ids = sorted(filed.id for filed in shelves.documents(A, "mat-a"))
    among = frozenset() if document is None else frozenset({ids[document]})
    asked = only(*(name.upper() for name in types), documents=among)
    found = shelves.search(query, A, k, asked, exact)
    assert all(types & set(one.types) for one in found.passages)
    assert found.coverage.passages == len(types) * (6 if document is None else 1)
    whole = shelves.search(query, A, 64, asked, exact).passages
    same = [round(p.score, 6) for p in whole[:k]]  # which of those with the same score come first is open
    assert [round(p.score, 6) for p in found.passages] == same
    if exact:
        every = shelves.search(query, A, 64, Filter(documents=among), exact).passages
        assert {p.id for p in whole} == {p.id for p in every if types & set(p.types)}
    else:  # of clauses of a type each is compared, so all come or, under the threshold, none
        assert len(whole) in (0, found.coverage.passages)


def test_k_results_come_however_rare_the_type(kept: tuple[Library, Database]) -> None:
    shelves, _ = kept
    found = shelves.search("the tenant shall pay the rent", A, 6, only("Repairs"), exact=False).passages
    assert len(found) == 6
    assert all(one.types == ("Repairs",) for one in found)
    words = shelves.search("landlord OR tenant", A, 6, only("Repairs"), exact=True).passages
    assert len(words) == 6


def test_a_type_that_is_not_there_is_refused_with_those_that_are(kept: tuple[Library, Database]) -> None:
    shelves, _ = kept
    with pytest.raises(BadRequest, match="Rent; Repairs; Price"):
        shelves.search("rent", A, filter=only("Tithes"))


def test_without_a_head_the_filter_says_so(tmp_path: Path) -> None:
    made = database(tmp_path, "mat-a")
    shelves = library(tmp_path, made)
    assert shelves.clause_types(A, "mat-a") == {}
    with pytest.raises(BadRequest, match="doctor"):
        shelves.search("rent", A, filter=only("Rent"))
    shelves.close()
    made.close()


def test_what_is_removed_takes_its_types_along(kept: tuple[Library, Database]) -> None:
    shelves, _ = kept
    shelves.remove_many([f.id for f in shelves.documents(A, "mat-a")][:4], A)
    assert shelves.clause_types(A, "mat-a") == dict.fromkeys(TYPES, 2)


def test_the_outline_knows_where_the_types_stand(kept: tuple[Library, Database]) -> None:
    shelves, _ = kept
    filed = shelves.documents(A, "mat-a")[0]
    text = shelves.read(filed.id, A).text
    found = shelves.clauses(filed.id, A)
    assert [type for _, _, type in found] == list(TYPES)
    assert all(type.lower() in text[start:end].lower() for start, end, type in found)


class Counting(HashEmbedder):
    """Knows how many passages it embedded."""

    embedded = 0

    def embed(self, texts: Any) -> Any:
        self.embedded += len(texts)
        return super().embed(texts)


def test_a_new_head_labels_what_is_there_without_embedding_it(tmp_path: Path) -> None:
    made = database(tmp_path, "mat-a")
    old = library(tmp_path, made)
    old.add(CLAUSE["Rent"].format(9).encode(), "lease.txt", A, "mat-a")
    assert old.wait(240)
    before = old.search("rent", A).passages
    assert before[0].types == ()
    old.close()
    embedder = Counting()
    shelves = library(tmp_path, made, embedder, head=read(folder(tmp_path / "head")))
    deadline = time.monotonic() + 240
    while shelves.labelling:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert embedder.embedded == 0
    shelves.check()
    after = shelves.search("rent", A, filter=only("Rent")).passages
    assert [(p.id, round(p.score, 4)) for p in after] == [(p.id, round(p.score, 4)) for p in before]
    assert after[0].types == ("Rent",)
    shelves.close()
    made.close()


# --- labelled afterwards


class Slow(Counting):
    """A head's own model, which says nothing before it may."""

    def __init__(self, open: bool = True) -> None:
        super().__init__("its own")
        self.gate = Event()
        if open:
            self.gate.set()

    def embed(self, texts: Any) -> Any:
        assert self.gate.wait(240)
        return super().embed(texts)


def with_its_own(home: Path, own: Embedder) -> Head:
    return replace(read(folder(home)), own=own, embedder="")


def until_labelled(shelves: Library) -> None:
    deadline = time.monotonic() + 240
    while shelves.labelling:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_document_is_searched_before_a_model_of_its_own_labels_it(tmp_path: Path) -> None:
    made, own = database(tmp_path, "mat-a"), Slow(open=False)
    shelves = library(tmp_path, made, head=with_its_own(tmp_path / "head", own), search={"passage": 200})
    papers = "\n\n".join(CLAUSE["Rent"].format(n) + " " + FILLER for n in range(40))
    shelves.add(papers.encode(), "lease.txt", A, "mat-a")
    assert shelves.wait(240)
    assert shelves.search("the rent", A, k=64).passages[0].types == ()
    assert (shelves.unlabelled(A, "mat-a"), shelves.clause_types(A, "mat-a")["Rent"]) == (1, 0)
    assert shelves.search("the rent", A, filter=only("Rent")).passages == ()
    own.gate.set()
    until_labelled(shelves)
    found = shelves.search("the rent", A, k=64, filter=only("Rent")).passages
    assert (len(found), own.embedded) == (40, shelves.documents(A, "mat-a")[0].passages)
    assert (shelves.unlabelled(A, "mat-a"), shelves.clause_types(A, "mat-a")["Rent"]) == (0, 40)
    shelves.check()
    shelves.close()
    made.close()


def test_what_a_stop_left_unlabelled_is_labelled_by_the_next_start(tmp_path: Path) -> None:
    made, own = database(tmp_path, "mat-a"), Slow(open=False)
    shelves = library(tmp_path, made, head=with_its_own(tmp_path / "head", own))
    shelves.add(CLAUSE["Rent"].format(9).encode(), "lease.txt", A, "mat-a")
    assert shelves.wait(240)
    shelves.search("rent", A)  # for a while after a question nothing is labelled
    shelves.close()
    assert own.embedded == 0
    shelves = library(tmp_path, made, head=with_its_own(tmp_path / "head", Slow()))
    until_labelled(shelves)
    assert shelves.search("rent", A, filter=only("Rent")).passages[0].types == ("Rent",)
    shelves.close()
    made.close()


def test_a_new_index_takes_the_labels_of_the_old_one_along(tmp_path: Path) -> None:
    made, own = database(tmp_path, "mat-a"), Slow()
    old = library(tmp_path, made, head=with_its_own(tmp_path / "head", own))
    old.add(CLAUSE["Rent"].format(9).encode(), "lease.txt", A, "mat-a")
    assert old.wait(240)
    until_labelled(old)
    old.close()
    assert own.embedded == 1
    shelves = library(
        tmp_path, made, HashEmbedder("another"), [HashEmbedder()], with_its_own(tmp_path / "head", own)
    )
    deadline = time.monotonic() + 240
    while shelves.renewing or shelves.labelling:
        assert time.monotonic() < deadline
        assert len(shelves.search("rent", A, filter=only("Rent")).passages) == 1
    assert own.embedded == 1
    shelves.close()
    made.close()


def publish(home: Path, number: int, at: Path) -> None:
    """As an approved classifier lies there."""
    shelf = home / "classifiers" / "clause-types"
    at.rename(shelf / str(number))
    (shelf / "current").unlink(missing_ok=True)
    (shelf / "current").symlink_to(str(number))


def test_an_approved_classifier_labels_at_once_and_embeds_nothing_anew(tmp_path: Path) -> None:
    made, embedder = database(tmp_path, "mat-a"), Counting()
    shelves = library(tmp_path, made, embedder, search={"clauses": "clause-types"})
    shelves.add(CLAUSE["Rent"].format(9).encode(), "lease.txt", A, "mat-a")
    assert shelves.wait(240)
    seen = embedder.embedded
    assert shelves.clause_types(A, "mat-a") == {}  # the shipped head is fitted on another embedder
    for number, name in enumerate(("Rent", "Lease rent"), 1):
        publish(
            tmp_path,
            number,
            folder(tmp_path / "classifiers/clause-types/new", facts(names=(name, *TYPES[1:]))),
        )
        shelves.relabel()
        until_labelled(shelves)
        assert shelves.clause_types(A, "mat-a") == {name: 1, "Repairs": 0, "Price": 0}
        assert shelves.search("rent", A).passages[0].types == (name,)
    (tmp_path / "classifiers/clause-types/2/head.json").write_text("{}")
    shelves.relabel()
    until_labelled(shelves)
    assert shelves.clause_types(A, "mat-a") == {}
    assert shelves.search("rent", A).passages[0].types == ()
    assert embedder.embedded == seen + 1  # the question
    shelves.check()
    shelves.close()
    made.close()


def test_no_classifier_is_chosen_where_the_setting_is_empty(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, search={"clauses": ""})  # type: ignore[arg-type]
    assert clause_head(HashEmbedder(), settings) == (None, 'off: search.clauses is ""')
