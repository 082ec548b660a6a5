"""The scorer picks sentences, keeps their places, and knows when nothing answers."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from service.assistant import evidence
from service.config import Search
from service.core import Passage
from service.retrieval import Embedder, Reader, evidence_reader
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


def test_the_papers_on_the_other_floor_stand_behind() -> None:
    """The other lease's words are nearer to the question; what it names is in the title alone."""
    first = replace(
        passage(LEASE.replace("sixty", "ninety"), id="a.0"), document="a", title="Lease - First Floor.pdf"
    )
    ground = replace(passage(LEASE, id="b.0"), document="b", title="Lease - Ground Floor.pdf")
    for asked, right in (("first", "a"), ("ground", "b")):
        question = f"By what written notice may the tenant terminate the lease of the {asked} floor?"
        assert choose(question, ground, first)[0].document == right
        assert choose(question, first, ground)[0].document == right


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


# --- read, and not compared --------------------------------------------------------------------------------


def reads(**said: float) -> evidence.Read:
    """A reader for which each sentence that holds one of these words has so many log-odds."""

    def read(question: str, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array(
            [max((odds for w, odds in said.items() if w in t), default=-9.0) for t in texts], np.float32
        )

    return read


def unasked(texts: Sequence[str]) -> NDArray[np.float32]:
    raise AssertionError("the embedder is not asked where likeness weighs nothing")


def read_by(judge: evidence.Judge, text: str = CLAUSES) -> list[str]:
    return [p.text for p in evidence.choose("What holds here?", [passage(text)], unasked, judge)]


def test_what_is_read_as_likely_is_evidence_best_first() -> None:
    judge = evidence.Judge({"reading": 1.0}, 0.5, 3.0, reads(fire=2.0, assign=4.0))
    assert [text[:19] for text in read_by(judge)] == ["The Tenant shall no", "The Landlord insure"]


def test_the_readers_threshold_and_margin_are_kept() -> None:
    read = reads(fire=2.0, assign=4.0)
    assert len(read_by(evidence.Judge({"reading": 1.0}, 3.0, 3.0, read))) == 1
    assert len(read_by(evidence.Judge({"reading": 1.0}, 0.5, 1.5, read))) == 1
    assert len(read_by(evidence.Judge({"reading": 2.0}, 3.0, 4.0, read))) == 2
    assert read_by(evidence.Judge({"reading": 1.0}, 4.5, 3.0, read)) == []


def test_a_sentence_is_read_under_its_heading() -> None:
    seen: list[str] = []

    def read(question: str, texts: Sequence[str]) -> NDArray[np.float32]:
        seen.extend(texts)
        return np.zeros(len(texts), np.float32)

    text = "The Tenant may end this lease by notice."
    clause = Passage("d.0", "d", "Lease.txt", 0, len(text), text, ("12 Term", "12.2 Break"))
    evidence.choose("How does it end?", [clause], unasked, evidence.Judge({"reading": 1.0}, 0.0, 1.0, read))
    assert seen == ["12.2 Break. The Tenant may end this lease by notice."]


def test_only_the_sentences_that_look_best_are_read() -> None:
    seen: list[str] = []

    def read(question: str, texts: Sequence[str]) -> NDArray[np.float32]:
        seen.extend(texts)
        return np.linspace(2, 1, len(texts), dtype=np.float32)

    text = " ".join(f"{'The rent is due' if n % 2 else 'The cat sleeps here'} on day {n}." for n in range(60))
    judge = evidence.Judge({"reading": 1.0, "cover": 1.0}, 0.0, 9.0, read)
    found = evidence.ranked("When is the rent due?", [passage(text)], unasked, judge)
    assert len(seen) == evidence.READ
    assert all("rent" in sentence for sentence in seen)
    assert len(found) == 60
    assert {p.text for p in found[: evidence.READ]} == set(seen)


@pytest.fixture(scope="module")
def reader() -> Reader:
    found, told = evidence_reader(Search())
    assert found, told
    return found


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("How long is the notice period if the tenant wants to end the lease early?", "nine months"),
        ("What is the governing law?", "England and Wales"),
        ("Who has to take out a policy against damage?", "insures"),
        ("Is assignment of the lease allowed?", "shall not assign"),
    ],
)
def test_the_real_reader_finds_the_clause_behind_other_words(
    embedder: Embedder, reader: Reader, question: str, words: str
) -> None:
    chosen = evidence.choose(question, [passage(CLAUSES)], embedder.embed, evidence.judge(reader))
    assert words in chosen[0].text


@pytest.mark.parametrize(
    "question",
    ["What is the chairman's salary?", "When was the software delivered?", "Who won the cup in 1998?"],
)
def test_the_real_reader_finds_nothing_where_nothing_is(
    embedder: Embedder, reader: Reader, question: str
) -> None:
    assert evidence.choose(question, [passage(CLAUSES)], embedder.embed, evidence.judge(reader)) == ()
