"""The walks of docs/architecture.md over real HTTP: a served house, the real small model, the sample matters."""

import json
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx
import openai
import psutil
import pytest

from service.access import Accounts
from service.core import Role
from service.storage import Database
from tests.adapters.made import lora
from tests.conftest import ROOT, RunningHouse, command_line, environment, free_port, wait_until_ready

LEASE = "Harrow Estates v Lyle"


@pytest.fixture
def client(house: RunningHouse) -> Iterator[httpx.Client]:
    with house.client() as client:
        yield client


@pytest.fixture
def stranger(house: RunningHouse, client: httpx.Client) -> Iterator[httpx.Client]:
    """A signed-in person who belongs to no matter."""
    name = f"stranger{len(client.get('/api/users').json()['users'])}"
    password = client.post("/api/users", json={"name": name}).json()["password"]
    token = httpx.post(f"{house.url}/api/login", json={"name": name, "password": password}).json()["token"]
    with house.client(token) as theirs:
        yield theirs


def ask(client: httpx.Client, matter: str, question: str, **more: object) -> dict[str, object]:
    body = {"messages": [{"role": "user", "content": question}], "matter": matter, **more}
    response = client.post("/v1/chat/completions", json=body)
    assert response.status_code == 200, response.text
    return dict(response.json())


def chunks(response: httpx.Response) -> list[dict[str, object]]:
    lines = [line.removeprefix("data: ") for line in response.iter_lines() if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


# --- a question --------------------------------------------------------------------------------------------


def test_every_citation_is_verbatim_in_its_document(client: httpx.Client, samples: dict[str, str]) -> None:
    reply = ask(
        client, samples[LEASE], "How much notice must the tenant give to break the ground floor lease?"
    )
    privity = reply["privity"]
    assert privity["refused"] is None
    assert privity["citations"]
    assert privity["coverage"]["documents"] >= 8
    assert privity["coverage"]["passages"] > 50
    for citation in privity["citations"]:
        text = client.get(f"/api/documents/{citation['document']}/text").text
        assert citation["verified"]
        assert text[citation["start"] : citation["end"]] == citation["quote"]
    numbers = {int(n) for n in re.findall(r"\[(\d+)\]", reply["choices"][0]["message"]["content"])}
    assert numbers
    assert numbers <= {citation["n"] for citation in privity["citations"]}


def test_a_stream_says_first_what_was_searched(client: httpx.Client, samples: dict[str, str]) -> None:
    body = {
        "messages": [{"role": "user", "content": "What is the annual rent of the first floor?"}],
        "matter": samples[LEASE],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    with client.stream("POST", "/v1/chat/completions", json=body) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        parts = chunks(response)
    searched = next(i for i, part in enumerate(parts) if "privity" in part)
    spoken = next(i for i, part in enumerate(parts) if part["choices"][0]["delta"].get("content"))
    assert searched < spoken
    assert parts[-1]["privity"]["answer_id"]
    assert parts[-1]["choices"][0]["finish_reason"] in (
        "stop",
        "length",
    )
    assert parts[-1]["usage"]["completion_tokens"] > 0


def test_what_the_documents_do_not_say_is_refused(client: httpx.Client, samples: dict[str, str]) -> None:
    reply = ask(client, samples[LEASE], "Which vaccine was recommended to the astronauts in orbit?")
    privity = reply["privity"]
    assert privity["refused"]
    assert not privity["citations"]
    assert reply["usage"]["completion_tokens"] == 0, "a refusal calls no model"
    assert str(privity["coverage"]["documents"]) in reply["choices"][0]["message"]["content"]


def test_an_empty_matter_refuses(client: httpx.Client) -> None:
    matter = client.post("/api/matters", json={"name": "Empty"}).json()["id"]
    assert ask(client, matter, "What is the rent?")["privity"]["refused"]
    assert client.delete(f"/api/matters/{matter}").status_code == 204


def test_a_conversation_is_kept_found_and_continued(client: httpx.Client, samples: dict[str, str]) -> None:
    matter = samples[LEASE]
    kept = client.post("/api/conversations", json={"matter": matter}).json()["id"]
    ask(client, matter, "What is the annual rent under the ground floor lease?", conversation=kept)
    ask(client, matter, "And when is it payable?", conversation=kept)
    card = client.get(f"/api/conversations/{kept}").json()
    assert [turn["role"] for turn in card["turns"]] == ["user", "assistant"] * 2
    assert card["title"].startswith("What is the annual rent")
    assert card["answers"] == 2
    found = client.get("/api/conversations", params={"matter": matter, "find": "ANNUAL RENT"}).json()
    assert kept in [c["id"] for c in found["conversations"]]
    answer = card["turns"][1]["privity"]["answer_id"]
    judged = client.post(
        f"/api/answers/{answer}/feedback", json={"verdict": "bad", "correction": "Quarterly."}
    )
    assert judged.status_code == 204
    judged_turns = client.get(f"/api/conversations/{kept}").json()["turns"]
    assert [turn.get("feedback") for turn in judged_turns] == [None, "bad", None, None]
    assert client.delete(f"/api/conversations/{kept}").status_code == 204
    assert client.get(f"/api/conversations/{kept}").status_code == 404


def test_the_openai_client_works(house: RunningHouse, samples: dict[str, str]) -> None:
    client = openai.OpenAI(base_url=f"{house.url}/v1", api_key=house.key, max_retries=0)
    assert "base" in [model.id for model in client.models.list()]
    plain = client.chat.completions.create(
        model="base", messages=[{"role": "user", "content": "Say hello."}], max_tokens=8, seed=1
    )
    assert plain.choices[0].message.content
    assert plain.usage
    assert plain.usage.completion_tokens <= 8
    stream = client.chat.completions.create(
        model="base",
        messages=[{"role": "user", "content": "What is the deposit under the ground floor lease?"}],
        stream=True,
        extra_body={"matter": samples[LEASE]},
    )
    last, said = None, ""
    for last in stream:
        said += (last.choices[0].delta.content or "") if last.choices else ""
    assert said
    assert last is not None
    assert last.model_extra
    assert last.model_extra["privity"]["answer_id"]
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": "Hello"}])


def test_the_same_seed_gives_the_same_words(client: httpx.Client) -> None:
    body = {
        "messages": [{"role": "user", "content": "Name three colours."}],
        "max_tokens": 24,
        "temperature": 0.9,
        "top_p": 0.95,
        "seed": 7,
    }
    said = [
        client.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"]
        for _ in range(2)
    ]
    assert said[0] == said[1]


def test_several_people_are_answered_at_once(house: RunningHouse) -> None:
    def one(number: int) -> str:
        with house.client() as client:
            body = {"messages": [{"role": "user", "content": f"Count to {number + 3}."}], "max_tokens": 16}
            return str(client.post("/v1/chat/completions", json=body).json()["choices"][0]["finish_reason"])

    with ThreadPoolExecutor(6) as people:
        assert set(people.map(one, range(6))) <= {"stop", "length"}


def test_more_than_one_s_share_is_told_to_wait(house: RunningHouse) -> None:
    together = Barrier(14)

    def one(_: int) -> httpx.Response:
        body = {"messages": [{"role": "user", "content": "Tell a story."}], "max_tokens": 64}
        with house.client() as client:
            together.wait(120)
            return client.post("/v1/chat/completions", json=body)

    with ThreadPoolExecutor(14) as people:
        replies = list(people.map(one, range(14)))
    refused = [reply for reply in replies if reply.status_code == 429]
    assert 1 <= len(refused) <= 14 - 8, [reply.status_code for reply in replies]
    assert all(int(reply.headers["retry-after"]) > 0 for reply in refused)
    assert all(reply.json()["error"]["code"] == "busy" for reply in refused)


@pytest.mark.parametrize("stream", [True, False])
def test_a_reader_who_leaves_frees_the_slot(house: RunningHouse, client: httpx.Client, stream: bool) -> None:
    # The house must also still stop when told to: the fixture's end waits for that.
    body = {
        "messages": [{"role": "user", "content": "Tell a long story."}],
        "max_tokens": 3000,
        "stream": stream,
    }
    with house.client() as impatient, pytest.raises(httpx.ReadTimeout):
        leave_early(impatient, body)
    deadline = time.monotonic() + 240
    while client.get("/api/status").json()["engine"]["running"]:
        assert time.monotonic() < deadline, "the answer went on without a reader"
        time.sleep(0.2)


def leave_early(client: httpx.Client, body: dict[str, object]) -> None:
    with client.stream("POST", "/v1/chat/completions", json=body, timeout=1.0) as response:
        next(response.iter_raw())
        raise httpx.ReadTimeout("left on purpose")


# --- the wall ----------------------------------------------------------------------------------------------


def test_a_stranger_finds_nothing(
    client: httpx.Client, stranger: httpx.Client, samples: dict[str, str]
) -> None:
    matter = samples[LEASE]
    document = client.get(f"/api/matters/{matter}/documents").json()["documents"][0]["id"]
    conversation = client.post("/api/conversations", json={"matter": matter}).json()["id"]
    assert stranger.get("/api/matters").json() == {"matters": []}
    question = {"messages": [{"role": "user", "content": "What is the rent?"}], "matter": matter}
    tried = [
        stranger.get(f"/api/matters/{matter}"),
        stranger.get(f"/api/matters/{matter}/documents"),
        stranger.get(f"/api/matters/{matter}/members"),
        stranger.put(f"/api/matters/{matter}/members/admin"),
        stranger.delete(f"/api/matters/{matter}"),
        stranger.post(f"/api/matters/{matter}/search", json={"query": "rent"}),
        stranger.post(f"/api/matters/{matter}/documents", files={"files": ("a.txt", b"text")}),
        stranger.post("/v1/chat/completions", json=question),
        *(
            stranger.get(f"/api/documents/{document}{part}")
            for part in ("", "/text", "/file", "/pages/1.png", "/highlight?start=0&end=9")
        ),
        stranger.delete(f"/api/documents/{document}"),
        stranger.get(f"/api/conversations/{conversation}"),
        stranger.get("/api/conversations", params={"matter": matter}),
    ]
    assert {response.status_code for response in tried} == {404}
    assert stranger.get("/api/users").status_code == 403
    client.delete(f"/api/conversations/{conversation}")


def test_a_kept_password_takes_work_to_guess(house: RunningHouse) -> None:
    with closing(sqlite3.connect(f"file:{house.home / 'privity.db'}?mode=ro", uri=True)) as rows:
        (kept,) = rows.execute("SELECT password FROM users WHERE name = 'admin'").fetchone()
    work = re.match(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),", kept)
    assert work
    assert int(work[1]) >= 2**16
    assert int(work[2]) >= 3


def test_without_a_sign_in_there_is_nothing(house: RunningHouse) -> None:
    with httpx.Client(base_url=house.url) as nobody:
        spec = nobody.get("/api/openapi.json").json()
        for path, methods in spec["paths"].items():
            for method in methods:
                if path in ("/api/login", "/api/logout"):
                    continue
                address = re.sub(r"\{[^}]+\}", "1", path)
                response = nobody.request(method, address, json={} if method in ("post", "patch") else None)
                assert response.status_code in (401, 422), (method, path)
                if response.status_code == 422:  # the body is read before anyone is asked for
                    assert "details" in response.json()["error"]
        assert nobody.get("/ui/", follow_redirects=False).headers["location"].endswith("/login")


# --- documents ---------------------------------------------------------------------------------------------


def test_upload_ask_delete(client: httpx.Client) -> None:
    matter = client.post("/api/matters", json={"name": "Upload"}).json()["id"]
    terms = "1. Warranty\n\nThe supplier warrants the zeppelin for seventeen months from delivery.\n"
    files = [
        ("files", ("Zeppelin terms.txt", terms.encode())),
        ("files", ("copy.txt", terms.encode())),
        ("files", ("broken.pdf", b"%PDF-1.7 broken")),
        ("files", ("empty.txt", b"")),
        ("files", ("program.exe", b"MZ\x00\x01")),
    ]
    response = client.post(f"/api/matters/{matter}/documents", files=files)
    assert response.status_code == 202
    assert response.json()["documents"][1]["state"] == "duplicate"
    filed = settle(client, matter)
    states = {one["title"]: one["state"] for one in filed}
    assert states["Zeppelin terms.txt"] == "ready"
    assert (states["broken.pdf"], states["empty.txt"], states["program.exe"]) == (
        "damaged",
        "empty",
        "unsupported",
    )
    assert all(one["reason"].endswith(".") for one in filed if one["state"] != "ready")
    question = "How long does the supplier warrant the zeppelin?"
    assert "seventeen months" in str(ask(client, matter, question)["choices"])
    document = next(one["id"] for one in filed if one["state"] == "ready")
    assert client.get(f"/api/documents/{document}/file").content == terms.encode()
    assert client.delete(f"/api/documents/{document}").status_code == 204
    reply = ask(client, matter, question)
    assert reply["privity"]["refused"]
    assert "seventeen" not in json.dumps(reply)
    assert client.delete(f"/api/matters/{matter}").status_code == 204


def settle(client: httpx.Client, matter: str) -> list[dict[str, object]]:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        filed = list(client.get(f"/api/matters/{matter}/documents").json()["documents"])
        if all(one["state"] not in ("queued", "reading", "embedding") for one in filed):
            return filed
        time.sleep(0.2)
    raise AssertionError("the documents were not read in time")


def test_a_pdf_page_and_where_a_quote_stands_on_it(client: httpx.Client, samples: dict[str, str]) -> None:
    filed = client.get(f"/api/matters/{samples[LEASE]}/documents").json()["documents"]
    lease = next(one for one in filed if one["title"].startswith("Lease") and one["kind"] == "pdf")
    card = client.get(f"/api/documents/{lease['id']}").json()
    assert len(card["page_list"]) == lease["pages"] > 3
    assert card["outline"]
    picture = client.get(f"/api/documents/{lease['id']}/pages/2.png", params={"width": 400})
    assert picture.content.startswith(b"\x89PNG")
    start = card["page_list"][1]["start"] + 10
    pages = client.get(
        f"/api/documents/{lease['id']}/highlight", params={"start": start, "end": start + 80}
    ).json()
    assert pages["pages"][0]["number"] == 2
    for x0, y0, x1, y1 in pages["pages"][0]["rects"]:
        assert 0 <= x0 < x1 <= 1
        assert 0 <= y0 < y1 <= 1


# --- an adapter --------------------------------------------------------------------------------------------


def upload(client: httpx.Client, folder: Path, name: str, seed: int, **fields: str) -> dict[str, Any]:
    """Sends an adapter's files and watches the ticks until the checks are done."""
    made = lora(folder / f"{name}{seed}", rank=4, seed=seed)
    files = [("file", (file.name, file.read_bytes())) for file in sorted(made.iterdir())]
    reply = client.post("/api/adapters", data={"name": name, **fields}, files=files)
    assert reply.status_code == 202, reply.text
    told, deadline = reply.json(), time.monotonic() + 240
    while told["state"] == "checking":
        assert time.monotonic() < deadline, told
        time.sleep(0.1)
        told = client.get(f"/api/adapters/admissions/{told['id']}").json()
    assert told["state"] == "ready", told["reasons"]
    assert {tick["state"] for tick in told["ticks"]} == {"passed"}
    return dict(told)


def post(client: httpx.Client, path: str, **body: object) -> dict[str, Any]:
    reply = client.post(path, json=body)
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def say(client: httpx.Client, model: str, **more: object) -> dict[str, Any]:
    asked = {"messages": [{"role": "user", "content": "Name three fruits."}], "model": model, "max_tokens": 8}
    return dict(post(client, "/v1/chat/completions", **asked | more)["privity"]["adapter"])


def story(house: RunningHouse, model: str, begun: Barrier, swapped: Barrier) -> list[dict[str, Any]]:
    """The chunks of a long answer, the name being moved while it streams."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": "Tell a long story about a lighthouse."}],
        "max_tokens": 120,
        "stream": True,
    }
    with house.client() as client, client.stream("POST", "/v1/chat/completions", json=body) as response:
        lines = response.iter_lines()
        heard = next(line for line in lines if '"content"' in line and '"content": ""' not in line)
        begun.wait(120)
        swapped.wait(120)
        rest = [line.removeprefix("data: ") for line in lines if line]
    assert rest[-1] == "[DONE]"
    return [json.loads(part) for part in [heard.removeprefix("data: "), *rest[:-1]]]


def test_an_adapter_from_upload_to_retirement(
    house: RunningHouse,
    client: httpx.Client,
    stranger: httpx.Client,
    samples: dict[str, str],
    tmp_path: Path,
) -> None:
    name = "walk-notes"
    assert upload(client, tmp_path, name, 1)["version"] == 1
    assert client.post("/v1/chat/completions", json={"model": name, "messages": []}).status_code == 422
    post(client, f"/api/adapters/{name}/publish", version=1)
    first = say(client, name)
    assert (first["name"], first["version"]) == (name, 1)
    assert say(client, "base")["digest"] == "base"
    grounded = ask(client, samples[LEASE], "What is the annual rent of the first floor?", model=name)
    assert grounded["privity"]["adapter"] == first
    refused = ask(client, samples[LEASE], "Which vaccine did the astronauts receive?", model=name)
    assert refused["privity"]["refused"]
    assert refused["privity"]["adapter"] == first, "told also where no model was called"

    assert upload(client, tmp_path, name, 2)["version"] == 2
    begun, swapped = Barrier(5), Barrier(5)
    with ThreadPoolExecutor(4) as people:
        streams = [people.submit(story, house, name, begun, swapped) for _ in range(4)]
        begun.wait(120)
        post(client, f"/api/adapters/{name}/publish", version=2)
        second = say(client, name)
        swapped.wait(120)
        ends = [stream.result()[-1]["privity"]["adapter"] for stream in streams]
    assert second["version"] == 2
    assert second["digest"] != first["digest"]
    assert ends == [first] * 4, "each finishes under the adapter that it started with"

    assert post(client, f"/api/adapters/{name}/rollback")["published"] == 1
    assert say(client, name) == first
    retired = post(client, f"/api/adapters/{name}/retire", version=2)
    assert [version["state"] for version in retired["versions"]] == ["published", "retired"]
    deadline = time.monotonic() + 240
    while (house.home / "adapters" / second["digest"]).exists():
        assert time.monotonic() < deadline, "the retired version's files stay"
        time.sleep(0.1)
    deeds = [event["what"] for event in client.get(f"/api/adapters/{name}").json()["history"]]
    assert deeds == ["retire", "rollback", "publish", "admit", "publish", "admit"]
    walled_off(client, stranger, samples[LEASE], tmp_path)
    assert post(client, f"/api/adapters/{name}/publish", version=None)["published"] is None


def walled_off(client: httpx.Client, stranger: httpx.Client, matter: str, folder: Path) -> None:
    """The same content, bound to a matter: its members use it there, and nobody else sees that it exists."""
    upload(client, folder, "walk-walled", 1, matters=matter)
    post(client, "/api/adapters/walk-walled/publish", version=1)
    assert ask(client, matter, "What is the rent?", model="walk-walled")["privity"]["adapter"]["version"] == 1
    fixed = client.put(f"/api/matters/{matter}/adapter", json={"name": "walk-walled"})
    assert fixed.json()["adapter"] == "walk-walled"
    assert ask(client, matter, "What is the rent?")["privity"]["adapter"]["name"] == "walk-walled"
    client.put(f"/api/matters/{matter}/adapter", json={"name": None})
    for path in ("/api/adapters", "/v1/models"):
        assert "walk-walled" in client.get(path).text
        assert "walk-walled" not in stranger.get(path).text
    plain = {"messages": [{"role": "user", "content": "Hello?"}]}
    for theirs in (client, stranger):
        hidden = theirs.post("/v1/chat/completions", json=plain | {"model": "walk-walled"})
        none = theirs.post("/v1/chat/completions", json=plain | {"model": "no-such-name"})
        assert (hidden.status_code, hidden.text) == (404, none.text)
    for path in ("/api/adapters/walk-walled", "/v1/models/walk-walled"):
        assert stranger.get(path).status_code == 404
    assert stranger.get("/api/adapters/walk-walled/versions/1/file").status_code == 403
    assert "walk-walled" not in client.get("/metrics").text


def test_the_command_line_brings_an_adapter(
    house: RunningHouse, client: httpx.Client, tmp_path: Path
) -> None:
    port, folder = int(house.url.rsplit(":", 1)[1]), str(lora(tmp_path / "a", rank=2, seed=9))
    said = command_line(house.home, port, "adapters", "add", folder, "--name", "by-hand", "--publish")
    assert "version 1 is published" in said
    assert said.count("✓") == 6
    assert "by-hand" in command_line(house.home, port, "adapters", "list")
    out = tmp_path / "out.zip"
    command_line(house.home, port, "adapters", "export", "by-hand", "1", "--to", str(out))
    assert "It would be taken in." in command_line(house.home, port, "adapters", "check", str(out))
    with pytest.raises(subprocess.CalledProcessError) as failed:
        command_line(house.home, port, "adapters", "check", str(house.log))
    assert "refused" in failed.value.stderr
    assert post(client, "/api/adapters/by-hand/publish", version=None)["published"] is None


# --- a fine-tune -------------------------------------------------------------------------------------------


@contextmanager
def served(home: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A service of its own, that may be killed."""
    log = home / "serve.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "service.cli", "serve"],
            cwd=ROOT,
            env=environment(home, port, PRIVITY_SERVE_SAMPLES="false"),
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until_ready(f"http://127.0.0.1:{port}", process, log)
        yield process
    finally:
        process.terminate()
        process.wait(240)


def keys(home: Path, **roles: Role) -> list[str]:
    """Keys of new people of a house that is not open."""
    database = Database(home / "privity.db")
    accounts = Accounts(database, session_hours=1)
    for name, role in roles.items():
        accounts.add(name, role)
    made = [accounts.add_key(name, "tests")[1] for name in roles]
    database.close()
    return made


def kill(service: "subprocess.Popen[bytes]") -> None:
    """The service and its worker, at once; the training child, a process of the worker's, lives on."""
    workers = psutil.Process(service.pid).children()
    for process in (*workers, service):
        process.kill()
    psutil.wait_procs(workers, 240)
    service.wait(240)


def leases(client: httpx.Client, matter: str) -> str:
    """A data set of rows that somebody writes by hand."""
    made = client.post("/api/datasets", json={"name": "Notices", "kind": "answers", "matters": [matter]})
    assert made.status_code == 201, made.text
    months = ("two", "three", "four", "five", "six", "seven", "eight", "nine")
    for at, town in enumerate(("Leeds", "York", "Bath", "Hull", "Ripon", "Wells", "Derby", "Truro")):
        notice = f"not less than {months[at]} months' notice in writing"
        context = f"Lease of the shop in {town}. The tenant may end this lease by giving {notice}. Rent is due monthly."
        for question, answer in (
            (f"How may the tenant of the shop in {town} end the lease?", notice),
            (f"When is the rent of the shop in {town} due?", "Rent is due monthly"),
            (f"Who insures the shop in {town}?", ""),
        ):
            row = {"question": question, "context": context, "answer": answer}
            reply = client.post(f"/api/datasets/{made.json()['id']}/rows", json=row)
            assert reply.is_success, reply.text
    return str(made.json()["id"])


def job_until(
    client: httpx.Client, number: int, reached: Callable[[dict[str, Any]], object]
) -> dict[str, Any]:
    deadline = time.monotonic() + 600
    while True:
        told = client.get(f"/api/jobs/{number}").json()
        if reached(told):
            return dict(told)
        assert told["state"] not in ("failed", "stopped"), told["reason"]
        assert time.monotonic() < deadline, told
        time.sleep(0.3)


@pytest.mark.timeout(1500)
def test_a_fine_tune_from_rows_to_the_next_answer(tmp_path: Path, models: Path) -> None:
    """The service is killed in the middle of the training, and the run ends all the same."""
    home, port = tmp_path, free_port()
    (home / "models").symlink_to(models, target_is_directory=True)
    address = f"http://127.0.0.1:{port}"
    trainer, approver = keys(home, tess=Role.TRAINER, pat=Role.ADMIN)
    with (
        httpx.Client(base_url=address, headers={"Authorization": f"Bearer {trainer}"}, timeout=120) as tess,
        httpx.Client(base_url=address, headers={"Authorization": f"Bearer {approver}"}, timeout=120) as pat,
    ):
        with served(home, port) as service:
            matter = tess.post("/api/matters", json={"name": "Shops"}).json()["id"]
            tess.put(f"/api/matters/{matter}/members/pat")
            recipe = {"steps": 6, "batch": 2, "length": 256, "held_out_rows": 8, "checks": 3}
            new = {
                "dataset": leases(tess, matter),
                "name": "shop-leases",
                "preset": "smoke",
                "recipe": recipe,
            }
            flown = post(tess, "/api/jobs/preflight", **new)
            assert flown["steps"] == 6
            assert flown["forecast"]["seconds"] > 0
            counted = "".join(span["text"] for span in flown["batch"][0]["spans"] if span["counts"])
            assert (
                "months' notice" in counted or "Rent is due monthly" in counted or "Unfortunately" in counted
            )
            number = tess.post("/api/jobs", json=new).json()["number"]
            job_until(tess, number, lambda told: told["progress"].get("step", 0) >= 2)
            kill(service)
        with served(home, port):
            told = job_until(tess, number, lambda told: told["state"] == "waiting")
            steps = [line["step"] for line in tess.get(f"/api/jobs/{number}/curve").json()["lines"]]
            assert steps[-1] == told["progress"]["of"]
            report = tess.get(f"/api/jobs/{number}/report").json()
            assert {one["who"] for one in report["contestants"]} == {"candidate", "base"}
            assert 0 < report["contestants"][0]["general"]["perplexity"] < 1000
            question = {
                "messages": [{"role": "user", "content": "How may the tenant end it?"}],
                "matter": matter,
            }
            assert (
                tess.post("/v1/chat/completions", json=question | {"model": "shop-leases"}).status_code == 404
            )
            assert tess.post(f"/api/jobs/{number}/approve", json={}).status_code == 403
            reason = "The run is a test of the whole way, and too short for certainty."
            done = post(pat, f"/api/jobs/{number}/approve", reason=reason)
            assert done["state"] == "published"
            assert say(tess, "shop-leases", matter=matter)["version"] == 1
            assert "shop" not in (home / "jobs" / str(number) / "log.txt").read_text().lower()
            assert "published" in command_line(home, port, "train", "list", "--user", "tess")
            assert "privity_fine_tunes_running 0" in tess.get("/metrics").text


# --- errors, health, logs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({"messages": []}, 422, "messages"),
        ({"messages": [{"role": "user", "content": "hi"}], "logit_bias": {}}, 422, "logit_bias"),
        ({"messages": [{"role": "user", "content": "hi"}], "n": 2}, 422, "n"),
        ({"messages": [{"role": "user", "content": "hi"}], "temperature": 9}, 422, "temperature"),
        ({"messages": [{"role": "assistant", "content": "hi"}]}, 400, "question"),
        ({"messages": [{"role": "user", "content": "hi"}], "matter": []}, 400, "matter"),
        ({"messages": [{"role": "user", "content": "word " * 20_000}]}, 400, "tokens"),
    ],
)
def test_a_bad_question_is_told_why(
    client: httpx.Client, body: dict[str, object], status: int, named: str
) -> None:
    response = client.post("/v1/chat/completions", json=body)
    assert response.status_code == status
    error = response.json()["error"]
    assert set(error) == {"code", "message", "details"}
    assert named in error["message"]


def test_errors_have_one_shape(client: httpx.Client) -> None:
    for response in (client.get("/api/nothing"), client.delete("/api/me"), client.get("/api/matters/none")):
        assert set(response.json()["error"]) == {"code", "message", "details"}


def test_health_and_metrics(client: httpx.Client, samples: dict[str, str]) -> None:
    assert client.get("/livez").status_code == client.get("/readyz").status_code == 200
    ask(client, samples[LEASE], "What is the annual rent of the first floor?")
    metrics = client.get("/metrics").text
    assert 'privity_questions_total{outcome="answered"}' in metrics
    status = client.get("/api/status").json()
    assert status["ready"]
    assert status["engine"]["engine"] == "llama.cpp"


def test_no_client_text_in_logs_or_metrics(
    house: RunningHouse, client: httpx.Client, samples: dict[str, str]
) -> None:
    word = "quintessential-marzipan"
    ask(client, samples[LEASE], f"What does the lease say about {word}?")
    client.get("/api/conversations", params={"matter": samples[LEASE], "find": word})
    client.post("/v1/chat/completions", json={"messages": [{"role": word, "content": word}]})
    assert word not in house.log.read_text()
    assert word not in client.get("/metrics").text


def test_the_command_line_speaks_to_the_running_house(house: RunningHouse, samples: dict[str, str]) -> None:
    said = command_line(
        house.home,
        int(house.url.rsplit(":", 1)[1]),
        "ask",
        "--matter",
        LEASE,
        "What is the rent of the first floor?",
    )
    assert "Searched" in said
    assert "[1]" in said
