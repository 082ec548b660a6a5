"""The page: Gradio mounted beside the API, speaking to it over HTTP with the signed-in person's own token.

What it needs from who mounts it: the address of the API (a callable, asked at each call) and a way to tell
who a request comes from.
"""

from collections.abc import Callable
from typing import Any

from ui.client import Client
from ui.theme import asset, theme

# The browser itself refuses to fetch from anywhere but this house. Gradio compiles its templates in the page,
# hence 'unsafe-eval'; nothing that comes from a document or a model is ever compiled.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; frame-ancestors 'self'; "
    "form-action 'self'; base-uri 'self'; object-src 'none'"
)
STYLES = ("parts.css", "page.css", "library.css", "reader.css", "adapters.css", "finetune.css")
SCRIPTS = (
    "page.js",
    "rows.js",
    "cells.js",
    "table.js",
    "narrowing.js",
    "uploads.js",
    "shelf.js",
    "seek.js",
    "adapters.js",
    "stock.js",
    "admissions.js",
    "compare.js",
    "finetune.js",
    "curves.js",
    "mapper.js",
    "reader.js",
    "find.js",
)


def login_page() -> str:
    """The sign-in page: plain HTML that posts to /api/login and goes on to the page."""
    return (
        asset("login.html")
        .replace("/*style*/", asset("colours.css") + asset("parts.css"))
        .replace("<!--icon-->", asset("icon.html"))
    )


def icon() -> Any:
    from starlette.responses import Response

    return Response(asset("icon.svg"), media_type="image/svg+xml", headers={"Cache-Control": "max-age=86400"})


def mount(
    app: Any, *, path: str = "/ui", username: Callable[[Any], str | None], address: Callable[[], str]
) -> Any:
    """Mount the page on a FastAPI `app` and return the app.

    `username(request)` names the person behind a request's cookie or gives None; who is not signed in is sent
    to /login. `address()` is the base of the API as this process reaches it, such as `http://127.0.0.1:3000`.
    """
    import gradio as gr
    from starlette.middleware import Middleware

    from ui.page import build

    app.add_api_route("/favicon.ico", icon, include_in_schema=False)
    return gr.mount_gradio_app(
        app,
        build(Client(address)),
        path=path,
        auth_dependency=username,
        app_kwargs={"middleware": [Middleware(Door, username=username)]},
        head=head(),
        theme=theme(),
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        mcp_server=False,
        enable_monitoring=False,
        pwa=False,
        show_error=False,
        max_file_size=1,  # documents never pass through Gradio's own upload
    )


def head() -> str:
    """Icon, style and script of the page.

    The style stands here, nested under `html:root`, because Gradio would rewrite the selectors of its `css`
    argument; nested, ours outweigh its own.
    """
    style = f"{asset('colours.css')} html:root {{ {''.join(map(asset, STYLES))} }}"
    return f"{asset('icon.html')}<style>{style}</style><script>{''.join(map(asset, SCRIPTS))}</script>"


class Door:
    """ASGI middleware: strangers are sent to the sign-in page, and every reply carries the policy."""

    def __init__(self, app: Any, username: Callable[[Any], str | None]) -> None:
        self.app = app
        self.username = username

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.requests import Request
        from starlette.responses import RedirectResponse

        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if self.opens_page(scope) and self.username(Request(scope)) is None:
            await RedirectResponse("/login", status_code=303)(scope, receive, send)
            return
        await self.app(scope, receive, with_policy(send))

    def opens_page(self, scope: Any) -> bool:
        inner = str(scope["path"]).removeprefix(str(scope.get("root_path", "")))
        return scope["method"] == "GET" and inner in ("", "/")


def with_policy(send: Any) -> Any:
    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", []), (b"content-security-policy", POLICY.encode())]
            message = {**message, "headers": headers}
        await send(message)

    return sending
