"""Adapters as HTTP tells them: what a person may know of each, and nothing of matters beyond their wall."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from service.access import decide
from service.adapters import Admission, Event, Figures, Named, Version
from service.api.house import House
from service.core import BASE, Scope
from service.errors import NotReady


class Views:
    """Writes adapters for one person. `scope` is all that the person may see."""

    def __init__(self, house: House, scope: Scope) -> None:
        self._house, self._scope = house, scope
        self.manages = decide(scope.caller, "train", member=False).allowed
        self._uses = house.adapters.uses()
        self._since = house.adapters.since()
        self._matters = {card.id: card.name for card in house.walls.cards(scope.caller)}
        self._names = {person.id: person.name for person in house.accounts.people()} if self.manages else {}

    def base(self) -> dict[str, Any]:
        today, total = self._uses.get((BASE.name, 0), (0, 0))
        return {
            "name": BASE.name,
            "title": "The base model",
            "kind": "base",
            "digest": BASE.digest,
            "version": BASE.version,
            "published": BASE.version,
            "today": today,
            "total": total,
            "versions": [],
        }

    def card(self, card: Named) -> dict[str, Any]:
        """A name with its versions; `digest` and `version` are those of the published one, `since` when it was.

        `told` is a sentence on what becomes of what is published, if one is needed.
        """
        published = card.version(card.published)
        return {
            "name": card.name,
            "title": card.title,
            "kind": card.versions[-1].kind,
            "digest": published.digest if published else None,
            "version": card.published,
            "published": card.published,
            "since": self._since.get(card.name) if card.published else None,
            "candidate": card.candidate,
            "share": card.share,
            "created": card.created,
            "told": self._house.adapters.told(card),
            "versions": [self.version(version, card) for version in card.versions],
        }

    def version(self, version: Version, card: Named) -> dict[str, Any]:
        state = self._house.adapters.state(version)
        if state == "ready" and version.version == card.published:
            state = "published"
        told = {
            "version": version.version,
            "digest": version.digest,
            "state": state,
            "searches": self._house.adapters.serves_search(version),
            "rank": version.rank,
            "scale": version.scale,
            "size": version.size,
            "created": version.created,
        }
        return told | self._managed(version) if self.manages else told

    def _managed(self, version: Version) -> dict[str, Any]:
        today, total = self._uses.get((version.name, version.version), (0, 0))
        return {
            "form": version.form,
            "tensors": version.tensors,
            "origin": version.origin,
            "base": version.base,
            "by": self._person(version.by),
            "people": sorted(self._person(id) for id in version.people),
            "probe": dict(version.probe),
            "today": today,
            "total": total,
        } | self._learned(version.matters)

    def _learned(self, matters: frozenset[str]) -> dict[str, Any]:
        """The matters by name where the person belongs to them; the others as a number."""
        known = [{"id": id, "name": self._matters[id]} for id in sorted(matters) if id in self._matters]
        return {"matters": known, "hidden_matters": len(matters) - len(known)}

    def admission(self, admission: Admission) -> dict[str, Any]:
        """How far the checks are, step by step, and every reason where they refused."""
        wanted = admission.wanted
        return {
            "id": admission.id,
            "name": wanted.name,
            "state": admission.state,
            "origin": wanted.origin,
            "by": self._person(wanted.by),
            "created": admission.created,
            "ticks": [asdict(line) for line in admission.lines(time.time())],
            "reasons": list(admission.reasons),
            "version": admission.version,
            "told": admission.told,
        } | self._learned(wanted.matters)

    def event(self, event: Event) -> dict[str, Any]:
        told = asdict(event) | {"by": self._person(event.by)}
        matter = told.pop("matter")
        return told | {"matter": {"id": matter, "name": self._matters.get(matter, "")} if matter else None}

    def figures(self, found: Mapping[int, Figures]) -> dict[str, Any]:
        return {str(version): asdict(one) for version, one in found.items()}

    def memory(self) -> dict[str, Any] | None:
        """What the engine holds of adapters; None while it loads."""
        try:
            load = self._house.engine.load()
        except NotReady:
            return None
        budget = self._house.settings.engine.adapter_memory * 2**20
        return {"resident": load.adapters, "bytes": load.adapter_bytes, "budget": budget}

    def _person(self, id: str) -> str:
        return self._names.get(id, "") or ("" if not id else "somebody who has left")
