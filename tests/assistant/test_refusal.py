"""A refusal says what was searched."""

from dataclasses import replace

import pytest

from service.assistant import refusal
from service.core import Coverage, Found, Passage

FULL = Coverage(documents=14, passages=1412, pages=120, pages_without_text=2, not_searched=1, seconds=0.2)


@pytest.mark.parametrize("reason", refusal.REASONS)
def test_every_reason_says_what_can_be_done(reason: refusal.Reason) -> None:
    text = refusal.words(reason, FULL)
    assert "1 document of the matter could not be searched" in text
    assert len(text.split("\n")) == 3
    assert all(line.endswith(".") for line in text.split("\n"))


def test_the_proof_names_every_count() -> None:
    text = refusal.words("nothing_found", FULL)
    assert "14 documents, 1,412 passages, 120 pages" in text
    assert "2 pages hold no text and could not be searched" in text


def test_documents_that_the_question_leaves_out_are_told() -> None:
    assert "left out" not in refusal.searched(FULL)
    assert "1 other document was left out" in refusal.searched(replace(FULL, left_out=1))
    assert "1,200 other documents were left out by the names" in refusal.searched(
        replace(FULL, left_out=1200)
    )


def test_only_some_of_many_strange_names_are_told() -> None:
    text = refusal.words("nothing_found", FULL, [f"Name{n}" for n in range(9)])
    assert "Name4" in text
    assert "Name5" not in text
    assert refusal.unmentioned(()) == ""


def test_what_is_nothing_is_not_said() -> None:
    text = refusal.searched(Coverage(documents=1, passages=1))
    assert text == "Searched: 1 document, 1 passage."


def test_the_reason_follows_from_what_was_found() -> None:
    assert refusal.reason(Found((), Coverage())) == "no_documents"
    assert refusal.reason(Found((), FULL)) == "nothing_found"
    assert refusal.reason(Found((Passage("p", "d", "t", 0, 1, "x"),), FULL)) == "no_evidence"
