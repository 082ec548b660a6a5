"""The embedder's adapters, which serve the search: the setting search.adapter names one, what is published under that
name serves from the next start on, and the index is then built anew behind the old one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from service.adapters.books import SHIPPED
from service.adapters.checks import vet
from service.adapters.digest import write
from service.adapters.door import SearchModel
from service.adapters.shelf import Quarantine, Shelf, leave
from service.adapters.versions import Named, Version, named
from service.core import BaseFacts
from service.errors import BadRequest, Conflict
from service.storage import Database

AHEAD = (
    "It serves the search from the next start on. The index is then built anew in the background; until that is done "
    "the old one answers. Weights of evidence and types of clause were fitted to what ships: measure before you rely "
    "on another."
)


@dataclass(frozen=True, slots=True)
class SearchPlace:
    """Where an adapter of the embedder lies, and the digest of its canonical content."""

    folder: Path
    digest: str


def places(database: Database, shelf: Shelf, name: str, own: SearchPlace | None) -> list[SearchPlace]:
    """What serves the search from this start on, then others whose index may still stand. `own` is the folder that the
    setting `name` leads to; it serves unless somebody has published another version under that name.

    Raises BadRequest when the name leads nowhere.
    """
    with database.read() as rows:
        card = named(rows, name)
    versions = [one for one in card.versions if one.kind == "search" and not one.retired] if card else []
    known = [SearchPlace(shelf.folder(one.digest), one.digest) for one in versions if shelf.holds(one.digest)]
    published = card.version(card.published) if card else None
    chosen = _chosen(published, known, own)
    if chosen is None and name:
        raise BadRequest(
            f'search.adapter is "{name}", which is no folder, and nothing is published for the search under this '
            'name. Name another one, or "" to search without an adapter.'
        )
    others = [*known, *([own] if own else [])]
    return [chosen, *(one for one in others if one.digest != chosen.digest)] if chosen else []


def _chosen(
    published: Version | None, known: Sequence[SearchPlace], own: SearchPlace | None
) -> SearchPlace | None:
    digest = published.digest if published and published.kind == "search" else ""
    if own and (not digest or digest == own.digest or (published and published.origin == SHIPPED)):
        return own  # its very bytes, which the index and the types of clause know it by
    return next((one for one in known if one.digest == digest), own)


def checked(folder: Path, base: BaseFacts, quarantine: Quarantine) -> SearchPlace:
    """The folder of the setting, through the same checks as an upload. Raises BadRequest with every reason."""
    room = quarantine.room()
    try:
        findings = vet(folder, room / "files", [base])
        if findings.facts is None:
            raise BadRequest(
                f'The search adapter "{folder.name}" cannot be used: {" ".join(findings.reasons)} '
                'Put another one into search.adapter, or "" to search without one.',
                reasons=list(findings.reasons),
            )
        return SearchPlace(folder, write(room / "files", findings.facts, room / "made"))
    finally:
        leave(room)


def told(card: Named, model: SearchModel) -> str:
    """What becomes of what is published; "" where it serves already, or nothing is published."""
    published = card.version(card.published)
    if published is None or published.digest == model.serving():
        return ""
    if card.name != model.name:
        return (
            f'The setting search.adapter is "{model.name}", so this serves nothing. Set it to "{card.name}" and start '
            "the service anew."
        )
    return AHEAD


def require_open(version: Version) -> None:
    """Raises Conflict for one that stands behind a wall: the search serves every matter, and everybody."""
    if version.matters or version.people:
        raise Conflict(
            f"{version.name} learned from matters or is for certain people, and the search serves all alike. "
            "Publish one that everybody may use."
        )


def require_idle(version: Version, model: SearchModel) -> None:
    """Raises Conflict where an index answers by it, or may."""
    if version.digest == model.serving():
        raise Conflict(f"Version {version.version} of {version.name} serves the search until the next start.")
    if model.renewing():
        raise Conflict(
            "An index is being built anew, and the old one may stand on this version. Try when it is done."
        )
