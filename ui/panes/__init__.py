"""The panes of the page: pure functions from a desk to HTML. Every text from outside passes through `esc`."""

import time

from ui.desk import Desk
from ui.panes import admin, compare, finetune, frame, recipe, report, results, rows, run, talk
from ui.panes.adapter import adapter
from ui.panes.source import source


def beside(desk: Desk) -> str:
    """The pane on the right: an open document, or a closer look at what is chosen in the list."""
    if desk.view == "adapters" and desk.source is None:
        return "" if desk.comparing else adapter(desk)
    return source(desk)


STAGES = {
    "data": rows.data,
    "recipe": recipe.recipe,
    "preflight": recipe.preflight,
    "run": run.run,
    "report": report.report,
    "approve": report.approve,
}


def stage(desk: Desk) -> str:
    """The step of a fine-tune that is open."""
    return STAGES[desk.tuning.stage](desk) if desk.view == "finetune" else ""


PANES = {
    "title": frame.title,
    "rail": frame.rail,
    "sidehead": frame.sidehead,
    "side": frame.side,
    "talk": talk.talk,
    "live": talk.live,
    "finds": results.finds,
    "versus": compare.versus,
    "runhead": finetune.head,
    "now": run.now,
    "stage": stage,
    "people": admin.people,
    "source": beside,
    "notice": frame.notice,
    "status": frame.status,
}


def draw(desk: Desk) -> dict[str, str]:
    """Every pane as it should be now."""
    return {name: pane(desk) for name, pane in PANES.items()}


def changed(desk: Desk) -> dict[str, str]:
    """The panes that differ from what the browser shows; they count as shown from now on.

    Each carries a rising stamp at its end, by which the page tells an older drawing from a newer one.
    """
    news = {name: html for name, html in draw(desk).items() if desk.sent.get(name) != html}
    desk.sent |= news
    desk.stamps |= {name: next_stamp(desk) for name in news}
    return {name: f"{html}<!--{desk.stamps[name]}-->" for name, html in news.items()}


def next_stamp(desk: Desk) -> int:
    """Rising within a desk, and from one run of the service to the next: milliseconds, or one more."""
    return max(time.time_ns() // 1_000_000, max(desk.stamps.values(), default=0) + 1)


def reconcile(desk: Desk, shown: dict[str, int]) -> None:
    """Forget as sent what did not arrive: drawings can overtake one another, or be lost, on their way."""
    for name, stamp in desk.stamps.items():
        if shown.get(name) != stamp:
            desk.sent.pop(name, None)
