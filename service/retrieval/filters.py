"""Which documents a search looks at. Pure."""

from service.core import Filed, Filter


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


def _folded(names: frozenset[str]) -> set[str]:
    return {name.casefold() for name in names}


def _holds(text: str, part: str) -> bool:
    return part.strip().casefold() in text.casefold()


def _dated(date: str, since: str, until: str) -> bool:
    """ISO dates stand in the order of their letters; "2021" until "2021" holds the whole year."""
    if not since and not until:
        return True
    return bool(date) and date >= since and (not until or date[: len(until)] <= until)
