"""A classifier's confusion matrix: what each label's rows were told to be, as a table."""

from collections.abc import Mapping, Sequence
from typing import Any

from ui.panes.words import count, esc

WORDS = (
    "A line is what is right, a column what was told, by the numbers of the lines; the stronger the shade, the larger "
    "the share of its line. Right answers are framed."
)


def matrix(found: Mapping[str, Any]) -> str:
    """The whole of it in a box that scrolls by itself; nothing where the report has none."""
    names = [str(name) for name in found.get("labels") or []]
    counts = found.get("confusion") or []
    if not names or any(len(row) != len(names) for row in (counts, *counts)):
        return ""
    scores = [one.get("f1") for one in found.get("by_label") or []]
    scores = scores if len(scores) == len(names) else [None] * len(names)
    heads = "".join(head(at, name) for at, name in enumerate(names, 1))
    lines = "".join(
        line(at, names, row, score) for at, (row, score) in enumerate(zip(counts, scores, strict=True))
    )
    table = (
        '<table class="matrix"><thead><tr><th scope="col">Right</th><th scope="col">Rows</th>'
        f'<th scope="col">F1</th>{heads}</tr></thead><tbody>{lines}</tbody></table>'
    )
    return (
        f'<section class="card"><div class="head"><h3>Confusion matrix</h3><span class="soft">{WORDS}</span></div>'
        f'<div class="matrix-of" tabindex="0" role="region" aria-label="Confusion matrix">{table}</div></section>'
    )


def head(number: int, name: str) -> str:
    """A number for the eye; the label itself for the pointer and for screen readers."""
    return f'<th scope="col" title="{esc(name)}" aria-label="told: {esc(name)}">{number}</th>'


def line(at: int, names: Sequence[str], row: Sequence[int], score: float | None) -> str:
    there = sum(row)
    told = "".join(cell(n, there, names[at], names[to], at == to) for to, n in enumerate(row))
    f1 = "—" if score is None or not there else f"{100 * score:.0f}"
    title = f"{esc(names[at])}: {count(there, 'row')}"
    return (
        f'<tr><th scope="row" title="{title}"><i>{at + 1}</i>{esc(names[at])}</th>'
        f"<td>{there:,}</td><td>{f1}</td>{told}</tr>"
    )


def cell(n: int, there: int, true: str, said: str, right: bool) -> str:
    """A count, shaded by its share of what there is of the label; none is left blank."""
    css = "right" if right else "wrong"
    if not n:
        return f'<td class="{css}"></td>' if right else "<td></td>"
    words = "told rightly" if right else f"told to be {esc(said)}"
    title = f"{esc(true)}, {words}: {n:,} of {count(there, 'row')} ({100 * n / there:.0f} %)"
    return f'<td class="{css}" style="--share:{n / there:.2f}" title="{title}">{n:,}</td>'
