"""What was learned from what: from a document to rows, runs, adapters and answers, and back.

Everything is told behind the wall: a run that also learned from a matter of others is not there for who asks, nor is
what it made. Members are told of adapters only, for data sets and runs are no business of theirs.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from service.core import Role, Scope
from service.errors import NotFound
from service.storage import Database
from service.storage.tables import (
    AdapterRow,
    AnswerRow,
    Dataset,
    DatasetRow,
    DocumentRow,
    JobLearned,
    JobRow,
    VersionRow,
)

AT_ONCE = 500
UNKNOWN = "There is no such run among yours."


@dataclass(frozen=True, slots=True)
class Source:
    """A document that was learned from. One that is gone has no title any more."""

    document: str
    title: str
    train: int  # rows
    held_out: int


@dataclass(frozen=True, slots=True)
class Holding:
    """A data set with rows from a document."""

    id: str
    name: str
    rows: int


@dataclass(frozen=True, slots=True)
class Run:
    number: int
    name: str
    state: str
    adapter: str
    version: int | None
    train: int  # rows, of what was asked for
    held_out: int


@dataclass(frozen=True, slots=True)
class Made:
    """A version of an adapter that learned, and how many answers it wrote."""

    name: str
    version: int
    published: bool
    retired: bool
    answers: int


@dataclass(frozen=True, slots=True)
class Lineage:
    datasets: tuple[Holding, ...] = ()
    runs: tuple[Run, ...] = ()
    adapters: tuple[Made, ...] = ()
    documents: tuple[Source, ...] = ()

    def told(self, documents: int = 1) -> str:
        """What deleting so many documents does not undo, in a sentence; "" where nothing learned from them."""
        learned = [f"{one.name} version {one.version}" for one in self.adapters if not one.retired]
        if not learned:
            return ""
        verb, pronoun = ("has", "it") if len(learned) == 1 else ("have", "them")
        source, without = ("it", "the document") if documents == 1 else ("them", "these documents")
        return (
            f"{_listed(learned)} {verb} learned from {source} and will go on answering. To end that, retire {pronoun}, "
            f"or train anew without {without}."
        )


class Lineages:
    def __init__(self, database: Database) -> None:
        self._database = database

    def of_documents(self, documents: Collection[str], scope: Scope) -> Lineage:
        """What learned from any of these documents. Who asks must be let in to them, which is not looked at here."""
        with self._database.read() as rows:
            runs = _runs(rows, JobLearned.document.in_(list(documents)[:AT_ONCE]), scope)
            return Lineage(_holdings(rows, documents, scope), _told(runs, scope), _made(rows, runs, scope))

    def of_run(self, number: int, scope: Scope) -> Lineage:
        """What a run learned from, and what it made. NotFound where it does not exist, or lies behind a wall."""
        with self._database.read() as rows:
            runs = _runs(rows, JobLearned.job == number, scope)
            if not _told(runs, scope):
                raise NotFound(UNKNOWN)
            return Lineage((), tuple(runs), _made(rows, runs, scope), _sources(rows, [number]))

    def of_adapter(self, name: str, scope: Scope) -> Lineage:
        """What the versions of a name learned from. Empty where no run made one."""
        with self._database.read() as rows:
            numbers = list(rows.scalars(select(JobRow.id).where(JobRow.adapter == name)))
            runs = _runs(rows, JobLearned.job.in_(numbers), scope)
            told = _told(runs, scope)
            sources = _sources(rows, [run.number for run in told]) if told else ()
            return Lineage((), told, _made(rows, runs, scope), sources)


def _runs(rows: Session, which: ColumnElement[bool], scope: Scope) -> list[Run]:
    """The runs that learned from these rows and whose matters the scope covers, the newest first."""
    count = select(JobLearned.job, JobLearned.split, func.count()).where(which)
    found = dict[int, dict[str, int]]()
    for number, split, rows_of in rows.execute(count.group_by(JobLearned.job, JobLearned.split)):
        found.setdefault(number, {})[split] = rows_of
    jobs = rows.scalars(select(JobRow).where(JobRow.id.in_(found)).order_by(JobRow.id.desc()))
    return [
        Run(
            job.id,
            job.name,
            job.state,
            job.adapter,
            job.version,
            found[job.id].get("train", 0),
            found[job.id].get("held_out", 0),
        )
        for job in jobs
        if scope.covers(frozenset(job.matters))
    ]


def _told(runs: list[Run], scope: Scope) -> tuple[Run, ...]:
    return () if scope.caller.role is Role.MEMBER else tuple(runs)


def _holdings(rows: Session, documents: Collection[str], scope: Scope) -> tuple[Holding, ...]:
    if scope.caller.role is Role.MEMBER:
        return ()
    query = (
        select(Dataset, func.count())
        .join(DatasetRow, DatasetRow.dataset == Dataset.id)
        .where(DatasetRow.document.in_(list(documents)[:AT_ONCE]))
        .group_by(Dataset.id)
        .order_by(Dataset.created)
    )
    return tuple(
        Holding(one.id, one.name, count)
        for one, count in rows.execute(query)
        if scope.covers(frozenset(one.matters))
    )


def _made(rows: Session, runs: list[Run], scope: Scope) -> tuple[Made, ...]:
    """The versions that runs made, as far as this person may use or manage them."""
    found = list[Made]()
    for run in runs:
        version = rows.get(VersionRow, (run.adapter, run.version)) if run.version is not None else None
        if version is None or not _open(version, scope):
            continue
        name = rows.get_one(AdapterRow, version.name)
        found.append(
            Made(
                version.name,
                version.version,
                name.published == version.version,
                version.state == "retired",
                _answers(rows, version, scope),
            )
        )
    return tuple(found)


def _open(version: VersionRow, scope: Scope) -> bool:
    if not scope.covers(frozenset(version.matters)):
        return False
    mine = not version.people or scope.caller.id in version.people or version.by == scope.caller.id
    return mine or scope.caller.role is Role.ADMIN


def _answers(rows: Session, version: VersionRow, scope: Scope) -> int:
    """How many answers it wrote in matters that this person may see."""
    of = (AnswerRow.adapter == version.name, AnswerRow.version == version.version)
    found = rows.execute(select(AnswerRow.matters, func.count()).where(*of).group_by(AnswerRow.matters))
    return sum(count for matters, count in found if scope.covers(frozenset(matters)))


def _sources(rows: Session, jobs: Collection[int]) -> tuple[Source, ...]:
    query = (
        select(JobLearned.document, JobLearned.split, func.count())
        .where(JobLearned.job.in_(jobs), JobLearned.document != "")
        .group_by(JobLearned.document, JobLearned.split)
    )
    counts = dict[str, dict[str, int]]()
    for document, split, count in rows.execute(query):
        counts.setdefault(document, {})[split] = count
    titles = dict[str, str]()
    listed = list(counts)
    for at in range(0, len(listed), AT_ONCE):
        some = select(DocumentRow.id, DocumentRow.title).where(DocumentRow.id.in_(listed[at : at + AT_ONCE]))
        titles.update((row[0], row[1]) for row in rows.execute(some))
    made = [
        Source(document, titles.get(document, ""), split.get("train", 0), split.get("held_out", 0))
        for document, split in counts.items()
    ]
    return tuple(sorted(made, key=lambda source: (source.title, source.document)))


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
