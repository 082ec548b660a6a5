"""Data sets over HTTP: from a file, from documents and from lawyers' corrections to rows that a run may learn from."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.assistant import Assistant
from service.storage.tables import AdapterRow, AnswerRow, Feedback, JobLearned
from tests.api.desk import Desk
from tests.assistant.fakes import ScriptedEngine
from tests.retrieval.house import library
from tests.training.papers import CONTRACT
from tests.training.test_datasets import job, version

LAW = "This Agreement is governed by the laws of Texas."
ROWS = (
    f"Question,Passage,Answer,Doc\nWhich law?,{LAW},Texas,a\nWhich court?,{LAW},,a\nWhich tree?,{LAW},oak,b\n"
)
QUESTION = "Is this Agreement governed by and construed in accordance with the laws of the State?"
SPOKEN = "What does the agreement say about {word}?"


class Writer(ScriptedEngine):
    """Asks of the longest word of the sentence that it is shown."""

    async def submit(self, generation: Any) -> Any:
        sentence = generation.messages[-1].content.removeprefix("Sentence: ")
        self._text = SPOKEN.format(word=max(sentence.split(), key=len).strip(".,"))
        return await super().submit(generation)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    desk.house.library = library(tmp_path, desk.firm.database)
    desk.house.engine = ScriptedEngine("The law is that of Texas.")
    desk.house.assistant = Assistant(desk.house.engine, desk.house.library, desk.house.settings)
    yield desk
    desk.house.library.close()
    desk.close()


@pytest.fixture
def tess(desk: Desk) -> TestClient:
    return desk.client("tess")


def opened(client: TestClient, *matters: str, kind: str = "answers") -> str:
    reply = client.post("/api/datasets", json={"name": "First round", "kind": kind, "matters": list(matters)})
    assert reply.status_code == 201, reply.text
    return str(reply.json()["id"])


def upload(desk: Desk, client: TestClient, matter: str, text: str = CONTRACT) -> str:
    files = {"files": ("Supply Agreement.txt", text.encode())}
    reply = client.post(f"/api/matters/{matter}/documents", files=files)
    assert reply.status_code == 202, reply.text
    assert desk.house.library.wait(240)
    return str(reply.json()["documents"][0]["id"])


def page(client: TestClient, dataset: str, **query: Any) -> list[dict[str, Any]]:
    reply = client.get(f"/api/datasets/{dataset}/rows", params={"limit": 500, **query})
    assert reply.status_code == 200, reply.text
    return list(reply.json()["rows"])


# --- files -------------------------------------------------------------------------------------------------


def test_a_file_is_shown_and_then_taken_in(tess: TestClient) -> None:
    file = {"file": ("rows.csv", ROWS.encode())}
    shown = tess.post("/api/datasets/preview", files=file).json()
    assert shown["columns"] == ["Question", "Passage", "Answer", "Doc"]
    assert shown["records"] == len(shown["rows"]) == 3
    mapping = shown["mapping"]
    assert (mapping["question"], mapping["context"], mapping["answer"], mapping["group"]) == (
        "Question", "Passage", "Answer", "Doc",
    )  # fmt: skip
    id = opened(tess)
    reply = tess.post(f"/api/datasets/{id}/import", files=file, data={"mapping": json.dumps(mapping)})
    assert reply.status_code == 200, reply.text
    assert reply.json() == {
        "added": 2,
        "duplicates": 0,
        "dropped": [{"reason": "The answer does not stand in its context.", "count": 1}],
    }
    assert tess.post(f"/api/datasets/{id}/import", files=file).json()["duplicates"] == 2
    card = tess.get(f"/api/datasets/{id}").json()
    assert (card["counts"]["accepted"], card["answerable"], card["by"]) == (2, 1, "tess")
    assert {row["origin"] for row in page(tess, id)} == {"upload"}


@pytest.mark.parametrize(
    ("name", "data", "mapping", "status", "said"),
    [
        ("rows.exe", b"x", "", 400, "csv"),
        ("rows.csv", b"", "", 400, "empty"),
        ("rows.csv", b"a,b\n1,2\n", "", 400, "column"),
        ("rows.csv", ROWS.encode(), "[1]", 400, "mapping"),
        ("rows.csv", ROWS.encode(), '{"poem": "Question"}', 400, "mapping"),
        ("rows.csv", ROWS.encode(), '{"question": "No such"}', 400, "no column of the name"),
        ("rows.xlsx", b"PK\x03\x04broken", "", 400, "workbook"),
    ],
)
def test_a_file_that_is_not_taken(
    tess: TestClient, name: str, data: bytes, mapping: str, status: int, said: str
) -> None:
    id = opened(tess)
    reply = tess.post(f"/api/datasets/{id}/import", files={"file": (name, data)}, data={"mapping": mapping})
    assert reply.status_code == status, reply.text
    assert said in reply.json()["error"]["message"]


def test_personal_data_is_covered_when_asked(tess: TestClient) -> None:
    rows = (
        "question,context,answer\nWhom to write to?,Write to ann@birch.example at once.,ann@birch.example\n"
    )
    file = {"file": ("rows.csv", rows.encode())}
    id, other = opened(tess), opened(tess)
    tess.post(f"/api/datasets/{id}/import", files=file)
    assert tess.post(f"/api/datasets/{id}/mask").json() == {"rows": 1, "found": {"E-MAIL": 2}, "told": ""}
    tess.post(f"/api/datasets/{other}/import", files=file, data={"mask": "true"})
    for dataset in (id, other):
        assert [(row["context"], row["answer"]) for row in page(tess, dataset)] == [
            ("Write to [E-MAIL 1] at once.", "[E-MAIL 1]")
        ]


def test_presidio_that_is_missing_is_asked_for_only_where_something_is_masked(
    desk: Desk, tess: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.training.presidio.find_spec", lambda name: None)
    settings = desk.house.settings
    masking = settings.training.model_copy(update={"masking": "presidio", "masking_model": "none_of_these"})
    desk.house.settings = settings.model_copy(update={"training": masking})
    file = {"file": ("rows.csv", ROWS.encode())}
    id = opened(tess)
    assert tess.post(f"/api/datasets/{id}/import", files=file).status_code == 200
    for path, given in (("import", {"files": file, "data": {"mask": "true"}}), ("mask", {})):
        reply = tess.post(f"/api/datasets/{id}/{path}", **given)  # type: ignore[arg-type]
        assert reply.status_code == 400, reply.text
        assert "privity[presidio]" in reply.json()["error"]["message"]


# --- documents ---------------------------------------------------------------------------------------------


def test_documents_give_rows_that_are_looked_through(desk: Desk, tess: TestClient) -> None:
    matter = desk.matter("tess")
    document = upload(desk, tess, matter)
    rules = tess.get("/api/datasets/rules").json()["rules"]
    assert {"governing-law", "parties"} <= {rule["name"] for rule in rules}
    id = opened(tess)
    reply = tess.post(f"/api/datasets/{id}/propose", json={"matter": matter})
    assert reply.status_code == 200, reply.text
    told = reply.json()
    assert (told["documents"], told["unread"]) == (1, 0)
    assert told["proposed"] > 10
    assert tess.get(f"/api/datasets/{id}").json()["matters"] == [matter], "the wall comes with the rows"
    rows = page(tess, id, state="proposed")
    assert {row["document"] for row in rows} == {document}
    assert {row["title"] for row in rows} == {"Supply Agreement.txt"}
    assert {row["group"] for row in rows} == {document}
    silent = [row for row in rows if not row["answer"]]
    assert silent
    assert len(silent) < len(rows) / 2
    law = next(row for row in rows if row["rule"] == "governing-law" and row["answer"])
    text = tess.get(f"/api/documents/{document}/text").text
    assert text[law["start"] : law["end"]] == law["context"]
    changed = tess.patch(
        f"/api/datasets/{id}/rows/{law['id']}", json={"answer": "the State of Ohio", "state": "accepted"}
    )
    assert changed.status_code == 422
    assert changed.json()["error"]["details"]["reasons"]
    changed = tess.patch(
        f"/api/datasets/{id}/rows/{law['id']}", json={"answer": "the State of Texas", "state": "accepted"}
    )
    assert (changed.json()["state"], changed.json()["edited_by"]) == ("accepted", "tess")
    assert (
        tess.post(f"/api/datasets/{id}/decide", json={"state": "accepted"}).json()["decided"] == len(rows) - 1
    )
    again = tess.post(f"/api/datasets/{id}/propose", json={"matter": matter}).json()
    assert (again["proposed"], again["duplicates"]) == (0, told["proposed"])
    only = tess.post(f"/api/datasets/{id}/propose", json={"matter": matter, "rules": ["no-such"]})
    assert only.status_code == 400


def test_the_model_s_questions_are_kept_where_search_leads_back(desk: Desk, tess: TestClient) -> None:
    desk.house.engine = Writer("")
    matter, id = desk.matter("tess"), opened(tess)
    upload(desk, tess, matter)
    told = tess.post(f"/api/datasets/{id}/propose", json={"matter": matter, "written": True}).json()
    tally = told["written"]
    assert tally["written"] == tally["no_question"] + tally["not_found"] + tally["kept"] > 0
    rows = page(tess, id, origin="model")
    assert len(rows) == tally["kept"] > 0
    assert all(row["answer"] in row["context"] for row in rows)


def test_what_a_deleted_document_said_is_not_learned(desk: Desk, tess: TestClient) -> None:
    matter, id = desk.matter("tess"), opened(tess)
    document = upload(desk, tess, matter)
    tess.post(f"/api/datasets/{id}/propose", json={"matter": matter})
    tess.post(f"/api/datasets/{id}/rows", json={"question": "Which?", "context": LAW, "answer": "Texas"})
    assert tess.delete(f"/api/documents/{document}").status_code == 204
    assert [row["origin"] for row in page(tess, id)] == ["person"]
    assert tess.delete(f"/api/matters/{matter}").status_code == 204
    assert tess.get("/api/datasets").json()["datasets"] == []


# --- what lawyers thought ----------------------------------------------------------------------------------


def asked(client: TestClient, matter: str, question: str) -> str:
    conversation = client.post("/api/conversations", json={"matter": matter}).json()["id"]
    body = {
        "messages": [{"role": "user", "content": question}],
        "matter": matter,
        "conversation": conversation,
    }
    reply = client.post("/v1/chat/completions", json=body)
    assert reply.status_code == 200, reply.text
    return str(reply.json()["privity"]["answer_id"])


def test_corrections_and_thumbs_become_proposed_rows(desk: Desk, tess: TestClient) -> None:
    ann, matter = desk.client("ann"), desk.matter("ann", "tess")
    upload(desk, ann, matter)
    question = QUESTION
    good, corrected, bad = (asked(ann, matter, question) for _ in range(3))
    ann.post(f"/api/answers/{good}/feedback", json={"verdict": "good"})
    ann.post(
        f"/api/answers/{corrected}/feedback", json={"verdict": "bad", "correction": "the State of Texas"}
    )
    ann.post(f"/api/answers/{bad}/feedback", json={"verdict": "bad"})
    assert tess.get("/api/review", params={"matter": matter}).json()["corrections"] == 2
    id = opened(tess, matter)
    body = {"dataset": id, "matter": matter}
    reply = tess.post("/api/review/collect", json=body)
    assert reply.status_code == 200, reply.text
    assert reply.json()["added"] == 2
    assert "thumb down" in reply.json()["dropped"][0]["reason"]
    queue = tess.get("/api/review", params={"matter": matter}).json()
    assert (queue["corrections"], queue["proposed"]) == (0, 2)
    rows = {row["origin"]: row for row in queue["rows"]}
    assert rows["correction"]["answer"] == "the State of Texas"
    assert rows["correction"]["rule"] == corrected
    assert "governed by" in rows["thumb"]["answer"]
    for row in rows.values():
        assert row["question"] == question
        assert row["answer"] in row["context"]
        assert row["by"] == "ann"
    assert tess.post("/api/review/collect", json=body).json()["added"] == 0
    ann.post(
        f"/api/answers/{corrected}/feedback",
        json={"verdict": "bad", "correction": "laws of the State of Texas"},
    )
    assert tess.post("/api/review/collect", json=body).json()["added"] == 1
    now = [row["answer"] for row in page(tess, id) if row["origin"] == "correction"]
    assert now == ["laws of the State of Texas"], "what nobody had decided on gave way"


def test_a_correction_that_stands_nowhere_is_proposed_and_not_accepted(desk: Desk, tess: TestClient) -> None:
    matter = desk.matter("tess")
    upload(desk, tess, matter)
    answer = asked(tess, matter, QUESTION)
    tess.post(
        f"/api/answers/{answer}/feedback", json={"verdict": "bad", "correction": "Texas law, of course"}
    )
    id = opened(tess, matter)
    assert tess.post("/api/review/collect", json={"dataset": id, "matter": matter}).json()["added"] == 1
    (row,) = page(tess, id)
    assert tess.patch(f"/api/datasets/{id}/rows/{row['id']}", json={"state": "accepted"}).status_code == 422
    assert tess.post(f"/api/datasets/{id}/decide", json={"state": "accepted"}).json()["decided"] == 0


# --- who may -----------------------------------------------------------------------------------------------


def test_only_trainers_and_only_within_their_wall(desk: Desk, tess: TestClient) -> None:
    ann, adam = desk.client("ann"), desk.client("adam")
    matter, other = desk.matter("tess", "ann"), desk.matter("adam")
    id = opened(tess, matter)
    file = {"file": ("rows.csv", ROWS.encode())}
    tess.post(f"/api/datasets/{id}/import", files=file)
    row = page(tess, id)[0]["id"]
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", f"/api/datasets/{id}", {}),
        ("DELETE", f"/api/datasets/{id}", {}),
        ("GET", f"/api/datasets/{id}/rows", {}),
        ("POST", f"/api/datasets/{id}/rows", {"json": {"question": "q", "context": LAW, "answer": ""}}),
        ("PATCH", f"/api/datasets/{id}/rows/{row}", {"json": {"state": "rejected"}}),
        ("POST", f"/api/datasets/{id}/decide", {"json": {"state": "rejected"}}),
        ("POST", f"/api/datasets/{id}/mask", {}),
        ("POST", f"/api/datasets/{id}/import", {"files": file}),
        ("POST", f"/api/datasets/{id}/propose", {"json": {"matter": other}}),
        ("POST", "/api/review/collect", {"json": {"dataset": id, "matter": other}}),
        ("GET", f"/api/review?matter={matter}", {}),
        ("POST", "/api/datasets", {"json": {"name": "x", "matters": [matter]}}),
    ]
    for method, path, more in calls:
        assert ann.request(method, path, **more).status_code == 403, path
        assert adam.request(method, path, **more).status_code == 404, path
    assert adam.get("/api/datasets").json()["datasets"] == []
    assert len(tess.get("/api/datasets").json()["datasets"]) == 1
    assert tess.post(f"/api/datasets/{id}/propose", json={"matter": other}).status_code == 404
    assert len(page(tess, id)) == 2


def test_a_trainer_takes_no_thought_from_over_the_wall(desk: Desk, tess: TestClient) -> None:
    """An answer over two matters is learned from only by somebody who belongs to both."""
    near, far = desk.matter("tess"), desk.matter("adam")
    proof = {"adapter": {"name": "base", "version": 0}, "citations": [], "refused": None}
    with desk.firm.database.write() as rows:
        rows.add(AnswerRow(id="a1", user="u1", created=0.0, matters=sorted([near, far]), proof=proof))
        rows.flush()
        rows.add(Feedback(answer="a1", user="u1", verdict="good", created=1.0))
    told = tess.post("/api/review/collect", json={"dataset": opened(tess, near), "matter": near}).json()
    assert told == {"added": 0, "duplicates": 0, "dropped": []}


# --- lineage -----------------------------------------------------------------------------------------------


def test_deleting_a_document_tells_what_learned_from_it(desk: Desk, tess: TestClient) -> None:
    matter = desk.matter("tess", "ann")
    document = upload(desk, tess, matter)
    with desk.firm.database.write() as rows:
        rows.add(job(1, "leases", "t1", frozenset({matter})))
        rows.flush()
        rows.add(JobLearned(job=1, row="r1", document=document, split="train"))
        rows.add(AdapterRow(name="leases", title="Leases", published=1, share=0, created=0.0))
        rows.flush()
        rows.add(version("leases", frozenset({matter})))
    told = tess.get("/api/lineage", params={"document": document}).json()
    assert "leases version 1 has learned from it" in told["told"]
    assert [(run["number"], run["train"]) for run in told["runs"]] == [(1, 1)]
    ann = desk.client("ann").get("/api/lineage", params={"document": document}).json()
    assert (ann["runs"], [one["name"] for one in ann["adapters"]]) == ([], ["leases"])
    assert tess.get("/api/lineage", params={"job": 1}).json()["documents"][0]["document"] == document
    assert tess.get("/api/lineage", params={"adapter": "leases"}).json()["runs"][0]["number"] == 1
    adam = desk.client("adam")
    assert adam.get("/api/lineage", params={"document": document}).status_code == 404
    assert adam.get("/api/lineage", params={"job": 1}).status_code == 404
    assert adam.get("/api/lineage", params={"adapter": "leases"}).json()["runs"] == []
    both = tess.get("/api/lineage", params={"document": [document, document]}).json()
    assert "has learned from them" in both["told"]
    assert tess.get("/api/lineage").status_code == 400
