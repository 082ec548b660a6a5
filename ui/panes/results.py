"""Search in the library: the form, and the passages that were found."""

import re

from ui.desk import Desk
from ui.panes import coverage
from ui.panes.words import act, count, empty, esc, name_of, on, tag, tidy
from ui.replies import Passage, Why


def finds(desk: Desk) -> str:
    """Passages that a search found, best first."""
    found = desk.found
    if found is None:
        return ""
    rows = "".join(hit(n, passage, desk) for n, passage in enumerate(found["passages"], 1))
    none = empty("No passage found", "Try other words, or fewer of them, or take a filter away.")
    head = f"<p class='soft'>{count(len(found['passages']), 'passage')}, best first</p>" if rows else ""
    return f'<article data-answer="search">{coverage.line(found["coverage"])}{head}{rows or none}</article>'


def hit(n: int, passage: Passage, desk: Desk) -> str:
    shown = desk.source
    here = bool(shown and shown.answer == "search" and shown.citation and shown.citation["n"] == n)
    page = f" · p. {passage['page']}" if passage["title"].lower().endswith(".pdf") else ""
    heading = f" · {esc(passage['heading'])}" if passage["heading"] else ""
    types = "".join(tag(name, "type") for name in passage.get("types", []))
    why = passage["why"]
    return (
        f'<div class="hit"><div class="ev {on(here)}" role="button" tabindex="0" {act("cite", answer="search", n=n)}>'
        f'<span class="chip {on(here)}">{n}</span>'
        f'<span class="found"><b>{esc(name_of(passage["title"]))}</b><small>{heading}{page}</small>{types}'
        f"<q>{marked(tidy(passage['text']), why['terms'] if why else [])}</q></span></div>{reasons(why)}</div>"
    )


def marked(text: str, terms: list[str]) -> str:
    """The text with the searched words marked; a word's endings go with it."""
    known = sorted({term.strip("*! ") for term in terms} - {""}, key=len, reverse=True)
    words = [r"\s+".join(map(re.escape, term.split())) for term in known]
    if not words:
        return esc(text)
    html, at = "", 0
    for found in re.finditer(rf"(?<!\w)(?:{'|'.join(words)})\w*", text, re.IGNORECASE):
        html += f"{esc(text[at : found.start()])}<mark>{esc(found.group())}</mark>"
        at = found.end()
    return html + esc(text[at:])


def reasons(why: Why | None) -> str:
    """Why this passage was found, as a part of what a passage can get."""
    if why is None:
        return ""
    parts = (
        ("Meaning", why["meaning"], "how near it comes to what you asked"),
        ("Words", why["words"], "of what the best match of the words has"),
        ("Second look", why["rerank"], "what the reranker gives it"),
    )
    rows = "".join(reason(*part) for part in parts if part[1])
    terms = ", ".join(why["terms"])
    rows += f"<dt>Your words in it</dt><dd>{esc(terms)}</dd>" if terms else ""
    return f'<details class="why"><summary>Why this</summary><dl>{rows}</dl></details>' if rows else ""


def reason(label: str, value: float, words: str) -> str:
    share = min(max(value, 0.0), 1.0)
    return (
        f'<dt>{label}</dt><dd><span class="bar"><i style="width:{share:.0%}"></i></span>{value:.2f} '
        f'<span class="soft">{words}</span></dd>'
    )
