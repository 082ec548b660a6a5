"""What learned from a document, and what a run learned from."""

from ui.panes.words import act, count, esc, name_of, tag
from ui.replies import Learner, Lineage, Made, Origin

SHOWN = 12  # documents of a run


def of_document(found: Lineage, manages: bool) -> str:
    """The adapters that were trained on it, which go on when it is deleted, and runs that made none."""
    rows = "".join(made(one, manages) for one in found["adapters"])
    return rows + "".join(learner(one) for one in found["runs"] if one["version"] is None)


def of_run(found: Lineage) -> str:
    """The documents that a run learned from, the most rows first, and what was answered by what it made."""
    most = sorted(found["documents"], key=lambda one: -one["train"] - one["held_out"])
    rows = "".join(origin(one) for one in most[:SHOWN])
    if len(most) > SHOWN:
        rows += f'<p class="soft">and {count(len(most) - SHOWN, "document")} more</p>'
    if not rows:
        rows = '<p class="soft">Rows that came from no document of a matter.</p>'
    answers = sum(one["answers"] for one in found["adapters"])
    return rows + (f'<p class="soft">It has written {count(answers, "answer")}.</p>' if answers else "")


def made(one: Made, manages: bool) -> str:
    state = tag("published", "ok") if one["published"] else tag("retired", "mute") if one["retired"] else ""
    name = f"<span>{esc(one['name'])} v{one['version']}</span>"
    facts = f'<span class="soft">{state} {count(one["answers"], "answer")}</span>'
    if not manages:
        return f'<div class="line plain">{name}{facts}</div>'
    return f'<button class="line link" {act("tune_adapter", id=one["name"])}>{name}{facts}</button>'


def learner(one: Learner) -> str:
    facts = f'<span class="soft">{count(one["train"] + one["held_out"], "row")} · {esc(one["state"])}</span>'
    name = f"<span>Run {one['number']} · {esc(one['name'])}</span>"
    return f'<button class="line link" {act("tune_open", number=one["number"])}>{name}{facts}</button>'


def origin(one: Origin) -> str:
    facts = f'<span class="soft">{one["train"]:,} · {one["held_out"]:,} held out</span>'
    if not one["title"]:
        return f'<div class="line plain"><span>A document that was deleted</span>{facts}</div>'
    name = f'<span title="{esc(one["title"])}">{esc(name_of(one["title"]))}</span>'
    return f'<button class="line link" {act("tune_document", id=one["document"])}>{name}{facts}</button>'
