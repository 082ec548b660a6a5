"""The FastAPI application: routes, the one place where errors become HTTP, and the headers of every reply."""

import logging
from collections.abc import MutableMapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from service import __version__
from service.api import (
    adapter_uploads,
    adapters,
    conversations,
    datasets,
    documents,
    jobs,
    matters,
    openai,
    people,
)
from service.api.house import House
from service.api.schemas import ErrorBody
from service.errors import PrivityError
from service.telemetry import Requests

log = logging.getLogger("privity")

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
DESCRIPTION = """\
Privity answers lawyers' questions from the documents of their matters, with citations that are checked.

`POST /v1/chat/completions` speaks OpenAI's protocol; its extra field `matter` grounds the answer. Sign in with
`POST /api/login`, or send a key (`privity keys create`) as a bearer token.
"""


def create_app(house: House) -> FastAPI:
    app = FastAPI(
        title="Privity",
        version=__version__,
        description=DESCRIPTION,
        docs_url="/api/docs",
        openapi_url="/api/openapi.json",
        redoc_url=None,
        responses={status: {"model": ErrorBody} for status in (400, 401, 403, 404, 409, 413, 422, 429, 503)},
    )
    app.state.house = house
    for router in (
        openai.router,
        matters.router,
        documents.router,
        conversations.router,
        datasets.router,
        adapter_uploads.router,
        adapters.router,
        jobs.router,
        people.router,
    ):
        app.include_router(router)
    app.add_exception_handler(PrivityError, _ours)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unforeseen)
    app.add_middleware(Headers)
    app.add_middleware(Requests)
    return app


def error_body(error: PrivityError) -> dict[str, object]:
    return {"error": {"code": error.code, "message": error.message, "details": error.details}}


async def _ours(_: Request, error: Exception) -> Response:
    assert isinstance(error, PrivityError)
    headers = {"Retry-After": str(error.details["retry_after"])} if "retry_after" in error.details else None
    return JSONResponse(error_body(error), error.status, headers)


async def _malformed(_: Request, error: Exception) -> Response:
    """Names each field that is wrong, without echoing what was sent."""
    assert isinstance(error, RequestValidationError)
    fields = [
        {"field": ".".join(str(part) for part in e["loc"][1:]), "problem": e["msg"]} for e in error.errors()
    ]
    said = "; ".join(f"{f['field'] or 'body'}: {f['problem']}" for f in fields)
    return _reply(422, "invalid_request", f"The request is not right. {said}.", fields=fields)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return _reply(404, "not_found", "There is nothing at this address. /api/docs lists the addresses.")
    return _reply(error.status_code, "http", str(error.detail))


async def _unforeseen(_: Request, error: Exception) -> Response:
    # The exception's own words may hold client text: its type and place are enough to find it.
    place = error.__traceback__
    while place and place.tb_next:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_qualname}:{place.tb_lineno}" if place else "?"
    log.error("unforeseen %s at %s", type(error).__name__, where)
    return _reply(500, "internal", "Something went wrong here. The log names the place; nothing was changed.")


def _reply(status: int, code: str, message: str, **details: object) -> Response:
    return JSONResponse({"error": {"code": code, "message": message, "details": details}}, status)


class Headers:
    """ASGI middleware that adds HEADERS to every reply but the page's, which Gradio writes itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        ours = scope["type"] == "http" and not scope["path"].startswith("/ui")
        await self._app(scope, receive, with_headers if ours else send)
