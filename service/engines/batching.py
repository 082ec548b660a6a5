"""The engine over a runner of our own: messages in, a stream of pieces out, many at once."""

import asyncio
import contextlib
import functools
import itertools
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from service.core import BASE, Adapter, EngineInfo, Generation, Load, Message, Piece, Sampling
from service.engines.prefix import Key
from service.engines.scheduler import Choice
from service.engines.scheduler import Sequence as Tokens
from service.engines.transcript import Transcript
from service.engines.worker import MIB, Deliver, Request, Runner, Worker
from service.errors import BadRequest, PrivityError


class ChatRunner(Runner, Protocol):
    """A runner that also turns messages into tokens."""

    shares: bool  # whether a part of what a row holds can be dropped, so that prefixes can be shared

    def encode(self, messages: Sequence[Message]) -> list[int]: ...


class Stream:
    """The pieces of one answer, in order. Close it, drop it or cancel the wait, and the answer is cancelled."""

    def __init__(self, pieces: asyncio.Queue[Piece | PrivityError], cancel: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._pieces = pieces
        self._cancel = cancel
        self._over = False

    def __aiter__(self) -> AsyncIterator[Piece]:
        return self

    async def __anext__(self) -> Piece:
        if self._over:
            raise StopAsyncIteration
        try:
            piece = await self._pieces.get()
        except asyncio.CancelledError:
            await self.aclose()
            raise
        self._over = isinstance(piece, PrivityError) or piece.finish is not None
        if isinstance(piece, PrivityError):
            raise piece
        return piece

    async def aclose(self) -> None:
        if not self._over:
            self._over = True
            self._cancel()

    def __del__(self) -> None:
        """The collector may run in the middle of anything, so the loop cancels a little later."""
        if not self._over:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._cancel)


def _deliver(pieces: asyncio.Queue[Piece | PrivityError]) -> Deliver:
    """Puts into the queue from any thread. It must not hold the stream, or a dropped one would live on."""
    loop = asyncio.get_running_loop()

    def deliver(piece: Piece | PrivityError) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to read
            loop.call_soon_threadsafe(pieces.put_nowait, piece)

    return deliver


class BatchingEngine:
    """An Engine (see the package's door) whose answers share the steps of one model."""

    def __init__(
        self, runner: ChatRunner, info: EngineInfo, memory: int = 256 * MIB, guesses: bool = True
    ) -> None:
        """`memory` is how many bytes of adapters are kept loaded; `guesses`, whether to run ahead where it pays."""
        self.info = info
        self._runner = runner
        self._worker = Worker(runner, memory, guesses and runner.shares)
        self._numbers = itertools.count(1)

    def load(self) -> Load:
        return self._worker.load()

    def count(self, messages: Sequence[Message]) -> int:
        return len(self._runner.encode(messages))

    async def submit(self, generation: Generation) -> Stream:
        self._check(generation.adapter)
        prompt = await asyncio.to_thread(self._runner.encode, generation.messages)
        number = next(self._numbers)
        sequence = self._sequence(number, generation, prompt)
        pieces: asyncio.Queue[Piece | PrivityError] = asyncio.Queue()
        transcript = Transcript(generation.sampling.stop)
        self._worker.submit(Request(sequence, transcript, _deliver(pieces), generation.adapter))
        return Stream(pieces, functools.partial(self._worker.cancel, number))

    async def generate(self, generation: Generation) -> AsyncIterator[Piece]:
        stream = await self.submit(generation)
        try:
            async for piece in stream:
                yield piece
        finally:
            await stream.aclose()

    def prepare(self, adapter: Adapter) -> None:
        self._check(adapter)
        if adapter.digest != BASE.digest:
            self._worker.prepare(adapter)

    def release(self, digest: str) -> None:
        self._worker.release(digest)

    def check(self) -> None:
        self._worker.check()

    def close(self) -> None:
        self._worker.close()

    def _check(self, adapter: Adapter) -> None:
        if adapter.digest == BASE.digest:
            return
        if adapter.folder is None:
            raise BadRequest(f'The adapter "{adapter.name}" has no files. Admit it again.')
        if adapter.base and adapter.base != self.info.fingerprint:
            raise BadRequest(
                f'The adapter "{adapter.name}" was trained on another base than {self.info.model}.'
            )

    def _sequence(self, number: int, generation: Generation, prompt: list[int]) -> Tokens:
        context = self.info.context
        if len(prompt) >= context:
            raise BadRequest(
                f"The question has {len(prompt)} tokens, and the model holds {context} with the answer. Shorten it.",
                tokens=len(prompt),
                limit=context,
            )
        return Tokens(
            id=number,
            prompt=tuple(prompt),
            limit=min(max(1, generation.sampling.max_tokens), context - len(prompt)),
            key=self._key(generation, number),
            owner=generation.owner,
            priority=generation.priority,
            choice=_choice(generation.sampling),
        )

    def _key(self, generation: Generation, number: int) -> Key:
        """Without a salt nothing is shared: the key is the sequence's own."""
        shared = generation.salt and self._runner.shares
        return Key(f"salt {generation.salt}" if shared else f"alone {number}", generation.adapter.digest)


def _choice(sampling: Sampling) -> Choice:
    seed = secrets.randbits(64) if sampling.seed is None else sampling.seed % 2**64
    return Choice(sampling.temperature, sampling.top_p, seed)
