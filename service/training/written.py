"""Questions that the model writes for a sentence, kept only if they lead back to it.

The model is given a sentence and asked what it answers. What it writes is kept if it is a question, does not say the
answer, and the round trip holds: the sentence stands in its context, and the search, asked the question, finds it.
"""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from service.core import Message
from service.training.reading import Reading, Span
from service.training.rows import Provenance, Row, stands

Ask = Callable[[Sequence[Message]], str]  # the model, to the end of its answer
Finds = Callable[[str, int, int], bool]  # question and place -> whether the search comes upon it

SHORTEST, LONGEST = 60, 400  # characters of a sentence
QUESTION = 8, 200
TRIES = 3  # sentences for each question that is wanted
SAID = 0.6  # of the answer's words at most may stand in the question

_DUTY = re.compile(r"\b(?:shall|must|may|will|agrees?|entitled|means|is|are)\b")
_WORD = re.compile(r"\w{4,}")
_ASKS = re.compile(
    r"(?:what|which|who|whose|whom|when|where|how|why|may|can|must|is|are|does|do|shall|will|under)\b", re.I
)

_TASK = (
    "You write questions that a lawyer would ask about a contract. Answer with one short question, which the sentence "
    "answers, and nothing else."
)
_SHOWN = (
    ("The Tenant shall pay the Rent on the first day of each month.", "When must the Tenant pay the Rent?"),
    (
        "Neither party may disclose the terms of this Agreement.",
        "May a party disclose the terms of the agreement?",
    ),
)


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the questions: how many were written, and of those how many failed where. The rest was kept."""

    written: int = 0
    no_question: int = 0  # not a question, or one that says the answer
    not_found: int = 0  # the search does not lead back
    kept: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.written + other.written,
            self.no_question + other.no_question,
            self.not_found + other.not_found,
            self.kept + other.kept,
        )


def written(reading: Reading, ask: Ask, finds: Finds, wanted: int) -> tuple[list[Row], Tally]:
    """At most so many rows of a document, and what became of the questions."""
    seed = int(sha256(reading.document.id.encode()).hexdigest()[:12], 16)
    chance, rows, tally = random.Random(seed), list[Row](), Tally()
    first = {
        plain: n for n, plain in reversed(list(enumerate(reading.plain)))
    }  # what is repeated is asked of once
    fit = sorted(n for plain, n in first.items() if _speaks(plain))
    for number in chance.sample(fit, min(len(fit), TRIES * wanted)):
        if len(rows) == wanted:
            break
        span = reading.sentences[number]
        question = _question(ask(prompt(reading.plain[number])), reading.plain[number])
        tally = replace(tally, written=tally.written + 1)
        if not question:
            tally = replace(tally, no_question=tally.no_question + 1)
        elif not finds(question, *span):
            tally = replace(tally, not_found=tally.not_found + 1)
        else:
            rows.append(_row(reading, span, question, chance.random()))
            tally = replace(tally, kept=tally.kept + 1)
    return rows, tally


def prompt(sentence: str) -> tuple[Message, ...]:
    shown = [
        message
        for said, asked in _SHOWN
        for message in (Message("user", f"Sentence: {said}"), Message("assistant", asked))
    ]
    return (Message("system", _TASK), *shown, Message("user", f"Sentence: {sentence}"))


def _speaks(plain: str) -> bool:
    """Whether a sentence is one, and lays something down."""
    return (
        SHORTEST <= len(plain) <= LONGEST
        and plain[0].isupper()
        and plain[-1] == "."
        and bool(_DUTY.search(plain))
    )


def _question(reply: str, sentence: str) -> str:
    """The question in what the model says; "" where it asks nothing, or says the answer itself."""
    line = next((line for line in reply.splitlines() if line.strip()), "")
    line = re.sub(r"^\s*(?:question|q)\s*[:.]\s*", "", line, flags=re.I).strip(" \"“”'")
    question = line[: line.find("?") + 1]
    if not QUESTION[0] <= len(question) <= QUESTION[1] or not _ASKS.match(question):
        return ""
    said, asked = set(_WORD.findall(sentence.lower())), set(_WORD.findall(question.lower()))
    return question if said and len(said & asked) <= SAID * len(said) and asked & said else ""


def _row(reading: Reading, span: Span, question: str, lead: float) -> Row:
    document, around = reading.document, reading.around(span, lead)
    context, answer = reading.text(around), reading.text(span)
    assert stands(answer, context)
    source = Provenance(
        "model",
        document.id,
        *around,
        rule="written",
        group=document.family or document.id,
        title=document.title,
    )
    return Row(question, context, answer, source=source)
