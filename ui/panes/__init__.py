"""The panes of the page: pure functions from a desk to HTML. Every text from outside passes through `esc`."""

from ui.desk import Desk
from ui.panes import admin, frame, library, source, talk

PANES = {
    "title": frame.title,
    "rail": frame.rail,
    "sidehead": frame.sidehead,
    "side": frame.side,
    "talk": talk.talk,
    "live": talk.live,
    "shelf": library.shelf,
    "people": admin.people,
    "source": source.source,
    "notice": frame.notice,
    "status": frame.status,
}


def draw(desk: Desk) -> dict[str, str]:
    """Every pane as it should be now."""
    return {name: pane(desk) for name, pane in PANES.items()}


def changed(desk: Desk) -> dict[str, str]:
    """The panes that differ from what the browser shows; they count as shown from now on."""
    news = {name: html for name, html in draw(desk).items() if desk.sent.get(name) != html}
    desk.sent |= news
    return news
