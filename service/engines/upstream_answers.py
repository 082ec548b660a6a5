"""Answers that an upstream server is giving: how many for whom, and the stream of one of them."""

import asyncio
import contextlib
import json
import threading
import time
from collections import Counter, deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from statistics import median
from typing import Any

import httpx

from service.core import Finish, Load, Piece, Usage
from service.engines.upstream_server import broken
from service.errors import Busy, NotReady

WINDOW = 5.0  # seconds over which speed is counted


class OpenAnswers:
    """How many answers are open, in all, by person and by adapter. Safe from any thread."""

    def __init__(self, most: int, per_person: int, emptied: Callable[[str], None]) -> None:
        """`emptied` is told, from any thread, the digest of an adapter under which no answer is open any more."""
        self._most, self._per_person, self._emptied = most, per_person, emptied
        self._changed = threading.Condition()
        self._owners: Counter[str] = Counter()
        self._digests: Counter[str] = Counter()
        self._first: deque[float] = deque(maxlen=32)  # seconds to the first piece
        self._pieces: deque[float] = deque(maxlen=4096)  # when
        self.closing = False  # no more are opened
        self.stopped = False  # those that are open end

    def enter(self, owner: str, digest: str) -> None:
        """Raises Busy when the house's or the owner's share is full, NotReady when it closes."""
        with self._changed:
            if self.closing:
                raise NotReady("The service is stopping. Try again when it is back.")
            if self._owners.total() >= self._most:
                raise Busy("The queue is full. Try again shortly.", retry_after=5)
            if owner and self._owners[owner] >= self._per_person:
                raise Busy(
                    f"You have {self._per_person} questions open, which is the limit. Wait for one to finish.",
                    retry_after=5,
                )
            self._owners[owner] += 1
            self._digests[digest] += 1

    def leave(self, owner: str, digest: str) -> None:
        with self._changed:
            self._owners[owner] -= 1
            self._digests[digest] -= 1
            last = not self._digests[digest]
            self._owners, self._digests = +self._owners, +self._digests
            self._changed.notify_all()
        if last:
            self._emptied(digest)

    def under(self, digest: str) -> int:
        with self._changed:
            return self._digests[digest]

    def spoke(self, waited: float | None) -> None:
        """A piece came; `waited` is how long, if it is the first."""
        with self._changed:
            self._pieces.append(time.monotonic())
            if waited is not None:
                self._first.append(waited)

    def load(self) -> Load:
        with self._changed:
            since = time.monotonic() - WINDOW
            recent = sum(when >= since for when in self._pieces)
            return Load(self._owners.total(), 0, recent / WINDOW, median(self._first or [0.0]))

    def check(self) -> None:
        """Raises AssertionError, with the numbers, when the counts do not add up."""
        with self._changed:
            owners, digests = self._owners.total(), self._digests.total()
            assert owners == digests, f"{owners} answers by person, {digests} by adapter"
            assert owners <= self._most, f"{owners} answers are open, {self._most} may be"

    def close(self, patience: float) -> None:
        """Open no more, and give those that are open `patience` seconds to finish."""
        with self._changed:
            self.closing = True
            self._changed.wait_for(lambda: not self._owners.total(), patience)
            self.stopped = True


class UpstreamStream:
    """The pieces of one answer, in order. Close it, drop it or cancel the wait, and the server is told to stop."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        reply: httpx.Response,
        answers: OpenAnswers,
        leave: Callable[[], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._client, self._reply = client, reply
        self._leave: Callable[[], None] | None = leave
        self._pieces = _read(reply, answers)

    def __aiter__(self) -> AsyncIterator[Piece]:
        return self

    async def __anext__(self) -> Piece:
        if self._leave is None:
            raise StopAsyncIteration
        try:
            piece = await anext(self._pieces)
        except BaseException:
            await self.aclose()
            raise
        if piece.finish:
            await self.aclose()
        return piece

    async def aclose(self) -> None:
        if leave := self._leave:
            self._leave = None
            leave()
            await _hang_up(self._pieces, self._reply, self._client)

    def __del__(self) -> None:
        """The collector may run in the middle of anything, so the loop hangs up a little later."""
        if leave := self._leave:
            hang_up = _hang_up(self._pieces, self._reply, self._client)
            with contextlib.suppress(RuntimeError):  # the loop is closed, and the connection with it
                self._loop.call_soon_threadsafe(_drop, leave, hang_up)
                return
            hang_up.close()
            leave()


async def _read(reply: httpx.Response, answers: OpenAnswers) -> AsyncGenerator[Piece, None]:
    """The pieces of a reply. It must not hold the stream, or a dropped one would live on.

    The last piece waits for the usage, which comes after it.
    """
    began, count = time.monotonic(), 0
    finish: Finish | None = None
    usage = None
    async with aclosing(_chunks(reply, answers)) as chunks:
        async for chunk in chunks:
            usage = _usage(chunk) or usage
            for choice in chunk.get("choices") or ():
                if text := choice.get("delta", {}).get("content"):
                    answers.spoke(None if count else time.monotonic() - began)
                    count += 1
                    yield Piece(text)
                if reason := choice.get("finish_reason"):
                    finish = "length" if reason == "length" else "stop"
    if finish is None:
        raise broken()
    yield Piece("", finish, usage or Usage(0, count))


async def _chunks(reply: httpx.Response, answers: OpenAnswers) -> AsyncGenerator[dict[str, Any], None]:
    """The events of the stream. Raises PrivityError when it breaks off or tells of an error."""
    try:
        async for line in reply.aiter_lines():
            if answers.stopped:
                raise NotReady("The service is stopping, and this answer was not finished. Ask again.")
            if not line.startswith("data:"):
                continue
            if (data := line.removeprefix("data:").strip()) == "[DONE]":
                return
            chunk = json.loads(data)
            if not isinstance(chunk, dict) or "error" in chunk:
                raise broken()
            yield chunk
    except (httpx.TransportError, ValueError):
        raise broken() from None


async def _hang_up(
    pieces: AsyncGenerator[Piece, None], reply: httpx.Response, client: httpx.AsyncClient
) -> None:
    """From the inside out: each holds what it reads from."""
    for one in (pieces, reply, client):
        with contextlib.suppress(httpx.TransportError, RuntimeError):
            await one.aclose()


_dropped: set[asyncio.Task[None]] = set()  # a loop holds its tasks weakly


def _drop(leave: Callable[[], None], hang_up: Any) -> None:
    leave()
    task = asyncio.get_running_loop().create_task(hang_up)
    _dropped.add(task)
    task.add_done_callback(_dropped.discard)


def _usage(chunk: dict[str, Any]) -> Usage | None:
    if not (said := chunk.get("usage")):
        return None
    cached = (said.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    return Usage(int(said.get("prompt_tokens", 0)), int(said.get("completion_tokens", 0)), int(cached))
