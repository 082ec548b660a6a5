"""One question to two adapters at once."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

from ui.chat import Act, Event, absorb
from ui.client import Api, ApiError
from ui.desk import Desk, Live, Side, Versus
from ui.replies import Checked, Turn

BROKE_OFF = "The answer broke off before it was checked. Ask again."
STOPPED = "Stopped before it was whole."


async def begin(api: Api, desk: Desk, event: Event) -> None:
    desk.comparing, desk.source = True, None


async def leave(api: Api, desk: Desk, event: Event) -> None:
    desk.comparing, desk.versus, desk.source = False, None, None


async def ask(api: Api, desk: Desk, event: Event) -> AsyncIterator[None]:
    """Put the question to both and follow the two answers; each step is a moment to draw the desk.

    An answer that fails says why in its own column, and the other goes on. Leaving the loop stops both.
    """
    question = event["question"].strip()
    if not question or not desk.matter or (desk.versus and desk.versus.live):
        return
    left, right = (Side(event[key], Live(question, since=time.monotonic())) for key in ("left", "right"))
    versus = desk.versus = Versus(question, (left, right))
    desk.source = None
    news = asyncio.Event()
    tasks = [asyncio.create_task(answer(api, desk.matter, side, news.set)) for side in versus.sides]
    try:
        yield
        while (
            versus.live and desk.versus is versus
        ):  # until both are whole, or their reader has gone elsewhere
            await news.wait()
            news.clear()
            yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def answer(api: Api, matter: str, side: Side, tell: Callable[[], None]) -> None:
    try:
        await follow(api, matter, side, tell)
    except ApiError as error:
        side.close(error.message, fault=True)
    finally:
        side.close(STOPPED)
        tell()


async def follow(api: Api, matter: str, side: Side, tell: Callable[[], None]) -> None:
    live = side.live
    assert live is not None
    message = {"role": "user", "content": live.question}
    checked: Checked | None = None
    async for chunk in api.ask({"model": side.model, "matter": matter, "messages": [message]}):
        checked = absorb(live, chunk) or checked
        tell()
    if checked is None:
        raise ApiError(0, "broken_off", BROKE_OFF)
    side.turn, side.live = Turn(role="assistant", text=live.text, created=time.time(), privity=checked), None


def stop(desk: Desk) -> None:
    for side in desk.versus.sides if desk.versus else ():
        side.close(STOPPED)


ACTS: dict[str, Act] = {"compare": begin, "uncompare": leave}
