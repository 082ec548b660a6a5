"""A run on its way: where it stands now, what it learns from, how, and what its process said. The curves are drawn in
the browser (assets/curves.js)."""

from ui.desk import Desk
from ui.panes.lineage import of_run
from ui.panes.recipe import fact, legend, plain, seen
from ui.panes.words import act, count, esc, gigabytes, lasting, moment
from ui.replies import Doing, Line, WholeRun
from ui.tuning import GOING, Tuning

PLOT = (
    '<section class="card plot"><div class="head"><h3>Loss</h3>'
    '<span class="seg" role="group" aria-label="Which loss"><button class="on" data-curve="loss">All words</button>'
    '<button data-curve="first_loss">First word</button></span><span class="grow"></span>'
    '<span class="legend"></span><select class="field" aria-label="Lay an earlier run over this one"></select></div>'
    '<div class="figure"><svg role="img" aria-label="Loss by step"></svg><p class="reading soft"></p></div></section>'
)
RECIPE = (
    ("rate", "Learning rate"),
    ("rank", "Rank"),
    ("alpha", "Alpha"),
    ("epochs", "Epochs"),
    ("batch", "Batch"),
    ("length", "Length"),
    ("replay", "Replay"),
    ("ewc", "EWC"),
    ("frozen", "Frozen layers"),
)
EXAM = "The held-out questions are being put to the candidate, to what is published, and to the base."
DEEDS = {
    "launch": "Launched",
    "cancel": "Stopped",
    "resume": "Resumed",
    "approve": "Approved",
    "decline": "Declined",
    "export": "Exported",
}


def now(desk: Desk) -> str:
    """The panel beside the curves."""
    run = desk.tuning.run
    if desk.view != "finetune" or run is None or desk.tuning.stage != "run":
        return ""
    return f'<section class="card now"><h3>{heading(run)}</h3>{standing(run)}{figures(run)}</section>'


def heading(run: WholeRun) -> str:
    return "Now" if run["state"] in GOING else "At its end"


def standing(run: WholeRun) -> str:
    """Why nothing moves, where nothing does."""
    if run["reason"]:
        tone = "bad" if run["state"] in ("failed", "stopped") else "soft"
        return f'<p class="why-not {tone}">{esc(run["reason"])}</p>'
    if run["state"] == "queued":
        return '<p class="why-not soft">In line. It begins when the run before it has ended.</p>'
    if run["now"] and run["now"]["paused"]:
        return '<p class="why-not soft">Paused while lawyers are being answered.</p>'
    if run["state"] == "preparing":
        return '<p class="why-not soft">Rows are being written down and the model is being loaded.</p>'
    if run["state"] == "evaluating":
        return f'<p class="why-not soft">{EXAM}</p>'
    return ""


def figures(run: WholeRun) -> str:
    line = run["progress"]
    if not line:
        return ""
    done = f"{line.get('step', 0):,} of {line.get('of', 0):,}"
    bar = f'<div class="bar wide"><i style="width:{100 * min(1.0, max(0.0, float(run["share"]))):.0f}%"></i></div>'
    html = fact("Step", done) + bar
    html += fact("Loss, held-out loss", f"{told(line, 'loss')} · {told(line, 'held_out_loss')}")
    html += fact("First word’s loss", f"{told(line, 'first_loss')} · {told(line, 'held_out_first_loss')}")
    if "rate" in line:
        html += fact("Learning rate", f"{line['rate']:.2e}".replace("e-0", "e-"))
    if "norm" in line:
        html += fact("Gradient norm", f"{line['norm']:.2f}")
    if line.get("tokens_per_second"):
        html += fact("Tokens per second", f"{line['tokens_per_second']:,.0f}")
    if line.get("memory"):
        html += fact("Memory", gigabytes(line["memory"]))
    if line.get("accuracy") is not None:
        html += fact(
            "Accuracy, macro F1", f"{100 * line['accuracy']:.1f} % · {100 * line.get('macro_f1', 0):.1f}"
        )
    return html + timing(run)


def told(line: Line, key: str) -> str:
    value = line.get(key)
    return f"{value:.3f}" if isinstance(value, int | float) else "—"


def timing(run: WholeRun) -> str:
    if run["state"] == "training" and run["progress"].get("left") is not None:
        html = fact("Time left", lasting(run["progress"]["left"]))
    elif run["started"] and run["ended"]:
        html = fact("Took", lasting(run["ended"] - run["started"]))
    else:
        html = ""
    slower = run["now"]["slower"] if run["now"] else None
    if slower is not None:
        html += fact(
            "Lawyers’ first word meanwhile", f"{'+' if slower >= 0 else '−'}{100 * abs(slower):.0f} %"
        )
    return html


# --- under the curves


def run(desk: Desk) -> str:
    tuning = desk.tuning
    if tuning.run is None:
        return ""
    one = tuning.run
    cards = first_row(tuning) + data(one) + recipe(one) + learned_from(tuning) + history(one)
    return f'<div class="trio">{cards}</div>{log(one, tuning)}'


def first_row(tuning: Tuning) -> str:
    """What the model sees, where the preflight of this run is still at hand."""
    found = tuning.preflight
    if found is None or tuning.run is None or tuning.flown != tuning.run["number"] or not found["batch"]:
        return ""
    row = seen(found["batch"][0], 1, found["kind"])
    return f'<section class="card"><h3>What the model sees</h3>{row}{legend(found)}</section>'


def data(one: WholeRun) -> str:
    counts = one["counts"]
    lines = ""
    if "train" in counts:
        lines += fact("Rows, training · held out", f"{counts['train']:,} · {counts.get('held_out', 0):,}")
    if "documents_train" in counts:
        lines += fact(
            "Documents, no overlap",
            f"{counts['documents_train']:,} · {counts.get('documents_held_out', 0):,}",
        )
    if "refuse" in counts:
        of = counts["refuse"] + counts.get("answerable", 0)
        lines += fact("Should refuse", f"{100 * counts['refuse'] / max(1, of):.0f} %")
    if counts.get("labels"):
        lines += fact("Labels", f"{counts['labels']:,}")
    if not lines:
        lines = '<p class="soft">Counted when its turn comes.</p>'
    return f'<section class="card"><h3>Data</h3>{lines}</section>'


def recipe(one: WholeRun) -> str:
    said = one["recipe"]
    lines = "".join(fact(label, esc(plain(said[name]))) for name, label in RECIPE if name in said)
    return f'<section class="card"><h3>Recipe</h3>{lines}</section>'


def learned_from(tuning: Tuning) -> str:
    if tuning.lineage is None or not tuning.lineage["runs"]:
        return ""
    return f'<section class="card"><h3>Learned from</h3>{of_run(tuning.lineage)}</section>'


def history(one: WholeRun) -> str:
    lines = "".join(deed(each) for each in reversed(one["deeds"]))
    kept = one["checkpoints"]
    steps = (
        f'<p class="soft">Checkpoints kept: {esc(", ".join(f"step {step}" for step in kept))}.</p>'
        if kept
        else ""
    )
    again = (
        f'<p class="soft">Went on from a checkpoint {count(one["resumed"], "time")}.</p>'
        if one["resumed"]
        else ""
    )
    return f'<section class="card"><h3>History</h3>{lines}{steps}{again}</section>'


def deed(one: Doing) -> str:
    words = DEEDS.get(one["what"], one["what"].capitalize())
    by = f" by {one['by']}" if one["by"] else ""
    reason = f"<small>{esc(one['reason'])}</small>" if one["reason"] else ""
    return f'<div class="fact"><span>{esc(words + by)}{reason}</span><span class="num">{moment(one["at"])}</span></div>'


def log(one: WholeRun, tuning: Tuning) -> str:
    opens = act("tune_log", number=one["number"])
    if tuning.log is None:
        return f'<p class="row"><button class="btn" {opens}>Show the log</button></p>'
    said = tuning.log.strip() or "Nothing was said yet."
    return (
        f'<section class="card log"><div class="head"><h3>Log</h3><span class="grow"></span>'
        f'<button class="btn" {opens}>Hide</button></div><pre>{esc(said)}</pre></section>'
    )
