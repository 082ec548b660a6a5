"""The wall: which matters a person belongs to, and what they may do there.

A person sees only matters that they belong to, whatever their role: an admin runs the house, and is not thereby
let into every client's papers. Who may not see a matter is told that there is none.
"""

import hashlib
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import delete, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from service.core import Caller, Role, Scope
from service.errors import BadRequest, Conflict, Forbidden, NotFound
from service.storage import Database
from service.storage.tables import DocumentRow, Matter, Member, User

Action = Literal["read", "write", "administer", "train"]


@dataclass(frozen=True, slots=True)
class Verdict:
    allowed: bool
    reason: str  # a sentence; empty when allowed


@dataclass(frozen=True, slots=True)
class MatterCard:
    id: str
    name: str
    created: float
    documents: int
    members: int


def decide(caller: Caller, action: Action, member: bool) -> Verdict:
    """Pure: whether the caller may do this, `member` telling whether they belong to the matter in question."""
    if action == "administer":
        allowed, reason = caller.role is Role.ADMIN, "Only an admin may do this. Ask one."
    elif action == "train":
        allowed, reason = caller.role is not Role.MEMBER, "Only trainers and admins may do this. Ask one."
    else:
        allowed, reason = member, "There is no such matter among yours. Ask one of its members to add you."
    return Verdict(allowed, "" if allowed else reason)


class Walls:
    def __init__(self, database: Database) -> None:
        self._database = database

    def scope(self, caller: Caller, matters: Iterable[str]) -> Scope:
        """The caller's scope over exactly these matters. Raises NotFound unless they belong to every one."""
        wanted = frozenset(matters)
        verdict = decide(caller, "read", wanted <= self._matters_of(caller))
        if not verdict.allowed:
            raise NotFound(verdict.reason)
        return _scope(caller, wanted)

    def whole_scope(self, caller: Caller) -> Scope:
        """Everything that the caller may see, to find a thing whose matter the caller did not name."""
        return _scope(caller, self._matters_of(caller))

    def require(self, caller: Caller, action: Action) -> None:
        """Raises Forbidden with the reason when the caller may not do a thing that belongs to no matter."""
        verdict = decide(caller, action, member=False)
        if not verdict.allowed:
            raise Forbidden(verdict.reason)

    # --- matters ---------------------------------------------------------------------------------------

    def open_matter(self, caller: Caller, name: str) -> MatterCard:
        """A new matter with the caller as its first member."""
        matter = "m" + secrets.token_hex(8)
        with self._database.write() as rows:
            rows.add(Matter(id=matter, name=_named(name), created=time.time()))
            rows.flush()
            rows.add(Member(matter=matter, user=caller.id))
        return self.card(caller, matter)

    def cards(self, caller: Caller) -> list[MatterCard]:
        with self._database.read() as rows:
            documents = _count(rows, DocumentRow.matter, DocumentRow.current)  # not their old versions
            members = _count(rows, Member.matter)
            mine = rows.scalars(
                select(Matter)
                .join(Member, Member.matter == Matter.id)
                .where(Member.user == caller.id)
                .order_by(Matter.created)
            )
            return [
                MatterCard(m.id, m.name, m.created, documents.get(m.id, 0), members.get(m.id, 0))
                for m in mine
            ]

    def card(self, caller: Caller, matter: str) -> MatterCard:
        self.scope(caller, [matter])
        return next(card for card in self.cards(caller) if card.id == matter)

    def rename(self, caller: Caller, matter: str, name: str) -> MatterCard:
        self.scope(caller, [matter])
        with self._database.write() as rows:
            rows.get_one(Matter, matter).name = _named(name)
        return self.card(caller, matter)

    def close_matter(self, caller: Caller, matter: str) -> None:
        """Deletes the matter's rows; its documents and index must be gone before (Library.remove_matter)."""
        self.scope(caller, [matter])
        with self._database.write() as rows:
            rows.execute(delete(Matter).where(Matter.id == matter))

    # --- members ---------------------------------------------------------------------------------------

    def members(self, caller: Caller, matter: str) -> list[Caller]:
        self.scope(caller, [matter])
        with self._database.read() as rows:
            found = rows.scalars(
                select(User)
                .join(Member, Member.user == User.id)
                .where(Member.matter == matter)
                .order_by(User.name)
            )
            return [Caller(user.id, user.name, Role(user.role)) for user in found]

    def admit(self, caller: Caller, matter: str, name: str) -> None:
        self.scope(caller, [matter])
        with self._database.write() as rows:
            user = rows.scalar(select(User).where(User.name == name))
            if user is None:
                raise NotFound(f"There is no user {name}. An admin can add them.")
            if rows.get(Member, (matter, user.id)) is None:
                rows.add(Member(matter=matter, user=user.id))

    def dismiss(self, caller: Caller, matter: str, name: str) -> None:
        """Takes a person out of a matter; the last member stays, or nobody could see it again."""
        members = self.members(caller, matter)
        leaving = next((member for member in members if member.name == name), None)
        if leaving is None:
            raise NotFound(f"{name} is not a member of this matter.")
        if len(members) == 1:
            raise Conflict("The last member cannot leave. Add another one first, or delete the matter.")
        with self._database.write() as rows:
            rows.execute(delete(Member).where(Member.matter == matter, Member.user == leaving.id))

    def _matters_of(self, caller: Caller) -> frozenset[str]:
        with self._database.read() as rows:
            return frozenset(rows.scalars(select(Member.matter).where(Member.user == caller.id)))


def _scope(caller: Caller, matters: frozenset[str]) -> Scope:
    # Plain chat has no matters: there the person is the wall.
    behind = "\0".join(sorted(matters)) or caller.id
    return Scope(caller, matters, salt=hashlib.sha256(behind.encode()).hexdigest())


def _count(
    rows: Session, group: InstrumentedAttribute[str], *where: InstrumentedAttribute[bool]
) -> dict[str, int]:
    query = select(group, func.count()).where(*where).group_by(group)
    return {row[0]: row[1] for row in rows.execute(query)}


def _named(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= 200:
        raise BadRequest("A matter's name has 1 to 200 characters.")
    return name
