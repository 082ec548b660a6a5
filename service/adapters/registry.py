"""What the house knows of adapters: admit, resolve, publish, roll back, split, retire."""

import contextlib
import logging
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from sqlalchemy import select

from service.adapters import searching, sight
from service.adapters.admission import DEFAULT, RESERVED, Admission, Wanted, titled, well_named
from service.adapters.archive import Limits
from service.adapters.books import SHIPPED, Books
from service.adapters.deeds import UNKNOWN, Deeds, earlier
from service.adapters.door import UNKNOWN as NO_ADMISSION
from service.adapters.door import Door, Model
from service.adapters.figures import Figures, count, figures, uses
from service.adapters.inventory import adapters_in
from service.adapters.leases import Leases
from service.adapters.packing import packed
from service.adapters.searching import SearchPlace
from service.adapters.shelf import Quarantine, Shelf, leave
from service.adapters.splits import chosen
from service.adapters.versions import Event, Named, Version, all_named, events, moved, named
from service.core import BASE, Adapter, LoraFile, Role, Scope
from service.errors import BadRequest, Conflict, NotFound, NotReady, PrivityError
from service.storage import Database
from service.storage.tables import Matter

log = logging.getLogger("privity.adapters")

TAKEN = "This name cannot be taken. Choose another."


class Adapters:
    """Names and what they point to. Whoever resolves or lists one stands behind the wall of a `Scope`.

    An adapter outside a wall is not found, in the words for one that does not exist.
    """

    def __init__(self, home: Path, database: Database, model: Model, max_bytes: int) -> None:
        self._database, self._model = database, model
        self._shelf = Shelf(home / "adapters")
        self._books, self._deeds = Books(database), Deeds(database)
        self._mend()
        self._quarantine = Quarantine(home / "quarantine")
        self._door = Door(self._quarantine, self._shelf, self._books, model, Limits(total=max_bytes))
        self._leases = Leases(self._shelf, self._books, model.release, self._door.later)

    # --- coming in ---------------------------------------------------------------------------------------

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
            well_named(wanted.name)
            titled(wanted.title, wanted.name)
            self._require_free(wanted)
        return self._door.admit(source, wanted, room)

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

    # --- behind the wall ---------------------------------------------------------------------------------

    def resolve(self, name: str, scope: Scope, key: str = "") -> Adapter:
        """The adapter that answers a question put to `name` in this scope: the published one, or by `key` a candidate.

        `default` is what the matter has fixed, or the base. `name@3` is a version of its own, for those who publish.
        Raises NotFound alike for a name that is unknown and one behind the wall, Conflict for one that cannot serve.
        """
        if name == BASE.name:
            return BASE
        if name == DEFAULT:
            return self._default(scope, key)
        plain, at, number = name.partition("@")
        with self._database.read() as rows:
            card = named(rows, plain)
        if card is not None:
            numbers = sight.numbered(number, scope) if at else chosen(card, key)
            for found in map(card.version, numbers):
                if found is not None and not found.retired and found.admits(scope):
                    return self._served(found)
        raise NotFound(UNKNOWN, field="model")

    def fixed(self, scope: Scope) -> str:
        """The name that the scope's matters have fixed, all of them the same one; "" for none."""
        with self._database.read() as rows:
            names = set(rows.scalars(select(Matter.adapter).where(Matter.id.in_(scope.matters))))
        return names.pop() if len(names) == 1 else ""

    def fix(self, matter: str, name: str, scope: Scope) -> None:
        """Makes a name the matter's own; "" takes it away. It must be one that this scope, of that matter, resolves."""
        if name in (BASE.name, DEFAULT):
            name = ""
        if name:
            self.resolve(name, scope)
            if "@" in name:
                raise BadRequest("A matter fixes a name, not a version of it.")
        self._deeds.fix(matter, name, scope.caller.id)

    def visible(self, scope: Scope) -> list[Named]:
        """The names in use that a question in this scope, or in a part of it, may be put to."""
        found = (sight.published(card, scope) for card in self._all())
        return [card for card in found if card is not None]

    def managed(self, scope: Scope) -> list[Named]:
        """Every version that this person has to do with: an admin with all, others with what the wall lets through.

        `scope` is all that the person may see.
        """
        if scope.caller.role is Role.MEMBER:
            return self.visible(scope)
        found = (sight.managed(card, scope) for card in self._all())
        return [card for card in found if card is not None]

    def card(self, name: str, scope: Scope) -> Named:
        """One of `managed`."""
        for card in self.managed(scope):
            if card.name == name:
                return card
        raise NotFound(UNKNOWN)

    def history(self, name: str, scope: Scope) -> list[Event]:
        """What was done with a name, the newest first; matters beyond the scope are not told."""
        self.card(name, scope)
        with self._database.read() as rows:
            return [
                event if event.matter in scope.matters else replace(event, matter="")
                for event in reversed(events(rows, name))
            ]

    def figures(self, card: Named) -> dict[int, Figures]:
        """By version, for those that were asked, and for the two that answer."""
        with self._database.read() as rows:
            asked = {version for name, version in uses(rows) if name == card.name}
            told = [v.version for v in card.versions if v.version in {*asked, card.published, card.candidate}]
            return {version: figures(rows, card.name, version) for version in told}

    def earlier(self, card: Named) -> int | None:
        """The version that a roll back would publish; None for none that the card's reader may see."""
        with self._database.read() as rows:
            version = earlier(rows, card, self._fits)
        return version.version if version else None

    def since(self) -> dict[str, float]:
        """By name, when its pointer last moved, in Unix seconds."""
        with self._database.read() as rows:
            return moved(rows)

    def uses(self) -> dict[tuple[str, int], tuple[int, int]]:
        """Answers today and in all, by name and version."""
        with self._database.read() as rows:
            return uses(rows)

    def export(self, version: Version, scope: Scope, room: Path) -> Path:
        """A zip of the adapter's files that can be admitted again, or its GGUF where that is all there is."""
        if not scope.covers(version.matters):
            raise NotFound(
                f"{version.name} learned from matters that you do not belong to. Ask their members."
            )
        if not self._shelf.whole(version.digest, deep=True):
            raise Conflict(f"The files of version {version.version} of {version.name} are not there.")
        return packed(self._shelf.folder(version.digest), room / f"{version.name}-v{version.version}.zip")

    def gguf(self, version: Version, scope: Scope) -> Path:
        """llama.cpp's form of it."""
        if not scope.covers(version.matters):
            raise NotFound(
                f"{version.name} learned from matters that you do not belong to. Ask their members."
            )
        file = self._shelf.folder(version.digest) / LoraFile.GGUF
        if not file.is_file():
            raise Conflict(f"Version {version.version} of {version.name} has no GGUF.")
        return file

    # --- deeds -------------------------------------------------------------------------------------------

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

    def retire(self, name: str, version: int, by: str) -> None:
        """Takes a version out of use. Its files go when no version has them and nothing runs under them."""
        if self._searches(name):
            searching.require_idle(self._version(name, version), self._model.search)
        found = self._deeds.retire(name, version, by)
        self._leases.let_go(found.digest)

    # --- answers -----------------------------------------------------------------------------------------

    def lease(self, adapter: Adapter) -> AbstractContextManager[None]:
        """Holds an adapter's files while an answer runs under it. Raises Conflict if they went a moment ago."""
        return self._leases.hold(adapter)

    def answered(self, adapter: Adapter) -> None:
        """Counts an answer."""
        with self._database.write() as rows:
            count(rows, adapter.name, adapter.version)

    def state(self, version: Version) -> str:
        """`ready`, `retired`, `missing` (its files are gone), or `misfit` (it was made for another base)."""
        if version.retired:
            return "retired"
        if not self._shelf.holds(version.digest):
            return "missing"
        try:
            return "ready" if self._fits(version) else "misfit"
        except NotReady:  # which base is served is not known yet
            return "ready"

    def serves_search(self, version: Version) -> bool:
        """Whether the search goes by it now."""
        return version.kind == "search" and version.digest == self._model.search.serving()

    def told(self, card: Named) -> str:
        """What becomes of what is published for the search, in a sentence; "" where nothing is to be said."""
        return searching.told(card, self._model.search) if card.versions[-1].kind == "search" else ""

    def close(self) -> None:
        self._door.close()

    # --- inside ------------------------------------------------------------------------------------------

    def _all(self) -> list[Named]:
        with self._database.read() as rows:
            return all_named(rows)

    def _version(self, name: str, number: int) -> Version:
        with self._database.read() as rows:
            card = named(rows, name)
        if card is None:
            raise NotFound(UNKNOWN)
        version = card.version(number)
        if version is None:
            raise NotFound(f"{name} has no version {number}.")
        if version.retired:
            raise Conflict(f"Version {number} of {name} is retired. Upload it again to use it.")
        return version

    def _searches(self, name: str) -> bool:
        with self._database.read() as rows:
            card = named(rows, name)
        return card is not None and card.versions[-1].kind == "search"

    def _prepare(self, version: Version) -> None:
        adapter = self._served(version)
        if version.kind == "search":
            searching.require_open(version)
        else:
            self._model.prepare(adapter)

    def _served(self, version: Version) -> Adapter:
        """The value that a question carries. Raises Conflict where the version is there and cannot serve."""
        if not self._fits(version):
            raise Conflict(f"{version.name} was made for another base model than the one that is served.")
        if not self._shelf.holds(version.digest):
            raise Conflict(f"The files of {version.name} are not there. Upload the adapter again.")
        return version.adapter(self._shelf.folder(version.digest))

    def _fits(self, version: Version) -> bool:
        if version.kind == "search":
            return version.base == self._model.search.facts().fingerprint
        return version.base in {facts.fingerprint for facts in self._model.facts()}

    def _default(self, scope: Scope, key: str) -> Adapter:
        """A matter's own adapter that cannot serve this person leaves them the base, and does not show itself."""
        name = self.fixed(scope)
        if name:
            with contextlib.suppress(NotFound, Conflict):
                return self.resolve(name, scope, key)
        return BASE

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
