"""What is done with names: each deed is one transaction, and its event is written in it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import update
from sqlalchemy.orm import Session

from service.adapters.splits import MOST, trail
from service.adapters.versions import Named, Version, events, named
from service.errors import BadRequest, Conflict, NotFound
from service.storage import Database
from service.storage.tables import AdapterEvent, AdapterRow, Matter, VersionRow

UNKNOWN = "There is no adapter of this name. GET /v1/models lists those that you may use."


class Deeds:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._one = threading.Lock()  # a deed reads before it writes, and nothing may come between

    def publish(self, name: str, version: int | None, by: str) -> None:
        """Points the name to a version, or to none, and ends its split. To the same one again: nothing is done."""
        with self._deed(name) as (rows, card):
            if version is not None:
                _ready(card, version)
            if card.published != version or card.candidate is not None:
                point(rows, card, version, by, "publish")

    def rollback(self, name: str, by: str, served: Callable[[Version], bool]) -> Version:
        """Points the name to the last version before this one that can still be `served`; which one that is."""
        with self._deed(name) as (rows, card):
            version = earlier(rows, card, served)
            if version is None:
                raise Conflict(f"{name} has no earlier version to go back to. Publish another one instead.")
            point(rows, card, version.version, by, "rollback")
            return version

    def retire(self, name: str, version: int, by: str) -> Version:
        """Takes a version out of use for good. One that answers, or has a share of the questions, stays."""
        with self._deed(name) as (rows, card):
            found = _ready(card, version)
            if version == card.published:
                raise Conflict(f"Version {version} of {name} is published. Publish another one first.")
            if version == card.candidate:
                raise Conflict(
                    f"Version {version} of {name} has a share of its questions. End the split first."
                )
            rows.get_one(VersionRow, (name, version)).state = "retired"
            note(rows, "retire", name, by, version, "ready", "retired")
            return found

    def split(self, name: str, version: int, share: int, by: str) -> None:
        """Gives a version `share` per cent of the name's questions; 0 ends the split."""
        if not 0 <= share <= MOST:
            raise BadRequest(f"A split gives the candidate 1 to {MOST} per cent of the questions; 0 ends it.")
        with self._deed(name) as (rows, card):
            if share and (card.published is None or version == card.published):
                raise Conflict("A split is between the published version and another one. Publish one first.")
            if share:
                _ready(card, version)
            elif card.candidate != version:
                raise Conflict(f"Version {version} of {name} has no share of its questions.")
            row = rows.get_one(AdapterRow, name)
            row.candidate, row.share = (version if share else None), share
            before = card.share if card.candidate == version else 0
            note(rows, "split", name, by, version, f"{before} %", f"{share} %")

    def fix(self, matter: str, name: str, by: str) -> None:
        """Makes a name the one that answers in a matter unless a question says; "" gives that back to the base."""
        with self._one, self._database.write() as rows:
            row = rows.get(Matter, matter)
            if row is None:
                raise NotFound("There is no such matter among yours.")
            if row.adapter != name:
                note(rows, "fix", name or row.adapter, by, None, row.adapter, name, matter)
                row.adapter = name

    @contextmanager
    def _deed(self, name: str) -> Iterator[tuple[Session, Named]]:
        with self._one, self._database.write() as rows:
            card = named(rows, name)
            if card is None:
                raise NotFound(UNKNOWN)
            yield rows, card


def earlier(rows: Session, card: Named, served: Callable[[Version], bool]) -> Version | None:
    """The last version that was published before this one and can still be `served`."""
    for number in reversed(trail(events(rows, card.name))[:-1]):
        version = card.version(number) if number != card.published else None
        if version is not None and not version.retired and served(version):
            return version
    return None


def point(rows: Session, card: Named, version: int | None, by: str, what: str) -> None:
    rows.execute(
        update(AdapterRow)
        .where(AdapterRow.name == card.name)
        .values(published=version, candidate=None, share=0)
    )
    note(rows, what, card.name, by, version, _standing(card.published), _standing(version))


def note(
    rows: Session,
    what: str,
    name: str,
    by: str,
    version: int | None = None,
    before: str = "",
    after: str = "",
    matter: str = "",
) -> None:
    rows.add(
        AdapterEvent(
            what=what,
            name=name,
            version=version,
            before=before,
            after=after,
            by=by,
            at=time.time(),
            matter=matter,
        )
    )


def _ready(card: Named, number: int) -> Version:
    version = card.version(number)
    if version is None:
        raise NotFound(f"{card.name} has no version {number}.")
    if version.retired:
        raise Conflict(f"Version {number} of {card.name} is retired. Upload it again to use it.")
    return version


def _standing(version: int | None) -> str:
    return "" if version is None else str(version)
