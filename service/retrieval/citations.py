"""Markers, quotations, and the proof that a quotation stands in its source. Pure.

A *marker* is `[2]` or `[1, 3]` in an answer: it names citations. A *quotation* is what stands in quotation marks.
A quotation is never believed: it is looked for in the source, and where it is found the source's own characters
take its place, so that `text[start:end] == quote` holds to the letter.
"""

import re
from dataclasses import dataclass

from service.core import Citation, Document

OPEN, CLOSE = "“", "”"

_MARKER = re.compile(r"\[(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\]")
_MARKED = re.compile(rf"{OPEN}(.+?){CLOSE} ?\[(\d{{1,3}})\]", re.DOTALL)
_QUOTATION = re.compile(
    r"“(?P<curly>[^“”]*)”"
    r"|„(?P<low>[^„“”]*)[“”]"
    r"|«(?P<angle>[^«»]*)»"
    r'|"(?P<straight>[^"]*)"'
    r"|(?<!\w)‘(?P<single>[^‘’]*(?:’\w[^‘’]*)*)’(?!\w)"
    r"|(?<![\w'])'(?P<plain>[^'\s][^']*(?:'\w[^']*)*)'(?!\w)"
)
_ALIKE = ('"“”„«»', "'‘’", "-‐‑‒–—")  # characters that stand for one another when a quotation is looked for
_TAIL = " \t\n.,;:…!?"


@dataclass(frozen=True, slots=True)
class Marker:
    start: int
    end: int
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Quotation:
    """A stretch in quotation marks: `text[start:end]` with its marks, `words` without them."""

    start: int
    end: int
    words: str


def markers(text: str) -> list[Marker]:
    """Every marker of an answer, in order. A bracketed word or a year in a citation is none."""
    return [
        Marker(m.start(), m.end(), tuple(int(n) for n in re.findall(r"\d+", m[1])))
        for m in _MARKER.finditer(text)
    ]


def without_markers(text: str) -> str:
    """The text with its markers and the blanks before them taken out."""
    return re.sub(r"[ \t]*" + _MARKER.pattern, "", text)


def quotations(text: str) -> list[Quotation]:
    """What a text puts in quotation marks of any kind, in order. An apostrophe opens nothing."""
    return [
        Quotation(m.start(), m.end(), next((g for g in m.groups() if g is not None), ""))
        for m in _QUOTATION.finditer(text)
    ]


def marked_quotations(text: str) -> list[tuple[str, int]]:
    """The quotations of an answer that carry a marker, as (words, n); one inside another is not split off."""
    return [(m[1], int(m[2])) for m in _MARKED.finditer(text)]


def find_quote(quote: str, text: str, start: int = 0, end: int | None = None) -> tuple[int, int] | None:
    """The span of `text`, within [start, end), that says `quote` word for word, or None.

    Exact first. Then line breaks and other blanks, the shape of quotation marks and dashes, and letter case may
    differ, and last the punctuation at the quote's ends. The span is always the source's own.
    """
    end = len(text) if end is None else end
    bare = quote.strip()
    at = text.find(bare, start, end) if bare else -1
    if at >= 0:
        return at, at + len(bare)
    for words in (bare, bare.strip(_TAIL)):
        if any(letter.isalnum() for letter in words):
            match = _tolerant(words).search(text, start, end)
            if match:
                return match.start(), match.end()
    return None


def _tolerant(words: str) -> re.Pattern[str]:
    return re.compile(r"\s+".join("".join(map(_alike, word)) for word in words.split()), re.IGNORECASE)


def _alike(character: str) -> str:
    kind = next((kind for kind in _ALIKE if character in kind), None)
    return f"[{re.escape(kind)}]" if kind else re.escape(character)


def cite(n: int, document: Document, start: int, end: int, heading: str = "") -> Citation:
    """The citation of a span. Its quote is the document's own text; it is verified unless that is blank or the span
    lies outside the document.
    """
    quote = document.text[start:end]
    return Citation(
        n=n,
        document=document.id,
        title=document.title,
        start=start,
        end=end,
        page=document.page_at(start),
        heading=heading,
        quote=quote,
        verified=0 <= start < end <= len(document.text) and bool(quote.strip()),
        family=document.family,
        version=document.version,
    )


def holds(citation: Citation, text: str) -> bool:
    """Whether a citation's quote stands in the canonical text at the place that it names."""
    return 0 <= citation.start < citation.end and text[citation.start : citation.end] == citation.quote
