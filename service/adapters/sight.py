"""Pure: what of a name a person sees, by their role and the wall that they stand behind."""

from dataclasses import replace

from service.adapters.admission import Admission
from service.adapters.versions import Named, Version
from service.core import Role, Scope


def published(card: Named, scope: Scope) -> Named | None:
    """The card with nothing but what answers a question in this scope; None where nothing does."""
    version = card.version(card.published)
    if version is None or version.retired or not version.admits(scope):
        return None
    return replace(card, candidate=None, share=0, versions=(version,))


def managed(card: Named, scope: Scope) -> Named | None:
    """The card with the versions that its reader, who manages adapters, may see; None where there are none."""
    if scope.caller.role is Role.ADMIN:
        return card
    seen = tuple(version for version in card.versions if _seen(version, scope))
    numbers = {version.version for version in seen}
    if not seen:
        return None
    return replace(
        card,
        versions=seen,
        published=card.published if card.published in numbers else None,
        candidate=card.candidate if card.candidate in numbers else None,
        share=card.share if card.candidate in numbers else 0,
    )


def numbered(number: str, scope: Scope) -> list[int]:
    """A version asked for by its number; members are served what is published."""
    return [int(number)] if number.isdecimal() and scope.caller.role is not Role.MEMBER else []


def minds(admission: Admission, scope: Scope) -> bool:
    """Whether an admission is this person's to see. An admin sees all; its matters are told by the wall."""
    return scope.caller.role is Role.ADMIN or admission.wanted.by == scope.caller.id


def _seen(version: Version, scope: Scope) -> bool:
    mine = version.by == scope.caller.id and scope.covers(version.matters)
    return mine or version.lets_in(scope)
