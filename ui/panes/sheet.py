"""The canonical text by paragraphs, with what is known about its words woven in: the cited span, tracked changes,
comments, cross-references, defined terms. Every text passes through `esc`, piece by piece."""

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from ui.desk import Source
from ui.panes.words import date_of, esc
from ui.replies import Definition, Mark, Reference

WHOLE = 400_000  # characters of a text that is drawn whole
WINDOW = 60_000  # characters on either side of the place that is shown of a longer one
WORD = re.compile(r"\w+")
TRACKED, CITED, NOTED, LINK, TERM = range(5)  # from the outermost tag to the innermost


@dataclass(frozen=True, slots=True)
class Span:
    """[start, end) of the text inside a tag. `layer` says which of two tags stands outside the other."""

    start: int
    end: int
    layer: int
    tag: str
    attributes: str = ""


def sheet(shown: Source) -> str:
    """Very long texts show a window around the cited span, or around the place that was asked for."""
    first, last = window(shown)
    text = shown.text
    html = cut(first, shown.text, "earlier", max(0, first - WINDOW)) if first else ""
    page = Sheet(shown, first, last)
    at = first
    for line in text[first:last].split("\n"):
        html += page.paragraph(line, at)
        at += len(line) + 1
    html += cut(len(text) - last, text, "later", last + WINDOW) if last < len(text) else ""
    return f'<div class="sheet">{html}</div>{terms(shown)}'


def window(shown: Source) -> tuple[int, int]:
    text = shown.text
    if len(text) <= WHOLE:
        return 0, len(text)
    start, end = (shown.citation["start"], shown.citation["end"]) if shown.citation else (shown.at, shown.at)
    first = text.rfind("\n", 0, max(0, start - WINDOW)) + 1
    last = text.find("\n", end + WINDOW)
    return first, len(text) if last < 0 else last


def cut(n: int, text: str, which: str, at: int) -> str:
    return (
        f'<p class="cut">{n:,} {which} characters are not shown here. '
        f'<button data-act="around" data-at="{at}">Show them</button></p>'
    )


def terms(shown: Source) -> str:
    """The definitions that hover and focus show."""
    rows = "".join(
        f'<div id="term-{n}">{esc(defining(shown.text, one))}</div>'
        for n, one in enumerate(shown.document["definitions"])
    )
    return f'<div class="terms" hidden>{rows}</div>' if rows else ""


def defining(text: str, one: Definition) -> str:
    words = " ".join(text[one["start"] : one["end"]].split())
    return words if len(words) <= 600 else words[:600].rsplit(" ", 1)[0] + " …"


class Sheet:
    """Draws the paragraphs of one text; what is known about it is laid out once, in the order of the text."""

    def __init__(self, shown: Source, first: int, last: int) -> None:
        self.text = shown.text
        file, citation = shown.document, shown.citation
        self.start, self.end = (citation["start"], citation["end"]) if citation else (0, 0)
        self.heads = [row["start"] for row in file["outline"]]
        spans = [span for mark in file["marks"] for span in change(mark)]
        spans += [reference(one, self.text) for one in file["references"]]
        spans += [Span(self.start, self.end, CITED, "mark")] if citation else []
        self.spans = sorted((s for s in spans if s.end > first and s.start < last), key=lambda s: s.start)
        self.longest = max((span.end - span.start for span in self.spans), default=0)
        self.points = points(file["marks"])
        self.places = sorted(self.points)
        self.comments = sorted((m for m in file["marks"] if m["kind"] == "comment"), key=lambda m: m["end"])
        self.defined = defined(file["definitions"])

    def paragraph(self, line: str, at: int) -> str:
        """One line of the text that begins at offset `at`; an empty one shows only what was deleted there."""
        stop = at + len(line)
        gone = self.places[bisect_left(self.places, at) : bisect_right(self.places, stop)]
        if not line.strip() and not gone:
            return ""
        spans = sorted(self.within(at, stop), key=lambda span: span.layer)
        inner = weave(line, at, spans, {place: self.points[place] for place in gone})
        return f'<p data-at="{at}"{self.style(at, stop)}>{inner}</p>{self.notes(at, stop)}'

    def style(self, at: int, stop: int) -> str:
        head = bisect_left(self.heads, at) < bisect_left(self.heads, stop)
        hit = at < self.end and stop > self.start
        kinds = ["head"] * head + ["hit"] * hit
        return f' class="{" ".join(kinds)}"' if kinds else ""

    def within(self, at: int, stop: int) -> list[Span]:
        low = bisect_left(self.spans, at - self.longest, key=lambda span: span.start)
        high = bisect_right(self.spans, stop, key=lambda span: span.start)
        found = [span for span in self.spans[low:high] if span.start < stop and span.end > at]
        links = [span for span in found if span.layer == LINK]
        used = self.used(self.text[at:stop], at)
        return found + [one for one in used if all(one.end <= s.start or one.start >= s.end for s in links)]

    def used(self, line: str, at: int) -> Iterator[Span]:
        """The first use of each defined term in a paragraph, save inside its own definition."""
        seen: set[int] = set()
        for word in WORD.finditer(line) if self.defined else ():
            for n, one in self.defined.get(word.group(), ()):
                start, term = word.start(), one["term"]
                if n in seen or not line.startswith(term, start) or line[start + len(term) :][:1].isalnum():
                    continue
                if one["start"] <= at + start < one["end"]:
                    continue
                seen.add(n)
                goto = f'class="term" tabindex="0" data-term="{n}" data-goto="{one["start"]}"'
                yield Span(at + start, at + start + len(term), TERM, "span", goto)
                break

    def notes(self, at: int, stop: int) -> str:
        """The comments that end in this paragraph, under it."""
        low = bisect_left(self.comments, at, key=lambda mark: mark["end"])
        high = bisect_right(self.comments, stop, key=lambda mark: mark["end"])
        return "".join(
            f'<aside class="note"><b>Comment{author(mark)}</b> {esc(mark["text"])}</aside>'
            for mark in self.comments[low:high]
        )


def weave(line: str, at: int, spans: list[Span], points: dict[int, str]) -> str:
    """The line with its tags, cut wherever a tag begins or ends, so that tags never cross."""
    stop = at + len(line)
    edges = (
        {at, stop} | {e for span in spans for e in (span.start, span.end) if at <= e <= stop} | set(points)
    )
    html, places = "", sorted(edges)
    for here, there in zip(places, [*places[1:], stop], strict=True):
        html += points.get(here, "")
        if here == there:
            continue
        around = [span for span in spans if span.start <= here and span.end >= there]
        opened = "".join(f"<{span.tag}{' ' * bool(span.attributes)}{span.attributes}>" for span in around)
        closed = "".join(f"</{span.tag}>" for span in reversed(around))
        html += f"{opened}{esc(line[here - at : there - at])}{closed}"
    return html


def change(mark: Mark) -> list[Span]:
    if mark["kind"] == "inserted":
        return [
            Span(
                mark["start"],
                mark["end"],
                TRACKED,
                "ins",
                f'title="Inserted{author(mark)}, not yet accepted"',
            )
        ]
    if mark["kind"] == "comment" and mark["end"] > mark["start"]:
        return [Span(mark["start"], mark["end"], NOTED, "span", 'class="noted"')]
    return []


def points(marks: list[Mark]) -> dict[int, str]:
    """What was deleted, by the offset where it stood."""
    found: dict[int, str] = defaultdict(str)
    for mark in marks:
        if mark["kind"] == "deleted":
            found[mark["start"]] += (
                f'<del title="Deleted{author(mark)}, not yet accepted">{esc(mark["text"])}</del>'
            )
    return dict(found)


def author(mark: Mark) -> str:
    by = f" by {mark['by']}" if mark["by"] else ""
    return esc(by + (f", {date_of(mark['date'])}" if mark["date"] else ""))


def reference(one: Reference, text: str) -> Span:
    if one["target"] is None:
        where = f"in {one['document']}" if one["document"] else "not found in this document"
        return Span(
            one["start"],
            one["end"],
            LINK,
            "span",
            f'class="ref none" title="{esc(one["label"])}: {esc(where)}"',
        )
    start, end = one["target"]
    begins = " ".join(text[start : min(end, start + 120)].split())
    link = f'class="ref" role="link" tabindex="0" data-goto="{start}" title="{esc(begins)}"'
    return Span(one["start"], one["end"], LINK, "span", link)


def defined(definitions: list[Definition]) -> dict[str, list[tuple[int, Definition]]]:
    """Definitions by the first word of their term, the longest term first."""
    found: dict[str, list[tuple[int, Definition]]] = defaultdict(list)
    for n, one in enumerate(definitions):
        word = WORD.search(one["term"])
        if word and word.start() == 0:
            found[word.group()].append((n, one))
    for group in found.values():
        group.sort(key=lambda pair: -len(pair[1]["term"]))
    return dict(found)
