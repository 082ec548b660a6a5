"""Questions of the model's: kept only where they ask, do not say the answer, and lead back to their sentence."""

from collections.abc import Sequence

import pytest

from service.core import Message
from service.training.rows import stands
from service.training.rules import read
from service.training.written import Ask, Tally, written
from tests.training.papers import paper


def ask_of(reply: str) -> Ask:
    def ask(messages: Sequence[Message]) -> str:
        assert messages[0].role == "system"
        assert messages[-1].content.startswith("Sentence: ")
        word = max(messages[-1].content.split()[1:], key=len).strip(".,;()")
        return reply.format(word=word)

    return ask


def test_a_round_trip_is_kept() -> None:
    reading = read(paper())
    asked = list[tuple[str, str]]()

    def finds(question: str, start: int, end: int) -> bool:
        asked.append((question, reading.document.text[start:end]))
        return len(asked) % 2 == 0

    rows, tally = written(reading, ask_of("Question: What about {word}?\nAnd more."), finds, 3)
    assert rows
    assert tally.written == tally.no_question + tally.not_found + tally.kept
    assert tally.kept == len(rows)
    assert tally.not_found == sum(n % 2 == 0 for n in range(len(asked)))
    for row in rows:
        assert (row.question, row.answer) in asked
        assert stands(row.answer, row.context)
        assert (row.source.origin, row.source.document) == ("model", "d1")
    assert written(reading, ask_of("What about {word}?"), lambda *_: False, 3)[0] == []


def test_a_sentence_that_stands_more_than_once_is_asked_of_once() -> None:
    said = "The Tenant shall pay the Rent on the first day of each month of the Term."
    reading = read(paper("\n\n".join([said] * 5)))
    assert reading.plain.count(said) == 5
    rows, tally = written(reading, ask_of("When must the {word} be paid?"), lambda *_: True, 5)
    assert (tally.written, len(rows)) == (1, tally.kept)


@pytest.mark.parametrize("reply", ["", "I cannot say.", "{word}", "Why?", "Whose poodle barks so?"])
def test_what_is_no_question_is_dropped(reply: str) -> None:
    rows, tally = written(read(paper()), ask_of(reply), lambda *_: True, 2)
    assert rows == []
    assert tally == Tally(written=tally.written, no_question=tally.written)
    assert tally.written


def test_a_question_that_says_the_answer_is_dropped() -> None:
    def ask(messages: Sequence[Message]) -> str:
        return f"Is it true that {messages[-1].content.removeprefix('Sentence: ')}?"

    assert written(read(paper()), ask, lambda *_: True, 2)[0] == []
