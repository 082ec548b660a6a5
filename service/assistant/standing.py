"""How the sources of a kept answer stand now: as they were, replaced by a newer version, or gone.

An answer is about the documents of its day. What was cited is never looked for in another text silently: a citation
keeps the version that it was cut from, and this says what has become of it. `standing` is pure; `Standings` reads.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from service.core import Citation, Document, Filed, Scope
from service.errors import Conflict, NotFound
from service.retrieval import Library, holds, path_at

LOOKED_AT = 16  # places with the same words among which the one under the same heading is looked for

Read = Callable[[str], Document | None]


@dataclass(frozen=True, slots=True)
class Place:
    start: int
    end: int
    page: int
    heading: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What has become of a citation's document since. `document` is the one that counts now, "" when none does."""

    state: Literal["current", "changed", "gone"]
    kept: bool  # the cited text can still be opened, with the cited words at their place
    document: str = ""
    title: str = ""
    version: int = 0
    place: Place | None = None  # of the cited words in what counts now, to the letter
    news: str = ""  # what became of the document, in words; "" while it is current
    words: str = ""  # what became of the cited words

    @property
    def told(self) -> str:
        """A sentence for the reader; "" while it is current."""
        return f"{'; '.join(filter(None, (self.news, self.words)))}." if self.news else ""


class Standings:
    """The standings of a conversation's citations; each document is read once."""

    def __init__(self, library: Library, scope: Scope) -> None:
        self._library, self._scope = library, scope
        self._lines: dict[str, Filed | None] = {}
        self._counting: dict[str, Filed | None] = {}
        self._texts: dict[str, Document | None] = {}

    def of(self, cited: Citation) -> Standing:
        here = self._line(cited.document)
        if here is not None and here.current:
            return standing(cited, here, here, self._read)
        family = here.family if here else cited.family
        return standing(cited, here, self._counts(family) if family else None, self._read)

    def _line(self, document: str) -> Filed | None:
        if document not in self._lines:
            self._lines[document] = None
            with suppress(NotFound):
                self._lines[document] = self._library.get(document, self._scope)
        return self._lines[document]

    def _counts(self, family: str) -> Filed | None:
        if family not in self._counting:
            self._counting[family] = self._library.current(family, self._scope)
        return self._counting[family]

    def _read(self, document: str) -> Document | None:
        if document not in self._texts:
            self._texts[document] = None
            with suppress(NotFound, Conflict):
                self._texts[document] = self._library.read(document, self._scope)
        return self._texts[document]


def standing(cited: Citation, here: Filed | None, counts: Filed | None, read: Read) -> Standing:
    """`here` is the cited document's line and `counts` that of the version that is searched now; None where there is
    none. `read` gives a document's text, or None while it cannot be had."""
    text = read(here.id) if here else None
    kept = text is not None and holds(cited, text.text)
    if counts is None:
        return Standing("gone", kept, news=_gone(cited, withdrawn=here is not None))
    if counts.id == cited.document and kept:
        same = Place(cited.start, cited.end, cited.page, cited.heading)
        return Standing("current", True, counts.id, counts.title, counts.version, same)
    now = read(counts.id)
    place = found(cited, now) if now else None
    news, words = _replaced(cited, counts, now is not None), _words(cited, place, now is not None)
    return Standing("changed", kept, counts.id, counts.title, counts.version, place, news, words)


def found(cited: Citation, document: Document) -> Place | None:
    """Where the cited words stand in another text, to the letter; None when they do not.

    Of several places the one under the same heading, else the one that lies nearest in the document.
    """
    spans = sorted(verbatim(cited.quote, document.text), key=lambda span: abs(span[0] - cited.start))
    places = [_place(document, start, end) for start, end in spans[:LOOKED_AT]]
    same = (place for place in places if place.heading == cited.heading)
    return next(same, places[0] if places else None)


def verbatim(quote: str, text: str) -> Iterator[tuple[int, int]]:
    """Where `text` says `quote`: the same characters, save that blanks and line breaks may differ.

    A word or a figure is never cut: "a rent of 100" does not stand in "a rent of 1000", nor in "a rent of 100,000".
    """
    words = quote.split()
    if words:
        said = r"\s+".join(map(re.escape, words))
        before = r"(?<!\w)(?<!\d[.,])" if re.match(r"\w", words[0]) else ""
        after = r"(?!\w)(?![.,]\d)" if re.search(r"\w$", words[-1]) else r"(?!\d)"
        for match in re.finditer(f"(?=({before}{said}{after}))", text):  # one place may begin within another
            yield match.span(1)


def _place(document: Document, start: int, end: int) -> Place:
    return Place(start, end, document.page_at(start), " › ".join(path_at(document, start)))


# --- in words


def _gone(cited: Citation, withdrawn: bool) -> str:
    name = _name(cited.title)
    return f"{name} was withdrawn with what it came in" if withdrawn else f"{name} has been deleted"


def _replaced(cited: Citation, counts: Filed, readable: bool) -> str:
    name, new = _name(cited.title), _name(counts.title)
    if counts.id == cited.document:
        return f"{name} {'has been' if readable else 'is being'} read anew"
    return f"{name} is now version {counts.version}" + (f", {new}" if new != name else "")


def _words(cited: Citation, place: Place | None, readable: bool) -> str:
    if not readable:
        return "whether the cited words are still in it can be said when it has been read"
    if place is None:
        return "the cited words are no longer in it"
    moved = place.heading and place.heading != cited.heading
    return "the cited words are still in it" + (f", under “{place.heading}”" if moved else "")


def changes(sources: Sequence[tuple[Citation, Standing]]) -> str:
    """What has become of an answer's sources, document by document; "" while all are as they were."""
    since: dict[str, list[tuple[int, Standing]]] = {}
    for cited, now in sources:
        if now.state != "current":
            since.setdefault(now.news, []).append((cited.n, now))
    number = sum(map(len, since.values()))
    if not number:
        return ""
    begun = f"{number} of {len(sources)} sources {'has' if number == 1 else 'have'}"
    begun = begun if len(sources) > 1 else "The only source has"
    return f"{begun} changed since: {' '.join(_together(group) for group in since.values())}"


def _together(group: Sequence[tuple[int, Standing]]) -> str:
    """What became of one document, and of the words in it that were cited."""
    first = group[0][1]
    if len({now.words for _, now in group}) == 1:
        return first.told
    still = [n for n, now in group if now.place]
    lost = [n for n, now in group if now.place is None]
    said = f"{first.news}; the words of {_numbers(still)} are still in it"
    return f"{said}, those of {_numbers(lost)} are not." if lost else f"{said}."


def _numbers(numbers: Sequence[int]) -> str:
    *first, last = [f"[{n}]" for n in sorted(numbers)]
    return f"{', '.join(first)} and {last}" if first else last


def _name(title: str) -> str:
    return title.rsplit("/", 1)[-1]
