"""What a person can do with documents. Files go from the browser straight to the API, never through here."""

from ui.chat import Act, Event, refresh_matters
from ui.client import Api
from ui.desk import Desk, Source

PREVIEW = 2_000  # characters


async def refresh(api: Api, desk: Desk, event: Event) -> None:
    """The list as it is now, as after an upload or while files are being read."""
    if not desk.matter:
        return
    before = desk.unfinished
    desk.documents = await api.documents(desk.matter)
    if before != desk.unfinished or event.get("do") == "uploaded":
        await refresh_matters(api, desk)
    await look_again(api, desk)


async def look_again(api: Api, desk: Desk) -> None:
    """The file in the inspector may have come further."""
    if desk.picked is None:
        return
    now = next((filed for filed in desk.documents if filed["id"] == desk.picked["id"]), None)
    if now is None:
        desk.picked = None
    elif now["state"] != desk.picked["state"]:
        await pick(api, desk, {"id": now["id"]})


async def pick(api: Api, desk: Desk, event: Event) -> None:
    desk.picked, desk.source = await api.document(event["id"]), None
    desk.preview = (await api.text(event["id"]))[:PREVIEW] if desk.picked["characters"] else ""


async def unpick(api: Api, desk: Desk, event: Event) -> None:
    desk.picked = None


async def read(api: Api, desk: Desk, event: Event) -> None:
    """The whole document in the inspector."""
    document = await api.document(event["id"])
    text = "" if document["kind"] == "pdf" else await api.text(document["id"])
    desk.source = Source(document=document, text=text)


async def delete(api: Api, desk: Desk, event: Event) -> None:
    await api.delete_document(event["id"])
    if desk.picked and desk.picked["id"] == event["id"]:
        desk.picked = None
    if desk.source and desk.source.document["id"] == event["id"]:
        desk.source = None
    desk.documents = await api.documents(desk.matter)
    await refresh_matters(api, desk)


async def sort(api: Api, desk: Desk, event: Event) -> None:
    """By a column; the same column again turns the order round."""
    desk.descending = not desk.descending if desk.sort == event["id"] else False
    desk.sort = event["id"]


async def narrow(api: Api, desk: Desk, event: Event) -> None:
    desk.filter = event["value"]


async def choose_shelf(api: Api, desk: Desk, event: Event) -> None:
    desk.shelf = event["id"]


ACTS: dict[str, Act] = {
    "uploaded": refresh,
    "pick": pick,
    "unpick": unpick,
    "read": read,
    "delete_document": delete,
    "sort": sort,
    "filter": narrow,
    "shelf": choose_shelf,
}
