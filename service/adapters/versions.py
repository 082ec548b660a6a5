"""What stands in the books: names, versions under them, and what was done with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.adapters.findings import Kind
from service.core import Adapter, Scope
from service.storage.tables import AdapterEvent, AdapterRow, VersionRow


@dataclass(frozen=True, slots=True)
class Version:
    """An adapter under a name. `adapter` is the value that a question carries."""

    name: str
    version: int
    digest: str
    kind: Kind
    retired: bool
    base: str
    form: str
    rank: int
    scale: float
    tensors: int
    size: int  # bytes
    origin: str
    matters: frozenset[str]
    people: frozenset[str]
    by: str
    created: float
    probe: Mapping[str, Any]

    def adapter(self, folder: Path) -> Adapter:
        return Adapter(
            self.name,
            self.digest,
            self.version,
            self.base,
            self.rank,
            self.scale,
            self.matters,
            self.people,
            folder,
            self.origin,
        )

    def admits(self, scope: Scope) -> bool:
        return self.kind == "answers" and self.lets_in(scope)

    def lets_in(self, scope: Scope) -> bool:
        """Whether its wall does: a search adapter has one too, and answers nothing."""
        return self.adapter(Path()).admits(scope)


@dataclass(frozen=True, slots=True)
class Named:
    """A name, and where it points. `candidate` gets `share` per cent of its questions."""

    name: str
    title: str
    published: int | None
    candidate: int | None
    share: int
    created: float
    versions: tuple[Version, ...]  # by their numbers

    def version(self, number: int | None) -> Version | None:
        return next((version for version in self.versions if version.version == number), None)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was done: by whom (an id; "" for the house), and what was so before and after."""

    what: str
    name: str
    version: int | None
    before: str
    after: str
    by: str
    at: float
    matter: str


def named(rows: Session, name: str) -> Named | None:
    row = rows.get(AdapterRow, name)
    return None if row is None else _named(rows, row)


def all_named(rows: Session) -> list[Named]:
    return [_named(rows, row) for row in rows.scalars(select(AdapterRow).order_by(AdapterRow.name))]


def events(rows: Session, name: str) -> list[Event]:
    """The oldest first."""
    found = rows.scalars(select(AdapterEvent).where(AdapterEvent.name == name).order_by(AdapterEvent.id))
    return [Event(e.what, e.name, e.version, e.before, e.after, e.by, e.at, e.matter) for e in found]


def moved(rows: Session) -> dict[str, float]:
    """By name, when its pointer last moved, in Unix seconds."""
    pointed = AdapterEvent.what.in_(("publish", "rollback"))
    query = select(AdapterEvent.name, func.max(AdapterEvent.at)).where(pointed).group_by(AdapterEvent.name)
    return {row[0]: row[1] for row in rows.execute(query)}


def _named(rows: Session, row: AdapterRow) -> Named:
    found = rows.scalars(select(VersionRow).where(VersionRow.name == row.name).order_by(VersionRow.version))
    versions = tuple(_version(version) for version in found)
    return Named(row.name, row.title, row.published, row.candidate, row.share, row.created, versions)


def _version(row: VersionRow) -> Version:
    return Version(
        name=row.name,
        version=row.version,
        digest=row.digest,
        kind="search" if row.kind == "search" else "answers",
        retired=row.state == "retired",
        base=row.base,
        form=row.form,
        rank=row.rank,
        scale=row.scale,
        tensors=row.tensors,
        size=row.size,
        origin=row.origin,
        matters=frozenset(row.matters),
        people=frozenset(row.people),
        by=row.by,
        created=row.created,
        probe=row.probe,
    )
