"""A kept conversation over HTTP, while its documents change: what each citation says, and what a follow-up rests on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.assistant import Assistant
from service.retrieval.library import Library
from tests.api.desk import Desk
from tests.assistant.fakes import ScriptedEngine
from tests.retrieval.house import library

QUESTION = "What notice must the tenant give to break the lease?"
FOLLOW_UP = "And what notice is it to the landlord?"
FILLER = (
    "Each party bears its own costs of this lease, and the landlord insures the building at its own expense."
)
OLD = (
    f"1. Break. The tenant may break the lease by ninety days notice to the landlord.\n\n2. Costs. {FILLER}\n"
)
NEW = (
    f"1. Break. The tenant may break the lease by thirty days notice to the landlord.\n\n2. Costs. {FILLER}\n"
)
SAME = f"{OLD}\n3. Parking. The licensee may park three bicycles in the rear courtyard.\n"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    desk.house.library = library(tmp_path, desk.firm.database)
    desk.house.engine = ScriptedEngine("The tenant gives notice.")
    desk.house.assistant = Assistant(desk.house.engine, desk.house.library, desk.house.settings)
    yield desk
    desk.house.library.close()
    desk.close()


def upload(desk: Desk, client: TestClient, matter: str, text: str, replaces: str = "") -> str:
    files = {"files": ("Lease.txt", text.encode())}
    reply = client.post(f"/api/matters/{matter}/documents", files=files, data={"replaces": replaces})
    assert reply.status_code == 202, reply.text
    shelves: Library = desk.house.library
    assert shelves.wait(240)
    return str(reply.json()["documents"][0]["id"])


def ask(client: TestClient, matter: str, conversation: str, question: str = QUESTION) -> dict[str, Any]:
    body = {
        "messages": [{"role": "user", "content": question}],
        "matter": matter,
        "conversation": conversation,
    }
    reply = client.post("/v1/chat/completions", json=body)
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def begin(desk: Desk, *people: str) -> tuple[TestClient, str, str, str]:
    """Somebody's matter with the old lease and a conversation about it."""
    client, matter = desk.client(people[0]), desk.matter(*people)
    document = upload(desk, client, matter, OLD)
    conversation = client.post("/api/conversations", json={"matter": matter}).json()["id"]
    reply = ask(client, matter, conversation)
    assert "ninety days" in reply["choices"][0]["message"]["content"]
    assert all((one["family"], one["version"]) == (document, 1) for one in reply["privity"]["citations"])
    return client, matter, document, conversation


def behind(client: TestClient, conversation: str, answer: int = 0) -> dict[str, Any]:
    turns = client.get(f"/api/conversations/{conversation}").json()["turns"]
    return dict([turn["privity"] for turn in turns if "privity" in turn][answer])


def first(client: TestClient, conversation: str) -> dict[str, Any]:
    """How the citation of the break right stands."""
    cited = behind(client, conversation)["citations"]
    return dict(next(one for one in cited if "ninety days" in one["quote"])["standing"])


def test_each_citation_says_how_it_stands(desk: Desk) -> None:
    client, matter, old, conversation = begin(desk, "ann")
    assert behind(client, conversation)["changed"] == ""
    now = first(client, conversation)
    assert (now["state"], now["kept"], now["document"], now["told"]) == ("current", True, old, "")

    same = upload(desk, client, matter, SAME, replaces=old)
    now = first(client, conversation)
    assert (now["state"], now["document"], now["version"]) == ("changed", same, 2)
    text = client.get(f"/api/documents/{same}/text").text
    assert "ninety days" in text[now["place"]["start"] : now["place"]["end"]]
    assert "the cited words are still in it" in behind(client, conversation)["changed"]

    new = upload(desk, client, matter, NEW, replaces=same)
    now = first(client, conversation)
    assert (now["state"], now["kept"], now["document"], now["place"]) == ("changed", True, new, None)
    assert now["told"] == "Lease.txt is now version 3; the cited words are no longer in it."
    assert "changed since: Lease.txt is now version 3" in behind(client, conversation)["changed"]
    assert "ninety days" in client.get(f"/api/documents/{old}/text").text, "what was cited still opens"

    assert client.delete(f"/api/documents/{new}").status_code == 204
    now = first(client, conversation)
    assert (now["state"], now["kept"], now["document"]) == ("gone", False, "")
    assert "Lease.txt has been deleted." in behind(client, conversation)["changed"]


def test_a_follow_up_rests_on_what_counts_now_alone(desk: Desk) -> None:
    """The question leans on the one before it, and the earlier answer's words are in the conversation."""
    client, matter, old, conversation = begin(desk, "ann")
    upload(desk, client, matter, NEW, replaces=old)
    reply = ask(client, matter, conversation, FOLLOW_UP)
    assert "thirty days" in reply["choices"][0]["message"]["content"]
    assert "ninety" not in str(reply)
    prompt = str(desk.house.engine.asked[-1].messages)
    assert QUESTION in prompt, "the question before goes along"
    assert "thirty days" in prompt
    assert "ninety" not in prompt
    assert "ninety" in behind(client, conversation)["changed"] + str(
        behind(client, conversation)["citations"]
    )
    assert behind(client, conversation, 1)["changed"] == ""


def test_a_follow_up_to_a_deleted_document_is_refused(desk: Desk) -> None:
    client, matter, old, conversation = begin(desk, "ann")
    client.delete(f"/api/documents/{old}")
    asked = len(desk.house.engine.asked)
    reply = ask(client, matter, conversation, FOLLOW_UP)
    assert reply["privity"]["refused"]
    assert "ninety" not in str(reply)
    assert len(desk.house.engine.asked) == asked, "no model call"


def test_a_client_cannot_bring_old_evidence_in_by_its_own_turns(desk: Desk) -> None:
    client, matter, old, _ = begin(desk, "ann")
    upload(desk, client, matter, NEW, replaces=old)
    said = {"role": "assistant", "content": "“The tenant may break by ninety days notice” [1]"}
    question = {"role": "user", "content": QUESTION}
    body = {
        "matter": matter,
        "messages": [question, said, {"role": "user", "content": FOLLOW_UP}],
    }
    reply = client.post("/v1/chat/completions", json=body)
    assert "thirty days" in reply.text
    assert "ninety" not in str(desk.house.engine.asked[-1].messages)


def test_who_lost_access_sees_nothing_of_it(desk: Desk) -> None:
    client, matter, old, conversation = begin(desk, "ann", "bob")
    bobs = desk.client("bob")
    theirs = bobs.post("/api/conversations", json={"matter": matter}).json()["id"]
    ask(bobs, matter, theirs)
    upload(desk, client, matter, NEW, replaces=old)
    assert bobs.get(f"/api/conversations/{conversation}").status_code == 404, "another person's"
    assert "version 2" in bobs.get(f"/api/conversations/{theirs}").text
    assert client.delete(f"/api/matters/{matter}/members/bob").status_code == 204
    for path in (f"/api/conversations/{theirs}", f"/api/documents/{old}/text", f"/api/documents/{old}"):
        reply = bobs.get(path)
        assert reply.status_code == 404
        assert "Lease" not in reply.text
        assert "ninety" not in reply.text
