"""Documents whose titles name another thing of the kind that a question names. Pure.

    asked       ... to break the lease of the first floor?
    meant       Lease - First Floor.pdf
    namesakes   Lease - Ground Floor.pdf, Deed of Variation - Ground Floor.docx

Such papers are worded alike, and often say the same thing with another figure. That is seen from two words in a row: a
title has them, and in another title one of the two stands with a different neighbour.
"""

import re
from collections.abc import Collection, Iterator
from itertools import pairwise

from service.assistant.words import tells, words

_PART = re.compile(r"\s[-–—]\s|[,;:()\[\]]|\.(?=\s|$)")
_ENDING = re.compile(r"\.[A-Za-z]{1,5}$")
_MONTHS = re.compile(
    r"jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?|oct(ober)?|(nov|dec)(ember)?"
)

Pair = tuple[str, str]


def namesakes(question: str, titles: Collection[str]) -> frozenset[str]:
    """The titles of what is not asked about; none where no title has what the question names."""
    of = {title: frozenset(_pairs(_parts(title))) for title in titles}
    asked = frozenset(_pairs([question]))
    found = set[str]()
    for pair in asked:
        meant = {title for title, pairs in of.items() if pair in pairs}
        if meant:
            found |= {title for title, pairs in of.items() if title not in meant and _rivals(pair, pairs)}
    # what is named by one pair of words is meant, even if another pair means others
    return frozenset(title for title in found if not of[title] & asked)


def _rivals(asked: Pair, pairs: Collection[Pair]) -> bool:
    """Whether one of them is another of the kind: "ground floor" beside "first floor", "unit 5" beside "unit 4"."""
    first, second = asked
    if second.isdigit():
        return any(one == first and other.isdigit() for one, other in pairs)
    return any(other == second and not one.isdigit() for one, other in pairs)


def _pairs(parts: Collection[str]) -> Iterator[Pair]:
    """Each word that tells something, with the next one. Dates are no names."""
    for part in parts:
        for one, other in pairwise(words(part)):
            if tells(one) and tells(other) and not one.isdigit() and not (_dated(one) or _dated(other)):
                yield one, other


def _dated(word: str) -> bool:
    return _MONTHS.fullmatch(word) is not None


def _parts(title: str) -> list[str]:
    """A title where its punctuation parts it, without the ending of a file."""
    plain = _ENDING.sub("", title)
    return _PART.split(plain if " " in plain else re.sub(r"[_-]+", " ", plain))
