"""What a model learns from, one row at a time: a question, the passage that it is put to, and the answer. Pure.

An answer stands word for word in its context, and an empty one says that the context does not answer. Rows of the
other kind are a text, kept as the context, and its label.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from typing import Any, Literal, get_args

Kind = Literal["answers", "classify"]
Origin = Literal["upload", "rule", "model", "correction", "thumb", "person"]
KINDS: tuple[Kind, ...] = get_args(Kind)
ORIGINS: tuple[Origin, ...] = get_args(Origin)

LONGEST = {"question": 2_000, "context": 20_000, "answer": 10_000, "label": 200}  # characters
MISPLACED = "The answer does not stand in its context."

_BLANK = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a row comes from. `group` is what a split keeps together: a document's family, or what a file says.

    `rule` names the rule that made the row, or the answer in a conversation that it corrects.
    """

    origin: Origin = "person"
    document: str = ""  # id
    start: int = 0  # of the context in the document's text
    end: int = 0
    person: str = ""  # id
    rule: str = ""
    group: str = ""
    title: str = ""  # of the document, for whoever looks the row through


@dataclass(frozen=True)
class Row:
    question: str
    context: str
    answer: str = ""
    label: str = ""
    source: Provenance = field(default_factory=Provenance)

    @property
    def kind(self) -> Kind:
        return "classify" if self.label else "answers"

    @cached_property
    def id(self) -> str:
        """By the content alone: the same row from two sources is one."""
        said = json.dumps([self.kind, self.question, self.context, self.answer, self.label])
        return sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    @property
    def answerable(self) -> bool:
        return self.kind == "answers" and bool(self.answer.strip())


def tidy(row: Row) -> Row:
    """The row without blanks at the ends of its parts; its question and label are one line each."""
    return replace(
        row,
        question=_BLANK.sub(" ", row.question).strip(),
        context=row.context.strip(),
        answer=row.answer.strip(),
        label=_BLANK.sub(" ", row.label).strip(),
    )


def fault(row: Row, kind: Kind) -> str:
    """Why nothing can be learned from a row, in a sentence; "" when all is well."""
    for part, most in LONGEST.items():
        if len(getattr(row, part)) > most:
            return f"The {part} has more than {most:,} characters."
    if not row.context:
        return "The text is empty." if kind == "classify" else "The context is empty."
    if kind == "classify":
        return "" if row.label else "The label is empty."
    if not row.question:
        return "The question is empty."
    return "" if stands(row.answer, row.context) else MISPLACED


def stands(answer: str, context: str) -> bool:
    """Whether the answer's words stand in the context as they are, blanks and line ends aside."""
    return place(answer, context) is not None


def place(answer: str, context: str) -> tuple[int, int] | None:
    """Where an answer stands in its context, as [start, end); None where it does not."""
    words = answer.split()
    if not words:
        return (0, 0)
    at = context.find(answer)
    if at >= 0:
        return at, at + len(answer)
    found = re.search(r"\s+".join(map(re.escape, words)), context)
    return found.span() if found else None


def to_json(row: Row) -> dict[str, Any]:
    """The row as one flat object; `from_json` reads it again."""
    values = {"question": row.question, "context": row.context, "answer": row.answer, "label": row.label}
    return {"id": row.id, **values, **asdict(row.source)}


def from_json(values: Mapping[str, Any]) -> Row:
    parts = {name: str(values.get(name, "")) for name in LONGEST}
    known = {name: values[name] for name in Provenance.__dataclass_fields__ if name in values}
    return Row(**parts, source=Provenance(**known))
