"""Adapters over HTTP: who may do what, what a person sees, and what an upload is told."""

import asyncio
import io
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from service.api.openai import _Asked, _events
from service.core import LoraFile, Message, Sampling
from tests.adapters.firm import ANN, scope
from tests.api.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


@pytest.fixture
def admin(desk: Desk) -> TestClient:
    return desk.client("adam")


@pytest.fixture
def trainer(desk: Desk) -> TestClient:
    return desk.client("tess")


@pytest.fixture
def ann(desk: Desk) -> TestClient:
    return desk.client("ann")


def names(client: TestClient, **query: str) -> set[str]:
    listed = {card["name"] for card in client.get("/api/adapters", params=query).json()["adapters"]}
    models = {model["id"] for model in client.get("/v1/models", params=query).json()["data"]}
    if client.get("/api/me").json()["role"] == "member":
        assert listed == models
    return listed - {"base"}


# --- coming in ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["zip", "folder"])
def test_an_upload_is_answered_at_once_and_ticks(desk: Desk, trainer: TestClient, form: str) -> None:
    files = desk.zipped() if form == "zip" else desk.files()
    reply = trainer.post("/api/adapters", data={"name": "leases", "title": "Leases Q&A"}, files=files)
    assert reply.status_code == 202, reply.text
    admission = reply.json()["id"]
    desk.firm.adapters.outcome(admission).result(240)
    told = trainer.get(f"/api/adapters/admissions/{admission}").json()
    assert (told["state"], told["version"], told["reasons"]) == ("ready", 1, [])
    assert [tick["step"] for tick in told["ticks"]] == [
        "archive", "configuration", "tensors", "values", "conversion", "probe",
    ]  # fmt: skip
    assert {tick["state"] for tick in told["ticks"]} == {"passed"}
    card = trainer.get("/api/adapters/leases").json()
    assert (card["title"], card["published"]) == ("Leases Q&A", None)
    assert card["versions"][0]["state"] == "ready"
    assert card["history"][0]["by"] == "tess"


@pytest.mark.parametrize("path", ["/api/adapters?wait=1", "/api/adapters/check"])
def test_a_refusal_is_422_with_every_reason(desk: Desk, trainer: TestClient, path: str) -> None:
    files = [*desk.files(use_dora=True), ("file", ("adapter_model.bin", b"\x80\x04"))]
    reply = trainer.post(path, data={"name": "odd"}, files=files)
    assert reply.status_code == 422
    error = reply.json()["error"]
    assert error["code"] == "unfit"
    assert len(error["details"]["reasons"]) == 2
    assert "pickle" in error["message"]
    assert "DoRA" in error["message"]
    listed = trainer.get("/api/adapters").json()
    kept = [(one["name"], one["state"]) for one in listed["admissions"]]
    assert kept == ([("odd", "refused")] if path.endswith("wait=1") else [])


def test_a_check_keeps_nothing(desk: Desk, trainer: TestClient) -> None:
    reply = trainer.post("/api/adapters/check", files=desk.files())
    assert reply.status_code == 200, reply.text
    assert reply.json()["state"] == "ready"
    assert names(trainer) == set()
    assert not list((desk.firm.home / "adapters").iterdir())


@pytest.mark.parametrize(
    ("data", "files", "status", "said"),
    [
        ({"name": "leases"}, [("file", ("a.zip", b"x" * (1 << 21)))], 413, "bytes"),
        ({"name": "leases"}, [("other", ("a.zip", b"x"))], 400, "`file`"),
        ({"name": "leases"}, [("file", ("../a\x01.zip", b"x"))], 400, "name"),
        ({"name": "leases"}, [("file", ("a.txt", b"x")), ("file", ("a.txt", b"y"))], 400, "same name"),
        ({"name": "Not a name"}, [("file", ("a.zip", b"x"))], 400, "name"),
        ({"name": "base"}, [("file", ("a.zip", b"x"))], 409, "taken"),
        ({"name": "leases", "people": "nobody"}, [("file", ("a.zip", b"x"))], 404, "nobody"),
        ({"name": "leases", "matters": "m1"}, [("file", ("a.zip", b"x"))], 404, "matter"),
        ({"name": "leases", "title": "x" * 100_000}, [("file", ("a.zip", b"x"))], 413, "fields"),
    ],
)  # fmt: skip
def test_an_upload_that_is_not_taken(
    desk: Desk, trainer: TestClient, data: dict[str, str], files: list[object], status: int, said: str
) -> None:
    reply = trainer.post("/api/adapters", data=data, files=files)  # type: ignore[arg-type]
    assert reply.status_code == status, reply.text
    assert said in reply.json()["error"]["message"]
    assert not list((desk.firm.home / "quarantine").iterdir()), "nothing of it stays"


@pytest.mark.parametrize("body", [b"", b"--x\r\nbroken", b"not multipart"])
def test_a_broken_upload_is_told_so(desk: Desk, trainer: TestClient, body: bytes) -> None:
    for kind in ("multipart/form-data; boundary=x", "multipart/form-data", "application/json"):
        reply = trainer.post("/api/adapters", content=body, headers={"Content-Type": kind})
        assert reply.status_code == 400, (kind, reply.text)
    assert not list((desk.firm.home / "quarantine").iterdir())


# --- who may -----------------------------------------------------------------------------------------------


def test_only_admins_publish_and_only_trainers_upload(
    desk: Desk, ann: TestClient, trainer: TestClient
) -> None:
    desk.add(trainer)
    deeds: list[tuple[str, dict[str, object]]] = [
        ("publish", {"version": 1}),
        ("rollback", {}),
        ("retire", {"version": 1}),
        ("split", {"version": 1, "share": 5}),
    ]
    for client in (ann, trainer):
        for deed, body in deeds:
            assert client.post(f"/api/adapters/leases/{deed}", json=body).status_code == 403
    for path in ("/api/adapters", "/api/adapters/check"):
        assert ann.post(path, data={"name": "x"}, files=desk.files()).status_code == 403
    assert ann.get("/api/adapters/leases/versions/1/file").status_code == 403


def test_a_lawyer_sees_what_may_be_used_and_nothing_of_how_it_is_kept(
    desk: Desk, admin: TestClient, ann: TestClient
) -> None:
    desk.add(admin)
    desk.add(admin, seed=1)
    assert names(ann) == set()
    assert ann.get("/api/adapters/leases").status_code == 404
    admin.post("/api/adapters/leases/publish", json={"version": 2})
    assert names(ann) == {"leases"}
    card = ann.get("/api/adapters/leases").json()
    assert card["published"] == 2
    assert [version["version"] for version in card["versions"]] == [2]
    assert not {"by", "people", "origin", "matters"} & card["versions"][0].keys()
    assert not {"history", "figures"} & card.keys()
    assert ann.get("/api/adapters").json()["admissions"] == []
    assert ann.get("/v1/models/leases").json()["id"] == "leases"


def test_the_wall_stands_before_adapters(desk: Desk, admin: TestClient, trainer: TestClient) -> None:
    ours = desk.matter("tess", "ann")
    desk.add(trainer, "wills", matters=ours)
    admin.post("/api/adapters/wills/publish", json={"version": 1})
    ann, bob = desk.client("ann"), desk.client("bob")
    assert names(ann) == {"wills"}
    assert names(ann, matter=ours) == {"wills"}
    assert names(bob) == set()
    for path in ("/api/adapters/wills", "/v1/models/wills"):
        hidden, none = bob.get(path), bob.get(path.replace("wills", "nothing"))
        assert hidden.status_code == none.status_code == 404
        assert hidden.json() == none.json()
    body = {"messages": [{"role": "user", "content": "Hello?"}]}
    for client in (ann, bob):
        hidden = client.post("/v1/chat/completions", json=body | {"model": "wills"})
        none = client.post("/v1/chat/completions", json=body | {"model": "nothing"})
        assert hidden.status_code == 404, "it never answers plain chat"
        assert hidden.json() == none.json()
    told = admin.get("/api/adapters/wills").json()["versions"][0]
    assert (told["matters"], told["hidden_matters"]) == ([], 1), "an admin is told how many, not which"
    assert admin.get("/api/adapters/wills/versions/1/file").status_code == 404
    told = trainer.get("/api/adapters/wills").json()["versions"][0]
    assert [matter["id"] for matter in told["matters"]] == [ours]


def test_an_adapter_for_some_people_is_for_them(desk: Desk, admin: TestClient, ann: TestClient) -> None:
    desk.add(admin, people="ann, tess")
    admin.post("/api/adapters/leases/publish", json={"version": 1})
    assert names(ann) == {"leases"}
    assert names(desk.client("bob")) == set()
    assert admin.get("/api/adapters/leases").json()["versions"][0]["people"] == ["ann", "tess"]


def test_a_card_says_since_when_and_what_a_roll_back_would_publish(desk: Desk, admin: TestClient) -> None:
    def told() -> tuple[float | None, int | None]:
        card = admin.get("/api/adapters/leases").json()
        return card["since"], card["previous"]

    desk.add(admin, seed=1)
    assert told() == (None, None)
    began = time.time()
    admin.post("/api/adapters/leases/publish", json={"version": 1})
    first, previous = told()
    assert first is not None
    assert first >= began
    assert previous is None
    desk.add(admin, seed=2)
    admin.post("/api/adapters/leases/publish", json={"version": 2})
    second, previous = told()
    assert second is not None
    assert second > first
    assert previous == 1
    admin.post("/api/adapters/leases/rollback")
    assert told()[1] is None
    assert desk.client("ann").get("/api/adapters/leases").json()["since"] > second


# --- answers -----------------------------------------------------------------------------------------------


def test_every_answer_says_what_wrote_it(desk: Desk, admin: TestClient, ann: TestClient) -> None:
    desk.add(admin)
    admin.post("/api/adapters/leases/publish", json={"version": 1})
    digest = admin.get("/api/adapters/leases").json()["digest"]
    reply = desk.ask(ann, "leases")
    assert reply["model"] == "leases"
    assert reply["privity"]["adapter"] == {"name": "leases", "version": 1, "digest": digest}
    assert reply["choices"][0]["message"]["content"] == digest[:8]
    assert desk.ask(ann)["privity"]["adapter"] == {"name": "base", "version": 0, "digest": "base"}
    told = admin.get("/api/adapters/leases").json()
    assert (told["versions"][0]["today"], told["versions"][0]["total"]) == (1, 1)
    assert told["figures"]["1"]["answers"] == 1
    assert told["figures"]["1"]["first_word_p95"] > 0


def test_a_version_is_published_compared_and_rolled_back(desk: Desk, admin: TestClient) -> None:
    for seed in (1, 2):
        desk.add(admin, seed=seed)
        admin.post("/api/adapters/leases/publish", json={"version": seed})
    assert desk.ask(admin, "leases")["privity"]["adapter"]["version"] == 2
    assert desk.ask(admin, "leases@1")["privity"]["adapter"]["version"] == 1
    back = admin.post("/api/adapters/leases/rollback")
    assert back.json()["published"] == 1
    assert desk.ask(admin, "leases")["privity"]["adapter"]["version"] == 1
    states = {v["version"]: v["state"] for v in back.json()["versions"]}
    assert states == {1: "published", 2: "ready"}
    assert admin.post("/api/adapters/leases/rollback").status_code == 409


def test_a_split_is_begun_and_ended(desk: Desk, admin: TestClient) -> None:
    for seed in (1, 2):
        desk.add(admin, seed=seed)
    admin.post("/api/adapters/leases/publish", json={"version": 1})
    begun = admin.post("/api/adapters/leases/split", json={"version": 2, "share": 50}).json()
    assert (begun["candidate"], begun["share"]) == (2, 50)
    asked = {desk.ask(admin, "leases")["privity"]["adapter"]["version"] for _ in range(20)}
    assert asked == {1, 2}
    ended = admin.post("/api/adapters/leases/split", json={"share": 0}).json()
    assert (ended["published"], ended["candidate"]) == (1, None)
    assert admin.post("/api/adapters/leases/split", json={"share": 0}).status_code == 409
    assert admin.post("/api/adapters/leases/split", json={"version": 2, "share": 60}).status_code == 422


def test_a_retired_version_is_gone(desk: Desk, admin: TestClient) -> None:
    for seed in (1, 2):
        desk.add(admin, seed=seed)
        admin.post("/api/adapters/leases/publish", json={"version": seed})
    assert admin.post("/api/adapters/leases/retire", json={"version": 2}).status_code == 409
    gone = admin.post("/api/adapters/leases/retire", json={"version": 1}).json()
    assert [version["state"] for version in gone["versions"]] == ["retired", "published"]
    assert admin.post("/api/adapters/leases/rollback").status_code == 409
    withdrawn = admin.post("/api/adapters/leases/publish", json={"version": None}).json()
    assert withdrawn["published"] is None
    body = {"model": "leases", "messages": [{"role": "user", "content": "Hello?"}]}
    assert admin.post("/v1/chat/completions", json=body).status_code == 404


def test_a_reader_who_leaves_lets_the_files_go(desk: Desk, admin: TestClient) -> None:
    for seed in (1, 2):
        desk.add(admin, seed=seed)
    admin.post("/api/adapters/leases/publish", json={"version": 1})
    plain = scope(ANN)
    adapter = desk.firm.adapters.resolve("leases", plain)
    assert adapter.folder

    async def leave() -> None:
        asked = _Asked(plain, (Message("user", "Hello?"),), adapter, Sampling(), None, True, False)
        desk.engine.gate.clear()
        events = _events(asked, desk.house)  # type: ignore[arg-type]
        assert [await anext(events), await anext(events)] == ["", adapter.digest[:8]]
        await asyncio.to_thread(admin.post, "/api/adapters/leases/publish", json={"version": 2})
        await asyncio.to_thread(admin.post, "/api/adapters/leases/retire", json={"version": 1})
        await asyncio.to_thread(desk.add, admin, seed=3)  # through the same thread as what retiring asked for
        assert adapter.folder
        assert adapter.folder.is_dir()
        await events.aclose()

    asyncio.run(leave())
    desk.add(admin, seed=4)
    assert not adapter.folder.exists()


def test_a_matter_fixes_its_adapter(desk: Desk, admin: TestClient, ann: TestClient) -> None:
    desk.add(admin)
    admin.post("/api/adapters/leases/publish", json={"version": 1})
    matter = desk.matter("ann")
    assert ann.get(f"/api/matters/{matter}").json()["adapter"] is None
    fixed = ann.put(f"/api/matters/{matter}/adapter", json={"name": "leases"})
    assert fixed.json()["adapter"] == "leases"
    assert ann.put(f"/api/matters/{matter}/adapter", json={"name": "nothing"}).status_code == 404
    assert admin.put(f"/api/matters/{matter}/adapter", json={"name": None}).status_code == 404
    told = admin.get("/api/adapters/leases").json()["history"][0]
    assert (told["what"], told["matter"]) == ("fix", None), "no matter of others' is named"
    assert ann.put(f"/api/matters/{matter}/adapter", json={"name": None}).json()["adapter"] is None


# --- out again, and figures --------------------------------------------------------------------------------


def test_an_adapter_is_exported(desk: Desk, admin: TestClient) -> None:
    desk.add(admin)
    reply = admin.get("/api/adapters/leases/versions/1/file")
    assert reply.headers["content-disposition"].endswith('"leases-v1.zip"')
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        assert set(archive.namelist()) == {LoraFile.CONFIG, LoraFile.WEIGHTS}
    assert admin.get("/api/adapters/leases/versions/1/file?form=gguf").content.startswith(b"GGUF")
    assert admin.get("/api/adapters/leases/versions/2/file").status_code == 404
    assert not list((desk.firm.home / "quarantine").iterdir())


def test_the_list_tells_the_memory(desk: Desk, admin: TestClient) -> None:
    memory = admin.get("/api/adapters").json()["memory"]
    assert memory == {"resident": 1, "bytes": 2**20, "budget": 256 * 2**20}


def test_no_metric_is_labelled_with_a_name(desk: Desk, admin: TestClient) -> None:
    from prometheus_client import generate_latest

    desk.add(admin, "acme-v-globex")
    admin.post("/api/adapters/acme-v-globex/publish", json={"version": 1})
    desk.ask(admin, "acme-v-globex")
    told = generate_latest().decode()
    assert 'privity_adapter_answers_total{kind="adapter"}' in told
    assert "acme" not in told
