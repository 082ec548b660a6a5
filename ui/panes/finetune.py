"""The frame of a fine-tune: the list of runs, the head of what is open, and the way from data to approval."""

import json
import re

from ui.desk import Desk
from ui.panes.words import act, count, esc, item, lasting, moment, on, tag
from ui.replies import DataSet, Run, WholeRun
from ui.tuning import GOING, JUDGED, STAGES, Stage, Tuning

LABELS: dict[Stage, str] = {
    "data": "Data",
    "recipe": "Recipe",
    "preflight": "Preflight",
    "run": "Run",
    "report": "Report",
    "approve": "Approve",
}
STATES = {
    "queued": ("in line", "mute"),
    "preparing": ("preparing", ""),
    "training": ("running", ""),
    "evaluating": ("being examined", ""),
    "waiting": ("waits for approval", "warn"),
    "published": ("published", "ok"),
    "declined": ("declined", "mute"),
    "stopped": ("stopped", "bad"),
    "failed": ("failed", "bad"),
}
WORDS = 30  # letters of a reason that stand in the list


# --- the side list


def sidehead(desk: Desk) -> str:
    return f'<button class="btn p wide" {act("tune_new")}>New fine-tune</button>'


def side(desk: Desk) -> str:
    tuning = desk.tuning
    runs = "".join(line(run, tuning) for run in tuning.runs)
    none = '<p class="hint">Every run will be listed here, with what it came to.</p>'
    return f"<h4>Runs</h4>{runs or none}<h4>Review queue</h4>{queue(desk)}"


def line(run: Run, tuning: Tuning) -> str:
    here = tuning.run is not None and tuning.run["number"] == run["number"]
    opens = act("tune_run", number=run["number"])
    name, told = f"#{run['number']} {esc(run['name'])}", facts(run, tuning)
    main = f'<button class="main" {opens}>{name}<small>{told}</small></button>'
    return f'<div class="item {on(here)}">{main}</div>'


def facts(run: Run, tuning: Tuning) -> str:
    state, score = run["state"], tuning.scores.get(run["number"])
    if state in ("training", "evaluating"):
        left = run["progress"].get("left") if state == "training" else None
        parts = [STATES[state][0], f"{100 * run['share']:.0f} %" if state == "training" else ""]
        return " · ".join(filter(None, [*parts, f"{lasting(left)} left" if left else ""]))
    stamp = tag(*STATES.get(state, (state, "mute")))
    if score is not None:
        return f"{stamp} F1 {100 * score:.1f}"
    return f"{stamp} {esc(clipped(run['reason']))}" if state in ("stopped", "failed") else stamp


def clipped(reason: str) -> str:
    """The beginning of a sentence, as far as it says something by itself."""
    words = re.split(r"[:;.]", reason, maxsplit=1)[0]
    return words if len(words) <= WORDS else words[:WORDS].rsplit(" ", 1)[0] + " …"


def queue(desk: Desk) -> str:
    """What waits for somebody's eyes: corrections of the open matter, and proposed rows of each data set."""
    tuning, html = desk.tuning, ""
    if tuning.corrections:
        told = f"{count(tuning.corrections, 'row')} to look at"
        html = item("Lawyers’ corrections", told, act("tune_corrections"), False)
    html += "".join(proposed(one, tuning) for one in tuning.sets if one["counts"].get("proposed"))
    return html or '<p class="hint">Nothing to look through.</p>'


def proposed(one: DataSet, tuning: Tuning) -> str:
    here = tuning.run is None and tuning.chosen is not None and tuning.chosen["id"] == one["id"]
    return item(one["name"], f"{one['counts']['proposed']:,} proposed", act("tune_set", id=one["id"]), here)


def told(tuning: Tuning) -> str:
    """For the status bar: the run that the machine is busy with."""
    run = tuning.going
    return f"<span>fine-tune #{run['number']}: {100 * run['share']:.0f} %</span>" if run else ""


# --- the head of the work area


def head(desk: Desk) -> str:
    if desk.view != "finetune":
        return ""
    tuning = desk.tuning
    top = running(tuning.run) if tuning.run else preparing(tuning)
    deeds = "".join(doings(tuning))
    return f'{mark(tuning)}<div class="head">{top}<span class="grow"></span>{deeds}</div>{steps(tuning)}'


def mark(tuning: Tuning) -> str:
    """For the style sheet and the page's own scripts: what is open, and what the browser is to remember of it."""
    run = tuning.run
    others = [
        {"number": one["number"], "name": one["name"]}
        for one in tuning.runs
        if one["progress"] and (run is None or one["number"] != run["number"])
    ]
    draft = tuning.draft
    place = {
        "run": run["number"] if run else 0,
        "dataset": tuning.chosen["id"] if tuning.chosen else "",
        "stage": tuning.stage,
        "draft": {
            "name": draft.name,
            "title": draft.title,
            "preset": draft.preset,
            "level": draft.level,
            "protect": draft.protect,
            "changes": draft.changes,
        },
    }
    going = " data-going" if run and run["state"] in GOING else ""
    where = f'data-stage="{tuning.stage}" data-run="{run["number"] if run else 0}"{going}'
    chosen = f' data-chosen="{esc(tuning.chosen["id"])}"' if tuning.chosen and not run else ""
    texts = f'data-name="{esc(run["name"]) if run else ""}" data-others="{esc(json.dumps(others))}"'
    return f'<i id="tuned" {where}{chosen} {texts} data-place="{esc(json.dumps(place))}"></i>'


def running(run: WholeRun) -> str:
    words, tone = STATES.get(run["state"], (run["state"], "mute"))
    on_what = f"on {places(run)}" if run["matters"] else "on rows from a file"
    told = f"{on_what} · launched by {esc(run['by'])} {moment(run['created'])}"
    name = f"Run #{run['number']} · {esc(run['name'])}"
    return f'<h2>{name}</h2>{tag(words, tone)}<span class="soft about" title="{told}">{told}</span>'


def places(run: Run) -> str:
    names = [esc(place["name"]) for place in run["matters"] if place["name"]]
    first = names[0] if names else count(len(run["matters"]), "matter")
    return first if len(names) < 2 else f"{first} + {count(len(names) - 1, 'matter')}"


def preparing(tuning: Tuning) -> str:
    if tuning.chosen is None:
        return "<h2>New fine-tune</h2>"
    told = f"{count(tuning.ready, 'row')} accepted"
    return f'<h2>New fine-tune</h2><span class="soft about">on {esc(tuning.chosen["name"])} · {told}</span>'


def doings(tuning: Tuning) -> list[str]:
    """What can be done next; the usual one stands last and is marked."""
    if tuning.run is not None:
        return about_run(tuning.run, tuning)
    if tuning.chosen is None:
        return []
    if tuning.stage == "data":
        return [smoke(tuning), button("Choose a recipe", act("tune_recipe"), tuning.ready > 0)]
    if tuning.stage == "recipe":
        check = act("tune_preflight", form="recipe", busy="Reading the rows…")
        return [button("Check before the start", check, True)]
    again = button("Change the recipe", act("tune_stage", id="recipe"))
    start = act("tune_launch", busy="Putting it in line…")
    return [again, button("Start", start, True)] if tuning.preflight and not tuning.against else [again]


def smoke(tuning: Tuning) -> str:
    rows = tuning.chosen["counts"].get("proposed", 0) if tuning.chosen else 0
    first = "" if tuning.ready else f"Accepts the {count(rows, 'proposed row')}. "
    if not tuning.ready and not rows:
        return ""
    told = f"{first}A dozen steps, to see that everything works."
    return button("Start smoke run", act("tune_smoke", busy="Putting it in line…"), not tuning.ready, told)


def about_run(run: WholeRun, tuning: Tuning) -> list[str]:
    may, number = run["may"], run["number"]
    html = []
    if run["dataset"] and run["state"] not in GOING:
        html.append(button("Change and run again", act("tune_repeat")))
    if may.get("cancel"):
        words = "Stop and keep checkpoint" if run["state"] != "queued" else "Take it out of the line"
        html.append(button(words, act("tune_cancel", number=number, busy="Stopping…")))
    if may.get("resume"):
        html.append(button("Resume", act("tune_resume", number=number), True))
    if run["state"] == "waiting" and tuning.stage != "approve":
        html.append(button("Decide…", act("tune_stage", id="approve"), True))
    return html


def button(words: str, attributes: str, usual: bool = False, told: str = "") -> str:
    title = f' title="{esc(told)}"' if told else ""
    return f'<button class="btn {"p" if usual else ""}" {attributes}{title}>{esc(words)}</button>'


# --- the way


def steps(tuning: Tuning) -> str:
    html = "<i></i>".join(step(one, n, tuning) for n, one in enumerate(STAGES, 1))
    return f'<nav class="steps" aria-label="Steps">{html}</nav>'


def step(stage: Stage, n: int, tuning: Tuning) -> str:
    here, done = stage == tuning.stage, passed(stage, tuning)
    tone = "" if here else "ok" if done else "mute"
    words = f"{n} {LABELS[stage]}{' ✓' if done else ''}"
    current = ' aria-current="step"' if here else ""
    if not open_to(stage, tuning) or here:
        return f'<span class="tag {tone}"{current}>{words}</span>'
    form = {"form": "recipe"} if tuning.stage == "recipe" else {}
    return f'<button class="tag {tone}" {act("tune_stage", id=stage, **form)}>{words}</button>'


def passed(stage: Stage, tuning: Tuning) -> bool:
    run = tuning.run
    if run is None:
        return STAGES.index(stage) < STAGES.index(tuning.stage)
    if stage in ("data", "recipe", "preflight"):
        return True
    if stage == "approve":
        return run["state"] == "published"
    return run["state"] in JUDGED


def open_to(stage: Stage, tuning: Tuning) -> bool:
    """Whether a click leads there."""
    run = tuning.run
    if run is None:
        if stage == "preflight":
            return tuning.preflight is not None
        return stage == "data" or (stage == "recipe" and tuning.chosen is not None)
    return stage == "run" or (stage in ("report", "approve") and run["state"] in JUDGED)
