"""The client against scripted replies: errors are sentences, streams end and close as they should."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from ui import chat
from ui.client import SILENT, Api, ApiError, Client
from ui.desk import Desk


def api(answer: Callable[[httpx.Request], httpx.Response]) -> Api:
    return Client(lambda: "http://127.0.0.1:1", httpx.MockTransport(answer)).signed("token")


class Stream(httpx.AsyncByteStream):
    """Server-sent events; remembers whether its reader closed it."""

    def __init__(self, *chunks: dict[str, Any], done: bool = True) -> None:
        self.lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks] + ["data: [DONE]\n\n"] * done
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for line in self.lines:
            yield line.encode()

    async def aclose(self) -> None:
        self.closed = True


def word(text: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}}]}


COVERED = {"choices": [{"delta": {}}], "privity": {"coverage": {"documents": 1}}}
LAST = {
    "choices": [{"delta": {}, "finish_reason": "stop"}],
    "privity": {"answer_id": "a1", "refused": None, "citations": [], "adapter": {"name": "base"}},
}


def service(
    stream: Stream, seen: list[dict[str, Any]] | None = None
) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/chat/completions":
            if seen is not None:
                seen.append(json.loads(request.content))
            return httpx.Response(200, stream=stream)
        if request.method == "POST":
            return httpx.Response(200, json={"id": "c1"})
        return httpx.Response(200, json={"conversations": [], "turns": []})

    return answer


def follow(desk: Desk, answer: Callable[[httpx.Request], httpx.Response], question: str = "May we?") -> None:
    async def run() -> None:
        async for _ in chat.ask(api(answer), desk, question):
            pass

    asyncio.run(run())


def test_the_token_goes_along_and_an_error_is_its_sentence() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer token"
        body = {"error": {"code": "forbidden", "message": "Ask an admin to add you.", "details": {}}}
        return httpx.Response(403, json=body)

    with pytest.raises(ApiError, match="Ask an admin") as caught:
        asyncio.run(api(answer).me())
    assert (caught.value.status, caught.value.code) == (403, "forbidden")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"error": "x"}', b""])
def test_a_reply_without_a_sentence_gets_one(body: bytes) -> None:
    with pytest.raises(ApiError, match="unexpected error"):
        asyncio.run(api(lambda request: httpx.Response(500, content=body)).me())


def test_a_service_that_is_gone_is_said_so() -> None:
    def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(ApiError, match="does not answer"):
        asyncio.run(api(gone).me())


def test_text_is_utf8_whatever_the_header_says() -> None:
    reply = httpx.Response(200, content="£5 “due”".encode(), headers={"content-type": "text/plain"})
    assert asyncio.run(api(lambda request: reply).text("d1")) == "£5 “due”"


def test_an_answer_becomes_a_turn() -> None:
    desk, seen = Desk(matter="m1"), list[dict[str, Any]]()
    follow(desk, service(Stream(COVERED, word("Yes."), word(" Surely."), LAST), seen))
    assert desk.live is None
    assert [turn["text"] for turn in desk.turns] == ["May we?", "Yes. Surely."]
    assert seen[0]["matter"] == "m1"
    assert seen[0]["conversation"] == "c1"
    follow(desk, service(Stream(LAST), seen), "And then?")
    assert [message["content"] for message in seen[1]["messages"]] == ["May we?", "Yes. Surely.", "And then?"]


def test_an_error_in_the_stream_keeps_what_was_written() -> None:
    desk = Desk(matter="m1")
    error = {"error": {"code": "internal", "message": "The model stopped. Ask again.", "details": {}}}
    follow(desk, service(Stream(COVERED, word("Yes."), error)))
    assert desk.ended is not None
    assert (desk.ended.text, desk.ended.why) == ("Yes.", "The model stopped. Ask again.")
    assert desk.turns == []


def test_a_stream_that_breaks_off_is_no_answer() -> None:
    desk = Desk(matter="m1")
    follow(desk, service(Stream(word("Yes."), done=False)))
    assert desk.ended is not None
    assert "broke off" in desk.ended.why


def test_an_answer_that_cannot_start_says_why() -> None:
    desk = Desk(matter="m1")
    follow(desk, lambda request: httpx.Response(502))
    assert desk.ended is not None
    assert desk.ended.fault
    assert desk.ended.question == "May we?"


def test_a_conversation_without_an_answer_is_not_kept() -> None:
    desk, deleted = Desk(matter="m1"), list[str]()
    error = {"error": {"code": "busy", "message": "Ask again.", "details": {}}}
    answer = service(Stream(error))

    def watching(request: httpx.Request) -> httpx.Response:
        if request.method == "DELETE":
            deleted.append(request.url.path)
            return httpx.Response(204)
        return answer(request)

    follow(desk, watching)
    assert deleted == ["/api/conversations/c1"]
    assert desk.conversation == ""


def test_leaving_closes_the_stream() -> None:
    stream = Stream(COVERED, word("Yes."), word(" No."), LAST)

    desk = Desk(matter="m1")

    async def leave() -> None:
        steps = chat.ask(api(service(stream)), desk, "May we?")
        for _ in range(3):
            await anext(steps)
        await steps.aclose()  # type: ignore[attr-defined]

    asyncio.run(leave())
    assert stream.closed
    assert desk.live is None
    assert desk.ended is not None
    assert (desk.ended.text, desk.ended.fault) == ("Yes.", False)


def test_an_answer_does_not_follow_its_reader_elsewhere() -> None:
    desk = Desk(matter="m1")

    async def turn_away() -> None:
        async for _ in chat.ask(api(service(Stream(COVERED, word("Yes."), LAST))), desk, "May we?"):
            if desk.live is not None and desk.live.text:
                desk.put_away()

    asyncio.run(turn_away())
    assert (desk.turns, desk.live, desk.ended) == ([], None, None)


def test_the_sentence_for_silence_has_a_remedy() -> None:
    assert "try again" in SILENT
