"""What a document says of itself: its type, parties, date, governing law, and what it amends. Pure."""

import re

from service.core import Document, Facts
from service.retrieval.structure.dates import dates
from service.retrieval.structure.law import governing_law
from service.retrieval.structure.parties import addressed, correspondents, parties
from service.retrieval.structure.titles import title_line, type_of

HEAD = 20_000  # characters: a preamble stands behind the cover and the table of contents
FIRST = 3000
TAIL = 4000  # characters with the signatures

_BRACKETS = re.compile(r"\([^()]{0,200}\)")
_DATED = re.compile(
    r"\b(?:dated?|made|entered|as\s+of|effective|executed|signed|this|on|commence\w*|concluded)\b[\s:,]{0,20}"
    r"(?:\w+\s{1,20}){0,6}$",
    re.I,
)
_THIS = re.compile(r"\bth(?:is|ese)\b(?!\s+\d)", re.I)
_OTHER = re.compile(
    r"\b(?:the|that\s+certain|certain|an?|our|their|its|such|previous\w*|by)\s+(?:[\w&’'-]+\s+){0,8}?"
    r"(?:agreement|lease|contract|deed|guarantee|letter|plan|policy|licen[cs]e|note|trust|document|notice|amendment|order"
    r"|proposal)\b",
    re.I,
)
_BEGINS = re.compile(
    r"\W*(?:\w+\W+){0,9}?(?:dated?|agreement|amendment|contract|made|entered|effective|executed|lease)\b",
    re.I,
)
_ALIEN = re.compile(
    r"\b(?:source\s*:|filed|file\s+no|power\s+of\s+attorney|act\s+of|expires?|terminat\w+|until|revised|amended|depositors"
    r"|before|later\s+than|account|shares|quarter|ending|ended)\b[^\n]*$",
    re.I,
)
_BLANK = re.compile(
    r"(?:dated?|made|entered|as\s+of|this|effective)\b[^.\n]{0,30}(?:_{2,}|\[[\s●•_*]*\])\s*,?[^.\n]{0,30}(?:19|20)[\d_]",
    re.I,
)
_DEFINED = re.compile(
    r"(?:effective|commencement|start)\s+date\b[\"”]?[^.;]{0,60}?(?:means|mean|be|is|:|on)?[^.;]{0,30}$"
    r"|\b(?:commences?|effective)\s+(?:on|as\s+of|from)\s[^.;]{0,40}$",
    re.I,
)
_SIGNED = re.compile(r"\b(?:dated?|signed|executed|day)\b[^.\n]{0,50}$", re.I)
_AMENDING = re.compile(
    r"\b(?:amends?|to\s+amend|amending|supplements?|supplemental\s+to|vary|varies|variation\s+of|modif(?:y|ies)|amendment\b[^.]{0,25}\bto)\s+"
    r"(?P<what>(?:the|that\s+certain|a|an|their|its)?\s*[^()]{8,260}?)"
    r"(?=\s*\(|\.\s|;|\n\s*\n|,?\s+as\s+(?:amended|follows|varied|set)|,?\s+(?:and\s+(?:is|amends)|in\s+accordance|pursuant|by\s+this|on\s+the\s+terms)|$)",
    re.I,
)
_CITED = re.compile(
    r"(?P<what>(?:[A-Z][\w’'-]*[ ]){0,6}(?:Agreement|Lease|Contract|Deed|Guarantee|Letter|Plan|Policy)\b"
    r"[^.:;()]{0,120}?"
    r"\bdated\s+(?:as\s+of\s+)?[^:;()]{6,30}?\d{4})"
)
_THING = re.compile(
    r"agreement|lease|contract|deed|guarantee|letter|plan|policy|licen[cs]e|terms|order", re.I
)
_LETTERS = ("Letter", "Side Letter", "Notice", "Judgment")
_TYPES_THAT_AMEND = ("Amendment", "Deed of Variation", "Side Letter", "Addendum", "Supplement")


def read_facts(document: Document) -> Facts:
    """The facts, each empty where the document does not say."""
    text, kind = document.text, type_of(document)
    if kind == "E-mail":
        return Facts(type=kind, parties=correspondents(text), dated=_first_date(text[:FIRST]))
    return Facts(
        type=kind,
        parties=(addressed(text) if kind in _LETTERS else ()) or parties(text),
        dated=_dated(text, kind) or _in_title(document.title),
        law=governing_law(text),
        amends=_amends(document, kind),
    )


def _dated(text: str, kind: str) -> str:
    """The date of making: as the document says it of itself; alone on a line near the top; as it defines its effective
    date; at its signatures. Nothing where the place for the date was left blank."""
    head = text[:HEAD]
    found = sorted(dates(head))
    if kind in _LETTERS:
        return next((iso for start, end, iso in found if _alone(head, start, end)), "")
    if kind == "Minutes":
        return found[0][2] if found else ""
    own = next((iso for start, _, iso in found if _of_itself(head, start)), "")
    if own or _BLANK.search(head[:FIRST]):
        return own
    alone = next((iso for start, end, iso in found if start < FIRST and _alone(head, start, end)), "")
    return alone or _defined(found, head) or _signed(text)


def _of_itself(head: str, start: int) -> bool:
    """Whether the words before a date say when this document was made: "this Agreement, made as of"."""
    before = _BRACKETS.sub("", head[max(0, start - 900) : start])
    before = before[max(before.rfind("\n\n"), before.rfind(". "), -1) + 1 :]
    if not _DATED.search(before[-70:]) or _ALIEN.search(before) or "__" in before:
        return False
    this = max((match.start() for match in _THIS.finditer(before)), default=-1)
    other = max((match.start() for match in _OTHER.finditer(before)), default=-1)
    return this > other or (other < 0 and bool(_BEGINS.match(before)))


def _alone(head: str, start: int, end: int) -> bool:
    line = head[head.rfind("\n", 0, start) + 1 : start] + head[end : end + 40].split("\n")[0]
    return len(line.strip(" .,")) < 22 and not _ALIEN.search(line) and not _SIGNED.search(line)


def _defined(found: list[tuple[int, int, str]], head: str) -> str:
    return next((iso for start, _, iso in found if _DEFINED.search(head[max(0, start - 120) : start])), "")


def _signed(text: str) -> str:
    """The latest date beside the signatures."""
    tail = text[-TAIL:]
    found = (iso for start, _, iso in dates(tail) if _SIGNED.search(tail[max(0, start - 60) : start]))
    return max(found, default="")


def _first_date(text: str) -> str:
    return next((iso for _, _, iso in sorted(dates(text))), "")


def _in_title(title: str) -> str:
    return _first_date(title.rpartition("/")[2])


def _amends(document: Document, kind: str) -> str:
    """The words that name what is amended, with its date where they give it."""
    if kind not in _TYPES_THAT_AMEND:
        return ""
    head = document.text[:HEAD]
    said = [
        " ".join(match["what"].split())
        for match in _AMENDING.finditer(head[:6000])
        if _THING.search(match["what"])
    ]
    cited = [" ".join(match["what"].split()) for match in _CITED.finditer(head[:6000])]
    dated = [words for words in (*said, *cited) if _first_date(words)]
    line = title_line(document)
    named = re.search(r"\b(?:to|of)\s+(?P<what>(?:the\s+)?.*\w)", line, re.I)
    return next(
        iter([*dated, *said, *([named["what"]] if named and _THING.search(named["what"]) else [])]), ""
    )[:300]
