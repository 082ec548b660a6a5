"""How the command line speaks to the house: by HTTP to the running service, or to a house opened for the while."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from service import config
from service.errors import PrivityError

if TYPE_CHECKING:
    import httpx

    from service.access import Accounts
    from service.main import House


def accounts() -> "Accounts":
    from service.access import Accounts
    from service.storage import Database

    settings = config.load()
    return Accounts(Database(settings.home / "privity.db"), settings.serve.session_hours)


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


@asynccontextmanager
async def speaking_for(user: str, *, works: bool = False) -> AsyncIterator["httpx.AsyncClient"]:
    """An HTTP client that speaks for `user`: to the running service, or to a house opened here for the while.

    Where it `works`, that house also carries on fine-tunes.
    """
    import httpx

    from service.lock import owner

    settings = config.load()
    people = accounts()
    address = owner(settings.home)
    house = None if address else await asyncio.to_thread(_open_house, settings, works)
    _, key = people.add_key(user, "command line")
    try:
        transport = None if house is None else httpx.ASGITransport(_app(house))
        async with httpx.AsyncClient(
            base_url=address or "http://privity",
            transport=transport,
            headers={"Authorization": f"Bearer {key}"},
            timeout=600,
        ) as client:
            yield client
    finally:
        people.remove_key_by_secret(key)
        if house is not None:
            house.close()


def _open_house(settings: config.Settings, works: bool) -> "House":
    from service.main import House

    house = House(settings)
    house.furnish()
    house.load()
    if works:
        house.training.start()
    return house


def _app(house: "House") -> Any:
    from service.api import create_app

    return create_app(house)


async def call(client: "httpx.AsyncClient", method: str, path: str, **body: Any) -> Any:
    response = await client.request(method, path, **body)
    if response.is_error:
        raise PrivityError(response.json()["error"]["message"])
    return response.json() if response.content else None
