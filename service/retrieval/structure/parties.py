"""The parties to a document, from the words that name them at its head. Pure.

    … by and between Alder Ltd, a company of …, ("Alder") and Birch, Inc. ("Birch")
    (1) ALDER LIMITED … (2) BIRCH LIMITED
    Party A: Alder Ltd
    From: Ann Alder <ann@alder.example>

Each way of naming is tried at every place where it may begin; the one that names most, and surest, is taken.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from service.retrieval.structure.names import Name, name_at

HEAD = 20_000  # characters in which a contract names its parties, behind its cover and its table of contents
BLOCK = 4000  # characters of the naming itself
MOST = 12

_OPENS = re.compile(
    r"(?:\n\s{0,9}PARTIES\s{0,9}\n|\b(?:between|among|amongst|(?:made|executed|entered\sinto|given)\sby(?!\sand\s))\b)(?:\sand\s(?:between|among)\b)?"
    r"(?:\s(?:the\s)?(?:following\s|undersigned\s)?(?:two\s|three\s)?(?:parties|companies)\b)?[\s:,–—-]{0,80}",
    re.I,
)
_NEXT = re.compile(
    r"\band\b[\s,]{0,40}(?:between\s|among\s)?(?=[\"“*(]?[A-Za-z0-9(])"
    r"|;\s{0,40}(?:and\s{1,40})?(?=[\"“*(]?[A-Z0-9(])|,\s{1,4}(?=[A-Z])|&\s(?=[A-Z])"
    r"|\n\s{0,40}(?=(?:\(?[1-9a-h]\)|[1-9]\.(?:\d\.?)?)\s{0,40}[\"“*]?[A-Z])"
    r"|(?=\([2-9]\)\s{0,40}[A-Z])|\n[ \t]{0,40}\n\s{0,40}(?=[A-Z*])"
)
_NUMBERED = re.compile(r"(?:^|\s)(?=\(1\)\s{0,9}[\"“*]?[A-Z]|1\.1?\.?\s{1,9}[\"“*]?[A-Z][A-Z])")
_LISTED = re.compile(
    r"(?:^|\s)(?:Party\s(?:[A-F]|\d)|The\sCovenanter|Licensor|Licensee|Lessor|Lessee|Landlord|Tenant|Buyer|Seller"
    r"|Supplier|Customer|Owner|Contractor|To|From)\s?[:：]\s{0,40}(?=[A-Z])"
)
_GIVEN = re.compile(
    r"[^()]{0,300}(?:\([^()\"“]{0,60}\)[^()]{0,200})?\((?:[^()\"“]{0,90}[\"“‘][^()]{1,80}|(?:the\s|each\s|an?\s)?[A-Z]\w+(?:\s[A-Z]\w+){0,2}\))"
    r"|[^()]{0,200}\b(?:hereinafter|hereafter|referred\sto\s(?:herein\s)?as|herein\scalled)\b"
)
_DESCRIBED = re.compile(
    r"[\"”*]?\s{0,40},?\s{0,40}(?:(?:a|an|the)\s[^,;]{0,80}?\b(?:corporation|company|partnership|association|trust|bank|entity"
    r"|individual|society|firm|organi[sz]ed|incorporated|resident|business)\b|(?:with|whose|having|located|incorporated"
    r"|organi[sz]ed|acting|of|through|on\sbehalf|company\snumber|duly|for\sitself|in\s(?:its|his|her)|hereinafter|hereafter"
    r"|doing|d/b/a|as|residing)\b|\()",
    re.I,
)
_CLOSES = re.compile(
    r"\b(?:WITNESSETH|W\sI\sT\sN|WHEREAS|RECITALS?|R\sE\sC|BACKGROUND|PREAMBLE|TABLE\sOF|CONTENTS|AGREED\sTERMS|NOW,?\s"
    r"THEREFORE|ARTICLE\s|SECTION\s1)"
    r"|\b(?:Whereas|WHEREBY|Recitals|Background|Witnesseth|in\sconsideration\sof|the\sparties\s(?:agree|hereby)|hereby\sagree"
    r"|agree\sas\sfollows|is\sentered\sinto|are\sparties\sto)\b"
    r"|(?<=[a-z)”\"])\.\s{1,9}(?:[A-Z][\w&]{1,30}\s){1,3}[a-z]"
    r"|(?<=[.)”\"])[ \t]{0,9}\n[ \t]{0,40}\n\s{0,40}(?:The|In|On|It|1\.)\s"
    r"|\b[Tt]his\s(?:\w+\s){0,4}[Aa]greement\s"
)
_NO_NAME = re.compile(
    r"(?:this\s.*|.*\bact|(?:.*\sand\s.*)?(?:\w+\s){0,2}agreement|(?:\w+\s)?(?:delaware|nevada|california|texas|florida|ohio"
    r"|massachusetts|washington|colorado|minnesota|georgia|virginia|new\sjersey|new\syork|maryland|bvi|michigan|illinois"
    r"|pennsylvania|wisconsin|utah|oregon)\s(?:business\s|limited\s)?(?:corporation|company|trust|partnership)"
    r"|(?:wales|germany|munich|england|canada|israel|china|japan)|.*[^\W\d_]\.\s(?:no|the|by)\b.*|.*\sby"
    r"|(?:the|this|that|these|each|agreement|amendment|parties|party|recitals?|whereas|section|article|exhibit|schedule"
    r"|state|states|united\sstates|table|contents|dated?|january|february|march|april|may|june|july|august|september"
    r"|october|november|december|effective|page|no|all|any|it|if|in|an?|such|both|its|we|you|there|source|confidential"
    r"|execution|inc|corp|llc|ltd|attn|attention|address|suite|street|avenue|registered|by|and|collectively|together|as"
    r"|company|contractor|customer|supplier|consultant|distributor|licensee|licensor|buyer|seller|tenant|landlord|party\s\w"
    r"|entered|made|between|among|for|to|its|subsidiaries|affiliates|name|title|common\sstock|securities)"
    r"(?:[\s.,]+(?:\d.*|parties|date|agreement|is|and|of.*|hereto))?)",
    re.I,
)
_LINE = re.compile(r"^[ \t]{0,40}(?:To:\s{0,9})?(?=[A-Z])", re.M)
_MAIL = re.compile(r"^(?:From|To):[ \t]*(?P<who>[^\n]{1,400})", re.M)
_PERSON = re.compile(r"\s*\"?(?P<name>[^<>,;\"]{1,80}?)\"?\s*(?:<[^<>]{1,80}>)?\s*(?:[,;]|$)")


@dataclass(frozen=True, slots=True)
class _Party:
    name: Name
    given: bool  # whether a short name or a description follows

    @property
    def worth(self) -> int:
        return 2 + self.given + self.name.legal


def parties(text: str) -> tuple[str, ...]:
    """The names, in the order in which they are given, each once."""
    head = text[:HEAD]
    rows = [list(_row(head, opening.end())) for opening in list(_OPENS.finditer(head))[:40]]
    rows += [list(_row(head, opening.end())) for opening in list(_NUMBERED.finditer(head))[:8]]
    rows += [list(_listed(head)), list(_introduced(head))]
    best = max(rows, key=_worth)
    if not _worth(best):  # a form with one party's name still blank
        best = next((row for row in rows if row and row[0].given and row[0].name.legal), [])
    return _distinct(party.name.text for party in best)


def addressed(text: str) -> tuple[str, ...]:
    """Who writes a letter or gives a notice, and to whom: the companies that lines at its head begin with."""
    head, names = text[:1500], list[str]()
    for match in _LINE.finditer(head):
        name = name_at(head, match.end(), len(head))
        if name is not None and name.legal and not _NO_NAME.fullmatch(name.text):
            names.append(name.text)
    return _distinct(names[:2])


def correspondents(text: str) -> tuple[str, ...]:
    """Who wrote an e-mail and to whom, from the lines at its head."""
    lines = [match["who"] for match in _MAIL.finditer(text[:3000])][:2]
    return _distinct(person["name"].strip() for line in lines for person in _PERSON.finditer(line))


def _worth(row: Sequence[_Party]) -> int:
    return sum(party.worth for party in row) if len({party.name.text.lower() for party in row}) > 1 else 0


def _row(head: str, at: int) -> Iterator[_Party]:
    """The names from a "between" on, until the recitals."""
    close = _CLOSES.search(head, at, at + BLOCK)
    end = close.start() if close else min(len(head), at + BLOCK)
    party = _party(head, at, end, first=True)
    number = 0
    while party is not None and number < MOST:
        yield party
        number += 1
        party = _following(head, party.name.end, end)


def _following(head: str, at: int, end: int) -> _Party | None:
    """The next name: after "and", ";" or a number, outside brackets; after a comma only where names follow close."""
    depth, seen = 0, at
    for match in _NEXT.finditer(head, at, min(end, at + 1500)):
        between = head[seen : match.start()]
        depth, seen = max(0, depth + between.count("(") - between.count(")")), match.start()
        if depth:
            continue
        sign = match.group().strip()
        if (
            sign == ","
            and head[at : match.start()].strip()
            and not head[at : match.start()].rstrip().endswith(")")
        ):
            continue
        party = _party(head, match.end(), end, first=False)
        if party is not None:
            return party
    return None


def _party(head: str, at: int, end: int, first: bool) -> _Party | None:
    name = name_at(head, at, end)
    if name is None or _NO_NAME.fullmatch(name.text):
        return None
    described = _DESCRIBED.match(head, name.end, end)
    given = bool(described and _GIVEN.match(head, name.end, min(end, name.end + 700)))
    if name.legal or given or (first and name.words > 1) or re.match(r"\s*\(\d\)", head[name.end : end]):
        return _Party(name, given)
    return None


def _listed(head: str) -> Iterator[_Party]:
    for match in list(_LISTED.finditer(head[:6000]))[:MOST]:
        party = _party(head, match.end(), min(len(head), match.end() + 400), first=True)
        if party is not None:
            yield party


def _introduced(head: str) -> Iterator[_Party]:
    """Companies that the first page gives a short name: "Alder Ltd, a company of Ohio (the “Company”)"."""
    at, end = 0, min(len(head), 4000)
    while at < end:
        start = re.compile(r"(?<!\w)[A-Z]").search(head, at, end)
        name = name_at(head, start.start(), end) if start else None
        if start is None:
            return
        if name is not None and name.legal and not _NO_NAME.fullmatch(name.text) and _named_short(head, name):
            yield _Party(name, False)
        at = max(name.end if name else 0, start.end())


def _named_short(head: str, name: Name) -> bool:
    """Whether a name is described or bracketed, and then given a short name."""
    described = _DESCRIBED.match(head, name.end)
    return bool(described and _GIVEN.match(head, name.end, name.end + 400))


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    seen = dict[str, str]()
    for name in names:
        seen.setdefault(re.sub(r"\W", "", name).lower(), name)
    return tuple(name for key, name in seen.items() if key)[:MOST]
