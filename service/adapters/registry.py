"""What is done with adapters: admit, publish, roll back, split, fix, retire."""

import contextlib
import logging
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path

from service.adapters import searching, sight
from service.adapters.admission import DEFAULT, RESERVED, Admission, Wanted, titled, well_named
from service.adapters.archive import Limits
from service.adapters.books import SHIPPED, Books
from service.adapters.catalogue import Catalogue
from service.adapters.deeds import Deeds
from service.adapters.door import UNKNOWN as NO_ADMISSION
from service.adapters.door import Door, Model
from service.adapters.figures import count
from service.adapters.inventory import adapters_in
from service.adapters.leases import Leases
from service.adapters.searching import SearchPlace
from service.adapters.shelf import Quarantine, Shelf, leave
from service.adapters.versions import Version, named
from service.core import BASE, Adapter, Scope
from service.errors import BadRequest, Conflict, NotFound, PrivityError
from service.storage import Database

log = logging.getLogger("privity.adapters")

TAKEN = "This name cannot be taken. Choose another."


class Adapters(Catalogue):
    """What is done with adapters: brought in, published and taken back; and the catalogue of them."""

    def __init__(self, home: Path, database: Database, model: Model, max_bytes: int) -> None:
        super().__init__(database, Shelf(home / "adapters"), model)
        self._books, self._deeds = Books(database), Deeds(database)
        self._mend()
        self._quarantine = Quarantine(home / "quarantine")
        self._door = Door(self._quarantine, self._shelf, self._books, model, Limits(total=max_bytes))
        self._leases = Leases(self._shelf, self._books, model.release, self._door.later)

    # --- coming in ------------------------------------------------------------------------------------------

    def room(self) -> Path:
        """A folder to receive an upload in; `admit` takes it over, or else `leave` it."""
        return self._door.room()

    def leave(self, room: Path) -> None:
        leave(room)

    def admit(self, source: Path, wanted: Wanted, room: Path | None = None) -> Admission:
        """Puts an adapter in line for the checks, and answers at once. `room` goes with the admission.

        Raises BadRequest for a name that cannot be, Conflict for one that cannot be taken, Busy for a full line, and
        NotReady while the model that it is to be checked against loads.
        """
        self._model.facts()
        if wanted.kept:
            self.require(wanted)
        return self._door.admit(source, wanted, room)

    def require(self, wanted: Wanted) -> None:
        """Raises BadRequest for a name or title that cannot be, Conflict for one that cannot be taken."""
        well_named(wanted.name)
        titled(wanted.title, wanted.name)
        self._require_free(wanted)

    def outcome(self, id: str) -> "Future[Admission]":
        return self._door.outcome(id)

    def admission(self, id: str, scope: Scope) -> Admission:
        """One's own, or for an admin anybody's."""
        found = self._door.admission(id)
        if not sight.minds(found, scope):
            raise NotFound(NO_ADMISSION)
        return found

    def admissions(self, scope: Scope) -> list[Admission]:
        """Those in line and those that were refused in the last 30 days, the newest first."""
        live = self._door.live()
        here = {one.id for one in live}
        refused = [a for a in self._books.admissions() if a.state == "refused" and a.id not in here]
        return [a for a in [*live, *refused] if a.wanted.kept and sight.minds(a, scope)]

    def shelve(self, folder: Path) -> list[Admission]:
        """Admits the folders that ship with the project. A new name is published; what is no adapter is left alone."""
        begun = []
        for place in adapters_in(folder):
            try:
                begun.append(self.admit(place, Wanted(place.name, origin=SHIPPED, debut=True)))
            except PrivityError as error:  # its name cannot be: the others are admitted all the same
                log.warning("a folder that ships with the project is no adapter: %s", error.message)
        return begun

    def searching(self, folder: Path | None) -> list[SearchPlace]:
        """Before the embedder is made: the adapter that serves the search, none where there is no setting, and then
        those by which an older index may still answer. `folder` is where the setting leads, if it leads to one.

        Raises BadRequest with every reason where it leads to what cannot be used.
        """
        search = self._model.search
        own = searching.checked(folder, search.facts(), self._quarantine) if folder else None
        return searching.places(self._database, self._shelf, search.name, own)

    # --- deeds ----------------------------------------------------------------------------------------------

    def publish(self, name: str, version: int | None, by: str) -> None:
        """Points the name to a version, loaded ahead of its first question; None withdraws the name.

        One for the search serves from the next start on: see `told`.
        """
        if version is not None:
            self._prepare(self._version(name, version))
        elif self._searches(name):
            raise Conflict('The search goes without an adapter where the setting search.adapter is "".')
        self._deeds.publish(name, version, by)

    def rollback(self, name: str, by: str) -> int:
        """Points the name to the version that was published before, and tells which that is."""
        version = self._deeds.rollback(name, by, self._fits)
        with contextlib.suppress(PrivityError):  # the pointer is back already; a question will load it
            self._prepare(version)
        return version.version

    def split(self, name: str, version: int, share: int, by: str) -> None:
        """Gives a version a share of the name's questions, in per cent; 0 ends it."""
        if self._searches(name):
            raise Conflict(f"{name} serves the search, which has one embedder. Publish a version instead.")
        if share:
            self._prepare(self._version(name, version))
        self._deeds.split(name, version, share, by)

    def fix(self, matter: str, name: str, scope: Scope) -> None:
        """Makes a name the matter's own; "" takes it away. It must be one that this scope, of that matter, resolves."""
        if name in (BASE.name, DEFAULT):
            name = ""
        if name:
            self.resolve(name, scope)
            if "@" in name:
                raise BadRequest("A matter fixes a name, not a version of it.")
        self._deeds.fix(matter, name, scope.caller.id)

    def expect(self, matter: str, name: str, scope: Scope) -> None:
        """Fixes a name that is yet to come in; until it is published, the base answers."""
        self._deeds.fix(matter, name, scope.caller.id)

    def retire(self, name: str, version: int, by: str) -> None:
        """Takes a version out of use. Its files go when no version has them and nothing runs under them."""
        if self._searches(name):
            searching.require_idle(self._version(name, version), self._model.search)
        found = self._deeds.retire(name, version, by)
        self._leases.let_go(found.digest)

    # --- answers --------------------------------------------------------------------------------------------

    def lease(self, adapter: Adapter) -> AbstractContextManager[None]:
        """Holds an adapter's files while an answer runs under it. Raises Conflict if they went a moment ago."""
        return self._leases.hold(adapter)

    def answered(self, adapter: Adapter) -> None:
        """Counts an answer."""
        with self._database.write() as rows:
            count(rows, adapter.name, adapter.version)

    def close(self) -> None:
        self._door.close()

    # --- inside ---------------------------------------------------------------------------------------------

    def _prepare(self, version: Version) -> None:
        adapter = self._served(version)
        if version.kind == "search":
            searching.require_open(version)
        else:
            self._model.prepare(adapter)

    def _require_free(self, wanted: Wanted) -> None:
        """A name that its bringer cannot see reads like one that nobody may have."""
        if wanted.name in RESERVED:
            raise Conflict(TAKEN)
        with self._database.read() as rows:
            card = named(rows, wanted.name)
        if card is None:
            return
        if wanted.scope is not None and sight.managed(card, wanted.scope) is None:
            raise Conflict(TAKEN)

    def _mend(self) -> None:
        """After a start: nothing on the shelf that no version needs, and what is missing is told."""
        self._books.mend()
        wanted = self._books.wanted()
        self._shelf.sweep(wanted)
        for digest, versions in wanted.items():
            if not self._shelf.whole(digest):
                log.error("an adapter's files are not whole: %s, %d versions", digest[:12], len(versions))
                self._shelf.remove(digest)
