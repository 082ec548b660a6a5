"""OpenAI's chat completions: grounded in matters when the request names them, plain chat otherwise."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from service.api.deps import CallerDep, HouseDep
from service.api.house import House
from service.api.schemas import Chat
from service.assistant import Event, Searched
from service.core import (
    BASE,
    Adapter,
    Answer,
    Caller,
    Generation,
    Message,
    Piece,
    Question,
    Sampling,
    Scope,
    Usage,
)
from service.errors import BadRequest, PrivityError
from service.telemetry import ADAPTER_ANSWERS, FIRST_WORD, QUESTIONS, TOKENS, log

router = APIRouter(tags=["chat"])

PLAIN_TOKENS, GROUNDED_TOKENS = 256, 128  # unless the request says; the evidence does not count
CLIENT_CLOSED = 499  # nobody reads it: nginx's word in logs and metrics for a reader who left


@router.post("/v1/chat/completions")
async def chat(body: Chat, request: Request, caller: CallerDep, house: HouseDep) -> Any:
    """Answers the last message.

    With `matter` the answer comes from that matter's documents: the object `privity` in the reply, or in the last
    chunk of a stream, holds the citations and what was searched. A reader who leaves cancels the answer.
    """
    asked = await asyncio.to_thread(_understand, body, caller, house)
    events = _events(asked, house)
    try:
        first = await anext(events)  # a full queue or a bad question is told by status, not inside a stream
    except BaseException:
        QUESTIONS.labels("failed").inc()
        raise
    reply = _Reply(asked, house, _chained(first, events))
    if asked.stream:
        return StreamingResponse(reply.stream(), media_type="text/event-stream")
    return await _unless_gone(request, reply.whole())


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request understood: who asks what, of which model, and where it is kept."""

    scope: Scope
    messages: tuple[Message, ...]
    adapter: Adapter
    sampling: Sampling
    conversation: str | None
    stream: bool
    want_usage: bool
    started: float = field(default_factory=time.monotonic)


def _understand(body: Chat, caller: Caller, house: House) -> _Asked:
    matters = [body.matter] if isinstance(body.matter, str) else body.matter or []
    if body.matter is not None and not matters:
        raise BadRequest("`matter` is an empty list. Name a matter, or leave the field out for plain chat.")
    messages = tuple(_message(m.role, m.text) for m in body.messages)
    if messages[-1].role != "user" or not messages[-1].content.strip():
        raise BadRequest("The last message must be a question of the user's.")
    scope = house.walls.scope(caller, matters)
    adapter = house.adapters.resolve(body.model, scope, body.conversation or secrets.token_hex(8))
    if body.conversation:
        card = house.conversations.card(body.conversation, house.walls.whole_scope(caller))
        if matters != [card.matter]:
            raise BadRequest(
                "`conversation` belongs to one matter: name that one, and no other, as `matter`."
            )
        messages = (*house.conversations.history(body.conversation, scope), messages[-1])
        house.conversations.say(body.conversation, messages[-1].content, scope)
    stop = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    sampling = Sampling(
        body.max_tokens or body.max_completion_tokens or (GROUNDED_TOKENS if matters else PLAIN_TOKENS),
        body.temperature,
        body.top_p,
        body.seed,
        tuple(s for s in stop if s),
    )
    want_usage = bool(body.stream_options and body.stream_options.include_usage)
    return _Asked(scope, messages, adapter, sampling, body.conversation, body.stream, want_usage)


def _message(role: str, text: str) -> Message:
    return Message(
        "system" if role in ("system", "developer") else "user" if role == "user" else "assistant", text
    )


async def _events(asked: _Asked, house: House) -> AsyncGenerator[Event, None]:
    """What was searched (if grounded), then text as it stands fast, then the answer; all under one adapter."""
    with house.adapters.lease(asked.adapter):
        async with aclosing(
            _grounded(asked, house) if asked.scope.matters else _plain(asked, house)
        ) as events:
            async for event in events:
                yield event


def _grounded(asked: _Asked, house: House) -> AsyncGenerator[Event, None]:
    return house.assistant.ask(Question(asked.messages, asked.scope, asked.adapter, asked.sampling))


async def _plain(asked: _Asked, house: House) -> AsyncGenerator[Event, None]:
    scope = asked.scope
    generation = Generation(
        asked.messages, asked.adapter, asked.sampling, salt=scope.salt, owner=scope.caller.id
    )
    pieces = await house.engine.submit(generation)
    yield ""
    text, last = "", Piece("")
    async with aclosing(pieces):
        async for last in pieces:
            text += last.text
            if last.text:
                yield last.text
    seconds = time.monotonic() - asked.started
    answer = "a" + secrets.token_hex(8)
    usage, finish = last.usage or Usage(), last.finish or "stop"
    yield Answer(answer, text, (), None, None, asked.adapter, usage, (), finish, seconds)


async def _chained(first: Event, rest: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
    async with aclosing(rest):
        yield first
        async for event in rest:
            yield event


class _Reply:
    """One answer on its way out: as chunks or whole, counted and kept."""

    def __init__(self, asked: _Asked, house: House, events: AsyncGenerator[Event, None]) -> None:
        self._asked, self._house, self._events = asked, house, events
        self._id, self._created = "chatcmpl-" + secrets.token_hex(12), int(time.time())
        self._text = ""
        self._first: float | None = None

    async def whole(self) -> dict[str, Any]:
        answer = await self._finished()
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": answer.text},
            "finish_reason": answer.finish,
            "logprobs": None,
        }
        return self._envelope("chat.completion", [choice]) | {
            "usage": _usage(answer.usage),
            "privity": proof(answer),
        }

    async def stream(self) -> AsyncGenerator[str, None]:
        try:
            yield self._chunk({"role": "assistant", "content": ""})
            async for event in self._kept():
                if isinstance(event, Searched):
                    yield self._chunk({}, privity=asdict(event))
                elif isinstance(event, str):
                    yield self._chunk({"content": event})
                else:
                    usage = {"usage": _usage(event.usage)} if self._asked.want_usage else {}
                    yield self._chunk({}, event.finish, privity=proof(event), **usage)
        except PrivityError as error:
            yield _data({"error": {"code": error.code, "message": error.message, "details": error.details}})
        except Exception as error:
            log.error("an answer failed with %s", type(error).__name__)
            message = "The answer broke off: something went wrong here. Ask again."
            yield _data({"error": {"code": "internal", "message": message, "details": {}}})
        yield "data: [DONE]\n\n"

    async def _finished(self) -> Answer:
        async for event in self._kept():
            if isinstance(event, Answer):
                return event
        raise RuntimeError("the assistant ended without an answer")

    async def _kept(self) -> AsyncGenerator[Event, None]:
        """The events, counted, and at the end kept with their proof; a stopped answer keeps what was said."""
        answer = None
        try:
            async with aclosing(self._events) as events:
                async for event in events:
                    if isinstance(event, str):
                        self._say(event)
                        if not event:
                            continue
                    elif isinstance(event, Answer):
                        answer = event
                        await asyncio.shield(asyncio.to_thread(self._keep, answer))
                    yield event
        except (asyncio.CancelledError, GeneratorExit):
            QUESTIONS.labels("stopped").inc()
            raise
        except Exception:
            QUESTIONS.labels("failed").inc()
            raise
        finally:
            if answer is None and self._asked.conversation and self._text:
                # Plain and quick on purpose: a closing generator may not await.
                self._house.conversations.keep(self._asked.conversation, self._text, None, self._asked.scope)

    def _say(self, text: str) -> None:
        if text and self._first is None:
            self._first = time.monotonic() - self._asked.started
            FIRST_WORD.observe(self._first)
        self._text += text

    def _keep(self, answer: Answer) -> None:
        asked, conversations = self._asked, self._house.conversations
        conversations.record(answer.id, proof(answer), asked.scope, self._first)
        if asked.conversation:
            with suppress(PrivityError):  # deleted while it was being answered
                conversations.keep(asked.conversation, answer.text, answer.id, asked.scope)
        outcome = "plain" if answer.coverage is None else "refused" if answer.refused else "answered"
        QUESTIONS.labels(outcome).inc()
        self._house.adapters.answered(answer.adapter)
        ADAPTER_ANSWERS.labels("base" if answer.adapter == BASE else "adapter").inc()
        for kind, count in asdict(answer.usage).items():
            TOKENS.labels(kind).inc(count)

    def _chunk(self, delta: dict[str, Any], finish: str | None = None, **extra: Any) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return _data(self._envelope("chat.completion.chunk", [choice]) | extra)

    def _envelope(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": kind,
            "created": self._created,
            "model": self._asked.adapter.name,
            "choices": choices,
        }


def proof(answer: Answer) -> dict[str, Any]:
    """The object `privity`: what an answer rests on."""
    return {
        "answer_id": answer.id,
        "refused": answer.refused,
        "citations": [asdict(citation) for citation in answer.citations],
        "coverage": asdict(answer.coverage) if answer.coverage else None,
        "adapter": {
            "name": answer.adapter.name,
            "version": answer.adapter.version,
            "digest": answer.adapter.digest,
        },
        "unsupported": [list(span) for span in answer.unsupported],
        "seconds": round(answer.seconds, 3),
        "usage": asdict(answer.usage),
    }


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
    }


def _data(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"


async def _unless_gone(request: Request, answering: Any) -> Any:
    """The result, or a cancelled answer when the reader leaves first (a plain reply does not notice by itself)."""
    task = asyncio.ensure_future(answering)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else Response(status_code=CLIENT_CLOSED)
    finally:
        gone.cancel()
        task.cancel()


async def _gone(request: Request) -> None:
    while not await request.is_disconnected():  # noqa: ASYNC110 — starlette offers no event
        await asyncio.sleep(0.2)
