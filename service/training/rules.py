"""Rows that the documents themselves give: what a rule finds in one, word for word, in the passage around it. Pure.

Beside each question that a passage answers stand the same rule's question over another passage of the document, which
does not: nothing that the rule looks for is in it, nor any word of its subject.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from service.core import Document
from service.retrieval import dates, read_structure, sentence_spans
from service.training.reading import Reading, Span
from service.training.rows import Provenance, Row
from service.training.rulebook import RULES, Rule

SHORTEST, LONGEST = 25, 900  # characters of an answer that is a sentence
HEAD = 12_000  # characters in which parties and date stand
NAMING = 600  # characters from the first party's name to the last one's
DEFINITIONS = 8  # of one document, so that they do not drown the rest
EACH = 3  # hits of one rule in one document
NO_AGREEMENTS = (
    "E-mail",
    "Letter",
    "Notice",
    "Minutes",
    "Judgment",
    "Order",
)  # they have correspondents, not parties
UNANSWERED = 0.5  # for each row with an answer

_SMALL = "and|of|or|the|to|in|for|on|by"
_NAME = rf"(?:[A-Z][\w’'/&-]*|{_SMALL})(?:[ ,/]+(?:[A-Z][\w’'/&-]*|{_SMALL})){{0,7}}"
_STARTS = (
    "(?:This|The|That|Neither|Nothing|No|None|Each|Either|Both|All|Any|Every|If|In|It|Subject|Except|Notwithstanding"
    "|During|Unless|Upon|At|For|You|We|To|Without)"
)
_MARKS = re.compile(
    r"(?:(?:\(?(?:\d{1,3}(?:\.\d{1,3})*|[a-zA-Z]|[ivxIVX]{1,5})[.)]|\d{1,3}(?:\.\d{1,3})+|[-•●§])\s+)+"
)
# A caption before a sentence: "Governing Law. This …", "GOVERNING LAW This …", "Governing Law This …".
_CAPTIONS = (
    re.compile(rf"{_NAME}\s?[.:]\s{{1,8}}(?=[A-Z\"“(])"),
    re.compile(rf"(?:[A-Z][A-Z’'&/()-]+[\s,]+){{1,9}}(?={_STARTS}\s[a-z]|[A-Z][a-z]+ (?:shall|will|may)\b)"),
    re.compile(rf"{_NAME}\s+(?={_STARTS}\s)"),
)
_WHOLE = re.compile(r"[.;!?)\]”\"]$")
_DATED = re.compile(r"\b(?:dated?|made|entered|as of|effective|executed|signed|this|on)\b[^.;]{0,80}$", re.I)
_OTHER = re.compile(
    r"\b(?:previous\w*|certain|licen[cs]e no|expected|whichever|amends|amended|within|before|until|after|pursuant to"
    r"|expir\w+)\b",
    re.I,
)
_MEANS = re.compile(r"\b(?:means?|shall mean|is defined as|refers? to|has the meaning)\b", re.I)
_POINTS = re.compile(
    r"\b(?:meanings?|defined|set forth|described|specified)\b[^.]{0,40}\b(?:in|by)\b[^.]{0,30}"
    r"\b(?:section|article|clause|paragraph|recital|preamble|schedule|exhibit|annex)",
    re.I,
)
_BLANKS = re.compile(r"_{3,}|\[\s*[●•*_]*\s*\]|\.{5,}")


@dataclass(frozen=True, slots=True)
class Hit:
    """What a rule found: [start, end) of the document's text."""

    rule: str
    start: int
    end: int
    term: str = ""


def read(document: Document) -> Reading:
    return Reading(document, read_structure(document), sentence_spans(document))


def hits(reading: Reading, rules: Iterable[Rule] = RULES) -> list[Hit]:
    """All that the rules find in a document, in their order and then the document's."""
    return [hit for rule in rules for hit in _found(rule, reading)]


def rows(reading: Reading, rules: Collection[str] = (), *, unanswerable: bool = True) -> list[Row]:
    """The rows that a document gives, by the rules of these names or by all; each time the same."""
    document = reading.document
    chance = random.Random(int(sha256(document.id.encode()).hexdigest()[:12], 16))
    made, others = list[Row](), list[Row]()
    for rule in (rule for rule in RULES if not rules or rule.name in rules):
        found = _found(rule, reading)
        made += filter(None, (_answered(rule, hit, found, reading, chance) for hit in found[: _most(rule)]))
        if _about_others(rule):
            others += _unanswered(rule, reading, len(found[:EACH]) or 1, chance)
    chance.shuffle(others)
    kept = others[: round(UNANSWERED * len(made))] if unanswerable else []
    return made + kept


def _most(rule: Rule) -> int:
    return DEFINITIONS if rule.name == "definition" else EACH


def _about_others(rule: Rule) -> bool:
    """Whether a passage can be known not to answer the rule's question."""
    return bool(rule.about)


# --- what is found -----------------------------------------------------------------------------------------


def _found(rule: Rule, reading: Reading) -> list[Hit]:
    own = _WAYS.get(rule.name)
    return list(own(reading)) if own else _joined(_spoken(rule, reading), reading)


def _spoken(rule: Rule, reading: Reading) -> Iterator[Hit]:
    """The sentences that hold all of a rule's marks, without the numbers and captions before them."""
    for (start, end), plain, lowered in zip(reading.sentences, reading.plain, reading.lowered, strict=True):
        if len(plain) >= SHORTEST and rule.holds(plain, lowered):
            start = _bared(reading.document.text, start, end)
            if SHORTEST <= end - start <= LONGEST and _whole(reading.document.text[start:end]):
                yield Hit(rule.name, start, end)


def _joined(found: Iterable[Hit], reading: Reading) -> list[Hit]:
    """Hits in sentences that follow one another are one, while they stay short."""
    joined = list[Hit]()
    for hit in found:
        last = joined[-1] if joined else None
        if last and hit.end - last.start <= LONGEST and _next(last, hit, reading.document.text):
            joined[-1] = Hit(hit.rule, last.start, hit.end)
        else:
            joined.append(hit)
    return joined


def _next(last: Hit, hit: Hit, text: str) -> bool:
    """Whether nothing but blanks stands between two hits, and no empty line."""
    between = text[last.end : hit.start]
    return hit.start >= last.end and not between.strip() and between.count("\n") < 2


def _bared(text: str, start: int, end: int) -> int:
    """Where a sentence begins behind its number and caption: "12.1 Governing Law. This Agreement …"."""
    for before in (_MARKS, *_CAPTIONS):
        found = before.match(text, start, end)
        if found and end - found.end() >= SHORTEST:
            start = found.end()
    return start


def _whole(sentence: str) -> bool:
    """Whether a sentence begins and ends like one, and has no blank to be filled in."""
    letter = next((sign for sign in sentence if sign.isalpha()), "")
    return letter.isupper() and bool(_WHOLE.search(sentence.rstrip())) and not _BLANKS.search(sentence)


def _parties(reading: Reading) -> Iterator[Hit]:
    """From the first party's name to the last one's, as they stand at the head."""
    names, head = reading.structure.facts.parties, reading.document.text[:HEAD]
    if not 2 <= len(names) <= 6 or reading.structure.facts.type in NO_AGREEMENTS:
        return
    first = re.compile(r"\s+".join(map(re.escape, names[0].split())))
    for begun in first.finditer(head):
        end = _last_name(head, begun, names[1:])
        if end and not _BLANKS.search(head[begun.start() : end]):
            yield Hit("parties", begun.start(), end)
            return


def _last_name(head: str, begun: "re.Match[str]", names: Sequence[str]) -> int:
    """Where the last of the names ends when all of them follow soon; 0 when they do not."""
    at, stop = begun.end(), begun.start() + NAMING
    for name in names:
        found = re.compile(r"\s+".join(map(re.escape, name.split()))).search(head, at, stop)
        if found is None:
            return 0
        at = found.end()
    return at


def _date(reading: Reading) -> Iterator[Hit]:
    """The first place at the head where the document gives its own date."""
    own, head = reading.structure.facts.dated, reading.document.text[:HEAD]
    for start, end, iso in sorted(dates(head)) if reading.structure.facts.type not in NO_AGREEMENTS else ():
        before = head[max(0, start - 100) : start]
        if iso == own and _DATED.search(before) and not _OTHER.search(before):
            yield Hit("date", start, end)
            return


def _definitions(reading: Reading) -> Iterator[Hit]:
    """Terms that are said to mean something, there and not elsewhere, and are defined once."""
    found, text = reading.structure.definitions, reading.document.text
    times = Counter(one.term for one in found)
    told = list[Hit]()
    for one in found:
        mark = _MARKS.match(text, one.start, one.end)
        start = mark.end() if mark else one.start
        if times[one.term] == 1 and _defines(text[start : one.end], one.term):
            told.append(Hit("definition", start, one.end, one.term))
    step = max(1, len(told) / DEFINITIONS)  # from the whole of the list, not from its beginning
    yield from (told[int(n * step)] for n in range(min(DEFINITIONS, len(told))))


def _defines(words: str, term: str) -> bool:
    plain = " ".join(words.split())
    begins = re.match(rf"\W*(?:(?:the|a|an)\s)?(?:term\s)?\W*{re.escape(term)}(?!\w)", plain, re.I)
    if not begins or not 2 * SHORTEST <= len(plain) <= LONGEST or not 3 <= len(term) <= 60:
        return False
    means = _MEANS.search(plain, begins.end(), begins.end() + 60)
    return bool(means and _WHOLE.search(plain)) and not _POINTS.search(plain) and not _BLANKS.search(plain)


_WAYS: dict[str, Callable[[Reading], Iterator[Hit]]] = {
    "parties": _parties,
    "date": _date,
    "definition": _definitions,
}


# --- rows --------------------------------------------------------------------------------------------------


def _answered(
    rule: Rule, hit: Hit, found: Sequence[Hit], reading: Reading, chance: random.Random
) -> Row | None:
    """The row of a hit; None where its passage holds another answer to the same question."""
    span = reading.around((hit.start, hit.end), chance.random())
    rivals = [
        other
        for other in found
        if other != hit and other.start < span[1] and other.end > span[0] and other.term == hit.term
    ]
    if rivals:
        return None
    return _row(rule, hit.term, span, reading.text((hit.start, hit.end)), reading, chance)


def _unanswered(rule: Rule, reading: Reading, wanted: int, chance: random.Random) -> list[Row]:
    """Questions over passages in which nothing of the rule's subject stands."""
    count = len(reading.sentences)
    made = list[Row]()
    for _ in range(6 * wanted if count else 0):
        span = reading.around(reading.sentences[chance.randrange(count)], chance.random())
        passage = reading.text(span)
        if len(made) < wanted and len(passage) >= 300 and not rule.touches(passage):
            made.append(_row(rule, "", span, "", reading, chance))
    return made


def _row(rule: Rule, term: str, span: Span, answer: str, reading: Reading, chance: random.Random) -> Row:
    document = reading.document
    source = Provenance(
        "rule", document.id, *span, rule=rule.name, group=document.family or document.id, title=document.title
    )
    question = chance.choice(rule.questions).format(term=term)
    return Row(question, reading.text(span), answer, source=source)
