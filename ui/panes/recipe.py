"""The recipe's form, and what a run will be before it starts."""

from typing import Any

from ui.desk import Desk
from ui.panes.words import act, card, count, esc, gigabytes, lasting, on
from ui.replies import Choice, Preflight, Preset, Seen
from ui.tuning import LEVELS, Draft, Tuning

TOLD = {
    "simple": "A preset as it is.",
    "normal": "The choices that matter most.",
    "expert": "Every choice there is.",
}
PROTECT = (
    "General text is read in between, and what general text depends on is held (replay, EWC, dropout, frozen lower "
    "layers). The task is learned a little more slowly."
)
NOTHING = "Nothing stands against a start: no row is on both sides of the split, and every {}."
SOUND = {"answers": "answer stands in its context", "classify": "text has a label"}
SHOWN = 4  # rows of the first batch
LEARNED = {"answers": "learned", "classify": "labels"}
LONG = 1200  # letters of a row's prompt that are shown: its end


def recipe(desk: Desk) -> str:
    tuning = desk.tuning
    if tuning.recipes is None:
        return '<p class="hint">The recipes could not be fetched. Choose 1 Data, and come back.</p>'
    return (
        f'<form id="recipe" class="recipe" data-form>{names(tuning)}{presets(tuning)}{fields(tuning)}</form>'
    )


def names(tuning: Tuning) -> str:
    draft = tuning.draft
    protect = " checked" if draft.protect else ""
    return (
        '<section class="card asked"><h3>What it is to be</h3>'
        f'<label>Name<input class="field" name="name" value="{esc(draft.name)}" required maxlength="64" '
        'autocomplete="off" pattern="[a-z0-9][a-z0-9._\\-]*" '
        'title="Small letters, digits, dots, dashes and underscores"></label>'
        f'<label>Lawyers see it as<input class="field" name="title" value="{esc(draft.title)}" maxlength="80" '
        'autocomplete="off" placeholder="Contract Q&amp;A"></label>'
        '<p class="soft">A name that is there already gets a new version. Nothing is published before somebody '
        "approves it.</p>"
        f'<label class="tick"><input type="checkbox" name="protect"{protect}>Protect general ability</label>'
        f'<p class="soft">{PROTECT}</p>{people(tuning)}</section>'
    )


def people(tuning: Tuning) -> str:
    """Who may use what is trained: those who are ticked, or everybody where nobody is."""
    if not tuning.people:
        return ""
    ticks = "".join(
        f'<label class="tick"><input type="checkbox" name="who-{esc(name)}"'
        f"{' checked' if name in tuning.draft.people else ''}><span>{esc(name)}</span></label>"
        for name in tuning.people
    )
    said = ", ".join(tuning.draft.people) or "everybody in its matters"
    return (
        f'<details class="kinds"><summary>Who may use it: {esc(said)}</summary><div>{ticks}</div></details>'
    )


def presets(tuning: Tuning) -> str:
    assert tuning.recipes is not None
    rows = "".join(preset(name, one, tuning.draft) for name, one in tuning.recipes["presets"].items())
    return f'<section class="card presets"><h3>Preset</h3>{rows}</section>'


def preset(name: str, one: Preset, draft: Draft) -> str:
    here = name == draft.preset
    choose = act("tune_preset", id=name, form="recipe")
    return (
        f'<button type="button" class="preset {on(here)}" aria-pressed="{str(here).lower()}" {choose}>'
        f"<b>{esc(name.capitalize())}</b><span>{esc(one['said'])}</span></button>"
    )


def fields(tuning: Tuning) -> str:
    assert tuning.recipes is not None
    draft = tuning.draft
    levels = "".join(
        f'<button type="button" class="{on(one == draft.level)}" {act("tune_level", id=one, form="recipe")}>'
        f"{one.capitalize()}</button>"
        for one in LEVELS
    )
    seg = f'<span class="seg" role="group" aria-label="How many choices">{levels}</span>'
    head = f'<div class="head"><h3>Choices</h3>{seg}</div>'
    reach = LEVELS.index(draft.level)
    chosen = tuning.recipes["presets"].get(draft.preset)
    said = chosen["recipe"] if chosen else {}
    some = [one for one in tuning.recipes["fields"] if LEVELS.index(one["level"]) <= reach]
    body = "".join(field(one, said.get(one["name"], ""), draft) for one in some)
    changed = count(len(draft.changes), "choice")
    note = f" {changed} changed from {esc(draft.preset)}." if draft.changes else ""
    return (
        f'<section class="card choices-of">{head}<p class="soft">{TOLD[draft.level]}{note}</p>'
        f'<div class="fields">{body}</div></section>'
    )


def field(one: Choice, usual: Any, draft: Draft) -> str:
    name = one["name"]
    value = draft.changes.get(name, usual)
    label = f"{esc(one['label'])}{' <em>changed</em>' if name in draft.changes else ''}"
    if one["kind"] == "choice":
        options = "".join(
            f"<option{' selected' if choice == value else ''}>{esc(choice)}</option>"
            for choice in one["choices"]
        )
        control = f'<select class="field" name="field-{esc(name)}">{options}</select>'
        bounds = ""
    else:
        said = f'name="field-{esc(name)}" value="{esc(plain(value))}"'
        control = f'<input class="field" {said} inputmode="decimal" autocomplete="off">'
        bounds = f" From {bound(one['low'])} to {bound(one['high'])}."
    return f'<label class="choice"><span>{label}</span>{control}<small>{esc(one["sentence"])}{bounds}</small></label>'


def plain(value: Any) -> str:
    """`0.0002`, `16`, `1e-6`: as a person would type it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if value and abs(value) < 1e-4:
        return f"{value:g}".replace("e-0", "e-")
    return f"{value:,.6f}".rstrip("0").rstrip(".").replace(",", "")


def bound(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else plain(value)


# --- before the start


def preflight(desk: Desk) -> str:
    tuning = desk.tuning
    found = tuning.preflight
    html = against(tuning.against)
    if found is not None:
        html += f'<div class="trio">{rows(found)}{forecast(found)}{remarks(found)}</div>{batch(found)}'
    return html


def against(reasons: list[str]) -> str:
    if not reasons:
        return ""
    lines = "".join(f"<li>{esc(reason)}</li>" for reason in reasons)
    back = f'<button class="btn" {act("tune_stage", id="data")}>Back to the data</button>'
    return f'<section class="card warn against"><h3>This run cannot start yet</h3><ul>{lines}</ul>{back}</section>'


def fact(label: str, value: str) -> str:
    return f'<div class="fact"><span>{esc(label)}</span><span class="num">{value}</span></div>'


def rows(found: Preflight) -> str:
    counts = found.get("counts") or {}
    lines = [fact("Rows, training · held out", f"{found['rows']:,} · {found['held_out']:,}")]
    if "documents_train" in counts:
        parted = f"{counts['documents_train']:,} · {counts.get('documents_held_out', 0):,}"
        lines.append(fact("Documents, no overlap", parted))
    if counts.get("refuse") is not None:
        of = counts["refuse"] + counts.get("answerable", 0)
        lines.append(fact("Should refuse", f"{100 * counts['refuse'] / max(1, of):.0f} %"))
    if counts.get("labels"):
        lines.append(fact("Labels", f"{counts['labels']:,}"))
    if found["kind"] == "classify":
        lines.append(fact("Too long, read in part", f"{found['cut']:,}"))
        lines.append(fact("Held out, of labels not learned", f"{found['left_out']:,}"))
    else:
        lines.append(fact("Too long, left out", f"{found['left_out']:,}"))
        lines.append(fact("General texts read in between", f"{found['general']:,}"))
    return f'<section class="card"><h3>Data</h3>{"".join(lines)}</section>'


def forecast(found: Preflight) -> str:
    said = found["forecast"]
    source = (
        "from an earlier run on this base" if said["measured"] else "from a moment’s trial of this machine"
    )
    lines = (
        fact("Steps", f"{found['steps']:,}")
        + fact("Time", f"about {lasting(said['seconds'])}")
        + fact("Memory, at most", gigabytes(said["memory"]))
        + fact(
            f"Tokens in an epoch · {LEARNED[found['kind']]}", f"{found['tokens']:,} · {found['counted']:,}"
        )
        + fact("Row, median · longest", f"{found['median']:,} · {found['longest']:,} tokens")
        + fact("Trained on", esc(found["place"]))
    )
    return (
        f'<section class="card"><h3>Forecast</h3>{lines}<p class="soft">Time is told {source}.</p></section>'
    )


def remarks(found: Preflight) -> str:
    said = [esc(one) for one in found.get("remarks") or []]
    if not said:
        return card("Looked through", f'<p class="soft">{NOTHING.format(SOUND[found["kind"]])}</p>')
    lines = "".join(f"<li>{one}</li>" for one in said)
    return f'<section class="card"><h3>Worth knowing</h3><ul class="remarks">{lines}</ul></section>'


def batch(found: Preflight) -> str:
    some = found.get("batch", [])
    if not some:
        return ""
    html = "".join(seen(one, n, found["kind"]) for n, one in enumerate(some[:SHOWN], 1))
    more = f", {SHOWN} of {len(some)} rows" if len(some) > SHOWN else ""
    heading = f"<h3>The first batch as the model reads it{more}</h3>"
    return f'<section class="card batch">{heading}{legend(found)}{html}</section>'


def legend(found: Preflight) -> str:
    """What the green words are."""
    if found["kind"] == "classify":
        return '<p class="soft">The <span class="counts">green label</span> is to be told from the text.</p>'
    return '<p class="soft">Loss counts only the <span class="counts">green words</span>.</p>'


def seen(one: Seen, n: int, kind: str) -> str:
    """A row with its mask; of a long prompt the end is shown, which is where the question stands."""
    if kind == "classify":
        text, label = one["spans"]
        html = f'{esc(text["text"])} <span class="counts">{esc(label["text"])}</span>'
        facts = f"Row {n} · {one['tokens']:,} tokens"
    else:
        html = "".join(
            f'<span class="counts">{esc(span["text"])}</span>' if span["counts"] else esc(tail(span["text"]))
            for span in one["spans"]
        )
        facts = f"Row {n} · {one['tokens']:,} tokens, {one['counted']:,} learned"
    return f'<div class="seen"><small class="soft">{facts}</small><pre>{html}</pre></div>'


def tail(text: str) -> str:
    return text if len(text) <= LONG else f"… {text[-LONG:]}"
