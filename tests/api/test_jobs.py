"""Fine-tunes over HTTP: who may launch, watch, stop and approve, and what a stranger is told."""

import io
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.core import BASE, Role
from tests.api.desk import Desk
from tests.training.school import School, learned, rows

NEW = {"dataset": "d1", "name": "notices", "title": "Notices", "preset": "smoke"}


class Office:
    """A desk with a school beside it: tess and adam belong to the matter that the rows come from."""

    def __init__(self, home: Path) -> None:
        self.desk = Desk(home)
        self.school = School(self.desk.firm)
        matter = self.desk.matter("tess", "adam")
        self.school.matters = [matter]
        self.school.fill(rows(), matters=[matter])
        self.desk.house.training = self.school.training
        self.matter = matter
        self.tess, self.adam = self.desk.client("tess"), self.desk.client("adam")

    def launched(self, **more: Any) -> int:
        reply = self.tess.post("/api/jobs", json=NEW | more)
        assert reply.status_code == 201, reply.text
        return int(reply.json()["number"])

    def until(self, number: int, *states: str) -> dict[str, Any]:
        deadline = time.monotonic() + 400
        while (told := self.tess.get(f"/api/jobs/{number}").json())["state"] not in states:
            assert time.monotonic() < deadline, told
            time.sleep(0.05)
        return dict(told)

    def close(self) -> None:
        self.school.close()
        self.desk.close()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.close()


def test_launch_watch_report_approve(office: Office) -> None:
    number = office.launched()
    told = office.until(number, "waiting")
    assert told["matters"][0]["id"] == office.matter
    assert told["by"] == "tess"
    assert told["gate"] == {"passed": True, "reasons": []}
    assert told["may"] == {
        "cancel": False,
        "resume": False,
        "approve": False,
        "decline": True,
        "export": True,
    }
    assert told["share"] == 1.0
    events = office.tess.get(f"/api/jobs/{number}/events").json()
    assert [line["step"] for line in events["lines"]] == list(range(1, 7))
    again = office.tess.get(f"/api/jobs/{number}/events", params={"after": events["next"]}).json()
    assert (again["lines"], again["state"]) == ([], "waiting")
    assert len(office.tess.get(f"/api/jobs/{number}/curve").json()["lines"]) == 6
    report = office.tess.get(f"/api/jobs/{number}/report").json()
    assert report["gain"]["low"] > 0
    assert len(report["best"]) >= 1
    own = office.tess.post(f"/api/jobs/{number}/approve", json={})
    assert (own.status_code, own.json()["error"]["code"]) == (403, "forbidden")
    assert office.adam.get(f"/api/jobs/{number}").json()["may"]["approve"]
    done = office.adam.post(f"/api/jobs/{number}/approve", json={"reason": ""})
    assert done.status_code == 200, done.text
    assert (done.json()["state"], done.json()["approved_by"]) == ("published", "adam")
    assert [deed["what"] for deed in done.json()["deeds"]] == ["launch", "approve"]
    card = office.tess.get("/api/adapters/notices").json()
    assert card["published"] == 1
    assert card["versions"][0]["origin"] == f"fine-tune {number}"


def test_a_stream_tells_each_step_and_the_end(office: Office) -> None:
    number = office.launched()
    with office.tess.stream(
        "GET", f"/api/jobs/{number}/events", headers={"Accept": "text/event-stream"}
    ) as reply:
        lines = [line for line in reply.iter_lines() if line]
    assert sum('"step"' in line for line in lines) == 6
    assert '"state": "waiting"' in lines[-1]


def test_the_gate_asks_for_a_reason(office: Office) -> None:
    office.school.says = lambda adapter, row: learned(BASE, row)
    number = office.launched()
    told = office.until(number, "waiting")
    assert not told["gate"]["passed"]
    refused = office.adam.post(f"/api/jobs/{number}/approve", json={})
    assert refused.status_code == 409
    assert refused.json()["error"]["details"]["reasons"] == told["gate"]["reasons"]
    reason = {"reason": "The partners asked for it in writing."}
    assert office.adam.post(f"/api/jobs/{number}/approve", json=reason).status_code == 200


def test_behind_the_wall(office: Office) -> None:
    number = office.launched()
    office.desk.accounts.add("tom", Role.TRAINER)
    tom, ann = office.desk.client("tom"), office.desk.client("ann")
    for path in ("", "/events", "/curve", "/report", "/log", "/exports/peft"):
        assert tom.get(f"/api/jobs/{number}{path}").status_code == 404, path
        assert ann.get(f"/api/jobs/{number}{path}").status_code == 403, path
    for deed in ("cancel", "approve", "decline"):
        assert tom.post(f"/api/jobs/{number}/{deed}", json={}).status_code == 404
    assert tom.post(f"/api/jobs/{number}/resume").status_code == 404
    assert tom.post(f"/api/jobs/{number}/exports", json={"form": "peft"}).status_code == 404
    assert tom.get("/api/jobs").json()["jobs"] == []
    assert tom.post("/api/jobs", json=NEW).status_code == 404
    hidden, none = tom.get(f"/api/jobs/{number}"), tom.get("/api/jobs/9999")
    assert hidden.text == none.text
    office.until(number, "waiting")


def test_what_cannot_be_learned_is_told_before_it_starts(office: Office) -> None:
    office.school.fill(rows(documents=2), matters=[office.matter], id="few")
    refused = office.tess.post("/api/jobs", json=NEW | {"dataset": "few"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "unfit")
    assert "There are 6 rows" in refused.json()["error"]["details"]["reasons"][0]
    wrong = office.tess.post("/api/jobs", json=NEW | {"recipe": {"rate": 5, "speed": 1}})
    assert wrong.status_code == 400
    assert office.tess.get("/api/jobs").json()["jobs"] == []


def test_cancel_and_resume(office: Office) -> None:
    office.school.loading = True
    number = office.launched()
    told = office.tess.post(f"/api/jobs/{number}/cancel", json={"reason": "Wrong rows."}).json()
    told = office.until(number, "stopped")
    assert told["may"]["resume"]
    assert told["deeds"][-1] == told["deeds"][-1] | {"what": "cancel", "by": "tess", "reason": "Wrong rows."}
    office.school.loading = False
    assert office.tess.post(f"/api/jobs/{number}/resume").status_code == 200
    assert office.until(number, "waiting")["resumed"] == 1


def test_exports_say_whether_they_are_still_the_same_model(office: Office) -> None:
    number = office.launched()
    office.until(number, "waiting")
    none = office.tess.get(f"/api/jobs/{number}/exports/BF16")
    assert none.status_code == 404
    found: dict[str, dict[str, Any]] = {}
    for form in ("BF16", "Q8_0", "Q4_0", "gguf", "safetensors"):
        assert office.tess.post(f"/api/jobs/{number}/exports", json={"form": form}).status_code == 202
    deadline = time.monotonic() + 240
    while len(found) < 5 or any(one["state"] == "making" for one in found.values()):
        assert time.monotonic() < deadline
        listed = office.tess.get(f"/api/jobs/{number}").json()["exports"]
        found = {one["form"]: one for one in listed}
        time.sleep(0.05)
    states = {form: one["state"] for form, one in found.items()}
    assert states == {
        "BF16": "ready", "Q8_0": "ready", "gguf": "ready", "Q4_0": "refused", "safetensors": "refused",
    }  # fmt: skip
    assert "What was learned is lost in this form" in found["Q4_0"]["reason"]
    assert found["BF16"]["control"] == pytest.approx(0.8)
    file = office.tess.get(f"/api/jobs/{number}/exports/BF16")
    assert file.headers["content-disposition"].endswith('notices-v1-BF16.zip"')
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        names = archive.namelist()
        card = archive.read("notices-v1-BF16/README.md").decode()
    assert "notices-v1-BF16/notices-v1.BF16.gguf" in names
    assert "rows of" in card
    assert "What is the notice" not in card, "no client text in a card"
    assert office.tess.get(f"/api/jobs/{number}/exports/Q4_0").status_code == 409
