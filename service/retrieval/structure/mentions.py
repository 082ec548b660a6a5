"""Where terms are given a meaning. Pure.

"Confidential Information" means …          quoted, with a verb
Alder Ltd (the "Company") / (the Landlord)  in brackets
Personal Data means …                       without quotation marks
Annual Rent: rent at the rate of …          an entry of a list or table of definitions
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from service.retrieval.structure.tree import Node

WORDS = 10  # of a term

_QUOTED = re.compile(
    r"(?<!\w)[\"“](?P<term>[\w$&(][^\"“”]{0,78})[\"”](?!\w)|(?<!\w)‘(?P<single>[\w$&][^‘\n]{0,60}?)’(?!\w)"
)
_VERB = (
    r"(?:means?|refers?\sto|includes?|(?:is|are)\sdefined|denotes?|signif(?:y|ies)"
    r"|ha(?:s|ve)\s{1,3}(?:the|that|those|such|its|their)\s{1,3}(?:\w+\s{1,3}){0,3}meanings?)\b"
)
_MEANS = re.compile(
    r"(?:\s{0,4}(?:,|and|or|the\sterms?|[\"“][^\"“”]{1,80}[\"”]|\([^()]{0,80}\))){0,6}"
    r"\s{0,4},?\s{0,4}(?:(?:shall|will|must)\s{1,3}(?:each\s|also\s)?(?:mean|include|refer|be\s(?:defined|the)"
    r"|have\s{1,3}the\s{1,3}(?:\w+\s){0,3}meanings?)"
    rf"|(?:each\s|also\s)?{_VERB}|:(?=\s)|=)"
)
_CALLED = re.compile(
    r"(?:referred\sto|known|called|defined|designated|described|abbreviated)"
    r"(?:\s+(?:herein|hereinafter|hereafter|collectively|individually|below|also|sometimes|together|jointly|in\sthis\s\w+))*"
    r"\s+(?:as\s+)?(?:(?:the|a|an|each|either)\s+)?[\"“‘]?$"
)
_LINKING = re.compile(
    r"the|a|an|each|every|any|all|such|and|or|as|by|both|collectively|together|individually|severally"
    r"|jointly|with|its|their|affiliates|hereinafter|hereafter|herein|hereinbelow|referred|to|called"
    r"|known|sometimes|also|defined|designated|being|is|are|in|this|agreement|from|time|of|for"
    r"|purposes|plural|singular|shall|be|member|party|other|us|we|either|one|only|when|used|below"
    r"|above|abbreviated|short|respectively|that|term|under|deed|lease|contract|our|you|your|his|her"
    r"|it|these|those|parties|company|companies|will|respective|case|if|more|than|including"
    r"|subsidiaries|successors|assigns|permitted|into|may|mean|means",
    re.I,
)
_BARE_BRACKET = re.compile(
    r"\((?P<lead>(?:(?:the|this|each|an?|together|collectively|hereinafter|in\sthis\s\w+),?\s+){0,4})"
    r"(?P<term>[A-Z][\w&’'-]{1,30}(?:\s(?:of\s|and\s|the\s)?[A-Z][\w&’'-]{1,30}){0,5})\)"
)
_BARE_VERB = re.compile(r"\*{0,2}\s{1,3}(?:means|mean|shall\smean|(?:shall\s)?ha(?:s|ve)\sthe\smeanings?)\b")
_CAPITALISED = re.compile(r"[A-Z][\w&’'/-]*")
_CONNECTING = re.compile(r"of|and|or|the|for|to|in|on|by|with", re.I)
_NOT_TERMS = re.compile(
    r"it|this|that|these|those|which|each|such|what|he|she|they|there|nothing|any|no|all|section"
    r"|clause|article|schedule|exhibit|annex|appendix|paragraph|part|in|the|a|an|if|for|and|or|by|as"
    r"|word|expression|meaning|definition|definitions|interpretation|general|construction|note"
    r"|yes|page|date",
    re.I,
)
_ZONE = re.compile(r"defin|interpretation|glossary", re.I)
_INTRODUCED = re.compile(
    r"\b(?:following|these)\s+(?:\w+\s+){0,3}?(?:words|terms|expressions|definitions|meanings)\b"
    r"|\b(?:words|terms|expressions)\b[^.]{0,80}\b(?:meanings?|set\s+(?:beside|opposite))\b",
    re.I,
)
_ENTRY = re.compile(
    r"^[ \t>|]*(?:\(\w{1,4}\)[ \t]+|\d{1,2}(?:\.\d{1,3}){0,4}[.)]?[ \t]+|[-•*][ \t]+)?\*{0,2}"
    r"(?P<term>[A-Z\d][^\n\t|:;.\"“”]{0,60}?)\*{0,2}[ \t]*(?::|\t+|[ \t]\|[ \t])[ \t]*"
    r"(?=[^\s:|-])(?!(?i:meaning|definition|description)s?\b)",
    re.M,
)


@dataclass(frozen=True, slots=True)
class Mention:
    """A term where it is given its meaning, at [start, end). `after`: where the meaning begins."""

    term: str
    start: int
    end: int
    after: int
    whole: bool  # whether the meaning may go on over the items that follow


def mentions(text: str, nodes: Sequence[Node]) -> Iterator[Mention]:
    """Every place where a term is given a meaning, kind by kind; some are found twice."""
    return (mention for mention in _all(text, nodes) if _is_term(mention.term))


def _all(text: str, nodes: Sequence[Node]) -> Iterator[Mention]:
    for match in _QUOTED.finditer(text):
        group = "term" if match["term"] else "single"
        start, end = match.span(group)
        verb = _MEANS.match(text, match.end())
        if verb:
            yield Mention(_clean(match[group]), start, end, verb.end(), True)
        elif (
            group == "term"
            and not match[group][0].islower()
            and (_bracketed(text, match) or _CALLED.search(text, max(0, start - 90), start))
        ):
            yield Mention(_clean(match[group]), start, end, end, False)
    yield from _unquoted(text)
    yield from _entries(text, nodes)


def _bracketed(text: str, match: "re.Match[str]") -> bool:
    """Whether the quoted term stands in brackets with nothing but linking words and other terms."""
    open = text.rfind("(", max(0, match.start() - 200), match.start())
    if open < 0 or text.find(")", open, match.start()) >= 0:
        return False
    close = text.find(")", match.end(), match.end() + 200)
    if close < 0:
        return False
    words = re.sub(r"[\"“][^\"“”]*[\"”]", " ", text[open + 1 : close])
    strange = [word for word in re.findall(r"[^\W\d_]+", words) if not _LINKING.fullmatch(word)]
    return len(strange) <= 1


def _unquoted(text: str) -> Iterator[Mention]:
    uses = Counter(re.findall(r"[A-Z][\w&’'-]+", text))
    for match in _BARE_BRACKET.finditer(text):
        last = match["term"].split()[-1]
        enough = 1 if match["lead"] else 4
        if uses[last] > enough and (match["lead"] or not match["term"].isupper()):
            yield Mention(_clean(match["term"]), *match.span("term"), match.end("term"), False)
    for match in _BARE_VERB.finditer(text):
        start = _backwards(text, match.start())
        if start < match.start():
            yield Mention(_clean(text[start : match.start()]), start, match.start(), match.end(), True)


def _backwards(text: str, end: int) -> int:
    """Where the run of capitalised words that ends at `end` begins; `end` when there is none."""
    offset, first, after = max(0, end - 100), end, end
    words = list(re.finditer(r"[^\s*]+", text[offset:end]))
    for n, word in reversed(list(enumerate(words))):
        before = words[n - 1].group().lower() if n else ""
        parted = text.count("\n", offset + word.end(), after) > 1 or "**" in text[offset + word.end() : after]
        if (parted and first < end) or before in ("this", "that", "such") or len(words) - n > WORDS:
            break
        if _CAPITALISED.fullmatch(word.group()) or (first == end and word.group().isdigit()):
            first = offset + word.start() if not word.group().isdigit() else first
        elif not _CONNECTING.fullmatch(word.group()) or first == end:
            break
        after = offset + word.start()
    return first


def _entries(text: str, nodes: Sequence[Node]) -> Iterator[Mention]:
    """The entries of definition sections: "Annual Rent: rent at …", or a row of a table."""
    at = 0
    for start, end in _zones(text, nodes):
        for match in _ENTRY.finditer(text, max(start, at), end):
            words = match["term"].split()
            if all(not word[0].islower() or _CONNECTING.fullmatch(word) for word in words):
                yield Mention(_clean(match["term"]), *match.span("term"), match.end(), True)
        at = max(at, end)


def _zones(text: str, nodes: Sequence[Node]) -> Iterator[tuple[int, int]]:
    for node in nodes:
        head = text[node.start : min(node.end, node.start + 400)]
        if _ZONE.search(node.clause.caption) or _INTRODUCED.search(head):
            yield node.clause.end if node.clause.caption else node.start, node.end
    if not nodes and _INTRODUCED.search(text[:400]):
        yield 0, len(text)


def _is_term(term: str) -> bool:
    words = term.split()
    return (
        0 < len(words) <= WORDS
        and any(c.isalpha() for c in term)
        and not (len(words) == 1 and _NOT_TERMS.fullmatch(term))
        and words[0].lower() not in ("section", "clause", "article", "paragraph")
    )


def _clean(term: str) -> str:
    return " ".join(term.split()).strip(" ,.;:*")
