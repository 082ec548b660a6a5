"""What was searched, in one line that opens: the proof behind an answer and behind a "not found"."""

from ui.panes.ledger import pages_of
from ui.panes.words import act, count, esc, name_of
from ui.replies import Coverage, Silent

SHOWN = 200  # documents with silent pages that are named


def line(coverage: Coverage) -> str:
    blank, left = coverage["pages_without_text"], coverage["not_searched"]
    notes = [f"{count(blank, 'page')} without text"] if blank else []
    notes += [f"{count(left, 'document')} without an index"] if left else []
    note = f" ({', '.join(notes)})" if notes else ""
    others = coverage.get("left_out", 0)
    part = f"{coverage['documents']:,} of " if others else ""
    return (
        '<details class="covered"><summary>Searched '
        f"{part}{count(coverage['documents'] + others, 'document')}, {count(coverage['passages'], 'passage')}{note}"
        f" · {took(coverage['seconds'])}</summary>{opened(coverage)}</details>"
    )


def took(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 0.1 else f"{1000 * seconds:.0f} ms"


def opened(coverage: Coverage) -> str:
    index = coverage.get("index", "")
    version = f'<p>Index version <span class="mono">{esc(index)}</span>.</p>' if index else ""
    rows = "".join(silent(one) for one in coverage.get("silent", [])[:SHOWN])
    return f"<div><p>{esc(in_words(coverage))}</p>{f'<ul>{rows}</ul>' if rows else ''}{version}</div>"


def silent(one: Silent) -> str:
    name = f"<button {act('pick_in_library', id=one['document'])}>{esc(name_of(one['title']))}</button>"
    return f"<li>{name} <span>{pages_of(one['pages'])}</span></li>"


def in_words(coverage: Coverage) -> str:
    blank, left = coverage["pages_without_text"], coverage["not_searched"]
    words = [
        f"{count(coverage['documents'], 'document')} with {count(coverage['passages'], 'passage')} "
        f"on {count(coverage['pages'], 'page')} were searched."
    ]
    others = coverage.get("left_out", 0)
    if others:
        words.append(f"The names in the question, or a filter, left out {count(others, 'other document')}.")
    if left:
        words.append(f"{count(left, 'document')} could not be searched; the Library says why.")
    if blank:
        words.append(
            f"{count(blank, 'page')} hold{'s' if blank == 1 else ''} no text and could not be searched."
        )
    return " ".join(words)
