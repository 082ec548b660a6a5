"""What a person can do with documents.

The list itself lives in the browser (assets/shelf.js): it and the files on their way speak to the API directly.
"""

from contextlib import suppress

from ui.chat import Act, Event, read, refresh_matters
from ui.client import Api, ApiError
from ui.desk import Desk


async def changed(api: Api, desk: Desk, event: Event) -> None:
    """Files came, went or were read: the counts and the file that is looked at are fetched again."""
    await refresh_matters(api, desk)
    if desk.picked is not None:
        await look_again(api, desk, desk.picked["id"])


async def look_again(api: Api, desk: Desk, document: str) -> None:
    """The file may be gone, or a newer version may have taken its place."""
    try:
        await look(api, desk, document)
    except ApiError as error:
        if error.status != 404:
            raise
        desk.picked = None
        if desk.source and desk.source.document["id"] == document:
            desk.source = None


async def look(api: Api, desk: Desk, document: str) -> None:
    card = await api.document(document)
    newer = next((one["id"] for one in card["versions"] if one["current"]), document)
    if newer != document:
        card = await api.document(newer)
    others = [*card["amends"], *card["amended_by"], card["parent"]]
    desk.titles = {other: (await api.document(other))["title"] for other in others if other}
    desk.picked, desk.learned = card, None
    with suppress(ApiError):  # nobody is kept from a file for want of it
        desk.learned = await api.lineage(document=card["id"])


async def pick(api: Api, desk: Desk, event: Event) -> None:
    """A closer look at one file; a document that is open gives way to the one that was chosen."""
    await look(api, desk, event["id"])
    if desk.source and desk.source.document["id"] != event["id"]:
        desk.source = None


async def pick_in_library(api: Api, desk: Desk, event: Event) -> None:
    """From elsewhere to the file in the library."""
    desk.view, desk.found, desk.source = "library", None, None
    await pick(api, desk, event)


async def unpick(api: Api, desk: Desk, event: Event) -> None:
    desk.picked = None


async def open_document(api: Api, desk: Desk, event: Event) -> None:
    """The whole document beside the list."""
    shown = await read(api, event["id"])
    if not shown.text and not shown.paged:
        raise ApiError(409, "nothing_to_show", "Nothing was read from this file. Download it to look at it.")
    desk.source = shown


async def reread(api: Api, desk: Desk, event: Event) -> None:
    await api.reread(event["id"])
    await changed(api, desk, event)


ACTS: dict[str, Act] = {
    "changed": changed,
    "pick": pick,
    "pick_in_library": pick_in_library,
    "unpick": unpick,
    "read": open_document,
    "reread": reread,
}
