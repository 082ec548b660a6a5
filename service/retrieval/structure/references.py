"""Cross-references: "clause 12.3(b)", "Sections 4.1 and 4.2", "paragraph 3 of Schedule 1". Pure.

Each is found by its word and numbers, and looked up in the tree. One that goes on "of the Master Agreement" points
out of the document and keeps that name.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from service.retrieval.structure.index import Index
from service.retrieval.structure.tree import Node

HEAD = 5000  # characters in which a document begins to call itself something
NEARBY = 1500  # characters after that in which it may give itself further names

_NUMBER = (
    r"(?:\d{1,4}(?:\.\d{1,3}){0,5}[A-Z]?(?![\w%])|[IVXLC]{1,7}(?!\w)|[A-Z](?:-?\d{1,2})?(?![\w'’]|\.\w))"
    r"(?:[ ]?\((?:[a-z]{1,4}|\d{1,2}|[A-Z]{1,2})\)){0,4}"
)
_SIGNS = r"(?:\((?:[a-z]{1,4}|\d{1,2}|[A-Z]{1,2})\)[ ]?){1,4}"
_BETWEEN = r"\s{0,3}(?:,\s{0,3}(?:and\s|or\s|and/or\s)?|and/or\s|and\s|or\s|&|to\s|through\s|[–-])\s{0,3}"
_WORD = (
    r"(?i:(?:sub-?)?(?:clause|section|paragraph)s?|articles?|schedules?|exhibits?|annex(?:es|ures?)?"
    r"|appendi(?:x|ces)|attachments?|parts?)"
)
_REFERENCE = re.compile(
    rf"(?<![\w-])(?:(?P<word>{_WORD})\s{{1,3}}[\"“]?|(?P<sign>§{{1,2}})\s{{0,2}})"
    rf"(?P<list>(?:{_NUMBER}|{_SIGNS})(?:{_BETWEEN}(?:{_NUMBER}|{_SIGNS})){{0,20}})"
)
_THIS = re.compile(rf"(?<!\w)[Tt](?i:his)\s{{1,3}}(?P<word>{_WORD})(?![\w-])")
_ONE = re.compile(rf"{_NUMBER}|{_SIGNS}")
_BRACKET = re.compile(r"\((\w{1,4})\)")

_NOUN = (
    r"(?i:agreement|lease|deed|contract|guarantee|guaranty|letter|amendment|addendum|plan|policy|licen[cs]e|act|code"
    r"|regulations?|rules?|order|statute|law|laws|convention|directive|treaty|indenture|note|terms|constitution"
    r"|by-?laws|guidelines|charter|certificate|statement|notice|will|award|judgment)"
)
_NAME = (
    r"[A-Z][\w’'&/-]*(?:[ \t]?[ \n][ \t]{0,8}(?:of|and|the|on|for|in|to|No\.|\(?[A-Z\d][\w’'&/)-]*)){0,12}"
)
_OF = re.compile(
    r"[\"”]?\s{0,3},?\s{1,3}(?:of|to|in|under|from)\s{1,3}(?:"
    r"(?P<own>this\s)"
    r"|(?:the\s{1,3})?(?P<appendix>(?i:schedule|exhibit|annex|annexure|appendix|attachment))\s{1,3}[\"“]?"
    r"(?P<which>\d{1,2}(?:\.\d{1,2})?|[A-Z](?:-?\d{1,2})?)(?!\w)"
    rf"|(?P<clause>{_WORD})\s{{1,3}}(?P<number>{_NUMBER})"
    rf"|(?:(?:the|that\scertain|that|such|said|an?)\s{{1,3}})?[\"“]?(?P<name>{_NAME})"
    rf"|(?:the|that|such|said)\s{{1,3}}(?P<common>{_NOUN})(?!\w))"
)
_ENDS = re.compile(rf".*\b{_NOUN}(?:\s+(?:of\s+)?(?:\d{{4}}|(?<=of\s)[A-Z]\w*))?(?=\W|$)", re.S)
_WORDS_OF_ANOTHER = re.compile(r"“[^“”]{40,3000}”")
_CALLED = re.compile(rf"(?<!\w)[Tt](?i:his)\s[\"“]?(?P<name>{_NAME}|{_NOUN}\b)")
_LAST = re.compile(rf"\b({_NOUN})\b")


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference at [start, end). `target` is the clause's span, None when this document does not hold it;
    `document` is the name of the other document that it points into, as written."""

    start: int
    end: int
    label: str  # one clause, with its word: "Section 4.2"
    target: tuple[int, int] | None
    document: str = ""


def references(text: str, nodes: Sequence[Node]) -> tuple[Reference, ...]:
    """Every reference in the text, in order; a clause's own heading is none."""
    index, own = Index(nodes), _own_names(text)
    headings = {node.start for node in nodes}
    found, end = list(_those(text, index)), 0
    for match in _REFERENCE.finditer(text):
        if match.start() not in headings and match.start() >= end:
            found += _numbered(text, match, index, own)
            end = found[-1].end if found else 0
    found.sort(key=lambda reference: reference.start)
    return tuple(_quoted_apart(text, found))


def _quoted_apart(text: str, found: Sequence[Reference]) -> Iterator[Reference]:
    """Words quoted at length, as amendments quote, speak of another document's clauses."""
    quoted = [match.span() for match in _WORDS_OF_ANOTHER.finditer(text)]
    starts = [start for start, _ in quoted]
    for reference in found:
        at = bisect_right(starts, reference.start) - 1
        inside = at >= 0 and reference.end <= quoted[at][1]
        yield replace(reference, target=None) if inside and reference.target else reference


def _those(text: str, index: Index) -> Iterator[Reference]:
    """The references without a number: "this clause", "this Schedule"."""
    for match in _THIS.finditer(text):
        if _REFERENCE.match(text, match.start("word")):
            continue
        node = index.this(_singular(match["word"]), match.start())
        if node is not None:
            label = node.clause.heading if not node.number else f"{match['word']} {node.label.strip('.')}"
            yield Reference(match.start(), match.end(), label, (node.start, node.end))


def _numbered(text: str, match: "re.Match[str]", index: Index, own: frozenset[str]) -> Iterator[Reference]:
    word = _singular(match["word"] or "section")
    shown = _one(match["word"]) if match["word"] else "§"
    ones = list(_ONE.finditer(text, match.start("list"), match.end("list")))
    tail = _OF.match(text, match.end())
    document, within, of = _elsewhere(tail, index, own)
    before = ""
    for n, one in enumerate(ones):
        which, signs = _parts(one.group(), before)
        if len(which) == 1 and which in "AI" and _is_word(text, one.end(), word):
            return
        before = which or before
        start = match.start() if n == 0 else one.start()
        end = tail.end() if tail and of and n == len(ones) - 1 else one.start() + len(one.group().rstrip())
        if tail and tail["clause"] and not which:
            word, (which, above) = _singular(tail["clause"]), _parts(tail["number"], "")
            signs = [*above, *signs]
        node = None if document else index.find(word, which, signs, match.start(), within)
        label = f"{shown} {' '.join(one.group().split())}" + (f" of {of}" if of else "")
        away = document or (label if node is None and _appended(word) else "")
        yield Reference(start, end, label, (node.start, node.end) if node else None, away)


def _parts(one: str, before: str) -> tuple[str, list[str]]:
    """The number and the items in it: "12.3(b)(ii)" is "12.3" and ["b", "ii"]. A bare "(c)" belongs to the number
    before it in a list."""
    which = one.partition("(")[0].strip()
    return which or before, [sign.lower() for sign in _BRACKET.findall(one)]


def _is_word(text: str, end: int, word: str) -> bool:
    """Whether "A" or "I" after "this section" begins a sentence: "in this section A party may …"."""
    return not _appended(word) and bool(re.match(r"\s[a-z]", text[end : end + 2]))


def _elsewhere(
    tail: "re.Match[str] | None", index: Index, own: frozenset[str]
) -> tuple[str, Node | None, str]:
    """What follows a reference: the other document that it names; or the schedule of this one, and its label."""
    if tail is None or tail["own"]:
        return "", None, ""
    if tail["appendix"]:
        word = _singular(tail["appendix"])
        node = index.find(word, tail["which"], (), 0, None)
        label = f"{tail['appendix']} {tail['which']}"
        return ("", node, label) if node else (label, None, label)
    name = tail["common"] or _document_name(tail["name"] or "")
    return ("" if name.casefold() in own else name), None, ""


def _document_name(words: str) -> str:
    """The name in the words as far as it names a document: "Lease", "Law of Property Act 1925"; or nothing."""
    found = _ENDS.match(words)
    return " ".join(found.group().split()) if found else ""


def _own_names(text: str) -> frozenset[str]:
    """What the document calls itself: "this Agreement", "this deed"; small."""
    own, first = set[str](), _CALLED.search(text, 0, HEAD)
    if first is None:
        return frozenset()
    head = _WORDS_OF_ANOTHER.sub("", text[first.start() : first.end() + NEARBY])
    for match in _CALLED.finditer(head):
        name = _document_name(match["name"])
        own |= {name.casefold(), *(noun.casefold() for noun in _LAST.findall(name)[:1])} - {""}
    return frozenset(own)


def _appended(word: str) -> bool:
    return word in ("schedule", "exhibit", "annex", "annexure", "appendix", "attachment")


def _singular(word: str) -> str:
    small = _one(word).lower()
    return small.removeprefix("sub").removeprefix("-")


def _one(word: str) -> str:
    small = word.lower()
    if small.endswith("ices"):
        return word[:-4] + "ix"
    if small.endswith("annexes"):
        return word[:-2]
    return word[:-1] if small.endswith("s") else word
