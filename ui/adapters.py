"""What a person can do with adapters: choose who answers; and who may, publish, try, roll back and retire.

The table lives in the browser (assets/adapters.js): it and uploads speak to the API directly.
"""

from ui.chat import Act, Event, refresh_models
from ui.client import Api, ApiError
from ui.desk import Desk


async def pick(api: Api, desk: Desk, event: Event) -> None:
    """A closer look at one version."""
    desk.adapter, desk.version = await api.adapter(event["name"]), int(event["version"])
    desk.admission = None


async def pick_admission(api: Api, desk: Desk, event: Event) -> None:
    """A closer look at what was refused."""
    desk.admission, desk.adapter = await api.admission(event["id"]), None


async def unpick(api: Api, desk: Desk, event: Event) -> None:
    desk.adapter = desk.admission = None


async def look_again(api: Api, desk: Desk) -> None:
    """After a deed of one's own, and now and then for those of others and the figures of a split."""
    if desk.adapter is None:
        return
    try:
        desk.adapter = await api.adapter(desk.adapter["name"])
    except ApiError as error:
        if error.status != 404:
            raise
        desk.adapter = None


async def publish(api: Api, desk: Desk, event: Event) -> None:
    await api.deed(event["name"], "publish", {"version": int(event["version"])})
    await done(api, desk, event["name"], int(event["version"]))


async def withdraw(api: Api, desk: Desk, event: Event) -> None:
    await api.deed(event["name"], "publish", {"version": None})
    await done(api, desk, event["name"])


async def rollback(api: Api, desk: Desk, event: Event) -> None:
    await api.deed(event["name"], "rollback", {})
    await done(api, desk, event["name"])


async def retire(api: Api, desk: Desk, event: Event) -> None:
    await api.deed(event["name"], "retire", {"version": int(event["version"])})
    await done(api, desk, event["name"], int(event["version"]))


async def split(api: Api, desk: Desk, event: Event) -> None:
    share = {"version": int(event["version"]), "share": int(event["share"])}
    await api.deed(event["name"], "split", share)
    await done(api, desk, event["name"], int(event["version"]))


async def fix(api: Api, desk: Desk, event: Event) -> None:
    """Make an adapter the one that answers in this matter; none gives that up."""
    await api.fix(desk.matter, event["id"])
    await refresh_models(api, desk)


async def done(api: Api, desk: Desk, name: str, version: int = 0) -> None:
    """Show what a deed made of an adapter, at the version that it was about or the published one."""
    desk.adapter, desk.admission = await api.adapter(name), None
    desk.version = version or desk.adapter["published"] or desk.version
    await refresh_models(api, desk)


ACTS: dict[str, Act] = {
    "pick_adapter": pick,
    "pick_admission": pick_admission,
    "unpick_adapter": unpick,
    "publish": publish,
    "withdraw": withdraw,
    "rollback": rollback,
    "retire": retire,
    "split": split,
    "fix": fix,
}
