"""A classifier from a file to the clauses that it labels: reviews and their verdict, as if they were types."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from service.retrieval.library import Library
from tests.api.desk import Desk
from tests.retrieval.house import library
from tests.training.school import School
from tests.training.test_classifier import reviews

RECIPE = {
    "rate": 2e-3,
    "rank": 4,
    "alpha": 8,
    "epochs": 2.5,
    "batch": 8,
    "length": 64,
    "checks": 1,
    "steps": 0,
}
NEW = {"name": "clause-types", "title": "Verdicts", "preset": "smoke", "recipe": RECIPE}
PAPER = "\n\n".join(
    f"{n}. Verdict. " + f"The {thing} was {word}, and the end was {word}. " * 6
    for n, (thing, word) in enumerate((("meal", "dreadful"), ("hotel", "superb")), 1)
)


@dataclass
class Office:
    """tess launches, adam approves; rows that no matter owns."""

    desk: Desk
    school: School
    shelves: Library
    tess: TestClient
    adam: TestClient

    def until(self, number: int, state: str) -> None:
        deadline = time.monotonic() + 400
        while (told := self.tess.get(f"/api/jobs/{number}").json())["state"] != state:
            assert time.monotonic() < deadline, told
            assert told["state"] != "failed", told["reason"]
            time.sleep(0.1)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    desk = Desk(tmp_path)
    school = School(desk.firm, real=True)
    shelves = library(tmp_path, desk.firm.database, search={"clauses": "clause-types", "passage": 300})
    desk.house.library, desk.house.training, school.relabel = shelves, school.training, shelves.relabel
    yield Office(desk, school, shelves, desk.client("tess"), desk.client("adam"))
    school.close()
    shelves.close()
    desk.close()


def taken_in(tess: TestClient, *matters: str) -> str:
    """The id of a data set of 60 reviews, from a file with columns of other names."""
    rows = "".join(f'"{row.text}",{row.label},{n // 2}\n' for n, row in enumerate(reviews(60, 5)))
    file = {"file": ("reviews.csv", f"review,sentiment,guest\n{rows}".encode())}
    shown = tess.post("/api/datasets/preview", files=file, data={"kind": "classify"}).json()
    assert {"context": "review", "label": "sentiment"}.items() <= shown["mapping"].items(), shown
    asked = {"name": "Reviews", "kind": "classify", "matters": list(matters)}
    id = str(tess.post("/api/datasets", json=asked).json()["id"])
    mapping = '{"context": "review", "label": "sentiment", "group": "guest"}'
    reply = tess.post(f"/api/datasets/{id}/import", files=file, data={"mapping": mapping})
    assert reply.json()["added"] > 40, reply.text
    return id


def test_from_a_file_of_reviews_to_labelled_clauses(office: Office) -> None:
    tess, new = office.tess, NEW | {"dataset": taken_in(office.tess)}
    flown = tess.post("/api/jobs/preflight", json=new).json()
    assert (flown["kind"], flown["counts"]["labels"], flown["cut"]) == ("classify", 2, 0)
    assert flown["rows"] + flown["held_out"] == flown["counts"]["train"] + flown["counts"]["held_out"] > 40
    assert (flown["counted"], len(flown["batch"])) == (flown["rows"], 8)
    assert flown["forecast"]["seconds"] > 0
    text, label = flown["batch"][0]["spans"]
    assert (text["counts"], label["counts"], label["text"] in ("positive", "negative")) == (False, True, True)

    reply = tess.post("/api/jobs", json=new)
    assert reply.status_code == 201, reply.text
    number = reply.json()["number"]
    office.until(number, "waiting")
    report = tess.get(f"/api/jobs/{number}/report").json()
    assert report["accuracy"] > 0.9
    assert report["macro_f1"] > 0.9
    assert (report["labels"], len(report["confusion"])) == (["negative", "positive"], 2)
    assert report["training"]["step"] == flown["steps"]
    done = office.adam.post(f"/api/jobs/{number}/approve", json={"reason": "It tells reviews apart."})
    assert (done.status_code, done.json()["state"]) == (200, "published"), done.text

    matter = office.desk.matter("ann")
    ann = office.desk.client("ann")
    ann.post(f"/api/matters/{matter}/documents", files={"files": ("reviews.txt", PAPER.encode())})
    assert office.shelves.wait(240)
    deadline = time.monotonic() + 400
    while (told := ann.get(f"/api/matters/{matter}/clauses").json())["waiting"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert told["types"] == [{"type": "negative", "passages": 1}, {"type": "positive", "passages": 1}]
    body = {"query": "the end", "exact": True, "filter": {"clauses": ["negative"]}}
    (found,) = ann.post(f"/api/matters/{matter}/search", json=body).json()["passages"]
    assert "dreadful" in found["text"]


def test_what_labels_every_matter_learns_from_none(office: Office) -> None:
    matter = office.desk.matter("tess")
    office.school.matters = [matter]
    new = NEW | {"dataset": taken_in(office.tess, matter)}
    for path in ("/api/jobs/preflight", "/api/jobs"):
        refused = office.tess.post(path, json=new)
        assert refused.status_code == 409
        assert "labels the clauses of every matter" in refused.json()["error"]["message"]
    assert office.tess.post("/api/jobs/preflight", json=new | {"name": "verdicts"}).status_code == 200
