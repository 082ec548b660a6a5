"""What a run came to: held beside the base and what is published, and the decision over it."""

from collections.abc import Mapping
from typing import Any

from ui.desk import Desk
from ui.panes.confusion import matrix
from ui.panes.recipe import fact
from ui.panes.words import act, card, count, esc, moment, size
from ui.replies import Contestant, Export, Gate, Report, Shown, WholeRun

ORDER = ("base", "published", "candidate")
SHARES = (
    ("f1", "F1, all rows"),
    ("f1_answerable", "F1, rows with an answer"),
    ("exact", "Word for word the same"),
    ("refuses_rightly", "Refuses rightly"),
    ("refuses_wrongly", "Refuses wrongly"),
    ("verbatim", "Words stand in the context"),
    ("invented", "Answers with an invented figure"),
)
PLAIN = ("f1", "f1_answerable")  # told as points, the others in per cent
FORMS = (
    ("peft", "Adapter alone, PEFT"),
    ("gguf", "Adapter alone, GGUF"),
    ("safetensors", "Merged, safetensors"),
    ("BF16", "Merged, GGUF BF16"),
    ("Q8_0", "Merged, GGUF Q8_0"),
    ("Q4_0", "Merged, GGUF Q4_0"),
)
LEAST = 10  # letters of a written reason
MISTAKEN = 12  # pairs of labels


def report(desk: Desk) -> str:
    run, found = desk.tuning.run, desk.tuning.report
    if run is None or found is None:
        return '<p class="hint">The report is there once the run has been examined.</p>'
    gate = verdict(run["gate"] or found.get("gate"))
    if found["kind"] == "classify":
        return gate + labels(found)
    return f"{gate}{table(found)}{examples(found)}"


def verdict(gate: Gate | None) -> str:
    """The gate's sentence."""
    if gate is None:
        return ""
    if gate["passed"]:
        words = "Better at the task for certain, and within bounds at everything else. It can be approved as it is."
        return card("The gate is passed", f"<p>{words}</p>", "ok verdict")
    reasons = "".join(f"<li>{esc(reason)}</li>" for reason in gate["reasons"])
    remedy = "Approve it with a written reason, decline it, or change the recipe and run again."
    return card("The gate is not passed", f"<ul>{reasons}</ul><p>{remedy}</p>", "warn verdict")


def table(found: Report) -> str:
    some = sorted(found["contestants"], key=lambda one: ORDER.index(one["who"]) if one["who"] in ORDER else 9)
    head = "".join(f'<th class="num">{esc(called(one))}</th>' for one in some)
    body = "".join(measure(key, label, some) for key, label in SHARES)
    body += general("perplexity", "General text, perplexity", some) + general(
        "right", "General questions, right", some
    )
    body += seconds("first_median", "First word, median", some) + seconds(
        "slow", "Whole answer, 95 of 100", some
    )
    gain = found["gain"]
    rival = next((one["called"] for one in some if one["who"] == found["rival"]), found["rival"])
    told = (
        f"F1 against {esc(rival)}: {signed(gain['value'])} points, between {signed(gain['low'])} and "
        f"{signed(gain['high'])} in 95 of 100 cases."
    )
    drawn = (
        f"{found['rows']:,} of {found['of']:,} held-out rows"
        if found["of"] > found["rows"]
        else f"{found['rows']:,} held-out rows"
    )
    about = f"{drawn} from {count(found['documents'], 'document')}, {found['answerable']:,} with an answer. "
    return (
        f'<section class="card"><div class="head"><h3>Report</h3><span class="soft">{about}{told}</span></div>'
        f'<table class="scores"><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table></section>'
    )


def called(one: Contestant) -> str:
    if one["who"] == "base":
        return "Base"
    return f"This (v{one['version']})" if one["who"] == "candidate" else f"Published (v{one['version']})"


def measure(key: str, label: str, some: list[Contestant]) -> str:
    cells = "".join(cell(share(one["scores"].get(key), key), one) for one in some)
    return f"<tr><td>{label}</td>{cells}</tr>"


def share(value: Any, key: str) -> str:
    """A share with its bounds, where it has any."""
    if value is None:
        return "—"
    unit = "" if key in PLAIN else " %"
    if isinstance(value, Mapping):
        bounds = f"<small>{100 * value['low']:.0f} to {100 * value['high']:.0f}</small>"
        return f"{100 * value['value']:.1f}{unit}{bounds}"
    return f"{100 * value:.1f}{unit}"


def general(key: str, label: str, some: list[Contestant]) -> str:
    def one_of(general: Any) -> str:
        if not general:
            return "—"
        return f"{100 * general[key]:.0f} %" if key == "right" else f"{general[key]:.1f}"

    if not any(one["general"] for one in some):
        return ""
    return f"<tr><td>{label}</td>{''.join(cell(one_of(one['general']), one) for one in some)}</tr>"


def seconds(key: str, label: str, some: list[Contestant]) -> str:
    cells = "".join(cell(f"{float(one['scores'][key]):.2f} s", one) for one in some)
    return f"<tr><td>{label}</td>{cells}</tr>"


def cell(html: str, one: Contestant) -> str:
    return f'<td class="num">{f"<b>{html}</b>" if one["who"] == "candidate" else html}</td>'


def signed(value: float) -> str:
    return f"{'+' if value >= 0 else '−'}{abs(100 * value):.1f}"


def examples(found: Report) -> str:
    best, worst = found.get("best", []), found.get("worst", [])
    return f'<div class="duo">{listed("Gained most", best)}{listed("Lost most", worst)}</div>'


def listed(heading: str, some: list[Shown]) -> str:
    rows = "".join(example(one) for one in some) or '<p class="soft">None.</p>'
    return f'<section class="card"><h3>{heading}</h3>{rows}</section>'


def example(one: Shown) -> str:
    figures = f"{100 * one['before']:.0f} → {100 * one['f1']:.0f}"
    invented = (
        f'<dt class="bad">Invented</dt><dd>{esc(", ".join(one["invented"]))}</dd>' if one["invented"] else ""
    )
    return (
        f'<details class="example"><summary><span>{esc(one["question"])}</span>'
        f'<span class="num">{figures}</span></summary>'
        f"<dl><dt>Right answer</dt><dd>{esc(one['gold']) or 'None: it should refuse.'}</dd>"
        f"<dt>This</dt><dd>{esc(one['said']) or '—'}</dd>"
        f"<dt>Before</dt><dd>{esc(one['rival']) or '—'}</dd>{invented}</dl></details>"
    )


def labels(found: Mapping[str, Any]) -> str:
    """A classifier's figures, which labels it takes for which most often, and the whole matrix."""
    lines = fact("Accuracy", f"{100 * float(found.get('accuracy', 0)):.1f} %")
    lines += fact("Macro F1", f"{100 * float(found.get('macro_f1', 0)):.1f}")
    rows = "".join(
        f'<tr><td>{esc(true)}</td><td>{esc(said)}</td><td class="num">{n:,}</td></tr>'
        for n, true, said in mistaken(found)
    )
    head = '<thead><tr><th>Label</th><th>Told to be</th><th class="num">Rows</th></tr></thead>'
    wrong = card("Taken for another", f'<table class="scores">{head}<tbody>{rows}</tbody></table>')
    return f'<div class="duo">{card("Report", lines)}{wrong if rows else ""}</div>{matrix(found)}'


def mistaken(found: Mapping[str, Any]) -> list[tuple[int, str, str]]:
    names, counts = found.get("labels") or [], found.get("confusion") or []
    pairs = [
        (int(n), str(names[i]), str(names[j]))
        for i, row in enumerate(counts)
        for j, n in enumerate(row)
        if i != j and n
    ]
    return sorted(pairs, key=lambda pair: -pair[0])[:MISTAKEN]


# --- the decision


def approve(desk: Desk) -> str:
    run = desk.tuning.run
    if run is None:
        return ""
    parts = decided(run) if run["state"] in ("published", "declined") else open_question(run)
    return f'<div class="duo">{parts}{exports(run)}</div>'


def open_question(run: WholeRun) -> str:
    gate = verdict(run["gate"])
    if run["state"] != "waiting":
        return gate
    if not run["may"].get("approve"):
        words = f"{esc(run['by'])} launched this run, so another trainer or an admin approves it."
        leave = act("tune_decline", number=run["number"], confirm=LEAVE, verb="Decline")
        button = f'<p class="row"><button class="btn" {leave}>Decline…</button></p>'
        body = card("Approval", f"<p>{words}</p>{button}")
        return f"<div>{gate}{body}</div>"
    return f"<div>{gate}{deciding(run)}</div>"


LEAVE = "Decline this run? What is published stays as it is, and the candidate is retired."


def deciding(run: WholeRun) -> str:
    passed = run["gate"] is None or run["gate"]["passed"]
    label = (
        "Reason, if there is something to say"
        if passed
        else f"Reason, at least {LEAST} letters: it is recorded"
    )
    required = "" if passed else f' required minlength="{LEAST}"'
    number, title = run["number"], run["title"] or run["name"]
    publish = act("tune_approve", number=number, form="decision", busy="Publishing…")
    leave = act("tune_decline", number=number, form="decision", confirm=LEAVE, verb="Decline")
    words = (
        f"{esc(title)} v{run['version']} is published at once, without a restart, for {whose(run)}. "
        "Answers that are being written end as they began."
    )
    return (
        f'<form id="decision" class="card" data-form><h3>Approve</h3><p>{words}</p>'
        f'<label>{label}<textarea class="field" name="reason" maxlength="2000" rows="3"{required}></textarea></label>'
        f'<p class="row"><button type="button" class="btn p" {publish}>Approve and publish</button>'
        f'<button type="button" class="btn" {leave}>Decline…</button></p></form>'
    )


def whose(run: WholeRun) -> str:
    names = [esc(place["name"]) for place in run["matters"] if place["name"]]
    return ", ".join(names) or "every matter"


def decided(run: WholeRun) -> str:
    by = f"by {esc(run['approved_by'])}" if run["approved_by"] else ""
    when = moment(run["ended"]) if run["ended"] else ""
    reason = f"<p>Reason: {esc(run['approval_reason'])}</p>" if run["approval_reason"] else ""
    if run["state"] == "published":
        title = esc(run["title"] or run["name"])
        words = (
            f"{title} v{run['version']} is published for {whose(run)}. "
            "Whoever may use it chooses it in the title bar."
        )
        see = act("tune_adapter", name=run["adapter"], version=run["version"])
        button = f'<p class="row"><button class="btn" {see}>See it among the adapters</button></p>'
        return (
            f'<section class="card ok"><h3>Approved {by}, {when}</h3><p>{words}</p>{reason}{button}</section>'
        )
    words = "What was published stayed as it was. The candidate is retired."
    return f'<section class="card"><h3>Declined {by}, {when}</h3><p>{words}</p>{reason}</section>'


def exports(run: WholeRun) -> str:
    if not run["may"].get("export"):
        return ""
    made = {one["form"]: one for one in run["exports"]}
    rows = "".join(export(form, label, made.get(form), run) for form, label in FORMS)
    words = "Each is loaded again and weighed against the adapter before it is called ready."
    return f'<section class="card"><h3>Export</h3><p class="soft">{words}</p>{rows}</section>'


def export(form: str, label: str, made: Export | None, run: WholeRun) -> str:
    make = act("tune_export", number=run["number"], shape=form)
    if made is None:
        state = f'<button class="btn" {make}>Make</button>'
    elif made["state"] == "ready":
        path = f"/api/jobs/{run['number']}/exports/{esc(form)}"
        state = f'<a class="btn" href="{path}" download>Download, {size(made["size"])}</a>'
    elif made["state"] == "making":
        state = '<span class="soft">being made…</span>'
    else:
        state = f'<button class="btn" {make}>Again</button>'
        label += f'<small class="bad">{esc(made["reason"])}</small>'
    return f'<div class="fact"><span>{label}</span><span class="num">{state}</span></div>'
