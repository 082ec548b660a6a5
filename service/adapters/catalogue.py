"""What there is of adapters, and who may see and use it: every look at them stands behind the wall of a `Scope`."""

import contextlib
from dataclasses import replace
from pathlib import Path

from sqlalchemy import select

from service.adapters import searching, sight
from service.adapters.admission import DEFAULT
from service.adapters.deeds import UNKNOWN, earlier
from service.adapters.door import Model
from service.adapters.figures import Figures, figures, uses
from service.adapters.packing import packed
from service.adapters.shelf import Shelf
from service.adapters.splits import chosen
from service.adapters.versions import Event, Named, Version, all_named, events, moved, named
from service.core import BASE, Adapter, LoraFile, Role, Scope
from service.errors import Conflict, NotFound, NotReady
from service.storage import Database
from service.storage.tables import Matter


class Catalogue:
    """Names and what they point to. One outside a wall is not found, in the words for one that does not exist."""

    def __init__(self, database: Database, shelf: Shelf, model: Model) -> None:
        self._database, self._shelf, self._model = database, shelf, model

    # --- who answers ----------------------------------------------------------------------------------------

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

    # --- what there is --------------------------------------------------------------------------------------

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

    # --- out of the house -----------------------------------------------------------------------------------

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

    # --- inside ---------------------------------------------------------------------------------------------

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
