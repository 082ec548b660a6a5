"""Rows as the model reads them: what it is shown, and what it is to say. Pure.

The messages of a question are made by the same prompt that serves questions, which is handed in: an adapter is trained
on just what it will be asked.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from service.core import Message

# The first token decides between an answer and a refusal, so the refusal has one that no clause begins with.
REFUSAL = "Unfortunately, the documents do not say."

Prompt = Callable[[str, str], Sequence[Message]]  # question, context -> what the engine is sent for them


class Turn(TypedDict):
    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Example:
    """A row of `kind: answers`. Only the completion's tokens count towards the loss."""

    id: str
    messages: Sequence[Turn]
    completion: str
    group: str = ""  # what a split keeps together: the document

    @property
    def refuses(self) -> bool:
        return self.completion == REFUSAL


@dataclass(frozen=True, slots=True)
class Labelled:
    """A row of `kind: classify`."""

    id: str
    text: str
    label: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a row as the model sees it, and whether the model learns to say it."""

    text: str
    counts: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A row as it goes into the model, for a person to read."""

    id: str
    tokens: int
    counted: int  # of the tokens, those that the loss is taken from
    spans: tuple[Span, ...] = field(default=())


def example(id: str, question: str, context: str, answer: str, prompt: Prompt, group: str = "") -> Example:
    """A question with its context and answer; an empty answer is a refusal."""
    turns = [Turn(role=message.role, content=message.content) for message in prompt(question, context)]
    return Example(id, turns, answer.strip() or REFUSAL, group)
