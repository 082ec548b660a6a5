"""The API over a house without a model: real accounts, walls, conversations and adapters, a scripted engine."""

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fastapi.testclient import TestClient

from service.access import Accounts, Walls
from service.api import create_app
from service.assistant import Conversations
from service.config import Settings
from service.core import Generation, Load, Piece, Role, Usage
from service.training import Datasets
from tests.adapters.firm import Firm


class ScriptedEngine:
    """Says the digest that it was asked under; holds back while `gate` is closed."""

    def __init__(self) -> None:
        self.asked: list[Generation] = []
        self.gate = asyncio.Event()
        self.gate.set()

    def load(self) -> Load:
        return Load(0, 0, 0.0, 0.0, adapters=1, adapter_bytes=2**20)

    async def submit(self, generation: Generation) -> AsyncIterator[Piece]:
        self.asked.append(generation)
        return self._pieces(generation)

    async def _pieces(self, generation: Generation) -> AsyncIterator[Piece]:
        yield Piece(generation.adapter.digest[:8])
        await self.gate.wait()
        yield Piece("", "stop", Usage(1, 1))


class Desk:
    """A firm with people who sign in: adam runs the house, tess trains, ann and bob ask."""

    def __init__(self, home: Path) -> None:
        self.firm = Firm(home)
        database = self.firm.database
        self.accounts, self.walls = Accounts(database, 1), Walls(database)
        self.engine = ScriptedEngine()
        self.house = SimpleNamespace(
            settings=Settings(home=home, adapters={"max_bytes": 1 << 20}),  # type: ignore[arg-type]
            accounts=self.accounts,
            walls=self.walls,
            adapters=self.firm.adapters,
            conversations=Conversations(database),
            datasets=Datasets(database),
            training=SimpleNamespace(forget=lambda: None),
            engine=self.engine,
            stage="ready",
        )
        self.app = create_app(self.house)  # type: ignore[arg-type]

    def client(self, name: str) -> TestClient:
        _, key = self.accounts.add_key(name, "tests")
        return TestClient(self.app, headers={"Authorization": f"Bearer {key}"}, raise_server_exceptions=False)

    def matter(self, *names: str) -> str:
        """A new matter with these members."""
        callers = {person.name: person for person in self.accounts.people()}
        first = callers[names[0]]
        from service.core import Caller

        caller = Caller(first.id, first.name, Role(first.role))
        matter = self.walls.open_matter(caller, f"Matter of {' and '.join(names)}").id
        for other in names[1:]:
            self.walls.admit(caller, matter, other)
        return matter

    def files(self, seed: int = 0, **changed: object) -> list[tuple[str, tuple[str, bytes]]]:
        """An adapter's files as a browser sends a folder."""
        folder = self.firm.make(seed, **changed)
        return [("file", (file.name, file.read_bytes())) for file in sorted(folder.iterdir())]

    def zipped(self, seed: int = 0) -> dict[str, tuple[str, bytes]]:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for file in sorted(self.firm.make(seed).iterdir()):
                archive.write(file, file.name)
        return {"file": ("adapter.zip", packed.getvalue())}

    def add(self, client: TestClient, name: str = "leases", seed: int = 0, **fields: Any) -> dict[str, Any]:
        reply = client.post("/api/adapters?wait=1", data={"name": name, **fields}, files=self.files(seed))
        assert reply.status_code == 201, reply.text
        return dict(reply.json())

    def ask(self, client: TestClient, model: str | None = None, **more: object) -> dict[str, Any]:
        body = {"messages": [{"role": "user", "content": "Hello?"}], **more}
        reply = client.post("/v1/chat/completions", json=body | ({"model": model} if model else {}))
        assert reply.status_code == 200, reply.text
        return dict(reply.json())

    def close(self) -> None:
        self.firm.close()
