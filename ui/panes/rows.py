"""Where a run's rows come from, and the queue in which they are looked through."""

import re

from ui.desk import Desk
from ui.panes.words import act, count, empty, esc, on, tag
from ui.replies import DataSet, Rule, TrainingRow
from ui.tuning import PAGE, Tuning

STATES = (("proposed", "Proposed"), ("accepted", "Accepted"), ("rejected", "Rejected"))
TONES = {"proposed": "warn", "accepted": "ok", "rejected": "mute"}
ORIGINS = {
    "upload": "from a file",
    "rule": "by rule",
    "model": "asked by the model, answer checked",
    "correction": "a lawyer’s correction",
    "thumb": "an answer that was called good",
    "person": "written by hand",
}
NO_ANSWER = "These words do not answer it: the model should refuse."
KEYS = "<kbd>A</kbd> accept <kbd>E</kbd> edit <kbd>R</kbd> reject <kbd>↑</kbd> <kbd>↓</kbd>"
AROUND = 320  # letters of a passage that are shown before and after the answer


def data(desk: Desk) -> str:
    return looking(desk.tuning) if desk.tuning.chosen else choosing(desk)


# --- three ways to rows


def choosing(desk: Desk) -> str:
    ways = matter_way(desk) + file_way() + kept_way(desk.tuning)
    return f'<div class="ways">{ways}</div>'


def matter_way(desk: Desk) -> str:
    matter = desk.current
    heading = "<h3>From this matter</h3>"
    if matter is None:
        return f'<section class="card">{heading}<p class="soft">Open a matter first, in the title bar.</p></section>'
    words = (
        f"Rules read the {count(matter['documents'], 'document')} of <b>{esc(matter['name'])}</b> and propose "
        "questions: parties, dates, governing law, notice periods, caps, renewal. Each answer stands word for word "
        "in its document, and some questions have none, so that the model learns to refuse."
    )
    go = act("tune_matter", form="from-matter", busy="Reading the documents…")
    button = f'<button type="button" class="btn p" {go}>From this matter</button>'
    more = kinds(desk.tuning.rules) + tick("written", WRITTEN) + tick("mask", MASKED)
    return (
        f'<form id="from-matter" class="card">{heading}<p>{words}</p>{more}<p class="row">{button}</p></form>'
    )


WRITTEN = "Let the model write questions, too: minutes more. Only those that search leads back from are kept."
MASKED = "Put placeholders for personal data."


def kinds(rules: list[Rule]) -> str:
    """The kinds of question, all ticked, behind one line."""
    if not rules:
        return ""
    ticks = "".join(tick(f"rule-{one['name']}", esc(one["says"]), ticked=True) for one in rules)
    return (
        f'<details class="kinds"><summary>All {count(len(rules), "kind")} of question, or some</summary>'
        f'<input type="hidden" name="rules" value="1"><div>{ticks}</div></details>'
    )


def tick(name: str, words: str, ticked: bool = False) -> str:
    box = f'<input type="checkbox" name="{esc(name)}"{" checked" if ticked else ""}>'
    return f'<label class="tick">{box}<span>{words}</span></label>'


def file_way() -> str:
    words = (
        "A CSV, an Excel sheet or JSON Lines with questions, contexts and answers, or with texts and labels. You say "
        "which column holds what, and see the first rows, before anything is taken in."
    )
    choose = (
        '<label class="btn" tabindex="0">Choose a file…<input type="file" accept=".csv,.tsv,.xlsx,.jsonl,.json" hidden '
        'data-upload="finetune"></label><span class="soft">or drop it here</span>'
    )
    return f'<section class="card"><h3>From a file</h3><p>{words}</p><p class="row">{choose}</p></section>'


def kept_way(tuning: Tuning) -> str:
    rows = "".join(kept(one) for one in tuning.sets)
    none = '<p class="soft">None yet. What you make in the other two ways is kept here.</p>'
    return f'<section class="card"><h3>A data set that was kept</h3><div class="sets">{rows or none}</div></section>'


def kept(one: DataSet) -> str:
    ready, waiting = one["counts"].get("accepted", 0), one["counts"].get("proposed", 0)
    facts = f"{count(ready, 'row')}, {count(one['documents'], 'document')}"
    facts += f" · {waiting:,} to look through" if waiting else ""
    facts += " · texts and labels" if one["kind"] == "classify" else ""
    name = f"<span>{esc(one['name'])}</span><small>{facts}</small>"
    return f'<button class="line" {act("tune_set", id=one["id"])}>{name}</button>'


# --- looking rows through


def looking(tuning: Tuning) -> str:
    one = tuning.chosen
    assert one is not None
    told = f'<p class="soft told-rows" role="status">{esc(tuning.told)}</p>' if tuning.told else ""
    return f'<div class="card queue">{queue_head(one, tuning)}{told}{listed(tuning)}</div>'


def queue_head(one: DataSet, tuning: Tuning) -> str:
    tabs = "".join(
        f'<button class="{on(state == tuning.state)}" {act("tune_rows", state=state)}>'
        f"{label} {one['counts'].get(state, 0):,}</button>"
        for state, label in STATES
    )
    return (
        f'<div class="head"><span class="seg" role="group" aria-label="Show rows">{tabs}</span>'
        f'<span class="soft keys">{KEYS}</span>'
        f'<span class="grow"></span>{all_of_them(one, tuning)}{elsewhere(one)}</div>'
    )


def all_of_them(one: DataSet, tuning: Tuning) -> str:
    waiting = one["counts"].get("proposed", 0)
    if tuning.state != "proposed" or not waiting:
        return ""
    accept = act("tune_decide", state="accepted", busy="Accepting…")
    reject = act(
        "tune_decide",
        state="rejected",
        confirm=f"Reject all {waiting:,} rows that are still proposed? They are not proposed again.",
        verb="Reject all",
    )
    return (
        f'<button class="btn" {accept}>Accept all {waiting:,}</button>'
        f'<button class="btn" {reject}>Reject all…</button>'
    )


def elsewhere(one: DataSet) -> str:
    total = sum(one["counts"].values())
    words = (
        f"Delete “{one['name']}” with its {count(total, 'row')}? Runs that learned from it stay as they are."
    )
    delete = act("tune_delete_set", id=one["id"], confirm=words, verb="Delete")
    return (
        f'<button class="btn" {act("tune_unset")}>Other data…</button>'
        f'<button class="btn danger" {delete}>Delete…</button>'
    )


def listed(tuning: Tuning) -> str:
    if not tuning.rows:
        return empty(*none_of(tuning)).replace('class="empty"', 'class="empty small"')
    rows = "".join(row(one) for one in tuning.rows)
    return f'<div class="rowlist" tabindex="0" role="listbox" aria-label="Rows">{rows}</div>{pages(tuning)}'


def none_of(tuning: Tuning) -> tuple[str, str]:
    if tuning.state == "proposed":
        return "Nothing left to look through", "Choose a recipe, or bring more rows in."
    if tuning.state == "accepted":
        return "No row is accepted yet", "Accept rows under Proposed. Only those are learned from."
    return "No row was rejected", "What is rejected stays here, and is not proposed again."


def row(one: TrainingRow) -> str:
    heading = one["question"] or one["label"]
    label = f'<div class="label">{esc(one["label"])}</div>' if one["label"] and one["question"] else ""
    stamp = tag(one["state"], TONES.get(one["state"], ""))
    said = answer(one)
    kept = {"row": one["id"]} | {part: one[part] for part in ("question", "context", "answer")}
    keeps = " ".join(f'data-{part}="{esc(said)}"' for part, said in kept.items())
    kind = ' data-label="' + esc(one["label"]) + '"' if one["label"] else ""
    return (
        f'<article class="qa" role="option" {keeps}{kind}><div class="qa-head"><b>{esc(heading)}</b>{stamp}</div>'
        f'{said}{label}<div class="more"><p class="passage">{passage(one)}</p>'
        f'<p class="soft origin">{provenance(one)}</p>{buttons(one)}</div></article>'
    )


def answer(one: TrainingRow) -> str:
    if one["label"]:
        return ""
    if not one["answer"]:
        return f'<div class="said soft">{NO_ANSWER}</div>'
    return f'<div class="said">{esc(one["answer"])}</div>'


def passage(one: TrainingRow) -> str:
    """The passage around the answer, with the answer marked."""
    text = one["context"]
    found = place(one["answer"], text)
    if found is None:
        cut = text[: 2 * AROUND]
        return esc(cut) + (" …" if len(text) > len(cut) else "")
    start, end = found
    first, last = max(0, start - AROUND), min(len(text), end + AROUND)
    before, after = ("… " if first else ""), (" …" if last < len(text) else "")
    return f"{before}{esc(text[first:start])}<mark>{esc(text[start:end])}</mark>{esc(text[end:last])}{after}"


def place(answer: str, context: str) -> tuple[int, int] | None:
    words = answer.split()
    found = re.search(r"\s+".join(map(re.escape, words)), context) if words else None
    return found.span() if found else None


def provenance(one: TrainingRow) -> str:
    origin = ORIGINS.get(one["origin"], one["origin"])
    origin += f" “{one['rule'].replace('_', ' ')}”" if one["origin"] == "rule" and one["rule"] else ""
    parts = [one["title"], origin, f"edited by {one['edited_by']}" if one["edited_by"] else ""]
    return " · ".join(esc(part) for part in parts if part)


def buttons(one: TrainingRow) -> str:
    accept = act("tune_row", row=one["id"], state="accepted")
    reject = act("tune_row", row=one["id"], state="rejected")
    opens = act("tune_source", row=one["id"])
    html = f'<button class="btn" {accept}>Accept</button>' if one["state"] != "accepted" else ""
    html += '<button class="btn" data-do="edit_row">Edit…</button>'
    html += f'<button class="btn" {reject}>Reject</button>' if one["state"] != "rejected" else ""
    html += f'<button class="btn" {opens}>Open the document</button>' if one["document"] else ""
    return f'<p class="row">{html}</p>'


def pages(tuning: Tuning) -> str:
    first, last = tuning.offset + 1, tuning.offset + len(tuning.rows)
    if tuning.total <= PAGE:
        return ""
    html = f'<span class="soft">{first:,} to {last:,} of {tuning.total:,}</span><span class="grow"></span>'
    if tuning.offset:
        html += (
            f'<button class="btn" {act("tune_rows", offset=max(0, tuning.offset - PAGE))}>Earlier</button>'
        )
    if last < tuning.total:
        html += f'<button class="btn" {act("tune_rows", offset=tuning.offset + PAGE)}>Later</button>'
    return f'<div class="head turns">{html}</div>'
