"""Which documents a search looks at, and which of their passages. Pure."""

from collections.abc import Sequence

from service.core import Filed, Filter
from service.errors import BadRequest


def passes(filed: Filed, wanted: Filter) -> bool:
    """Whether a document has all that the filter asks for. A part that is not set asks for nothing."""
    return (
        (not wanted.documents or filed.id in wanted.documents)
        and (not wanted.kinds or filed.kind.casefold() in _folded(wanted.kinds))
        and (not wanted.types or filed.facts.type.casefold() in _folded(wanted.types))
        and _holds(filed.title, wanted.title)
        and (not wanted.party.strip() or any(_holds(party, wanted.party) for party in filed.facts.parties))
        and _dated(filed.facts.dated, wanted.since, wanted.until)
    )


def clause_types(wanted: Filter, known: Sequence[str]) -> tuple[str, ...]:
    """The types of clause asked for, as they are spelled here. BadRequest lists those that there are."""
    spelled = {name.casefold(): name for name in known}
    asked = {name.strip().casefold(): name for name in sorted(wanted.clauses)}
    if asked and not known:
        raise BadRequest(
            "Clauses have no types here, so leave filter.clauses out. `privity doctor` says why that is."
        )
    for folded, name in asked.items():
        if folded not in spelled:
            raise BadRequest(f"There is no clause type “{name}”. The types: {'; '.join(known)}.")
    return tuple(sorted(spelled[folded] for folded in asked))


def _folded(names: frozenset[str]) -> set[str]:
    return {name.casefold() for name in names}


def _holds(text: str, part: str) -> bool:
    return part.strip().casefold() in text.casefold()


def _dated(date: str, since: str, until: str) -> bool:
    """ISO dates stand in the order of their letters; "2021" until "2021" holds the whole year."""
    if not since and not until:
        return True
    return bool(date) and date >= since and (not until or date[: len(until)] <= until)
