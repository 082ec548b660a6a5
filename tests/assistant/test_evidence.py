"""The scorer picks sentences, keeps their places, and knows when nothing answers."""

import pytest

from service.assistant import evidence
from service.config import Search
from service.core import Passage
from service.retrieval import Embedder
from tests.assistant.fakes import hashed

LEASE = (
    "12 BREAK\n\n12.2 The Tenant may terminate this Lease by sixty days' written notice. "
    "The Landlord shall repaint the hallway in spring.\n\n13. The kitchen is painted in a warm shade of white."
)


def passage(text: str = LEASE, start: int = 0, id: str = "d.0") -> Passage:
    return Passage(id, "d", "Lease.txt", start, start + len(text), text)


def choose(question: str, *passages: Passage) -> tuple[Passage, ...]:
    return evidence.choose(question, passages, hashed)


def test_the_sentence_that_answers_is_chosen_with_its_place() -> None:
    chosen = choose(
        "May the tenant terminate the lease by written notice?", passage("x" * 100 + "\n\n" + LEASE, 50)
    )
    text = "x" * 50 + "x" * 100 + "\n\n" + LEASE
    assert [text[p.start : p.end] for p in chosen] == [
        "12.2 The Tenant may terminate this Lease by sixty days' written notice."
    ]


@pytest.mark.parametrize("question", ["Which court hears bankruptcy disputes?", "", "of the and", "???"])
def test_nothing_is_evidence_when_nothing_answers(question: str) -> None:
    assert choose(question, passage()) == ()


def test_no_passages_no_evidence() -> None:
    assert choose("May the tenant terminate the lease?") == ()


def test_neighbours_become_one_span() -> None:
    text = "The Tenant may terminate the Lease by notice. The Landlord may terminate the Lease by notice."
    chosen = choose("Who may terminate the Lease by notice?", passage(text))
    assert [(p.start, p.end) for p in chosen] == [(0, len(text))]


def test_spans_are_disjoint_and_few() -> None:
    text = "\n\n".join(f"The Tenant may terminate Lease {n} by written notice." for n in range(9))
    chosen = choose("May the tenant terminate the lease by written notice?", passage(text))
    ends = [0]
    for p in sorted(chosen, key=lambda p: p.start):
        assert p.start >= ends[-1]
        ends.append(p.end)
    assert 1 <= len(chosen) <= evidence.MOST


def test_headings_are_no_evidence() -> None:
    assert choose("12 BREAK", passage("12 BREAK\n\nBreak clause.")) == ()


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder.configured(Search())


CLAUSES = (
    "The Tenant shall give the Landlord not less than nine months' written notice to break this lease. "
    "The Landlord insures the Building against fire and flood, and the Tenant repays the premium on demand. "
    "This lease is governed by the law of England and Wales. "
    "The Tenant shall not assign this lease without the consent of the Landlord."
)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("How long is the notice period if the tenant wants to end the lease early?", "nine months"),
        ("What is the governing law?", "England and Wales"),
        ("Is assignment of the lease allowed?", "shall not assign"),
    ],
)
def test_the_real_embedder_finds_the_clause_behind_other_words(
    embedder: Embedder, question: str, words: str
) -> None:
    chosen = evidence.choose(question, [passage(CLAUSES)], embedder.embed)
    assert words in chosen[0].text


@pytest.mark.parametrize(
    "question",
    ["What is the chairman's salary?", "When was the software delivered?", "Who won the cup in 1998?"],
)
def test_the_real_embedder_finds_nothing_where_nothing_is(embedder: Embedder, question: str) -> None:
    assert evidence.choose(question, [passage(CLAUSES)], embedder.embed) == ()
