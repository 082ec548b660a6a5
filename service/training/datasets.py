"""Data sets: rows that somebody looks through before anything is learned from them, behind the wall of their papers.

A data set carries the matters that its rows came from, and is there only for trainers and admins who belong to all of
them. Rows come in as proposed or accepted; what is rejected stays, so that it is not proposed again.
"""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from service.core import Role, Scope
from service.errors import BadRequest, NotFound, TooLarge, Unfit
from service.storage import Database
from service.storage.tables import Dataset, DatasetRow, DocumentRow, Matter
from service.training.rows import KINDS, Kind, Provenance, Row, fault, tidy

State = Literal["proposed", "accepted", "rejected"]
STATES: tuple[State, ...] = get_args(State)
UNKNOWN = "There is no such data set among yours."
NO_ROW = "There is no such row in this data set."
MOST = 500_000  # rows of one data set
NAME = 120  # characters
AT_ONCE = 500  # ids in one query

Rows = Sequence[tuple[str, Row]]  # each under its id in the data set


@dataclass(frozen=True, slots=True)
class Card:
    """A data set without its rows. `by` is the id of who made it."""

    id: str
    name: str
    kind: Kind
    matters: frozenset[str]
    by: str
    created: float
    note: str
    counts: Mapping[str, int]  # rows by their state
    answerable: int  # accepted rows with an answer
    origins: Mapping[str, int]  # rows by where they came from, rejected ones left out
    documents: int  # groups that accepted rows belong to


@dataclass(frozen=True, slots=True)
class Kept:
    """A row in a data set. `id` stays when the row is edited."""

    id: str
    dataset: str
    state: State
    row: Row
    edited_by: str
    at: float


@dataclass(frozen=True, slots=True)
class Added:
    added: int = 0
    duplicates: int = 0  # there already, whatever was decided on them
    dropped: Mapping[str, int] = field(default_factory=dict)  # by reason

    def __add__(self, other: "Added") -> "Added":
        dropped = dict(Counter(self.dropped) + Counter(other.dropped))
        return Added(self.added + other.added, self.duplicates + other.duplicates, dropped)


class Datasets:
    def __init__(self, database: Database) -> None:
        self.database = database

    # --- data sets ---------------------------------------------------------------------------------------

    def open(self, name: str, kind: Kind, scope: Scope, matters: Iterable[str] = (), note: str = "") -> Card:
        name, within = " ".join(name.split()), frozenset(matters)
        if not 1 <= len(name) <= NAME:
            raise BadRequest(f"A data set's name has 1 to {NAME} characters.", field="name")
        if kind not in KINDS:
            raise BadRequest(f"A data set is for {' or '.join(KINDS)}.", field="kind")
        if not scope.covers(within):
            raise NotFound("There is no such matter among yours.", field="matters")
        id = "t" + secrets.token_hex(8)
        with self.database.write() as rows:
            rows.add(
                Dataset(
                    id=id,
                    name=name,
                    kind=kind,
                    created=time.time(),
                    by=scope.caller.id,
                    matters=sorted(within),
                    note=note,
                )
            )
        return self.card(id, scope)

    def cards(self, scope: Scope) -> list[Card]:
        """Those that this person may see, the newest first."""
        with self.database.read() as rows:
            found = rows.scalars(select(Dataset).order_by(Dataset.created.desc()))
            return [_card(rows, one) for one in found if _sees(scope, one)]

    def card(self, id: str, scope: Scope) -> Card:
        """Raises NotFound alike for one that does not exist and one behind the wall."""
        with self.database.read() as rows:
            return _card(rows, _find(rows, id, scope))

    def remove(self, id: str, scope: Scope) -> None:
        """Deletes the data set with its rows. Runs that learned from it keep their lineage."""
        with self.database.write() as rows:
            rows.delete(_find(rows, id, scope))

    # --- rows --------------------------------------------------------------------------------------------

    def rows(
        self, id: str, scope: Scope, state: str = "", offset: int = 0, limit: int = 50, origin: str = ""
    ) -> tuple[list[Kept], int]:
        """A page of its rows, the newest first, and how many there are in all."""
        _known(state)
        with self.database.read() as rows:
            wanted = _wanted(_find(rows, id, scope).id, state, origin)
            count = rows.scalar(select(func.count()).select_from(DatasetRow).where(*wanted)) or 0
            query = select(DatasetRow).where(*wanted).order_by(DatasetRow.at.desc(), DatasetRow.id)
            return [_kept(row) for row in rows.scalars(query.offset(offset).limit(limit))], count

    def accepted(self, id: str, scope: Scope) -> list[Row]:
        """All that may be learned from."""
        with self.database.read() as rows:
            wanted = _wanted(_find(rows, id, scope).id, "accepted", "")
            return [
                _kept(row).row
                for row in rows.scalars(select(DatasetRow).where(*wanted).order_by(DatasetRow.id))
            ]

    def add(
        self, id: str, new: Iterable[Row], state: State, scope: Scope, matters: Collection[str] = ()
    ) -> Added:
        """Takes rows in, each once. The matters that they came from become the data set's, too."""
        with self.database.write() as rows:
            found = _find(rows, id, scope)
            _widen(found, frozenset(matters), scope)
            kind: Kind = "classify" if found.kind == "classify" else "answers"
            fresh, dropped, given = dict[str, Row](), Counter[str](), 0
            for row in map(tidy, new):
                why = _unfit(row, kind, state)
                if why:
                    dropped[why] += 1
                else:
                    fresh.setdefault(row_id(id, row), row)
                    given += 1
            there = _there(rows, fresh)
            if _count(rows, id) + len(fresh) - len(there) > MOST:
                raise TooLarge(f"A data set has at most {MOST:,} rows. Open another one.")
            now = time.time()
            rows.add_all(_made(id, key, row, state, now) for key, row in fresh.items() if key not in there)
            added = len(fresh) - len(there)
        return Added(added, given - added, dict(dropped))

    def change(self, id: str, row: str, scope: Scope, **values: str) -> Kept:
        """Accepts, rejects or edits a row. Only what can be learned from is accepted: Unfit says why not."""
        state = values.pop("state", "")
        _known(state)
        with self.database.write() as rows:
            found = _find(rows, id, scope)
            kept = rows.get(DatasetRow, row)
            if kept is None or kept.dataset != id:
                raise NotFound(NO_ROW)
            for name, value in _edited(kept, values).items():
                setattr(kept, name, value)
                kept.edited_by = scope.caller.id
            kept.state = state or kept.state
            why = fault(_kept(kept).row, "classify" if found.kind == "classify" else "answers")
            if why and kept.state == "accepted":
                raise Unfit(f"The row cannot be accepted. {why}", reasons=[why])
            return _kept(kept)

    def decide(
        self, id: str, state: State, scope: Scope, only: Collection[str] | None = None, rule: str = ""
    ) -> Added:
        """Accepts or rejects all that is proposed, or of that only these rows, or those of a rule."""
        _known(state)
        done, dropped = 0, Counter[str]()
        with self.database.write() as rows:
            found = _find(rows, id, scope)
            kind: Kind = "classify" if found.kind == "classify" else "answers"
            wanted = [*_wanted(id, "proposed", ""), *([DatasetRow.rule == rule] if rule else [])]
            for kept in rows.scalars(select(DatasetRow).where(*wanted)):
                if only is not None and kept.id not in only:
                    continue
                why = fault(_kept(kept).row, kind) if state == "accepted" else ""
                dropped[why] += bool(why)
                if not why:
                    kept.state, done = state, done + 1
        return Added(done, 0, {why: number for why, number in dropped.items() if why})

    def withdraw(self, id: str, rule: str, scope: Scope) -> None:
        """Takes out what a rule, or a thought of an answer, has proposed and nobody has decided on."""
        with self.database.write() as rows:
            wanted = [*_wanted(_find(rows, id, scope).id, "proposed", ""), DatasetRow.rule == rule]
            rows.execute(delete(DatasetRow).where(*wanted))

    def rewrite(self, id: str, scope: Scope, by: Callable[[Row], Row]) -> int:
        """Puts every row through a change of its words, and says how many it changed. Their ids stay.

        The change may be slow, so it is thought out before anything is locked; what came in meanwhile follows then.
        """
        every = select(DatasetRow).where(DatasetRow.dataset == id)
        with self.database.read() as rows:
            _find(rows, id, scope)
            before = [_kept(kept).row for kept in rows.scalars(every)]
        made, changed = {row.id: by(row) for row in before}, 0
        with self.database.write() as rows:
            _find(rows, id, scope)
            for kept in rows.scalars(every):
                old = _kept(kept).row
                new = made.get(old.id) or by(old)
                if (new.question, new.context, new.answer) != (old.question, old.context, old.answer):
                    kept.question, kept.context, kept.answer = new.question, new.context, new.answer
                    kept.edited_by, changed = scope.caller.id, changed + 1
        return changed

    # --- what went ---------------------------------------------------------------------------------------

    def mend(self) -> None:
        """Takes out what came from documents and matters that are gone: deleted text is not learned.

        Of a matter that is gone the rows that name no document go, too, for they may be its; a data set with no matter
        left goes as a whole, for nobody's wall would be around it.
        """
        with self.database.write() as rows:
            gone = DatasetRow.document.not_in(select(DocumentRow.id))
            rows.execute(delete(DatasetRow).where(DatasetRow.document != "", gone))
            there = set(rows.scalars(select(Matter.id)))
            for one in rows.scalars(select(Dataset)):
                left = [matter for matter in one.matters if matter in there]
                if one.matters and not left:
                    rows.delete(one)
                elif left != one.matters:
                    rows.execute(
                        delete(DatasetRow).where(DatasetRow.dataset == one.id, DatasetRow.document == "")
                    )
                    one.matters = left


def row_id(dataset: str, row: Row) -> str:
    return "r" + sha256(f"{dataset} {row.id}".encode()).hexdigest()[:16]


def _sees(scope: Scope, row: Dataset) -> bool:
    return scope.caller.role is not Role.MEMBER and scope.covers(frozenset(row.matters))


def _find(rows: Session, id: str, scope: Scope) -> Dataset:
    row = rows.get(Dataset, id)
    if row is None or not _sees(scope, row):
        raise NotFound(UNKNOWN)
    return row


def _widen(found: Dataset, matters: frozenset[str], scope: Scope) -> None:
    if not scope.covers(matters):
        raise NotFound("There is no such matter among yours.")
    wider = sorted(matters.union(found.matters))
    if wider != found.matters:
        found.matters = wider


def _known(state: str) -> None:
    if state and state not in STATES:
        raise BadRequest(f"A row is {', '.join(STATES[:-1])} or {STATES[-1]}.", field="state")


def _unfit(row: Row, kind: Kind, state: State) -> str:
    """Why a row is not taken. What is only proposed may still be mended, so long as there is something of it."""
    why = fault(row, kind)
    return why if state == "accepted" or not (row.context and (row.question or row.label)) else ""


def _edited(kept: DatasetRow, values: Mapping[str, str]) -> dict[str, str]:
    """What is new in the given parts."""
    parts = ("question", "context", "answer", "label")
    old = {name: getattr(kept, name) for name in parts}
    new = tidy(Row(**(old | {name: values[name] for name in parts if name in values})))
    return {name: getattr(new, name) for name in parts if getattr(new, name) != old[name]}


def _wanted(dataset: str, state: str, origin: str) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [DatasetRow.dataset == dataset]
    found += [DatasetRow.state == state] if state else []
    return found + ([DatasetRow.origin == origin] if origin else [])


def _there(rows: Session, ids: Collection[str]) -> set[str]:
    listed, found = list(ids), set[str]()
    for at in range(0, len(listed), AT_ONCE):
        some = listed[at : at + AT_ONCE]
        found.update(rows.scalars(select(DatasetRow.id).where(DatasetRow.id.in_(some))))
    return found


def _count(rows: Session, dataset: str) -> int:
    query = select(func.count()).select_from(DatasetRow).where(DatasetRow.dataset == dataset)
    return rows.scalar(query) or 0


def _made(dataset: str, id: str, row: Row, state: State, now: float) -> DatasetRow:
    source = row.source
    return DatasetRow(
        id=id,
        dataset=dataset,
        state=state,
        question=row.question,
        context=row.context,
        answer=row.answer,
        label=row.label,
        origin=source.origin,
        document=source.document,
        start=source.start,
        end=source.end,
        title=source.title,
        group=source.group,
        rule=source.rule,
        by=source.person,
        at=now,
    )


def _kept(row: DatasetRow) -> Kept:
    return Kept(row.id, row.dataset, row.state, read_row(row), row.edited_by, row.at)  # type: ignore[arg-type]


def read_row(row: DatasetRow) -> Row:
    source: Any = (row.origin, row.document, row.start, row.end, row.by, row.rule, row.group, row.title)
    return Row(row.question, row.context, row.answer, row.label, Provenance(*source))


def _card(rows: Session, one: Dataset) -> Card:
    mine = DatasetRow.dataset == one.id
    states = rows.execute(select(DatasetRow.state, func.count()).where(mine).group_by(DatasetRow.state))
    kept = DatasetRow.state != "rejected"
    origins = rows.execute(
        select(DatasetRow.origin, func.count()).where(mine, kept).group_by(DatasetRow.origin)
    )
    taken = (mine, DatasetRow.state == "accepted")
    answerable = rows.scalar(
        select(func.count()).select_from(DatasetRow).where(*taken, DatasetRow.answer != "")
    )
    groups = func.count(func.distinct(func.coalesce(func.nullif(DatasetRow.group, ""), DatasetRow.document)))
    return Card(
        one.id,
        one.name,
        "classify" if one.kind == "classify" else "answers",
        frozenset(one.matters),
        one.by,
        one.created,
        one.note,
        dict.fromkeys(STATES, 0) | {row[0]: row[1] for row in states},
        answerable or 0,
        {row[0]: row[1] for row in origins},
        rows.scalar(select(groups).where(*taken)) or 0,
    )
