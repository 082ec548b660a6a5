"""Conversations, their turns, and the proof kept with every answer."""

import secrets
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import String, case, cast, delete, func, or_, select
from sqlalchemy.orm import Session

from service.core import Caller, Message, Scope
from service.errors import NotFound
from service.storage import Database
from service.storage.tables import AnswerRow, Conversation, Feedback, Turn

UNTITLED = "New question"
TITLE_LENGTH = 80


@dataclass(frozen=True, slots=True)
class ConversationCard:
    id: str
    matter: str
    title: str
    created: float
    updated: float
    answers: int
    citations: int
    refused: int


class Conversations:
    """Each belongs to one person and one matter, and goes when either goes.

    Every method takes the wall that it stands behind: a conversation in a matter outside the scope is not found.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, scope: Scope, matter: str, title: str = "") -> ConversationCard:
        conversation, now = "c" + secrets.token_hex(8), time.time()
        with self._database.write() as rows:
            _visible(scope, matter)
            rows.add(
                Conversation(
                    id=conversation,
                    matter=matter,
                    user=scope.caller.id,
                    title=title or UNTITLED,
                    created=now,
                    updated=now,
                )
            )
        return ConversationCard(conversation, matter, title or UNTITLED, now, now, 0, 0, 0)

    def cards(self, scope: Scope, matter: str, find: str = "") -> list[ConversationCard]:
        """The caller's conversations in a matter, newest first; with `find`, those whose title or words hold it."""
        _visible(scope, matter)
        wanted = select(Conversation).where(
            Conversation.matter == matter, Conversation.user == scope.caller.id
        )
        if find:
            said = select(Turn.conversation).where(Turn.text.icontains(find, autoescape=True))
            wanted = wanted.where(
                or_(Conversation.title.icontains(find, autoescape=True), Conversation.id.in_(said))
            )
        with self._database.read() as rows:
            found = list(rows.scalars(wanted.order_by(Conversation.updated.desc())))
            counts = _counts(rows, [row.id for row in found])
        return [_card(row, *counts.get(row.id, (0, 0, 0))) for row in found]

    def card(self, conversation: str, scope: Scope) -> ConversationCard:
        with self._database.read() as rows:
            row = _find(rows, conversation, scope)
            return _card(row, *_counts(rows, [row.id]).get(row.id, (0, 0, 0)))

    def rename(self, conversation: str, title: str, scope: Scope) -> None:
        with self._database.write() as rows:
            _find(rows, conversation, scope).title = title

    def remove(self, conversation: str, scope: Scope) -> None:
        """Deletes the conversation with its answers."""
        with self._database.write() as rows:
            row = _find(rows, conversation, scope)
            answers = list(rows.scalars(select(Turn.answer).where(Turn.conversation == row.id)))
            rows.delete(row)
            rows.flush()
            rows.execute(delete(AnswerRow).where(AnswerRow.id.in_([a for a in answers if a])))

    def clear(self, matter: str, scope: Scope) -> None:
        """Deletes every conversation of a matter, everybody's, and every answer that was drawn from it."""
        _visible(scope, matter)
        with self._database.write() as rows:
            rows.execute(delete(Conversation).where(Conversation.matter == matter))
            drawn = cast(AnswerRow.matters, String).contains(matter, autoescape=True)
            rows.execute(delete(AnswerRow).where(drawn))

    def turns(self, conversation: str, scope: Scope) -> list[tuple[Turn, dict[str, Any] | None, str | None]]:
        """Each turn in order, an answer's with its proof and the verdict on it, if there is one."""
        with self._database.read() as rows:
            row = _find(rows, conversation, scope)
            query = (
                select(Turn, AnswerRow.proof, Feedback.verdict)
                .outerjoin(AnswerRow, AnswerRow.id == Turn.answer)
                .outerjoin(Feedback, Feedback.answer == Turn.answer)
                .where(Turn.conversation == row.id)
                .order_by(Turn.id)
            )
            return [(turn, proof, verdict) for turn, proof, verdict in rows.execute(query)]

    def history(self, conversation: str, scope: Scope) -> tuple[Message, ...]:
        return tuple(
            Message("user" if turn.role == "user" else "assistant", turn.text)
            for turn, *_ in self.turns(conversation, scope)
        )

    def say(self, conversation: str, text: str, scope: Scope) -> None:
        """Keeps a question. The first one names the conversation."""
        with self._database.write() as rows:
            row = _find(rows, conversation, scope)
            if row.title == UNTITLED:
                row.title = _title(text)
            row.updated = time.time()
            rows.add(Turn(conversation=row.id, role="user", text=text, created=row.updated))

    def keep(self, conversation: str, text: str, answer: str | None, scope: Scope) -> None:
        """Keeps what was answered; `answer` is None for one that was stopped before its proof was made."""
        with self._database.write() as rows:
            row = _find(rows, conversation, scope)
            row.updated = time.time()
            rows.add(
                Turn(conversation=row.id, role="assistant", text=text, answer=answer, created=row.updated)
            )

    def record(
        self, answer: str, proof: dict[str, Any], scope: Scope, first_word: float | None = None
    ) -> None:
        """Keeps an answer's proof, in a conversation or not; `first_word` is in seconds."""
        with self._database.write() as rows:
            rows.add(
                AnswerRow(
                    id=answer,
                    user=scope.caller.id,
                    created=time.time(),
                    matters=sorted(scope.matters),
                    proof=proof,
                    adapter=proof["adapter"]["name"],
                    version=proof["adapter"]["version"],
                    first_word=first_word,
                )
            )

    def judge(self, answer: str, verdict: str, correction: str, caller: Caller) -> None:
        """A person's thumb, and how they would have put it, on an answer of their own; the last one counts."""
        with self._database.write() as rows:
            row = rows.get(AnswerRow, answer)
            if row is None or row.user != caller.id:
                raise NotFound("There is no such answer among yours.")
            rows.merge(
                Feedback(
                    answer=answer, user=caller.id, verdict=verdict, correction=correction, created=time.time()
                )
            )


def _visible(scope: Scope, matter: str) -> None:
    if not scope.covers(frozenset([matter])):
        raise NotFound("There is no such matter among yours.")


def _find(rows: Session, conversation: str, scope: Scope) -> Conversation:
    row = rows.get(Conversation, conversation)
    if row is None or row.user != scope.caller.id or row.matter not in scope.matters:
        raise NotFound("There is no such conversation among yours.")
    return row


def _counts(rows: Session, conversations: list[str]) -> dict[str, tuple[int, int, int]]:
    """Answers, citations and refusals of each conversation."""
    citations = func.json_array_length(AnswerRow.proof, "$.citations")
    refused = case((func.json_extract(AnswerRow.proof, "$.refused").is_not(None), 1), else_=0)
    query = (
        select(Turn.conversation, func.count(AnswerRow.id), func.sum(citations), func.sum(refused))
        .join(AnswerRow, AnswerRow.id == Turn.answer)
        .where(Turn.conversation.in_(conversations))
        .group_by(Turn.conversation)
    )
    return {row[0]: (row[1], row[2] or 0, row[3] or 0) for row in rows.execute(query)}


def _card(row: Conversation, answers: int, citations: int, refused: int) -> ConversationCard:
    return ConversationCard(
        row.id, row.matter, row.title, row.created, row.updated, answers, citations, refused
    )


def _title(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= TITLE_LENGTH else words[: TITLE_LENGTH - 1].rsplit(" ", 1)[0] + "…"
