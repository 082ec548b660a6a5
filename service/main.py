"""The house, built once and passed down; and the BentoML service that serves it.

BentoML imports this module in several processes, so nothing heavy happens at import: the house opens when the one
worker starts, and the model loads in the background while /readyz says so.
"""

from service.offline import go_offline

go_offline()

import asyncio  # noqa: E402
import logging  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import threading  # noqa: E402
from collections.abc import AsyncIterator, Callable, Sequence  # noqa: E402
from contextlib import asynccontextmanager  # noqa: E402
from dataclasses import replace  # noqa: E402
from functools import cache  # noqa: E402
from importlib import import_module  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import TYPE_CHECKING  # noqa: E402

import bentoml  # noqa: E402
from starlette.applications import Starlette  # noqa: E402
from starlette.types import Receive, Scope, Send  # noqa: E402

from service import config  # noqa: E402
from service.core import Adapter, BaseFacts, Caller, Generation, Message, Piece, ProbeReport, Role  # noqa: E402
from service.core import Scope as Access  # noqa: E402
from service.errors import Forbidden, NotReady  # noqa: E402
from service.lock import HomeLock  # noqa: E402
from service.telemetry import gauges  # noqa: E402

if TYPE_CHECKING:
    from fastapi import FastAPI

    from service.adapters import Model
    from service.assistant import Assistant
    from service.engines import BaseFiles, Engine, Form, Weight, Words
    from service.retrieval import Embedder, Reader
    from service.training import Hands

log = logging.getLogger("privity")

SAMPLES = Path(__file__).parent.parent / "samples"
ADAPTERS = Path(__file__).parent.parent / "adapters"
ANSWER = 256  # tokens that are left for what a fine-tuned model answers


class House:
    """Everything that runs, floor by floor. `open` returns at once; the model follows in a thread of its own."""

    def __init__(self, settings: config.Settings) -> None:
        from service.access import Accounts, Walls
        from service.adapters import Adapters
        from service.assistant import Conversations
        from service.retrieval import Library
        from service.storage import Database
        from service.training import Datasets, Training

        self.settings = settings
        self.lock = HomeLock(settings.home, self.address)
        self.database = Database(settings.home / "privity.db")
        self.accounts = Accounts(self.database, settings.serve.session_hours)
        self.walls = Walls(self.database)
        self.conversations = Conversations(self.database)
        self.adapters = Adapters(settings.home, self.database, self._model(), settings.adapters.max_bytes)
        embedder, *earlier = self._embedders()
        self.library = Library(settings.home, self.database, settings, embedder, earlier)
        self.datasets = Datasets(self.database)
        self.datasets.mend()
        self.training = Training(settings, self.database, self.adapters, self._hands())
        self.stage = "opening"
        self._closing = False
        self._engine: Engine | None = None
        self._assistant: Assistant | None = None
        self._files: BaseFiles | None = None
        self._facts: BaseFacts | None = None

    @classmethod
    def open(cls, settings: config.Settings) -> "House":
        house = cls(settings)
        threading.Thread(target=house.load, name="privity-load", daemon=True).start()
        house.training.start()
        return house

    @property
    def address(self) -> str:
        """Where a program on this machine reaches the service, as the settings have it."""
        serve = self.settings.serve
        host = "127.0.0.1" if serve.host in ("0.0.0.0", "::") else serve.host  # noqa: S104
        return f"http://{host}:{serve.port}"

    @property
    def engine(self) -> "Engine":
        if self._engine is None:
            raise NotReady(
                f"The model is not ready ({self.stage}). Try again in a few seconds.", retry_after=5
            )
        return self._engine

    @property
    def assistant(self) -> "Assistant":
        if self._assistant is None:
            raise NotReady(
                f"The model is not ready ({self.stage}). Try again in a few seconds.", retry_after=5
            )
        return self._assistant

    @property
    def ready(self) -> bool:
        return self.stage == "ready"

    def load(self) -> None:
        """Loads the model and the embedder, and furnishes an empty house. What fails is told by `stage`."""
        from service import engines
        from service.assistant import Assistant

        try:
            self.stage = "loading the base model"
            self._files = engines.prepare(self.settings.base.model, self.settings.home / "models")
            self._facts = engines.base_facts(self._files)
            self._engine = engines.open_engine(self.settings)
            self.stage = "loading the embedder"
            self.library.warm()
            self._assistant = Assistant(self._engine, self.library, self.settings, self._reader())
            self.stage = "ready"
            self.adapters.shelve(ADAPTERS)
        except Exception as error:
            if self._closing:  # what was still to be loaded into is shut
                return
            self.stage = f"failed: {type(error).__name__}"
            log.exception("the house could not be opened")
        finally:
            if self._closing:
                self._close_engine()

    def _reader(self) -> "Reader | None":
        """What reads evidence; where it cannot be used, the log tells why, and sentences are compared."""
        from service.retrieval import evidence_reader

        reader, told = evidence_reader(self.settings.search)
        if reader:
            reader.warm()
        elif self.settings.search.evidence:
            log.warning("sentences are compared, not read: %s", told)
        return reader

    def _model(self) -> "Model":
        """What adapters need of the engine, as callables: they are asked when the model may still be loading."""
        from service import engines
        from service.adapters import Model, SearchModel, facts_of_folder
        from service.retrieval import EMBEDDER, model_folder, try_out

        def facts() -> list[BaseFacts]:
            assert self.engine  # raises NotReady
            return [self._facts] if self._facts else []

        def probe(folder: Path) -> ProbeReport:
            assert self.engine
            assert self._files
            return engines.probe(self._files, folder)

        return Model(
            facts,
            probe,
            prepare=lambda adapter: self.engine.prepare(adapter),
            release=lambda digest: self.engine.release(digest),
            search=SearchModel(
                facts=cache(lambda: facts_of_folder(model_folder(), EMBEDDER)),
                probe=try_out,
                name=self.settings.search.adapter,
                serving=lambda: self._search,
                renewing=lambda: self.library.renewing,
            ),
        )

    def _hands(self) -> "Hands":
        """What fine-tunes need of the rooms beside and below them."""
        from service import engines
        from service.assistant import single
        from service.retrieval import model_folder
        from service.training import Hands

        def serving() -> "BaseFiles":
            assert self.engine  # raises NotReady
            assert self._files
            return self._files

        def base() -> "BaseFiles":
            files = serving()
            return replace(files, folder=engines.prepare_folder(files, self.settings.home / "models"))

        async def submit(generation: Generation) -> AsyncIterator[Piece]:
            return await self.engine.submit(generation)

        def prompt(question: str, context: str) -> tuple[Message, ...]:
            room = self.engine.info.context - ANSWER
            return single(question, context, self.engine.count, room)

        def idle() -> bool:
            load = self._engine.load() if self._engine else None
            return load is None or not load.running + load.waiting

        def weigh(
            adapter: Adapter, words: "Sequence[Words]", halted: Callable[[], bool]
        ) -> "Sequence[Weight]":
            how = self.settings.training
            return engines.weigh(
                serving(), adapter.folder, words, threads=how.threads, niceness=how.niceness, halted=halted
            )

        def weigh_files(
            files: "BaseFiles", adapter: Path | None, words: "Sequence[Words]"
        ) -> "Sequence[Weight]":
            how = self.settings.training
            return engines.weigh(files, adapter, words, threads=how.threads, niceness=how.niceness)

        def merge(files: "BaseFiles", adapter: Path, form: "Form", target: Path) -> None:
            how = self.settings.training
            engines.merge(files, adapter, form, target, threads=how.threads, niceness=how.niceness)

        return Hands(
            base=base,
            serving=serving,
            weigh=weigh,
            weigh_files=weigh_files,
            merge=merge,
            embedder=model_folder,
            submit=submit,
            prompt=prompt,
            count=lambda messages: self.engine.count(messages),
            idle=idle,
            scope=self._scope_of,
            relabel=lambda: self.library.relabel(),
        )

    def _scope_of(self, id: str) -> Access:
        """All that a person may see now, for what goes on in their name."""
        for person in self.accounts.people():
            if person.id == id and not person.disabled:
                return self.walls.whole_scope(Caller(person.id, person.name, person.role))
        raise Forbidden("Who launched it may no longer sign in. Let another person launch it anew.")

    def _embedders(self) -> "list[Embedder]":
        """The embedder that serves, and earlier ones whose index may still answer while a new one is built."""
        from service.retrieval import Embedder, shelved

        search = self.settings.search
        folder = shelved(search.adapter)
        places = self.adapters.searching(folder if folder and folder.is_dir() else None)
        self._search = places[0].digest if places else ""
        return [Embedder(search.threads, place.folder) for place in places] or [Embedder(search.threads)]

    def furnish(self) -> None:
        """The first time: an admin with a random password, told once, and the sample matters."""
        if self.accounts.people():
            return
        password = self.accounts.add("admin", Role.ADMIN)
        admin = self.accounts.sign_in("admin", password).caller
        if self.settings.serve.samples:
            self._add_samples(admin)
        _say(f"First sign-in: user admin, password {password}", "Keep it: it is not shown again.")

    def _add_samples(self, admin: Caller) -> None:
        import json

        for card in sorted(SAMPLES.glob("*/matter.json")):
            described = json.loads(card.read_text("utf-8"))
            matter = self.walls.open_matter(admin, described["name"]).id
            scope = self.walls.scope(admin, [matter])
            self.adapters.expect(matter, described["adapter"], scope)
            for name in described["documents"]:
                self.library.add((card.parent / name).read_bytes(), name, scope, matter)

    def close(self) -> None:
        """Also while the model still loads: the loading then ends quietly, and closes what it has opened."""
        self._closing = True
        self.training.close()
        self.adapters.close()
        self.library.close()
        self._close_engine()
        self.database.close()
        self.lock.release()

    def _close_engine(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()


def _say(*lines: str) -> None:
    print(*("", *lines, ""), sep="\n", flush=True)  # noqa: T201 — for the person at the terminal


async def _end_with(parent: int) -> None:
    """Ends this worker in good order when BentoML's own process was killed: it would hold the home for ever."""
    while os.getppid() == parent:  # noqa: ASYNC110 — no event tells of it
        await asyncio.sleep(1)
    log.error("the process that started this worker is gone; it ends, too")
    os.kill(os.getpid(), signal.SIGTERM)


@asynccontextmanager
async def _open(front: "Front") -> AsyncIterator[None]:
    """Opens the house in the worker, and mounts the API and the page once it stands."""
    watch = asyncio.create_task(_end_with(os.getppid()))
    house = await asyncio.to_thread(House.open, config.load())
    await asyncio.to_thread(house.furnish)
    await asyncio.to_thread(import_module, "ui.page")  # seconds; the mounting itself wants the running loop
    app = _furnished_app(house, front)
    front.house = house
    front.mount("/", app)
    try:
        async with app.router.lifespan_context(app):
            _say(f"Privity is at {house.address} (the model loads in the background)")
            yield
    finally:
        watch.cancel()
        front.routes.clear()
        await asyncio.to_thread(house.close)


def _furnished_app(house: House, front: "Front") -> "FastAPI":
    """The API with the page on it."""
    from fastapi.responses import HTMLResponse, RedirectResponse

    from service.api import create_app, session
    from ui.app import login_page, mount

    app = create_app(house)
    app.add_api_route("/", lambda: RedirectResponse("/ui"), include_in_schema=False)
    app.add_api_route("/login", login_page, response_class=HTMLResponse, include_in_schema=False)
    mount(
        app,
        username=lambda request: session(request, house.accounts),
        address=lambda: front.address or house.address,
    )
    return app


class Front(Starlette):
    """What BentoML mounts before the house stands; the house moves in when the worker starts."""

    house: House | None = None
    address = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Whoever starts BentoML chooses the port: the socket that a request came by knows it.
        if not self.address and scope["type"] == "http" and scope.get("server"):
            host, port = scope["server"]
            self.address = f"http://{'[' + host + ']' if ':' in host else host}:{port}"
            if self.house is not None:
                self.house.lock.tell(self.address)
        await super().__call__(scope, receive, send)


front = Front(lifespan=_open)


@bentoml.service(
    name="privity",
    workers=1,  # one process owns the model
    threads=16,
    traffic={"timeout": 3600},
    http={"host": config.load().serve.host, "port": config.load().serve.port},
    endpoints={"livez": "/livez", "readyz": "/readyz"},
    logging={"access": {"enabled": False}},  # its lines would hold raw addresses
)
@bentoml.asgi_app(front, path="/")
class Privity:
    """Answers from a firm's own documents, with citations that are checked."""

    def __is_ready__(self) -> bool:
        return front.house is not None and front.house.ready

    def __metrics__(self, collected: str) -> str:
        """BentoML's hook: leaves out its own series, labelled with raw paths, and adds what is true at this moment."""
        ours = "".join(line for line in collected.splitlines(keepends=True) if "bentoml_service" not in line)
        house = front.house
        return (
            ours + gauges(house.engine.load(), *house.training.waiting())
            if house is not None and house.ready
            else ours
        )
