"""A server on loopback that behaves as vLLM does where it is told to, and fails where it is told to."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

WORDS = ["The", "tenant", "pays", "the", "rent"]


class ScriptedVllm:
    def __init__(self) -> None:
        self.owner = "vllm"
        self.answer = "whole"  # or "broken", "error", "endless", or a status code with headers in `headers`
        self.headers: dict[str, str] = {}
        self.adapters: dict[str, str] = {}  # name -> path
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.calls: list[str] = []
        self.left = threading.Event()  # a reader of an endless answer has gone
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        routes = [
            Route("/v1/models", self._models),
            Route("/tokenize", self._tokenize, methods=["POST"]),
            Route("/v1/load_lora_adapter", self._load, methods=["POST"]),
            Route("/v1/unload_lora_adapter", self._unload, methods=["POST"]),
            Route("/v1/chat/completions", self._chat, methods=["POST"]),
        ]
        self._app = Starlette(routes=routes)
        self._server: uvicorn.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "ScriptedVllm":
        config = uvicorn.Config(self._app, host="127.0.0.1", port=self.port, log_level="critical")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return self

    def stop(self) -> None:
        if self._server:
            self._server.should_exit = self._server.force_exit = True
            self._thread.join(10)
            self._server = None

    async def _models(self, request: Request) -> Response:
        self.calls.append("models")
        self.keys.append(request.headers.get("authorization", ""))
        base = {"id": "law-8b", "owned_by": self.owner, "max_model_len": 512, "parent": None}
        more = [{"id": name, "owned_by": self.owner, "parent": "law-8b"} for name in self.adapters]
        return JSONResponse({"object": "list", "data": [*more, base]})

    async def _tokenize(self, request: Request) -> Response:
        body = await request.json()
        count = sum(len(message["content"].split()) for message in body["messages"])
        return JSONResponse({"count": count, "max_model_len": 512})

    async def _load(self, request: Request) -> Response:
        body = await request.json()
        self.calls.append("load")
        if self.owner != "vllm":
            return JSONResponse({}, 404)
        if body["lora_name"] in self.adapters:
            return JSONResponse({"error": {"message": "already been loaded"}}, 400)
        if not (Path(body["lora_path"]) / "adapter_config.json").is_file():
            return JSONResponse({"error": {"message": "No adapter found"}}, 404)
        if json.loads((Path(body["lora_path"]) / "adapter_config.json").read_text())["r"] > 16:
            return JSONResponse({"error": {"message": "LoRA rank 64 is greater than max_lora_rank 16"}}, 500)
        self.adapters[body["lora_name"]] = body["lora_path"]
        return Response("Success")

    async def _unload(self, request: Request) -> Response:
        body = await request.json()
        self.calls.append("unload")
        known = self.adapters.pop(body["lora_name"], None)
        return Response("Success", 200 if known else 404)

    async def _chat(self, request: Request) -> Response:
        body = await request.json()
        self.asked.append(body)
        if self.answer.isdigit():
            said = {"error": {"message": json.dumps(body["messages"])}}  # servers repeat what they were sent
            return JSONResponse(said, int(self.answer), self.headers)
        if body["model"] != "law-8b" and body["model"] not in self.adapters:
            return JSONResponse({"error": {"message": "no such model"}}, 404)
        return StreamingResponse(self._stream(request), media_type="text/event-stream")

    async def _stream(self, request: Request) -> AsyncIterator[str]:
        yield _event({"choices": [{"delta": {"role": "assistant", "content": ""}}]})
        for at, word in enumerate(WORDS):
            if at == 2 and self.answer == "broken":
                raise ConnectionError
            if at == 2 and self.answer == "error":
                yield _event({"error": {"message": "out of memory"}})
                return
            yield _event({"choices": [{"delta": {"content": f"{word} "}, "finish_reason": None}]})
        while self.answer == "endless":
            try:
                await asyncio.sleep(0.02)
                yield _event({"choices": [{"delta": {"content": "on "}}]})
            except (asyncio.CancelledError, GeneratorExit):
                self.left.set()
                raise
        yield _event({"choices": [{"delta": {}, "finish_reason": "length"}]})
        usage = {"prompt_tokens": 9, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}
        yield _event({"choices": [], "usage": usage})
        yield "data: [DONE]\n\n"


def _event(chunk: dict[str, Any]) -> str:
    return f"data: {json.dumps(chunk)}\n\n"
