"""Types of clause over HTTP: listed, searched for, told beside the clause, and refused by name."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from service.retrieval.heads import read
from service.retrieval.library import Library
from tests.api.desk import Desk
from tests.retrieval.house import library
from tests.retrieval.test_clause_types import CLAUSE, FILLER, TYPES, folder

PAPER = "\n\n".join(
    f"{n}. {name or 'Other'}. {CLAUSE[name].format(n)} {FILLER}" for n, name in enumerate(CLAUSE, 1)
)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    shelves = library(
        tmp_path, desk.firm.database, head=read(folder(tmp_path / "head")), search={"passage": 200}
    )
    desk.house.library = shelves
    yield desk
    shelves.close()
    desk.close()


@pytest.fixture
def matter(desk: Desk) -> str:
    matter = desk.matter("ann")
    desk.client("ann").post(
        f"/api/matters/{matter}/documents", files={"files": ("lease.txt", PAPER.encode())}
    )
    shelves: Library = desk.house.library
    assert shelves.wait(240)
    return matter


def searched(client: TestClient, matter: str, clauses: list[str], exact: bool = True) -> dict[str, object]:
    body = {"query": "shall OR repairs", "exact": exact, "filter": {"clauses": clauses}}
    return dict(client.post(f"/api/matters/{matter}/search", json=body).json())


def test_types_are_listed_with_their_passages(desk: Desk, matter: str) -> None:
    told = desk.client("ann").get(f"/api/matters/{matter}/clauses").json()
    assert [one["type"] for one in told["types"]] == list(TYPES)
    assert all(one["passages"] >= 1 for one in told["types"])


def test_only_clauses_of_the_type_come(desk: Desk, matter: str) -> None:
    for exact in (True, False):
        found = searched(desk.client("ann"), matter, ["rent", "REPAIRS"], exact)
        assert found["passages"]
        for passage in found["passages"]:  # type: ignore[attr-defined]
            assert {"Rent", "Repairs"} & set(passage["types"])


def test_an_unknown_type_is_refused_with_the_list(desk: Desk, matter: str) -> None:
    error = searched(desk.client("ann"), matter, ["Tithes"])["error"]
    assert error["code"] == "bad_request"  # type: ignore[index]
    assert "Rent; Repairs; Price" in error["message"]  # type: ignore[index]


def test_behind_the_wall_there_are_no_types(desk: Desk, matter: str) -> None:
    assert desk.client("bob").get(f"/api/matters/{matter}/clauses").status_code == 404


def test_the_outline_tells_the_type_of_each_clause(desk: Desk, matter: str) -> None:
    ann = desk.client("ann")
    listed = ann.get(f"/api/matters/{matter}/documents").json()["documents"]
    outline = ann.get(f"/api/documents/{listed[0]['id']}").json()["outline"]
    told = {row["heading"]: row["types"] for row in outline}
    assert [types for heading, types in told.items() if "Rent" in heading] == [["Rent"]]
    assert all(types == [] for heading, types in told.items() if "Other" in heading)
