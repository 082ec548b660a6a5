"""The Gradio page: the window, and the wires between what a person does, the acts, and the panes."""

import json
import time
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import gradio as gr

from ui import adapters, admin, chat, compare, finetune, library, panes, search
from ui.client import Api, ApiError, Client
from ui.desk import Desk
from ui.panes.adapters import ADAPTERS, STOCK
from ui.panes.library import FACETS, SHELF
from ui.panes.run import PLOT
from ui.theme import asset

COOKIE = "privity_session"
TICK = 2.0  # seconds between looks at the service's state
FRESH = 20.0  # seconds that the list of who may answer is good for
ACTS = chat.ACTS | library.ACTS | search.ACTS | adapters.ACTS | compare.ACTS | finetune.ACTS | admin.ACTS
MAPPER = '<section class="card mapping-of"></section>'
COMPARE = 'privity.compare(element, (asked) => trigger("versus", asked), () => trigger("halt", {}));'


def build(client: Client) -> Any:
    """The Blocks. Panes are `gr.HTML` drawn from the desk; the composer is Gradio's own."""
    with gr.Blocks(title="Privity", fill_width=True, fill_height=True, analytics_enabled=False) as page:
        shown, composer = lay_out()
        Wires(client, shown, composer).tie(page)
    page.queue(default_concurrency_limit=None, api_open=False)
    return page


def pane(name: str, value: str = "", js: str = "") -> Any:
    """A pane: HTML whose `data-act` elements trigger `act` with their data."""
    return gr.HTML(value, elem_id=name, js_on_load=asset("pane.js") + js, apply_default_css=False)


def lay_out() -> tuple[dict[str, Any], dict[str, Any]]:
    """The window from left to right; returns the panes and the composer's components by name."""
    shown: dict[str, Any] = {}
    with gr.Column(elem_id="win"):
        shown |= {name: pane(name) for name in ("title", "rail")}
        with gr.Column(elem_id="sidebar"):
            shown["sidehead"] = pane("sidehead")
            pane("facets", FACETS)
            pane("stock", STOCK)
            shown["side"] = pane("side")
        with gr.Column(elem_id="centre"):
            with gr.Column(elem_id="scroll"):
                shown |= {name: pane(name) for name in ("talk", "live")}
            composer = compose()
            shown["shelf"] = pane("shelf", SHELF, "privity.shelf(element);")
            shown["seek"] = pane("seek", asset("seek.html"), "privity.seek(element);")
            shown["adapters"] = pane("adapters", ADAPTERS, "privity.adapters(element);")
            shown["compare"] = pane("compare", asset("compare.html"), COMPARE)
            shown |= {name: pane(name) for name in ("finds", "versus", "people")}
            shown["runhead"] = pane("runhead", js="privity.finetune(element);")
            with gr.Column(elem_id="bench"):
                shown["plot"] = pane("plot", PLOT, "privity.curves(element);")
                shown["now"] = pane("now")
                shown["mapper"] = pane("mapper", MAPPER, "privity.mapper(element);")
                shown["stage"] = pane("stage")
        shown |= {name: pane(name) for name in ("source", "notice", "status")}
    return shown, composer


def compose() -> dict[str, Any]:
    with gr.Row(elem_id="composer"):
        question = gr.Textbox(
            elem_id="question",
            placeholder="Ask about this matter…",
            show_label=False,
            label="Question",
            container=False,
            lines=1,
            max_lines=8,
            autofocus=True,
        )
        ask = gr.Button("Ask", elem_id="ask", variant="primary")
        stop = gr.Button("Stop", elem_id="stop", visible=False)
    return {"question": question, "ask": ask, "stop": stop}


class Wires:
    """Ties what a person does to acts, and acts to the panes that they change."""

    def __init__(self, client: Client, shown: dict[str, Any], composer: dict[str, Any]) -> None:
        self.client = client
        self.shown = shown
        self.composer = composer
        self.desk = gr.State(Desk())

    def tie(self, page: Any) -> None:
        outputs = [*self.shown.values(), *self.composer.values()]
        quick: dict[str, Any] = {
            "outputs": outputs,
            "show_progress": "hidden",
            "queue": False,
            "api_visibility": "private",
        }
        told = gr.Textbox(visible=False)  # carries what the page's own script knows
        page.load(self.begin, [self.desk, told], js="(desk, told) => [desk, location.hash]", **quick)
        for one in self.shown.values():
            one.act(self.act, [self.desk], trigger_mode="multiple", **quick)
        shown = "(desk, told) => [desk, privity.shown()]"
        gr.Timer(TICK).tick(self.tick, [self.desk, told], js=shown, **quick)
        slow = quick | {"queue": True, "concurrency_limit": None, "trigger_mode": "once"}
        asking = gr.on(
            [self.composer["ask"].click, self.composer["question"].submit],
            self.ask,
            [self.desk, self.composer["question"]],
            **slow,
        )
        self.composer["stop"].click(self.stop, [self.desk], cancels=[asking], **quick)
        comparing = self.shown["compare"].versus(self.compare, [self.desk], **slow)
        self.shown["compare"].halt(self.halt, [self.desk], cancels=[comparing], **quick)

    def api(self, request: gr.Request) -> Api:
        return self.client.signed(request.request.cookies.get(COOKIE, ""))

    def news(self, desk: Desk, besides: dict[Any, Any] | None = None) -> Any:
        """What the browser must change to show the desk, and `besides`."""
        changes = {self.shown[name]: html for name, html in panes.changed(desk).items()} | (besides or {})
        return changes or gr.skip()

    async def begin(self, desk: Desk, where: str, request: gr.Request) -> Any:
        async with desk.turnstile:
            desk.sent.clear()
            await self.attempt(desk, chat.begin(self.api(request), desk, where))
            await self.look(desk, request)
            return self.news(desk)

    async def act(self, desk: Desk, data: gr.EventData, request: gr.Request) -> Any:
        event: dict[str, str] = data._data
        async with desk.turnstile:
            if event.get("do") != "changed":  # nobody asked for that one
                desk.notice = ""
            await self.furnish(desk, request)
            doing = ACTS.get(event.get("do", ""))
            if doing is not None:
                await self.attempt(desk, doing(self.api(request), desk, event))
            if desk.view == "admin":
                await self.attempt(desk, admin.refresh(self.api(request), desk))
            if desk.view == "finetune":
                await self.attempt(desk, finetune.refresh(self.api(request), desk))
            return self.news(desk)

    async def furnish(self, desk: Desk, request: gr.Request) -> None:
        """A page that outlived a restart of the service finds an empty desk."""
        if desk.me is None:
            await self.attempt(desk, chat.begin(self.api(request), desk))

    async def tick(self, desk: Desk, shown: str, request: gr.Request) -> Any:
        if desk.turnstile.locked():
            return gr.skip()
        async with desk.turnstile:
            await self.furnish(desk, request)
            await self.look(desk, request)
            if time.monotonic() - desk.asked > FRESH:
                await self.attempt(desk, chat.refresh_models(self.api(request), desk))
                await self.attempt(desk, chat.look_again(self.api(request), desk))
                await self.attempt(desk, finetune.refresh(self.api(request), desk))
            if desk.view == "finetune":
                await self.attempt(desk, finetune.refresh(self.api(request), desk))
            if desk.view == "adapters":
                await self.attempt(desk, adapters.look_again(self.api(request), desk))
            panes.reconcile(desk, json.loads(shown))
            return self.news(desk)

    async def look(self, desk: Desk, request: gr.Request) -> None:
        try:
            desk.status = await self.api(request).status()
        except ApiError:
            desk.status = None

    async def attempt(self, desk: Desk, doing: Awaitable[None]) -> None:
        """An error becomes a sentence on the page."""
        try:
            await doing
        except ApiError as error:
            desk.notice = error.message

    async def ask(self, desk: Desk, question: str, request: gr.Request) -> AsyncIterator[Any]:
        parts = self.composer
        if not question.strip() or not desk.matter or desk.live is not None:
            yield gr.skip()
            return
        busy = {
            parts["question"]: "",
            parts["ask"]: gr.update(visible=False),
            parts["stop"]: gr.update(visible=True),
        }
        async for _ in chat.ask(self.api(request), desk, question.strip()):
            yield self.news(desk, busy)
            busy = {}
        yield self.news(desk, self.idle())

    async def stop(self, desk: Desk, request: gr.Request) -> Any:
        chat.stop(desk)
        await chat.forget_unanswered(self.api(request), desk)
        await self.attempt(desk, chat.list_conversations(self.api(request), desk))
        for name in ("rail", "talk", "live", "side"):
            desk.sent.pop(name, None)  # an update may have been on its way when it was cancelled
        return self.news(desk, self.idle())

    async def compare(self, desk: Desk, data: gr.EventData, request: gr.Request) -> AsyncIterator[Any]:
        async for _ in compare.ask(self.api(request), desk, data._data):
            yield self.news(desk)
        yield self.news(desk)

    async def halt(self, desk: Desk, request: gr.Request) -> Any:
        compare.stop(desk)
        for name in ("rail", "versus"):
            desk.sent.pop(name, None)  # an update may have been on its way when it was cancelled
        return self.news(desk)

    def idle(self) -> dict[Any, Any]:
        parts = self.composer
        return {parts["ask"]: gr.update(visible=True), parts["stop"]: gr.update(visible=False)}
