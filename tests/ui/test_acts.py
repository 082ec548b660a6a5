"""What a person does in the library and in search, against scripted replies."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from tests.ui.desks import COVERAGE, desk, document, filed, plain
from tests.ui.test_client import api
from ui import chat, library, search
from ui.client import Api
from ui.desk import Desk, Ended, Live, Source


class Service:
    """Replies by path; remembers what was asked. A path without a reply is not found."""

    def __init__(self, **replies: Any) -> None:
        self.replies = {f"/api/{path.replace('__', '/')}": reply for path, reply in replies.items()}
        self.replies.setdefault("/api/matters", {"matters": []})
        self.asked: list[tuple[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((request.url.path, json.loads(request.content) if request.content else None))
        reply = self.replies.get(request.url.path)
        if reply is None:
            error = {"code": "not_found", "message": "There is no such document."}
            return httpx.Response(404, json={"error": error})
        return httpx.Response(200, text=reply) if isinstance(reply, str) else httpx.Response(200, json=reply)


def do(
    act: Callable[[Api, Desk, dict[str, str]], Awaitable[None]], service: Service, laid: Desk, **event: str
) -> None:
    asyncio.run(act(api(service), laid, event))  # type: ignore[arg-type]


def test_a_file_that_is_looked_at_brings_the_names_of_its_kin() -> None:
    laid = desk(view="library")
    other = document(id="d9", title="Side letter.docx")
    do(library.pick, Service(documents__d1=document(amended_by=["d9"]), documents__d9=other), laid, id="d1")
    assert laid.picked is not None
    assert laid.titles == {"d9": "Side letter.docx"}


def test_a_newer_version_takes_the_place_of_the_one_that_was_looked_at() -> None:
    versions = [filed(id="d2", version=2), filed(id="d1", current=False)]
    laid = desk(view="library", picked=document())
    older, newer = document(versions=versions, current=False), document(id="d2", versions=versions)
    do(library.changed, Service(documents__d1=older, documents__d2=newer), laid)
    assert laid.picked is not None
    assert laid.picked["id"] == "d2"


def test_news_of_other_files_leave_the_open_document_open() -> None:
    laid = desk(view="library", picked=document(id="d2"), source=Source(document()))
    do(library.changed, Service(documents__d2=document(id="d2", versions=[])), laid)
    assert laid.source is not None


def test_what_was_deleted_is_no_longer_looked_at() -> None:
    laid = desk(view="library", picked=document(), source=Source(document()))
    do(library.changed, Service(), laid)
    assert (laid.picked, laid.source) == (None, None)


def test_pages_come_first_where_there_are_pictures_of_them() -> None:
    laid = desk(view="library")
    do(library.open_document, Service(documents__d1=document(), documents__d1__text="Words."), laid, id="d1")
    assert laid.source is not None
    assert (laid.source.face, laid.source.text) == ("pages", "Words.")
    do(library.open_document, Service(documents__d1=plain(), documents__d1__text="Words."), laid, id="d1")
    assert laid.source.face == "text"


def test_search_sends_only_the_filters_that_are_set() -> None:
    service, laid = Service(matters__m1__search={"passages": [], "coverage": COVERAGE}), desk()
    do(
        search.search,
        service,
        laid,
        value=' "sixty days" ',
        mode="exact",
        kind="pdf",
        type="",
        clause="Governing law",
        party=" Lyle ",
        since="",
    )
    body = service.asked[-1][1]
    assert (body["query"], body["exact"]) == ('"sixty days"', True)
    assert body["filter"] == {"kinds": ["pdf"], "clauses": ["Governing law"], "party": "Lyle"}
    assert (laid.view, laid.found is not None) == ("library", True)


def test_an_empty_search_asks_nothing() -> None:
    service = Service()
    do(search.search, service, desk(), value="  ")
    assert service.asked == []


def test_a_stopped_answer_keeps_its_evidence_and_says_what_was_checked() -> None:
    laid = desk(live=Live("May we?", "Yes.", COVERAGE))
    chat.stop(laid)
    assert isinstance(laid.ended, Ended)
    assert "had been checked" in laid.ended.why
    assert laid.ended.coverage is COVERAGE
    laid.live = Live("May we?")
    chat.stop(laid)
    assert "before anything was written" in laid.ended.why
