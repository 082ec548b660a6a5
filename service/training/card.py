"""A model card: what an adapter learned, how, how well it does, and what it is not for. Pure; no client text in it."""

from collections.abc import Mapping
from typing import Any

from service.training.jobs import Job

LIMITS = """\
It was trained for questions over the documents of the matters that it learned from, with the passage at hand. It is \
no source of law, and what it says without a passage is made up. Use it only where the people who ask may see those \
matters: weights can give away what they learned."""


def card(job: Job, form: str, check: Mapping[str, Any]) -> str:
    """`check` is what the loading of this form found."""
    counts, report = job.counts, job.report or {}
    parts = [
        f"# {job.order.title or job.order.name}, version {job.version}",
        f"Fine-tune {job.number} of Privity, as {form}. Base: {job.base[:12]}.",
        "## What it learned from",
        f"{counts.get('train', 0):,} rows of {counts.get('documents_train', 0):,} documents, of both sides "
        f"{counts.get('refuse', 0):,} without an answer; examined on {counts.get('held_out', 0):,} rows of "
        f"{counts.get('documents_held_out', 0):,} other documents. "
        f"Matters: {', '.join(sorted(job.order.matters)) or 'none'}.",
        "## How",
        _table(["part of the recipe", "value"], [[k, str(v)] for k, v in sorted(job.order.recipe.items())]),
        "## How well",
        _scores(report),
        _gate(job, report),
        "## This file",
        f"Loaded again, it weighs words {check['distance']:.4f} nats a token away from the adapter as it serves; "
        f"{check['allowed']:.4f} are allowed, and the base without the adapter is {check['control']:.4f} away.",
        "## Limits",
        LIMITS,
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _scores(report: Mapping[str, Any]) -> str:
    rows = [
        [
            one["called"],
            _interval(one["scores"]["f1"]),
            _interval(one["scores"]["exact"]),
            _interval(one["scores"]["refuses_rightly"]),
            _interval(one["scores"]["refuses_wrongly"]),
            "" if one["general"] is None else f"{one['general']['perplexity']:.1f}",
        ]
        for one in report.get("contestants", [])
    ]
    heads = ["", "F1", "exact", "refuses rightly", "refuses wrongly", "general perplexity"]
    return _table(heads, rows) if rows else "It has not been examined."


def _gate(job: Job, report: Mapping[str, Any]) -> str:
    if "gate" not in report:
        return ""
    if report["gate"]["passed"]:
        return "It passed the gate."
    told = " ".join(report["gate"]["reasons"])
    return f"It did not pass the gate: {told}" + (
        " It was approved with a written reason." * bool(job.approved_by)
    )


def _interval(found: Mapping[str, float] | None) -> str:
    if found is None:
        return ""
    return f"{100 * found['value']:.1f} ({100 * found['low']:.1f} to {100 * found['high']:.1f})"


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
