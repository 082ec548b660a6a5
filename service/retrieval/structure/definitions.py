"""Defined terms and the words that define them. Pure.

The words are the sentence or sub-clause around the place where the term is given its meaning (see `mentions`). Of a
pointer, ""Fee" has the meaning given in clause 4.1", they are the clause that it names, if the term stands there.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from service.core import Document
from service.retrieval.structure.mentions import Mention, mentions
from service.retrieval.structure.references import Reference
from service.retrieval.structure.sentences import Sentences
from service.retrieval.structure.tree import Node

LONGEST = 1500  # characters of a definition

_POINTS = re.compile(r"\bmeanings?\b.{0,60}$|\bdefined\b.{0,40}$|\bset\s(?:out|forth)\b.{0,40}$", re.S)
_PARTED = re.compile(r"[;.]\s{1,6}(?:and\s|or\s)?[\"“‘]?$")  # one definition ends, another begins
_MORE = re.compile(r"(?:[:;,–—-]|\b(?:and|or))\s*$")


@dataclass(frozen=True, slots=True)
class Definition:
    """A term, as capitalised in the document, and the span of the sentence or clause that defines it."""

    term: str
    start: int
    end: int


def definitions(
    document: Document, nodes: Sequence[Node], references: Sequence[Reference]
) -> tuple[Definition, ...]:
    """Every definition in reading order; a term may be defined more than once."""
    text, sentences = document.text, Sentences(document, nodes)
    found = sorted(mentions(text, nodes), key=lambda mention: mention.start)
    starts = [mention.start for mention in found]
    spans = dict[tuple[str, int], Definition]()
    for n, mention in enumerate(found):
        start, end = _span(text, mention, sentences, starts[n + 1] if n + 1 < len(starts) else len(text))
        spans.setdefault((mention.term, start), Definition(mention.term, start, end))
    return tuple(_followed(text, list(spans.values()), references))


def _span(text: str, mention: Mention, sentences: Sentences, following: int) -> tuple[int, int]:
    """The sentence around a mention, and where it breaks off at a colon or "and" the items after it."""
    start, end = sentences.at(mention.start)
    end = max(end, mention.end)
    if not mention.whole:
        return _bounded(text, start, end, mention)
    while end < following and end - start < LONGEST and _MORE.search(text[max(start, end - 8) : end]):
        after = _next_word(text, end)
        if after >= following:
            break
        end = max(sentences.at(after)[1], after + 1)
    if end > following > mention.end and _PARTED.search(text[mention.end : following][-20:]):
        end = following
    if _PARTED.search(text[start : mention.start][-20:]):
        start = mention.start - (text[mention.start - 1] in '"“‘')
    return _bounded(text, start, end, mention)


def _next_word(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _bounded(text: str, start: int, end: int, mention: Mention) -> tuple[int, int]:
    """At most LONGEST characters, the term among them, cut where a sentence breathes; no blanks at the end."""
    if end - start > LONGEST:
        start = max(start, mention.start - LONGEST // 3)
        stop = min(end, start + LONGEST)
        cut = max(text.rfind(sign, mention.end, stop) for sign in (". ", "; ", ".\n", ";\n"))
        end = cut + 1 if cut > 0 else stop
    while end > mention.end and (text[end - 1].isspace() or text[end - 1] in '"“‘*'):
        end -= 1
    while start < mention.start and text[start].isspace():
        start += 1
    return start, end


def _followed(
    text: str, found: Sequence[Definition], references: Sequence[Reference]
) -> Iterator[Definition]:
    """Pointers replaced by the clause they name, where the term stands there, or dropped where it is defined there."""
    starts = [reference.start for reference in references]
    own = dict[str, list[int]]()
    for one in found:
        own.setdefault(one.term, []).append(one.start)
    for one in found:
        target = _pointed(text, one, references, starts)
        if target is None or target[0] <= one.start < target[1]:
            yield one
        elif bisect_left(own[one.term], target[0]) == bisect_left(own[one.term], target[1]):
            place = text.find(one.term, *target)
            yield one if place < 0 else Definition(one.term, *_around(text, target, place, len(one.term)))


def _pointed(
    text: str, one: Definition, references: Sequence[Reference], starts: Sequence[int]
) -> tuple[int, int] | None:
    """The clause that a short definition does no more than point to."""
    if one.end - one.start > 250:
        return None
    for reference in references[bisect_left(starts, one.start) : bisect_right(starts, one.end)]:
        if _POINTS.search(text, one.start, reference.start):
            return reference.target
    return None


def _around(text: str, clause: tuple[int, int], place: int, length: int) -> tuple[int, int]:
    """The clause, or as much of a long one as holds the term at `place`."""
    start, end = clause
    if end - start > LONGEST:
        start = max(start, text.rfind("\n", start, place) + 1, place - LONGEST // 2)
        end = min(end, start + LONGEST)
    while end > place + length and text[end - 1].isspace():
        end -= 1
    return start, end
