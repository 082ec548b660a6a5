"""What lawyers thought of answers, made into rows that somebody looks through before they are learned.

A correction becomes the question with the passage that was cited and the words that should have stood there; a thumb up
the question with the words that were quoted, or with a passage that is silent where a refusal was right. A thumb down
alone says what was wrong, and not what is right: it becomes nothing.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core import Scope
from service.errors import BadRequest, Conflict, NotFound
from service.retrieval import Library
from service.storage.tables import AnswerRow, DatasetRow, Feedback, Turn
from service.training.datasets import Added, Datasets, Kept
from service.training.masking import Finder, find, masked
from service.training.reading import Reading
from service.training.rows import Origin, Provenance, Row, place
from service.training.rules import read

FIRST = 8  # passages of a search among which a correction may stand
SHOWN = 200  # rows of the queue at once

ALONE = "A thumb down without a correction says what was wrong, and not what is right."
UNASKED = "The question was not kept, for it was asked outside a conversation."
HOMELESS = "No document of the matter that is there still holds what was cited."


@dataclass(frozen=True, slots=True)
class Thought:
    """What somebody thought of an answer."""

    answer: str  # id
    person: str  # id
    good: bool
    correction: str
    question: str
    proof: Mapping[str, Any]
    matters: frozenset[str]
    at: float

    @property
    def usable(self) -> bool:
        return bool(self.question) and (self.good or bool(self.correction.strip()))


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits to be looked through in a matter."""

    corrections: int  # thoughts that are in no data set yet
    proposed: int
    rows: Sequence[Kept] = field(default=())
    names: Mapping[str, str] = field(default_factory=dict)  # of their data sets, by id


class Review:
    def __init__(self, datasets: Datasets, library: Library, finds: Finder = find) -> None:
        """`finds` is what finds personal data, where it is to be masked."""
        self._datasets, self._library, self._finds = datasets, library, finds

    def queue(self, matter: str, scope: Scope) -> Queue:
        """The proposed rows of the data sets over a matter, the newest first, and how many thoughts wait."""
        _allow(matter, scope)
        seen = {card.id: card.name for card in self._datasets.cards(scope) if matter in card.matters}
        with self._datasets.database.read() as rows:
            waiting = sum(
                thought.usable for thought in _thoughts(rows, matter, scope) if not _taken(rows, thought)
            )
        proposed, count = list[Kept](), 0
        for id in seen:
            some, there = self._datasets.rows(id, scope, "proposed", limit=SHOWN)
            proposed, count = proposed + some, count + there
        newest = sorted(proposed, key=lambda kept: -kept.at)[:SHOWN]
        return Queue(waiting, count, newest, seen)

    def collect(self, dataset: str, matter: str, scope: Scope, within: Scope, *, mask: bool = False) -> Added:
        """Takes what was thought of answers in a matter into a data set, as proposed rows; what was taken once is not
        taken again, and a later correction of the same answer takes the place of one that is still only proposed.

        `scope` is all that the person may see, `within` the matter alone.
        """
        _allow(matter, scope)
        if self._datasets.card(dataset, scope).kind != "answers":
            raise BadRequest("Corrections are questions and answers. Choose a data set of that kind.")
        with self._datasets.database.read() as rows:
            fresh = [thought for thought in _thoughts(rows, matter, scope) if not _taken(rows, thought)]
        total, dropped = Added(), Counter[str]()
        for thought in fresh:
            made, why = self._row(thought, scope, within)
            if made is None:
                dropped[why] += 1
                continue
            self._datasets.withdraw(dataset, made.source.rule, scope)
            row = masked(made, self._finds) if mask else made
            total = total + self._datasets.add(dataset, [row], "proposed", scope, thought.matters)
        return total + Added(dropped=dict(dropped))

    # --- inside ------------------------------------------------------------------------------------------

    def _row(self, thought: Thought, scope: Scope, within: Scope) -> tuple[Row | None, str]:
        if not thought.question:
            return None, UNASKED
        if not thought.usable:
            return None, ALONE
        words = thought.correction.strip()
        found = self._cited(thought, words, scope) or self._searched(thought, words, within)
        if found is None:
            return None, HOMELESS
        reading, span, answer = found
        document = reading.document
        around = reading.around(span)
        origin: Origin = "correction" if words else "thumb"
        family = document.family or document.id
        source = Provenance(
            origin, document.id, *around, thought.person, thought.answer, family, document.title
        )
        return Row(thought.question, reading.text(around), answer, source=source), ""

    def _cited(
        self, thought: Thought, words: str, scope: Scope
    ) -> tuple[Reading, tuple[int, int], str] | None:
        """The place of the correction in a cited document, else of the first citation."""
        cited = [c for c in thought.proof.get("citations", ()) if c.get("role", "evidence") == "evidence"]
        for id in dict.fromkeys(c["document"] for c in cited):
            reading = self._reading(id, scope)
            at = place(words, reading.document.text) if reading and words else None
            if reading and at:
                return reading, at, reading.text(at)
        for citation in cited:
            reading, span = self._reading(citation["document"], scope), (citation["start"], citation["end"])
            if reading and reading.sentences and reading.text(span) == citation["quote"]:
                return reading, span, words or citation["quote"]
        return None

    def _searched(
        self, thought: Thought, words: str, within: Scope
    ) -> tuple[Reading, tuple[int, int], str] | None:
        """After a refusal: where the correction stands, or the passage that came nearest and rightly was not used."""
        if not thought.proof.get("refused"):
            return None
        for passage in self._library.search(thought.question, within, FIRST).passages:
            reading = self._reading(passage.document, within)
            if reading is None or not reading.sentences:
                continue
            at = place(words, reading.document.text) if words else None
            if at:
                return reading, at, reading.text(at)
            if not words:
                return reading, (passage.start, passage.end), ""
        return None

    def _reading(self, document: str, scope: Scope) -> Reading | None:
        try:
            return read(self._library.read(document, scope))
        except (NotFound, Conflict):
            return None


def _allow(matter: str, scope: Scope) -> None:
    if not scope.covers(frozenset({matter})):
        raise NotFound("There is no such matter among yours.")


def _thoughts(rows: Session, matter: str, scope: Scope) -> Iterator[Thought]:
    """What was thought of answers in the matter, the oldest first; of answers over other matters, too, only where this
    person belongs to all of them."""
    query = (
        select(Feedback, AnswerRow)
        .join(AnswerRow, AnswerRow.id == Feedback.answer)
        .order_by(Feedback.created)
    )
    for feedback, answer in rows.execute(query):
        matters = frozenset(answer.matters)
        if matter in matters and scope.covers(matters):
            yield Thought(
                answer.id,
                feedback.user,
                feedback.verdict == "good",
                feedback.correction,
                _asked(rows, answer.id),
                answer.proof,
                matters,
                feedback.created,
            )


def _asked(rows: Session, answer: str) -> str:
    """The question that an answer was given to; "" where none was kept."""
    turn = rows.scalar(select(Turn).where(Turn.answer == answer))
    if turn is None:
        return ""
    before = select(Turn.text).where(
        Turn.conversation == turn.conversation, Turn.id < turn.id, Turn.role == "user"
    )
    return rows.scalar(before.order_by(Turn.id.desc()).limit(1)) or ""


def _taken(rows: Session, thought: Thought) -> bool:
    """Whether it is in a data set already, as it stands now."""
    of = (DatasetRow.rule == thought.answer, DatasetRow.at >= thought.at)
    return rows.scalar(select(DatasetRow.id).where(*of).limit(1)) is not None
