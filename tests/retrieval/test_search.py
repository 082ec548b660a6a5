"""Filters, exact search, and what search tells of itself."""

from collections.abc import Iterator

import pytest

from service.core import Filter
from service.errors import BadRequest
from service.retrieval.library import Library
from tests.retrieval.house import database, library, scope

A = scope("mat-a")
LEASE = (
    b"1. Rent. The tenant shall pay a rent of 900 pounds.\n\n2. Break. Time is of the essence of this lease."
)
SUPPLY = (
    b"1. Price. The buyer shall pay the price of the bolts.\n\n2. Time. The seller is paying for carriage."
)


@pytest.fixture(scope="module")
def shelves(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    home = tmp_path_factory.mktemp("home")
    made = database(home, "mat-a")
    shelves = library(home, made)
    shelves.add(LEASE, "lease.txt", A, "mat-a")
    shelves.add(SUPPLY, "supply.md", A, "mat-a")
    assert shelves.wait(240)
    yield shelves
    shelves.close()
    made.close()


def exact(shelves: Library, text: str, **filter: object) -> list[str]:
    wanted = Filter(**filter) if filter else None  # type: ignore[arg-type]
    return sorted({p.title for p in shelves.search(text, A, filter=wanted, exact=True).passages})


def test_names_that_no_document_mentions_are_told(shelves: Library) -> None:
    assert shelves.search("What rent is due under the Drkoop lease?", A).strange == ("Drkoop",)
    assert shelves.search("What rent must the Tenants pay to Supply?", A).strange == ()  # a title counts
    assert shelves.search("What rent does Drkoop pay?", A, exact=False, filter=Filter(title="lease")).strange


def test_a_phrase_is_found_as_it_stands(shelves: Library) -> None:
    assert exact(shelves, '"time is of the essence"') == ["lease.txt"]
    assert exact(shelves, '"TIME is OF the"') == ["lease.txt"]
    assert exact(shelves, '"essence is of the time"') == []
    assert exact(shelves, "pays") == []
    assert exact(shelves, "paying") == ["supply.md"]


def test_words_are_joined_as_they_are_told_to(shelves: Library) -> None:
    assert exact(shelves, "rent OR bolts") == ["lease.txt", "supply.md"]
    assert exact(shelves, "pay AND tenant") == ["lease.txt"]
    assert exact(shelves, "pay NOT tenant") == ["supply.md"]
    assert exact(shelves, "bolt*") == ["supply.md"]
    with pytest.raises(BadRequest):
        exact(shelves, '"not closed')


def test_exact_hits_say_why(shelves: Library) -> None:
    found = shelves.search('rent AND "900 pounds"', A, exact=True).passages
    assert found[0].why is not None
    assert found[0].why.words == 1.0
    assert set(found[0].why.terms) == {"rent", "900 pounds"}
    assert found[0].id == f"{found[0].document}.0"


def test_a_filter_narrows_both_kinds_of_search(shelves: Library) -> None:
    assert exact(shelves, "pay", kinds=frozenset({"md"})) == ["supply.md"]
    found = shelves.search("who shall pay", A, filter=Filter(title="LEASE"))
    assert {p.title for p in found.passages} == {"lease.txt"}
    assert found.coverage.documents == 1
    assert shelves.search("who shall pay", A, filter=Filter(title="deed")).passages == ()


def test_a_passage_says_why_it_was_found(shelves: Library) -> None:
    first = shelves.search("What rent shall the tenant pay?", A).passages[0]
    assert first.why is not None
    assert first.why.meaning > 0.3
    assert first.why.words == 1.0
    assert (
        set(first.why.terms)
        == {"rent", "shall", "tenant", "pay"} & set(first.why.terms)
        >= {
            "rent",
            "tenant",
        }
    )


def test_coverage_names_the_index(shelves: Library) -> None:
    index = shelves.search("rent", A).coverage.index
    assert len(index) == 8
    assert shelves.search("rent", scope()).coverage.index == index


def test_the_name_of_a_document_is_not_searched_for(shelves: Library) -> None:
    made = shelves.add(SUPPLY + b"\n\n3. Returns. None.", "Quenby Supply.txt", A, "mat-a")
    assert shelves.wait(240)
    found = shelves.search("What is the price of the bolts for Quenby in the matter?", A)
    assert {p.document for p in found.passages} == {made.id}
    assert found.coverage.documents == 1
    everywhere = shelves.search("What is the price of the bolts?", A).coverage
    assert everywhere.left_out == 0
    assert found.coverage.left_out == everywhere.documents - 1, "what the name leaves out is told"
    assert "Quenby" not in found.asked
    assert "price of the bolts" in found.asked
    shelves.remove(made.id, A)
