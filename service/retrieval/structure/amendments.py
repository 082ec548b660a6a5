"""Which documents of a matter amend which, by names, parties and dates. Pure.

A link is made only where the words that a document gives fit one other document and no second: a wrong link is worse
than none.
"""

import re
from collections.abc import Sequence

from service.core import Filed
from service.retrieval.structure.dates import dates

_NAMED = re.compile(
    r"^(?P<name>.*?)(?:,?\s+(?:by\s+and\s+)?(?:between|among|made|dated|executed|effective|of\s+the\s+same\s+date)\b|$)",
    re.I,
)
_THING = re.compile(
    r"agreement|lease|contract|deed|guarantee|letter|plan|policy|licen[cs]e|terms|order|schedule", re.I
)
_PLAIN = re.compile(
    r"the|an?|of|to|and|that|certain|this|its|their|for|between|them|inc|corp|ltd|llc|limited|dated|as|by|dear|sirs?|no|in|on|with",
    re.I,
)
_SAME_DATE = re.compile(r"\bof\s+(?:the\s+same|even)\s+date\b", re.I)


def amended(filed: Sequence[Filed]) -> dict[str, tuple[str, ...]]:
    """The ids of the documents that each amending document amends; one that fits none is left out."""
    links = dict[str, tuple[str, ...]]()
    for one in filed:
        if one.facts.amends:
            fits = [(_fit(one, other), other.id) for other in filed if other.id != one.id and other.current]
            best = max((fit for fit, _ in fits), default=0.0)
            found = tuple(id for fit, id in fits if fit == best)
            if best > 0 and len(found) == 1:
                links[one.id] = found
    return links


def _fit(one: Filed, other: Filed) -> float:
    """How well `other` is what `one` says it amends; 0 where anything speaks against it."""
    if one.matter != other.matter or (other.family == one.family and one.family):
        return 0.0
    named = _words(_NAMED.match(one.facts.amends)["name"])  # type: ignore[index]
    own = _words(f"{other.facts.type} {_bare(other.title)}")
    things = {word for word in named if _THING.fullmatch(word)}
    if not things & own or (_is_amendment(other) and not _is_amendment_of(one)):
        return 0.0
    date = _date(one)
    if date and other.facts.dated and date != other.facts.dated:
        return 0.0
    if not _share(one, other):
        return 0.0
    same = len(named & own) / len(named)
    if not (date and other.facts.dated) and same < 0.75:
        return 0.0
    topic = _words(_bare(one.title)) & own - things
    return same + (1.0 if date and other.facts.dated else 0.0) + 0.1 * len(topic)


def _date(one: Filed) -> str:
    """The date of what is amended: the first in its words."""
    if _SAME_DATE.search(one.facts.amends):
        return one.facts.dated
    return next((iso for _, _, iso in sorted(dates(one.facts.amends))), "")


def _share(one: Filed, other: Filed) -> bool:
    """Whether two documents have a party in common; a document that names none speaks against nothing."""
    mine, theirs = ({_key(name) for name in filed.facts.parties} for filed in (one, other))
    return not mine or not theirs or bool(mine & theirs)


def _key(name: str) -> str:
    return "".join(word.lower() for word in re.findall(r"\w+", name) if not _PLAIN.fullmatch(word))


def _is_amendment(filed: Filed) -> bool:
    return bool(filed.facts.amends)


def _is_amendment_of(one: Filed) -> bool:
    """Whether it is itself an amendment that is amended: "the First Amendment dated …"."""
    return bool(re.search(r"\b(?:amendment|variation|side letter|addendum)\b", one.facts.amends[:60], re.I))


def _bare(title: str) -> str:
    return title.rpartition("/")[2].rpartition(".")[0]


def _words(text: str) -> set[str]:
    return {w.lower() for w in re.findall(r"[^\W\d_]+", text) if not _PLAIN.fullmatch(w) and len(w) > 1}
