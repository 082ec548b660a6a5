"""What a person can do to find passages."""

from ui.chat import Act, Event
from ui.client import Api
from ui.desk import Desk
from ui.replies import Filter


async def search(api: Api, desk: Desk, event: Event) -> None:
    """Passages of the matter. The event holds the query and what narrows it, each an empty text when not given."""
    query = event["value"].strip()
    if not query or not desk.matter:
        return
    exact = event.get("mode", "") == "exact"
    desk.found = await api.search(desk.matter, query, exact, narrowed(event))
    desk.query, desk.exact, desk.view, desk.source = query, exact, "library", None


def narrowed(event: Event) -> Filter:
    only = Filter()
    if event.get("kind"):
        only["kinds"] = [event["kind"]]
    if event.get("type"):
        only["types"] = [event["type"]]
    if event.get("clause"):
        only["clauses"] = [event["clause"]]
    if event.get("party", "").strip():
        only["party"] = event["party"].strip()
    if event.get("since"):
        only["since"] = event["since"]
    if event.get("until"):
        only["until"] = event["until"]
    return only


async def close_search(api: Api, desk: Desk, event: Event) -> None:
    desk.found, desk.source = None, None


ACTS: dict[str, Act] = {"search": search, "close_search": close_search}
