"""The prompt fits, keeps its order, and shows what is cited."""

from collections.abc import Sequence

from service.assistant import prompt
from service.core import Message
from tests.assistant.fakes import evidence


def count(messages: Sequence[Message]) -> int:
    return sum(len(message.content) for message in messages)


def test_passages_come_numbered_and_the_question_last() -> None:
    made = prompt.messages(
        (Message("user", "How long?"),), evidence("Sixty\n   days.", "A fee."), count, 9999
    )
    assert [message.role for message in made] == ["system", "user"]
    lines = made[1].content.split("\n")
    assert lines[0] == "[1] Lease.txt, 12 Break: Sixty days."
    assert lines[1].startswith("[2]")
    assert lines[-2] == "Question: How long?"


def test_what_does_not_change_stands_first() -> None:
    one = prompt.messages((Message("user", "How long?"),), evidence("Sixty days."), count, 9999)
    two = prompt.messages((Message("user", "How much?"),), evidence("A fee."), count, 9999)
    assert one[0] == two[0]


def test_a_follow_up_brings_the_question_before() -> None:
    turns = (
        Message("user", "Who pays the rent?"),
        Message("assistant", "Lyle."),
        Message("user", "And why?"),
    )
    text = prompt.messages(turns, evidence("Sixty days."), count, 9999)[1].content
    assert "Question before: Who pays the rent?" in text


def test_long_passages_are_cut_before_any_is_left_out() -> None:
    room = count(
        prompt.messages((Message("user", "How long?"),), evidence("x" * 300, "y" * 250), count, 9999)
    )
    made = prompt.messages((Message("user", "How long?"),), evidence("x" * 5000, "y" * 250), count, room)
    assert count(made) <= room
    assert "[1]" in made[1].content
    assert "y" * 250 in made[1].content
    small = prompt.messages((Message("user", "How long?"),), evidence("x" * 900, "y" * 900), count, 1)
    assert small[1].content.startswith("Question: How long?")


def test_braces_in_a_document_are_only_braces() -> None:
    made = prompt.messages((Message("user", "What is {x}?"),), evidence("{passages} {0}"), count, 9999)
    assert "{passages} {0}" in made[1].content
    assert "What is {x}?" in made[1].content
