"""A follow-up is searched with what it leaves unsaid; a new question is not."""

import pytest

from service.assistant.followup import leans, search_text
from service.core import Message


def asked(*questions: str) -> str:
    turns = [
        turn for text in questions for turn in (Message("user", text), Message("assistant", "Rent is due."))
    ]
    return search_text(turns[:-1])


@pytest.mark.parametrize(
    "follow_up",
    [
        "What about the deposit?",
        "And when does it end?",
        "Why?",
        "How is it paid?",
        "Does that change after the amendment was signed by both parties?",
        "Who has to serve them?",
        "Is the same true of the guarantor named in the deed?",
    ],
)
def test_a_follow_up_leans_on_the_question_before(follow_up: str) -> None:
    assert leans(follow_up)
    text = asked("How much is the annual licence fee?", follow_up)
    assert text.startswith(follow_up)
    assert "licence fee" in text


@pytest.mark.parametrize(
    "new",
    [
        "What is the governing law of this agreement?",
        "Is there a clause that limits the liability of the supplier?",
        "When must the tenant give notice to break the lease?",
        "Which party owns the source code after termination?",
    ],
)
def test_a_question_that_stands_by_itself_takes_nothing(new: str) -> None:
    assert not leans(new)
    assert asked("How much is the annual licence fee?", new) == new


def test_a_chain_of_follow_ups_keeps_its_subject() -> None:
    text = asked("Can the tenant break the lease early?", "What about the landlord?", "Why?")
    assert {"landlord", "tenant", "break", "lease"} <= set(text.split())


def test_an_old_subject_does_not_come_back() -> None:
    text = asked("Who insures the building?", "How much is the annual licence fee?", "How is it paid?")
    assert "fee" in text
    assert "insures" not in text


def test_what_the_assistant_said_is_not_searched_for() -> None:
    assert "Rent" not in asked("Who insures the building?", "And what about it?")


def test_words_are_not_said_twice() -> None:
    assert asked("Is the fee refundable?", "And the fee for support?").lower().split().count("fee") == 1


def test_nothing_asked_is_nothing_searched() -> None:
    assert search_text([]) == ""
    assert search_text([Message("system", "Be brief."), Message("user", "  ")]) == ""
