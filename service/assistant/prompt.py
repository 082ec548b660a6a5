"""The messages of a grounded question, in a stable order and within the context.

First what never changes, then the passages, the question last: what two questions share stands at the front, where
the engine's prefix cache finds it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files

from service.assistant.followup import leans
from service.core import Citation, Message

Count = Callable[[Sequence[Message]], int]

SHORTEST = 200  # characters of a passage that are always shown


def messages(
    asked: Sequence[Message], evidence: Sequence[Citation], count: Count, budget: int
) -> tuple[Message, ...]:
    """System and question for the engine, of at most `budget` tokens by `count` where that can be had.

    When it is too long the longest passage is cut by half, again and again down to SHORTEST characters; then the
    last passages go. The evidence that is quoted to the reader is not touched by that.
    """
    shown = list(evidence)
    while True:
        made = (Message("system", _text("grounded.md").strip()), Message("user", _question(asked, shown)))
        if count(made) <= budget or not shown:
            return made
        shown = _shorter(shown)


def single(question: str, context: str, count: Count, budget: int) -> tuple[Message, ...]:
    """The messages for a question and one passage: what a model is trained and examined on is what it is asked."""
    passage = Citation(1, "", "Document", 0, len(context), 1, "", context, True)
    return messages([Message("user", question)], [passage], count, budget)


def _shorter(shown: Sequence[Citation]) -> list[Citation]:
    longest = max(range(len(shown)), key=lambda i: len(shown[i].quote))
    size = len(shown[longest].quote)
    if size <= SHORTEST:
        return list(shown[:-1])
    cut = replace(shown[longest], quote=shown[longest].quote[: max(SHORTEST, size // 2)])
    return [cut if i == longest else passage for i, passage in enumerate(shown)]


def _question(asked: Sequence[Message], evidence: Sequence[Citation]) -> str:
    said = [m.content.strip() for m in asked if m.role == "user" and m.content.strip()]
    last = said[-1] if said else ""
    earlier = f"Question before: {said[-2]}\n" if len(said) > 1 and leans(last) else ""
    passages = "\n".join(f"[{c.n}] {place(c)}: {_plain(c.quote)}" for c in evidence)
    return _text("question.md").format(passages=passages, earlier=earlier, question=last).strip()


def place(citation: Citation, paged: bool = False) -> str:
    """Where a quotation stands, for a person: title, heading, and the page of a document that has pages."""
    page = f"p. {citation.page}" if paged else ""
    return ", ".join(filter(None, (citation.title, citation.heading, page)))


def _plain(text: str) -> str:
    return " ".join(text.split())


@cache
def _text(name: str) -> str:
    return (files("service.assistant") / "prompts" / name).read_text("utf-8")
