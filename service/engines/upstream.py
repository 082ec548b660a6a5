"""The engine over an OpenAI-compatible server: vLLM on one machine or many, or anything that speaks the same.

With vLLM also adapters: each is loaded under a name that holds its digest, so that nothing cached for another one can
be taken for it; and the wall's salt goes with every question, so that no prefix is shared across walls.
"""

import asyncio
import functools
import logging
import secrets
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import httpx

from service.config import Engine as Settings
from service.core import BASE, Adapter, EngineInfo, Generation, Load, LoraFile, Message, Piece
from service.engines.estimate import estimate
from service.engines.upstream_answers import OpenAnswers, UpstreamStream
from service.engines.upstream_server import Served, Server, refused, unreachable
from service.errors import BadRequest, Busy, NotReady, PrivityError

log = logging.getLogger("privity.engine")
PATIENCE = 10.0  # seconds that open answers have when the house closes
LEAST = 16  # tokens of an answer that are asked for even where the prompt seems to fill the context


class UpstreamEngine:
    """An Engine (see the package's door) that computes nothing itself.

    A server that is down when the house opens is met at the first question.
    """

    def __init__(self, settings: Settings, fingerprint: str) -> None:
        """`fingerprint` is that of the base model as this machine knows it."""
        self._settings = settings
        self._server = Server(settings)
        self._served: Served | None = None
        self._meeting = threading.Lock()
        self._loaded: set[str] = set()  # digests
        self._unwanted: set[str] = set()  # of these, to be unloaded after their last answer
        most = settings.slots + settings.queue
        self._answers = OpenAnswers(most, settings.per_person, self._emptied)
        name = settings.upstream_model or "upstream"
        self.info = EngineInfo(name, "upstream", fingerprint, settings.context, 0, settings.slots)
        try:
            self._met()
        except (NotReady, Busy):
            log.warning("the upstream server cannot be reached yet")

    def load(self) -> Load:
        return self._answers.load()

    def count(self, messages: Sequence[Message]) -> int:
        """Counted by vLLM, otherwise estimated, rather too many than too few."""
        try:
            return self._count(self._met(), messages)
        except PrivityError:
            return estimate(messages)

    async def submit(self, generation: Generation) -> UpstreamStream:
        served = await asyncio.to_thread(self._met)
        owner, digest = generation.owner, generation.adapter.digest
        self._answers.enter(owner, digest)
        leave = functools.partial(self._answers.leave, owner, digest)
        try:
            body = await asyncio.to_thread(self._body, served, generation)
            client, reply = await self._ask(body, generation.adapter)
        except BaseException:
            leave()
            raise
        return UpstreamStream(client, reply, self._answers, leave)

    async def generate(self, generation: Generation) -> AsyncIterator[Piece]:
        stream = await self.submit(generation)
        try:
            async for piece in stream:
                yield piece
        finally:
            await stream.aclose()

    def prepare(self, adapter: Adapter) -> None:
        """Have the server load an adapter. Raises BadRequest when it does not."""
        served = self._met()
        if adapter.digest == BASE.digest:
            return
        if not served.vllm:
            raise BadRequest(
                f'"{adapter.name}" cannot be served: of upstream servers only vLLM loads adapters.'
            )
        if adapter.folder is None or not (adapter.folder / LoraFile.WEIGHTS).is_file():
            raise BadRequest(
                f'"{adapter.name}" cannot be served: it has no {LoraFile.WEIGHTS}, which vLLM reads.'
            )
        self._unwanted.discard(adapter.digest)
        if adapter.digest not in self._loaded:
            place = self._settings.upstream_adapters or str(adapter.folder.parent.resolve())
            self._server.load(_name(adapter.digest), f"{place.rstrip('/')}/{adapter.folder.name}")
            self._loaded.add(adapter.digest)

    def release(self, digest: str) -> None:
        self._unwanted.add(digest)
        if not self._answers.under(digest):
            self._unload(digest)

    def check(self) -> None:
        self._answers.check()

    def close(self) -> None:
        """What the server has loaded stays there: the next start finds it."""
        self._answers.close(PATIENCE)

    def _met(self) -> Served:
        """Who serves; asked once. Raises NotReady while nobody does."""
        with self._meeting:
            if self._served is None:
                served = self._server.meet()
                limit = min(self._settings.context, served.context or self._settings.context)
                kind = "upstream (vLLM)" if served.vllm else "upstream"
                self.info = replace(self.info, model=served.model, engine=kind, context=limit)
                self._served = served
            return self._served

    def _count(self, served: Served, messages: Sequence[Message]) -> int:
        return self._server.count(served.model, _spoken(messages)) if served.vllm else estimate(messages)

    def _body(self, served: Served, generation: Generation) -> dict[str, Any]:
        """The request. Raises BadRequest when the prompt does not fit, as far as that can be known."""
        self.prepare(generation.adapter)
        asked, context = generation.sampling, self.info.context
        prompt = self._count(served, generation.messages)
        if prompt >= context and served.vllm:
            raise BadRequest(
                f"The question has {prompt} tokens, and the model holds {context} with the answer. Shorten it.",
                tokens=prompt,
                limit=context,
            )
        base = generation.adapter.digest == BASE.digest
        body: dict[str, Any] = {
            "model": served.model if base else _name(generation.adapter.digest),
            "messages": _spoken(generation.messages),
            "max_tokens": min(max(1, asked.max_tokens), max(LEAST, context - prompt)),
            "temperature": asked.temperature,
            "top_p": asked.top_p,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if asked.seed is not None:
            body["seed"] = asked.seed
        if asked.stop:
            body["stop"] = list(asked.stop)
        if served.vllm:  # without a salt nothing is shared: the salt is the question's own
            body["cache_salt"] = generation.salt or secrets.token_hex(16)
        return body

    async def _ask(self, body: dict[str, Any], adapter: Adapter) -> tuple[httpx.AsyncClient, httpx.Response]:
        """The reply that streams. A server that was started anew has forgotten its adapters: they are loaded again."""
        client, reply = await self._post(body)
        if reply.status_code == 404 and adapter.digest in self._loaded:
            await client.aclose()
            self._loaded.discard(adapter.digest)
            await asyncio.to_thread(self.prepare, adapter)
            client, reply = await self._post(body)
        if reply.status_code != 200:
            await client.aclose()
            raise refused(reply)
        return client, reply

    async def _post(self, body: dict[str, Any]) -> tuple[httpx.AsyncClient, httpx.Response]:
        client = self._server.client()
        try:
            request = client.build_request("POST", "/v1/chat/completions", json=body)
            return client, await client.send(request, stream=True)
        except BaseException as error:
            await client.aclose()
            if isinstance(error, httpx.TransportError):
                raise unreachable() from None
            raise

    def _emptied(self, digest: str) -> None:
        """The last answer under an adapter is over; it may have been waited for. Called on the event loop."""
        if digest in self._unwanted:
            threading.Thread(target=self._unload, args=(digest,), daemon=True).start()

    def _unload(self, digest: str) -> None:
        if digest not in self._loaded or self._answers.under(digest):
            return
        self._unwanted.discard(digest)
        self._loaded.discard(digest)
        try:
            self._server.unload(_name(digest))
        except PrivityError:
            log.warning("the upstream server did not unload an adapter")


def _name(digest: str) -> str:
    """An adapter's name there."""
    return f"privity-{digest}"


def _spoken(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in messages]
