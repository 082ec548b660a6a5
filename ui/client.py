"""The public HTTP API as the page sees it: one person's token, typed replies, errors as sentences."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any, cast
from urllib.parse import quote

import httpx

from ui.replies import (
    Adapter,
    Admission,
    Conversation,
    DataSet,
    Document,
    Filed,
    Filter,
    Found,
    Json,
    Key,
    Lineage,
    Marked,
    Matter,
    Me,
    Model,
    Preflight,
    Recipes,
    Report,
    Rule,
    Run,
    Status,
    TrainingRow,
    Transcript,
    User,
    WholeRun,
)


class ApiError(Exception):
    """What the service answered instead: a status (0 when there was no answer), a code and a sentence."""

    def __init__(self, status: int, code: str, message: str, reasons: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.reasons = reasons  # each a sentence, where there are several


PATIENCE = 60.0  # seconds that a reply may take
LONG = 900.0  # where every document of a matter is read first
SILENT = "The service does not answer. Wait a moment and try again; if it stays so, ask the operator."


def error_of(status: int, body: bytes) -> ApiError:
    """The error in a reply's body, or a sentence of our own when it holds none."""
    try:
        error = json.loads(body)["error"]
        reasons = (error.get("details") or {}).get("reasons") or ()
        return ApiError(status, str(error["code"]), str(error["message"]), tuple(map(str, reasons)))
    except (ValueError, KeyError, TypeError, AttributeError):
        return ApiError(
            status, "unknown", f"The service answered with an unexpected error ({status}). Try again."
        )


class Client:
    """The way to the service over HTTP. `address` is asked at each call: the port may be known late.

    Real sockets rather than an in-process transport, because httpx's ASGI transport holds a reply back until
    it is complete, which would end streaming.
    """

    def __init__(self, address: Callable[[], str], transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.address = address
        self.transport = transport
        self._http: httpx.AsyncClient | None = None

    @property
    def http(self) -> httpx.AsyncClient:
        """Made at the first call, inside the loop that serves the page."""
        if self._http is None:
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=32)
            timeout = httpx.Timeout(PATIENCE, connect=5.0)
            self._http = httpx.AsyncClient(
                transport=self.transport, limits=limits, timeout=timeout, trust_env=False, verify=False
            )
        return self._http

    def signed(self, token: str) -> "Api":
        return Api(self, token)


class Api:
    """The service in one signed-in person's name. Every method raises ApiError."""

    def __init__(self, client: Client, token: str) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {token}"}

    async def call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        query: dict[str, str | int] | None = None,
        patience: float = PATIENCE,
    ) -> httpx.Response:
        url = self.client.address().rstrip("/") + path
        limit = httpx.Timeout(patience, connect=5.0)
        try:
            reply = await self.client.http.request(
                method, url, json=body, params=query, headers=self.headers, timeout=limit
            )
        except httpx.HTTPError:
            raise ApiError(0, "silent", SILENT) from None
        if reply.is_error:
            raise error_of(reply.status_code, reply.content)
        return reply

    async def get(self, path: str, **query: str | int) -> Json:
        return cast(Json, (await self.call("GET", path, None, query)).json())

    async def post(self, path: str, body: Json, patience: float = PATIENCE) -> Json:
        reply = await self.call("POST", path, body, patience=patience)
        return cast(Json, reply.json()) if reply.content else {}

    # --- people and matters

    async def me(self) -> Me:
        return cast(Me, await self.get("/api/me"))

    async def status(self) -> Status:
        return cast(Status, await self.get("/api/status"))

    async def password(self, old: str, new: str) -> None:
        await self.post("/api/me/password", {"old": old, "new": new})

    async def matters(self) -> list[Matter]:
        return cast(list[Matter], (await self.get("/api/matters"))["matters"])

    async def new_matter(self, name: str) -> Matter:
        return cast(Matter, await self.post("/api/matters", {"name": name}))

    async def rename_matter(self, matter: str, name: str) -> None:
        await self.call("PATCH", f"/api/matters/{matter}", {"name": name or None})

    async def delete_matter(self, matter: str) -> None:
        await self.call("DELETE", f"/api/matters/{matter}")

    async def members(self, matter: str) -> list[User]:
        return cast(list[User], (await self.get(f"/api/matters/{matter}/members"))["members"])

    async def admit(self, matter: str, name: str) -> None:
        await self.call("PUT", f"/api/matters/{matter}/members/{segment(name)}")

    async def dismiss(self, matter: str, name: str) -> None:
        await self.call("DELETE", f"/api/matters/{matter}/members/{segment(name)}")

    async def users(self) -> list[User]:
        return cast(list[User], (await self.get("/api/users"))["users"])

    async def new_user(self, name: str, role: str) -> Json:
        return await self.post("/api/users", {"name": name, "role": role})

    async def change_user(self, name: str, **change: Any) -> Json:
        return cast(Json, (await self.call("PATCH", f"/api/users/{segment(name)}", change)).json())

    async def keys(self) -> list[Key]:
        return cast(list[Key], (await self.get("/api/keys"))["keys"])

    async def new_key(self, name: str) -> Json:
        return await self.post("/api/keys", {"name": name or None})

    async def delete_key(self, key: str) -> None:
        await self.call("DELETE", f"/api/keys/{key}")

    # --- adapters

    async def models(self, matter: str) -> list[Model]:
        """Who may answer in a matter; the base comes first."""
        return cast(list[Model], (await self.get("/api/adapters", matter=matter))["adapters"])

    async def fixed(self, matter: str) -> str:
        """The adapter that the matter has made its own; "" for none."""
        return str((await self.get(f"/api/matters/{matter}")).get("adapter") or "")

    async def adapter(self, name: str) -> Adapter:
        return cast(Adapter, await self.get(f"/api/adapters/{segment(name)}"))

    async def admission(self, admission: str) -> Admission:
        return cast(Admission, await self.get(f"/api/adapters/admissions/{segment(admission)}"))

    async def deed(self, name: str, what: str, body: Json) -> None:
        """Publish, roll back, split or retire."""
        await self.post(f"/api/adapters/{segment(name)}/{what}", body)

    async def fix(self, matter: str, name: str) -> None:
        """Make an adapter the matter's own; "" gives that up."""
        await self.call("PUT", f"/api/matters/{matter}/adapter", {"name": name or None})

    # --- documents

    async def documents(self, matter: str) -> list[Filed]:
        return cast(list[Filed], (await self.get(f"/api/matters/{matter}/documents"))["documents"])

    async def document(self, document: str) -> Document:
        return cast(Document, await self.get(f"/api/documents/{document}"))

    async def text(self, document: str) -> str:
        """The canonical text, decoded as UTF-8 whatever the header says; offsets are code points of it."""
        return (await self.call("GET", f"/api/documents/{document}/text")).content.decode("utf-8")

    async def highlight(self, document: str, start: int, end: int) -> list[Marked]:
        found = await self.get(f"/api/documents/{document}/highlight", start=start, end=end)
        return cast(list[Marked], found["pages"])

    async def reread(self, document: str) -> Filed:
        return cast(Filed, await self.post(f"/api/documents/{document}/reread", {}))

    async def search(self, matter: str, query: str, exact: bool, only: Filter, k: int = 20) -> Found:
        body = {"query": query, "k": k, "exact": exact, "filter": only}
        return cast(Found, await self.post(f"/api/matters/{matter}/search", body))

    # --- fine-tunes

    async def sets(self) -> list[DataSet]:
        return cast(list[DataSet], (await self.get("/api/datasets"))["datasets"])

    async def new_set(self, name: str, kind: str, matters: list[str]) -> DataSet:
        return cast(
            DataSet, await self.post("/api/datasets", {"name": name, "kind": kind, "matters": matters})
        )

    async def one_set(self, dataset: str) -> DataSet:
        return cast(DataSet, await self.get(f"/api/datasets/{segment(dataset)}"))

    async def delete_set(self, dataset: str) -> None:
        await self.call("DELETE", f"/api/datasets/{segment(dataset)}")

    async def rows(self, dataset: str, state: str, offset: int, limit: int) -> tuple[list[TrainingRow], int]:
        """A page of a data set's rows, and how many there are."""
        found = await self.get(
            f"/api/datasets/{segment(dataset)}/rows", state=state, offset=offset, limit=limit
        )
        return cast(list[TrainingRow], found["rows"]), int(found["total"])

    async def change_row(self, dataset: str, row: str, change: Json) -> TrainingRow:
        path = f"/api/datasets/{segment(dataset)}/rows/{segment(row)}"
        return cast(TrainingRow, (await self.call("PATCH", path, change)).json())

    async def decide(self, dataset: str, state: str) -> Json:
        """Accept or reject all that is proposed."""
        return await self.post(f"/api/datasets/{segment(dataset)}/decide", {"state": state})

    async def rules(self) -> list[Rule]:
        return cast(list[Rule], (await self.get("/api/datasets/rules"))["rules"])

    async def propose(self, dataset: str, matter: str, rules: list[str], written: bool, mask: bool) -> Json:
        """The rows that a matter's documents give by rules, by all if none is named, and with `written` questions of
        the model's."""
        body = {"matter": matter, "rules": rules, "unanswerable": True, "written": written, "mask": mask}
        return await self.post(f"/api/datasets/{segment(dataset)}/propose", body, LONG)

    async def review(self, matter: str) -> Json:
        return await self.get("/api/review", matter=matter)

    async def collect(self, dataset: str, matter: str) -> Json:
        """Lawyers' corrections and thumbs as proposed rows."""
        return await self.post("/api/review/collect", {"dataset": dataset, "matter": matter})

    async def recipes(self) -> Recipes:
        return cast(Recipes, await self.get("/api/recipes"))

    async def preflight(self, asked: Json) -> Preflight:
        return cast(Preflight, await self.post("/api/jobs/preflight", asked, LONG))

    async def launch(self, asked: Json) -> WholeRun:
        return cast(WholeRun, await self.post("/api/jobs", asked, LONG))

    async def runs(self) -> list[Run]:
        return cast(list[Run], (await self.get("/api/jobs"))["jobs"])

    async def run(self, number: int) -> WholeRun:
        return cast(WholeRun, await self.get(f"/api/jobs/{number}"))

    async def lineage(self, **of: str | int) -> Lineage:
        """What learned from a `document`, or what a `job` learned from."""
        return cast(Lineage, await self.get("/api/lineage", **of))

    async def report(self, number: int) -> Report:
        return cast(Report, await self.get(f"/api/jobs/{number}/report"))

    async def log(self, number: int) -> str:
        return (await self.call("GET", f"/api/jobs/{number}/log")).text

    async def order(self, number: int, what: str, body: Json) -> None:
        """Cancel, resume, approve, decline or export a run."""
        await self.post(f"/api/jobs/{number}/{what}", body)

    # --- conversations

    async def conversations(self, matter: str, find: str = "") -> list[Conversation]:
        found = await self.get("/api/conversations", matter=matter, find=find)
        return cast(list[Conversation], found["conversations"])

    async def conversation(self, conversation: str) -> Transcript:
        return cast(Transcript, await self.get(f"/api/conversations/{conversation}"))

    async def new_conversation(self, matter: str, title: str) -> str:
        return str((await self.post("/api/conversations", {"matter": matter, "title": title}))["id"])

    async def rename(self, conversation: str, title: str) -> None:
        await self.call("PATCH", f"/api/conversations/{conversation}", {"title": title})

    async def delete_conversation(self, conversation: str) -> None:
        await self.call("DELETE", f"/api/conversations/{conversation}")

    async def feedback(self, answer: str, verdict: str, correction: str | None = None) -> None:
        body = {"verdict": verdict} | ({"correction": correction} if correction is not None else {})
        await self.post(f"/api/answers/{answer}/feedback", body)

    async def ask(self, body: Json) -> AsyncIterator[Json]:
        """The chunks of a streamed answer. Leaving the loop closes the stream, which stops the answer.

        Raises ApiError for a refusal to start, for an error chunk, and for a stream that breaks off.
        """
        url = self.client.address().rstrip("/") + "/v1/chat/completions"
        timeout = httpx.Timeout(None, connect=5.0)
        try:
            async with self.client.http.stream(
                "POST", url, json=body | {"stream": True}, headers=self.headers, timeout=timeout
            ) as reply:
                if reply.is_error:
                    raise error_of(reply.status_code, await reply.aread())
                async for chunk in chunks(reply.aiter_lines()):
                    yield chunk
        except httpx.HTTPError:
            raise ApiError(0, "silent", SILENT) from None


async def chunks(lines: AsyncIterator[str]) -> AsyncIterator[Json]:
    """Server-sent events as JSON objects, up to [DONE]. Raises ApiError for an error chunk."""
    async for line in lines:
        if not line.startswith("data:"):
            continue
        data = line[5:].strip()
        if data == "[DONE]":
            return
        chunk: Json = json.loads(data)
        if "error" in chunk:
            raise error_of(500, data.encode())
        yield chunk


def segment(name: str) -> str:
    """A name as one segment of a path."""
    return quote(name, safe="")
