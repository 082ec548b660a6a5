"""A fine-tune from its launch to its end, as the books have it: what it is, where it stands, who did what with it."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, defer

from service.core import Scope
from service.errors import NotFound
from service.storage import Database
from service.storage.tables import AnswerRow, JobEvent, JobLearned, JobRow, Matter
from service.training.recipe import Kind

UNKNOWN = "There is no such run among yours."
HEARD = 200  # answers, the last ones, that a median of first words is taken from
FEWEST = 5  # answers below which no median is told


class JobState(StrEnum):
    """Where a run stands. It leaves the last four only when somebody resumes one that stopped or failed."""

    QUEUED = "queued"
    PREPARING = "preparing"
    TRAINING = "training"
    EVALUATING = "evaluating"
    WAITING = "waiting"  # for somebody's approval
    PUBLISHED = "published"
    DECLINED = "declined"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        return self in (JobState.PUBLISHED, JobState.DECLINED, JobState.STOPPED, JobState.FAILED)

    @property
    def works(self) -> bool:
        """Whether the machine is busy with it."""
        return self in (JobState.PREPARING, JobState.TRAINING, JobState.EVALUATING)

    @property
    def resumes(self) -> bool:
        return self in (JobState.STOPPED, JobState.FAILED)


BUSY = (JobState.PREPARING, JobState.TRAINING, JobState.EVALUATING)


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody launches. `name` is the adapter's, of which it is to be a version."""

    name: str
    title: str
    kind: Kind
    dataset: str
    recipe: Mapping[str, Any]
    matters: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    by: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    number: int
    order: Order
    state: JobState
    created: float
    reason: str = ""
    started: float | None = None
    ended: float | None = None
    pid: int | None = None
    base: str = ""
    counts: Mapping[str, Any] = field(default_factory=dict)
    progress: Mapping[str, Any] = field(default_factory=dict)
    report: Mapping[str, Any] | None = None
    adapter: str = ""
    version: int | None = None
    approved_by: str = ""
    approval_reason: str = ""
    cancel: bool = False
    resumed: int = 0

    def seen(self, scope: Scope) -> bool:
        return scope.covers(self.order.matters)


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done with a run: by whom (an id; "" for the house), and the reason that they gave."""

    what: str
    by: str
    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class Learned:
    """A row that a run learned from, or was examined on."""

    row: str
    document: str
    split: str


def waiting(database: Database) -> tuple[int, int]:
    """How many are in line, and how many the machine is busy with."""
    with database.read() as rows:
        query = select(JobRow.state, func.count()).group_by(JobRow.state)
        counted = {row[0]: row[1] for row in rows.execute(query)}
    return counted.get(JobState.QUEUED.value, 0), sum(counted.get(state.value, 0) for state in BUSY)


class JobBooks:
    def __init__(self, database: Database) -> None:
        self._database = database

    def enter(self, order: Order) -> Job:
        """The last in line."""
        with self._database.write() as rows:
            row = JobRow(
                name=order.name,
                title=order.title,
                kind=order.kind,
                dataset=order.dataset,
                matters=sorted(order.matters),
                people=sorted(order.people),
                recipe=dict(order.recipe),
                state=JobState.QUEUED.value,
                by=order.by,
                created=time.time(),
                counts={},
                progress={},
            )
            rows.add(row)
            rows.flush()
            _note(rows, row.id, "launch", order.by)
            return _job(row)

    def job(self, number: int) -> Job:
        with self._database.read() as rows:
            row = rows.get(JobRow, number)
            if row is None:
                raise NotFound(UNKNOWN)
            return _job(row)

    def jobs(self) -> list[Job]:
        """The newest first, without their reports."""
        with self._database.read() as rows:
            query = select(JobRow).options(defer(JobRow.report)).order_by(JobRow.id.desc())
            return [_job(row, report=False) for row in rows.scalars(query)]

    def next(self) -> Job | None:
        """Whose turn it is: the one that the machine was busy with, or else the first in line."""
        with self._database.read() as rows:
            for states in (BUSY, (JobState.QUEUED,)):
                query = select(JobRow).where(JobRow.state.in_([state.value for state in states]))
                row = rows.scalars(query.order_by(JobRow.id).limit(1)).first()
                if row is not None:
                    return _job(row)
        return None

    def waiting(self) -> tuple[int, int]:
        return waiting(self._database)

    def change(self, number: int, *, only: Iterable[JobState] = (), **values: Any) -> Job | None:
        """Changes what is given, where the run is in one of the states of `only` (any, if there are none).

        None where it is not: somebody was quicker.
        """
        with self._database.write() as rows:
            row = rows.get_one(JobRow, number)
            if (allowed := set(only)) and row.state not in allowed:
                return None
            for name, value in values.items():
                setattr(row, name, value.value if isinstance(value, JobState) else value)
            return _job(row)

    def note(self, number: int, what: str, by: str, reason: str = "") -> None:
        with self._database.write() as rows:
            _note(rows, number, what, by, reason)

    def deeds(self, number: int) -> list[Deed]:
        """The oldest first."""
        with self._database.read() as rows:
            query = select(JobEvent).where(JobEvent.job == number).order_by(JobEvent.id)
            return [Deed(row.what, row.by, row.at, row.reason) for row in rows.scalars(query)]

    def learn(self, number: int, learned: Sequence[Learned]) -> None:
        """What the run learns from, in place of what was noted before."""
        with self._database.write() as rows:
            rows.execute(delete(JobLearned).where(JobLearned.job == number))
            rows.add_all(
                JobLearned(job=number, row=r.row, document=r.document, split=r.split) for r in learned
            )

    def orphans(self) -> list[Job]:
        """Runs that learned from a matter that is there no more."""
        with self._database.read() as rows:
            there = set(rows.scalars(select(Matter.id)))
            query = select(JobRow).options(defer(JobRow.report)).order_by(JobRow.id)
            return [
                _job(row, report=False) for row in rows.scalars(query) if not there.issuperset(row.matters)
            ]

    def speed(self, base: str, kind: Kind) -> float | None:
        """Tokens a second that the last run of this kind on this base came to."""
        with self._database.read() as rows:
            alike = (JobRow.base == base, JobRow.kind == kind, JobRow.progress != {})
            query = select(JobRow.progress).where(*alike)
            for progress in rows.scalars(query.order_by(JobRow.id.desc()).limit(8)):
                if found := progress.get("tokens_per_second"):
                    return float(found)
        return None

    def first_words(self, since: float, until: float) -> list[float]:
        """Seconds to the first word of the last answers in that time."""
        with self._database.read() as rows:
            when = (AnswerRow.created >= since, AnswerRow.created < until, AnswerRow.first_word.is_not(None))
            query = select(AnswerRow.first_word).where(*when).order_by(AnswerRow.created.desc()).limit(HEARD)
            return [seconds for seconds in rows.scalars(query) if seconds is not None]


def _note(rows: Session, number: int, what: str, by: str, reason: str = "") -> None:
    rows.add(JobEvent(job=number, what=what, by=by, at=time.time(), reason=reason))


def _job(row: JobRow, report: bool = True) -> Job:
    order = Order(
        row.name,
        row.title,
        "classify" if row.kind == "classify" else "answers",
        row.dataset,
        row.recipe,
        frozenset(row.matters),
        frozenset(row.people),
        row.by,
    )
    return Job(
        row.id,
        order,
        JobState(row.state),
        row.created,
        row.reason,
        row.started,
        row.ended,
        row.pid,
        row.base,
        row.counts,
        row.progress,
        row.report if report else None,
        row.adapter,
        row.version,
        row.approved_by,
        row.approval_reason,
        row.cancel,
        row.resumed,
    )
