"""Whatever is done in whatever order, the library ends where a simple model of it ends."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.core import State
from service.retrieval.library import Library
from service.storage import Database
from tests.retrieval.house import HashEmbedder, database, library, scope

A = scope("mat-a")
TEXTS = [f"{n}. Rent. The tenant shall pay a rent of {n}00 pounds in quarter{n}." for n in range(1, 7)]


@dataclass
class Model:
    """Families by the id of their first version: the texts of their versions, the current one last."""

    families: dict[str, list[int]] = field(default_factory=dict)

    def family(self, pick: int) -> str | None:
        return sorted(self.families)[pick % len(self.families)] if self.families else None

    def holds(self, text: int) -> bool:
        return any(text in texts for texts in self.families.values())


@contextmanager
def opened(home: Path, made: Database, turn: int) -> Iterator[Library]:
    one, other = HashEmbedder("one"), HashEmbedder("other")
    shelves = library(home, made, one, [other]) if turn % 2 else library(home, made, other)
    try:
        yield shelves
    finally:
        shelves.close()


def put(shelves: Library, model: Model, text: int, family: str = "") -> None:
    current = _current(shelves, family)
    filed = shelves.add(TEXTS[text].encode(), f"{text}.txt", A, "mat-a", replaces=current)
    if filed.state is State.DUPLICATE:
        assert model.holds(text)
        return
    assert filed.family == (family or filed.id)
    texts = model.families.setdefault(filed.family, [])
    assert text not in texts or current
    model.families[filed.family] = [*(old for old in texts if old != text), text]


def _current(shelves: Library, family: str) -> str:
    if not family:
        return ""
    lines = [f for f in shelves.documents(A, "mat-a") if f.family == family and f.current]
    return lines[0].id


def remove(shelves: Library, family: str) -> None:
    """Again where a new version has become current between the look and the deed: then only the old one went."""
    while any(f.family == family and f.current for f in shelves.documents(A, "mat-a")):
        shelves.remove(_current(shelves, family), A)


def act(shelves: Library, model: Model, what: str, pick: int, text: int) -> None:
    family = model.family(pick)
    if what == "add":
        put(shelves, model, text)
    elif what == "wait":
        assert shelves.wait(240)
        shelves.search("the rent of the tenant", A)  # and so its vectors are in memory from now on
    elif family is None:
        return
    elif what == "replace":
        put(shelves, model, text, family)
    elif what == "spoil":
        bad = b"%%PDF-1.7 broken %d" % text
        shelves.add(bad, "bad.pdf", A, "mat-a", replaces=_current(shelves, family))
    elif what == "remove":
        remove(shelves, family)
        del model.families[family]
    else:
        shelves.reread(_current(shelves, family), A)


def compare(shelves: Library, model: Model) -> None:
    assert shelves.wait(240)
    deadline = time.monotonic() + 240
    while shelves.renewing:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    shelves.check()
    here = [f for f in shelves.documents(A, "mat-a") if f.state.searchable]
    assert {f.family: shelves.read(f.id, A).text for f in here} == {
        family: TEXTS[texts[-1]] for family, texts in model.families.items()
    }
    found = shelves.search("what rent shall the tenant pay in pounds", A, 64).passages
    assert sorted(p.text for p in found) == sorted(TEXTS[texts[-1]] for texts in model.families.values())


STEPS = st.tuples(
    st.sampled_from(["add", "add", "replace", "replace", "spoil", "remove", "reread", "wait"]),
    st.integers(0, 5),
    st.integers(0, len(TEXTS) - 1),
)


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(STEPS, min_size=1, max_size=8), min_size=1, max_size=3))
def test_the_library_ends_where_its_model_ends(runs: list[list[tuple[str, int, int]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home, model = Path(folder), Model()
        made = database(home, "mat-a")
        for turn, steps in enumerate(runs):
            with opened(home, made, turn) as shelves:
                for what, pick, text in steps:
                    act(shelves, model, what, pick, text)
                if turn == len(runs) - 1:
                    compare(shelves, model)
        made.close()
