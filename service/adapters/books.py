"""The books of what came in: admissions kept, and an adapter that passed entered under its name."""

import time
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from service.adapters.admission import Admission, Wanted, titled
from service.adapters.deeds import note, point
from service.adapters.findings import Check, Passed
from service.adapters.versions import Named, Version, named
from service.errors import Conflict
from service.storage import Database
from service.storage.tables import AdapterRow, AdmissionRow, VersionRow

KEPT = 30 * 86400.0  # seconds that a refusal can be read
SHIPPED = "shipped"
OTHERWISE = {
    "answers": "{name} answers questions, and this is an adapter of the embedder. Give it a name of its own.",
    "search": "{name} serves the search, and this is an adapter of the base model. Give it a name of its own.",
}
BROKEN_OFF = "The service stopped during the checks. Upload the adapter again."


@dataclass(frozen=True, slots=True)
class Entered:
    """Under which version an adapter is in the books, and a sentence where that is not a new one."""

    version: int
    told: str = ""


class Walled(Exception):
    """The content came in before, for matters that its bringer does not belong to."""


class Books:
    def __init__(self, database: Database) -> None:
        self._database = database

    def enter(self, wanted: Wanted, passed: Passed, admission: Admission) -> Entered:
        """One transaction: the version, its event, the admission's end, and a new name's first pointer.

        The same content under the same name and behind the same wall is the same version. Content keeps the matters
        that it once came in with: leaving them out later opens no wall. Raises Walled, and Conflict for a name
        whose versions are for something else.
        """
        with self._database.write() as rows:
            matters = wanted.matters | _learned_from(rows, passed.digest, wanted)
            card = named(rows, wanted.name)
            debut = wanted.debut and (card is None or _gives_way(card))
            if card is None:
                title = titled(wanted.title, wanted.name)
                rows.add(AdapterRow(name=wanted.name, title=title, share=0, created=time.time()))
                rows.flush()
            for known in card.versions if card else ():
                if known.kind != passed.kind:
                    raise Conflict(OTHERWISE[known.kind].format(name=wanted.name))
                if (known.digest, known.matters, known.people) == (passed.digest, matters, wanted.people):
                    if debut and card and card.published != known.version:
                        point(rows, card, known.version, wanted.by, "publish")
                    return self._again(rows, known, wanted, admission)
            number = max((v.version for v in card.versions), default=0) + 1 if card else 1
            rows.add(_row(wanted, number, passed, matters))
            note(rows, "admit", wanted.name, wanted.by, number, after=passed.digest[:12])
            if debut:
                fresh = named(rows, wanted.name)
                assert fresh is not None
                point(rows, fresh, number, wanted.by, "publish")
            rows.merge(_admission(admission, "ready", number, ""))
            return Entered(number)

    def _again(self, rows: Session, known: Version, wanted: Wanted, admission: Admission) -> Entered:
        told = f"The same content is version {known.version} of {known.name} already."
        if known.retired:
            rows.get_one(VersionRow, (known.name, known.version)).state = "ready"
            note(rows, "admit", known.name, wanted.by, known.version, "retired", "ready")
            told = f"The same content was version {known.version} of {known.name}, which is in use again."
        if wanted.origin != SHIPPED:  # the house brings its own at every start, and need not say so
            rows.merge(_admission(admission, "ready", known.version, told))
        return Entered(known.version, told)

    def keep(self, admission: Admission) -> None:
        with self._database.write() as rows:
            if admission.wanted.origin == SHIPPED:  # of the house's own only the last refusal is of use
                same = AdmissionRow.name == admission.wanted.name
                rows.execute(delete(AdmissionRow).where(same, AdmissionRow.origin == SHIPPED))
            rows.merge(_admission(admission, admission.state, admission.version, admission.told))

    def admission(self, id: str) -> Admission | None:
        with self._database.read() as rows:
            row = rows.get(AdmissionRow, id)
            return None if row is None else _read(row)

    def admissions(self) -> list[Admission]:
        """The newest first."""
        with self._database.read() as rows:
            return [
                _read(row) for row in rows.scalars(select(AdmissionRow).order_by(AdmissionRow.created.desc()))
            ]

    def mend(self) -> None:
        """After a start: checks that a stop broke off are refusals, and old ones go."""
        with self._database.write() as rows:
            rows.execute(delete(AdmissionRow).where(AdmissionRow.created < time.time() - KEPT))
            for row in rows.scalars(select(AdmissionRow).where(AdmissionRow.state == "checking")):
                row.state, row.told = "refused", BROKEN_OFF

    def wanted(self) -> dict[str, list[tuple[str, int]]]:
        """Digests that must lie on the shelf, each with the versions that need it."""
        found: dict[str, list[tuple[str, int]]] = {}
        with self._database.read() as rows:
            for row in rows.scalars(select(VersionRow).where(VersionRow.state == "ready")):
                found.setdefault(row.digest, []).append((row.name, row.version))
        return found

    def needs(self, digest: str) -> bool:
        with self._database.read() as rows:
            same = (VersionRow.digest == digest, VersionRow.state == "ready")
            return bool(rows.scalar(select(func.count()).select_from(VersionRow).where(*same)))


def _learned_from(rows: Session, digest: str, wanted: Wanted) -> frozenset[str]:
    found = rows.scalars(select(VersionRow.matters).where(VersionRow.digest == digest))
    known = frozenset(matter for matters in found for matter in matters)
    if wanted.scope is not None and not wanted.scope.covers(known):
        raise Walled
    return known


def _gives_way(card: Named) -> bool:
    """What ships for the search follows the project, unless somebody has published another version."""
    published = card.version(card.published)
    return published is not None and published.kind == "search" and published.origin == SHIPPED


def _row(wanted: Wanted, number: int, passed: Passed, matters: frozenset[str]) -> VersionRow:
    facts = passed.facts
    return VersionRow(
        name=wanted.name,
        version=number,
        digest=passed.digest,
        kind=passed.kind,
        state="ready",
        base=facts.base.fingerprint,
        form=facts.form,
        rank=facts.rank,
        scale=facts.scale,
        tensors=facts.tensors,
        size=facts.bytes,
        origin=wanted.origin,
        matters=sorted(matters),
        people=sorted(wanted.people),
        by=wanted.by,
        created=time.time(),
        probe=dict(passed.probe),
    )


def _admission(admission: Admission, state: str, version: int | None, told: str) -> AdmissionRow:
    wanted = admission.wanted
    return AdmissionRow(
        id=admission.id,
        name=wanted.name,
        title=wanted.title,
        state=state,
        origin=wanted.origin,
        matters=sorted(wanted.matters),
        people=sorted(wanted.people),
        by=wanted.by,
        created=admission.created,
        checks=[
            {"name": check.name, "ok": check.ok, "said": list(check.said), "seconds": took}
            for check, took in admission.checks
        ],
        version=version,
        told=told,
    )


def _read(row: AdmissionRow) -> Admission:
    wanted = Wanted(row.name, row.title, frozenset(row.matters), frozenset(row.people), row.origin, row.by)
    checks = tuple((Check(c["name"], c["ok"], tuple(c["said"])), c["seconds"]) for c in row.checks)
    state = row.state if row.state in ("ready", "refused") else "checking"
    return Admission(row.id, wanted, state, row.created, checks, 0.0, row.version, row.told)  # type: ignore[arg-type]
