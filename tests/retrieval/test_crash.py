"""A library in a process of its own, killed at any moment: what is found afterwards is whole, and nothing is lost."""

import json
import multiprocessing
import os
import random
import time
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from service.core import Filed
from service.retrieval.library import Library
from service.storage import Database
from tests.retrieval.house import HashEmbedder, database, library, scope

A = scope("mat-a")
DOCUMENTS = 8  # kept at most


def opened(home: Path, made: Database, seed: int) -> Library:
    """Two embedders take turns, so that the index is to be built anew each time; one cannot be had afterwards."""
    one, other = HashEmbedder("one"), HashEmbedder("other")
    return library(home, made, one, [other]) if seed % 2 else library(home, made, other)


def text(chance: random.Random) -> bytes:
    clauses = [
        f"{n}. Rent. The tenant shall pay a rent of {chance.randrange(10**9)} pounds. "
        + "It is due in May. " * 20
        for n in range(1, chance.randrange(2, 30))
    ]
    return "\n\n".join(clauses).encode()


def work(home: Path, seed: int) -> None:
    """Add, replace, remove and reread without end, and write down what was asked for and what is done."""
    made = database(home, "mat-a")
    shelves = opened(home, made, seed)
    chance = random.Random(seed)
    with (home / "journal").open("a") as journal:

        def note(**entry: object) -> None:
            journal.write(json.dumps(entry) + "\n")
            journal.flush()

        while True:
            step(shelves, chance, note)
            time.sleep(chance.random() * 0.03)


def step(shelves: Library, chance: random.Random, note: object) -> None:
    assert callable(note)
    here = [f for f in shelves.documents(A, "mat-a") if f.state.searchable and f.current]
    act = chance.choice(("add", "add", "replace", "remove", "reread"))
    if act == "remove" or len(here) > DOCUMENTS:
        for filed in here[: 1 + len(here) // 3]:
            note(act="removing", id=filed.id, family=filed.family)
        shelves.remove_many([f.id for f in here[: 1 + len(here) // 3]], A)
    elif act == "reread" and here:
        shelves.reread(chance.choice(here).id, A)
    elif act == "replace" and here:
        old = chance.choice(here)
        note(
            act="added",
            id=shelves.add(text(chance), "new.txt", A, "mat-a", replaces=old.id).id,
            family=old.family,
        )
    else:
        filed = shelves.add(text(chance), "lease.txt", A, "mat-a")
        note(act="added", id=filed.id, family=filed.id)


def settled(home: Path, seed: int) -> list[Filed]:
    """What a new start makes of it, once nothing is left to do."""
    made = database(home, "mat-a")
    shelves = opened(home, made, seed)
    try:
        assert shelves.wait(240)
        deadline = time.monotonic() + 240
        while shelves.renewing:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        shelves.check()
        for filed in shelves.documents(A, "mat-a"):
            found = shelves.search("what rent shall the tenant pay in pounds", A, 64)
            assert found.coverage.documents == found.coverage.documents
            assert filed.state.searchable, (filed.state, filed.reason)
        ids = [f.id for f in shelves.documents(A, "mat-a")]
        return [version for id in ids for version in shelves.versions(id, A)]
    finally:
        shelves.close()
        made.close()


def owed(home: Path) -> set[str]:
    """What was added and neither it nor its family asked to be removed since."""
    standing: dict[str, str] = {}
    for line in (home / "journal").read_text().splitlines():
        entry = json.loads(line) if line.endswith("}") else {}
        if entry.get("act") == "added":
            standing[entry["id"]] = entry["family"]
        elif entry:
            standing = {id: family for id, family in standing.items() if family != entry["family"]}
    return set(standing)


def kill_many(home: Path, kills: int, chance: random.Random) -> None:
    context: ForkServerContext = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.retrieval.test_crash", "chromadb", "nupunkt", "service.retrieval"])
    journal = home / "journal"
    journal.touch()
    for number in range(kills):
        before = journal.stat().st_size
        child: BaseProcess = context.Process(target=work, args=(home, number), daemon=True)
        child.start()
        if number % 3:  # on a slow machine, too, most are killed at work; the others perhaps while they start
            grown(journal, before, child)
        time.sleep(chance.random() * 0.5)
        assert child.is_alive(), "the child ended by itself"
        os.kill(child.pid or 0, 9)
        child.join()
        if number % 3 == 2:
            found = settled(home, number)
            assert owed(home) <= {filed.id for filed in found}, number


def grown(journal: Path, before: int, child: BaseProcess) -> None:
    deadline = time.monotonic() + 240
    while journal.stat().st_size <= before:
        assert child.is_alive(), "the child ended by itself"
        assert time.monotonic() < deadline, "the child does not begin"
        time.sleep(0.002)


def test_nothing_is_lost_or_half_visible_after_kills(tmp_path: Path) -> None:
    kill_many(tmp_path, 9, random.Random(15))


MANY = 24  # documents, of which all but a few are deleted at once


def delete_many(home: Path, _: int) -> None:
    """Fill a library, say that it is full, and delete nearly all."""
    made = database(home, "mat-a")
    shelves = library(home, made)
    for number in range(MANY):
        shelves.add(
            f"{number}. Rent. The rent of number{number} is due. {'May. ' * 40}".encode(), "a.txt", A, "mat-a"
        )
    assert shelves.wait(240)
    (home / "journal").write_text("full")
    shelves.remove_many([filed.id for filed in shelves.documents(A, "mat-a")][: MANY - 4], A)
    (home / "journal").write_text("done")
    time.sleep(60)


@pytest.mark.parametrize("after", [0.0, 0.005, 0.03, 0.1])
def test_a_mass_deletion_that_is_killed_has_not_begun_or_leaves_nothing(tmp_path: Path, after: float) -> None:
    context: ForkServerContext = multiprocessing.get_context("forkserver")
    child: BaseProcess = context.Process(target=delete_many, args=(tmp_path, 0), daemon=True)
    child.start()
    deadline = time.monotonic() + 240
    while not (tmp_path / "journal").exists():
        assert time.monotonic() < deadline
        time.sleep(0.002)
    time.sleep(after)
    os.kill(child.pid or 0, 9)
    child.join()
    made = database(tmp_path, "mat-a")
    shelves = library(tmp_path, made)
    assert shelves.wait(240)
    shelves.check()
    left = {filed.id for filed in shelves.documents(A, "mat-a")}
    assert len(left) in (MANY, 4)
    found = shelves.search("the rent is due in May", A, 64).passages
    assert {passage.document for passage in found} == left
    assert {place.name for place in (tmp_path / "files" / "mat-a").iterdir()} == left
    shelves.close()
    made.close()


@pytest.mark.slow
def test_nothing_is_lost_or_half_visible_after_300_kills(tmp_path: Path) -> None:
    kill_many(tmp_path, 300, random.Random(300))
