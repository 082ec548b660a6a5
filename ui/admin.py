"""What an admin can do with people, and anyone with their own keys and password."""

import secrets

from ui.chat import Act, Event, refresh_matters
from ui.client import Api
from ui.desk import Desk


async def refresh(api: Api, desk: Desk) -> None:
    desk.keys = await api.keys()
    if desk.me and desk.me["role"] == "admin":
        desk.users = await api.users()
        desk.members = await api.members(desk.matter) if desk.matter else []


async def admit(api: Api, desk: Desk, event: Event) -> None:
    await api.admit(desk.matter, event["value"].strip())
    await refresh_matters(api, desk)


async def dismiss(api: Api, desk: Desk, event: Event) -> None:
    await api.dismiss(desk.matter, event["id"])
    await refresh_matters(api, desk)


async def new_user(api: Api, desk: Desk, event: Event) -> None:
    made = await api.new_user(event["value"].strip(), event.get("choice", "member"))
    desk.secret = f"Password of {made['name']}: {made['password']}"


async def reset(api: Api, desk: Desk, event: Event) -> None:
    password = secrets.token_urlsafe(12)
    await api.change_user(event["id"], password=password)
    desk.secret = f"New password of {event['id']}: {password}"


async def disable(api: Api, desk: Desk, event: Event) -> None:
    await api.change_user(event["id"], disabled=True)


async def enable(api: Api, desk: Desk, event: Event) -> None:
    await api.change_user(event["id"], disabled=False)


async def new_key(api: Api, desk: Desk, event: Event) -> None:
    made = await api.new_key(event["value"].strip())
    desk.secret = f"Key {made['name']}: {made['key']}"


async def delete_key(api: Api, desk: Desk, event: Event) -> None:
    await api.delete_key(event["id"])


async def password(api: Api, desk: Desk, event: Event) -> None:
    await api.password(event["old"], event["new"])
    desk.notice = "Your password was changed."


ACTS: dict[str, Act] = {
    "admit": admit,
    "dismiss": dismiss,
    "new_user": new_user,
    "reset": reset,
    "disable": disable,
    "enable": enable,
    "new_key": new_key,
    "delete_key": delete_key,
    "password": password,
}
