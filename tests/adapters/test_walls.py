"""The wall before adapters, against a model of it: random people, matters and adapters, and nobody sees beyond."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update

from service.adapters import Wanted
from service.adapters.deeds import UNKNOWN
from service.adapters.shelf import Shelf
from service.core import BASE, Adapter, Caller, Role, Scope
from service.errors import Conflict, NotFound
from service.storage.tables import AdapterRow, Matter, VersionRow
from tests.adapters.firm import ADMIN, ANN, BOB, MATTERS, PEOPLE, TRAINER, Firm, scope

subsets = st.frozensets(st.sampled_from(MATTERS))


@dataclass(frozen=True)
class Kept:
    """A version as the model of the wall knows it."""

    name: str
    version: int
    matters: frozenset[str]
    people: frozenset[str]
    by: str

    def answers(self, caller: Caller, matters: frozenset[str]) -> bool:
        return self.matters <= matters and (not self.people or caller.id in self.people)


kept = st.builds(
    lambda matters, people, by: (matters, people, by),
    subsets,
    st.frozensets(st.sampled_from([person.id for person in PEOPLE]), max_size=2),
    st.sampled_from([person.id for person in PEOPLE]),
)
adapters = st.dictionaries(
    st.sampled_from(["leases", "wills", "tax"]), st.lists(kept, min_size=1, max_size=3), max_size=3
)


@pytest.fixture(scope="module")
def cleared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firm]:
    """One firm for all examples: `enter` clears it before each."""
    firm = Firm(tmp_path_factory.mktemp("firm"))
    yield firm
    firm.close()


def enter(firm: Firm, made: dict[str, list[tuple[frozenset[str], frozenset[str], str]]]) -> list[Kept]:
    """Straight into the books and onto the shelf: what an admission ends with. The last version is published."""
    shelf, entered = Shelf(firm.home / "adapters"), list[Kept]()
    shelf.sweep(())
    with firm.database.write() as rows:
        rows.execute(delete(AdapterRow))
        rows.execute(update(Matter).values(adapter=""))
        for name, versions in made.items():
            rows.add(AdapterRow(name=name, title=name, published=len(versions), share=0, created=0.0))
            rows.flush()
            for number, (matters, people, by) in enumerate(versions, 1):
                digest = f"{name}{number}".encode().hex().ljust(64, "0")
                room = firm.home / "room"
                room.mkdir()
                shelf.place(digest, room, {"base": firm.facts.fingerprint})
                entered.append(Kept(name, number, matters, people, by))
                rows.add(version_row(entered[-1], digest, firm.facts.fingerprint))
            if len(versions) > 1:
                rows.get_one(AdapterRow, name).candidate, rows.get_one(AdapterRow, name).share = 1, 50
    return entered


def version_row(one: Kept, digest: str, base: str) -> VersionRow:
    return VersionRow(
        name=one.name, version=one.version, digest=digest, kind="answers", state="ready", base=base, form="peft",
        rank=4, scale=2.0, tensors=8, size=1, origin="upload", matters=sorted(one.matters),
        people=sorted(one.people), by=one.by, created=0.0, probe={},
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(made=adapters, caller=st.sampled_from(PEOPLE), asked=subsets, more=subsets)
def test_nobody_resolves_or_sees_an_adapter_outside(
    cleared: Firm,
    made: dict[str, list[tuple[frozenset[str], frozenset[str], str]]],
    caller: Caller,
    asked: frozenset[str],
    more: frozenset[str],
) -> None:
    entered = enter(cleared, made)
    check(cleared, entered, scope(caller, *asked), scope(caller, *asked, *more))


def check(firm: Firm, entered: list[Kept], question: Scope, whole: Scope) -> None:
    caller, last = question.caller, {one.name: one for one in entered}
    for name in ("leases", "wills", "tax", "none"):
        versions = [one for one in entered if one.name == name]
        for key in ("a", "b", "c"):
            found = resolved(firm, name, question, key)
            if isinstance(found, str):
                assert name not in last or not last[name].answers(caller, question.matters)
                assert found == UNKNOWN, "a hidden name reads like none"
            else:
                assert found.admits(question)
                assert any(
                    v.version == found.version and v.answers(caller, question.matters) for v in versions
                )
    seen = {card.name for card in firm.adapters.visible(question)}
    assert seen == {name for name, one in last.items() if one.answers(caller, question.matters)}
    managed = {(v.name, v.version) for card in firm.adapters.managed(whole) for v in card.versions}
    if caller.role is Role.ADMIN:
        assert managed == {(one.name, one.version) for one in entered}
    elif caller.role is Role.TRAINER:
        theirs = [one for one in entered if one.matters <= whole.matters]
        theirs = [one for one in theirs if one.by == caller.id or one.answers(caller, whole.matters)]
        assert managed == {(one.name, one.version) for one in theirs}
    else:
        assert {name for name, _ in managed} == {card.name for card in firm.adapters.visible(whole)}


def resolved(firm: Firm, name: str, question: Scope, key: str) -> Adapter | str:
    try:
        return firm.adapters.resolve(name, question, key)
    except NotFound as refused:
        return refused.message


@settings(max_examples=40, deadline=None)
@given(learned=subsets.filter(bool), fixing=subsets, caller=st.sampled_from(PEOPLE))
def test_a_matter_s_adapter_answers_neither_plain_chat_nor_another_matter(
    cleared: Firm, learned: frozenset[str], fixing: frozenset[str], caller: Caller
) -> None:
    enter(cleared, {"leases": [(learned, frozenset(), ADMIN.id)]})
    for matter in fixing:
        try:
            cleared.adapters.fix(matter, "leases", scope(caller, matter))
        except NotFound:
            assert learned != {matter}
    for asked in ([], ["m1"], ["m2"], ["m3"], ["m1", "m2"], list(MATTERS)):
        question = scope(caller, *asked)
        for name in ("default", "leases", "leases@1"):
            try:
                found = cleared.adapters.resolve(name, question)
            except NotFound:
                continue
            assert found == BASE or learned <= set(asked)


@pytest.fixture
def firm(tmp_path: Path) -> Iterator[Firm]:
    firm = Firm(tmp_path)
    yield firm
    firm.close()


def test_a_candidate_behind_a_wall_leaves_the_published_one(firm: Firm) -> None:
    firm.published(seed=1)
    firm.admit(seed=2, matters=["m1"])
    firm.adapters.split("leases", 2, 50, ADMIN.id)
    keys = [f"c{n}" for n in range(50)]
    inside = {firm.adapters.resolve("leases", scope(ANN, "m1"), key).version for key in keys}
    outside = {firm.adapters.resolve("leases", scope(ANN, "m2"), key).version for key in keys}
    assert (inside, outside) == ({1, 2}, {1})


def test_a_version_by_its_number_is_for_those_who_publish(firm: Firm) -> None:
    firm.published(seed=1)
    firm.admit(seed=2)
    assert firm.adapters.resolve("leases@2", scope(ADMIN)).version == 2
    for name in ("leases@2", "leases@1", "leases@", "leases@x", "leases@9"):
        with pytest.raises(NotFound):
            firm.adapters.resolve(name, scope(ANN))


def test_a_name_behind_the_wall_cannot_be_taken_by_who_does_not_see_it(firm: Firm) -> None:
    firm.published("wills", 1, matters=["m1"])
    outside = Wanted("wills", by=TRAINER.id, scope=scope(TRAINER, "m2"))
    with pytest.raises(Conflict) as refused:
        firm.adapters.admit(firm.make(2), outside)
    with pytest.raises(Conflict) as reserved:
        firm.adapters.admit(firm.make(2), Wanted("base", by=TRAINER.id))
    assert str(refused.value) == str(reserved.value)
    assert firm.admit("wills", 2, by=TRAINER, within=scope(TRAINER, "m1")).version == 2


def test_an_admission_is_its_bringer_s_and_the_admins(firm: Firm) -> None:
    admission = firm.admit(by=TRAINER)
    for caller in (TRAINER, ADMIN):
        assert firm.adapters.admission(admission.id, scope(caller)) == firm.adapters.admission(
            admission.id, scope(ADMIN)
        )
    for other in (ANN, BOB):
        with pytest.raises(NotFound):
            firm.adapters.admission(admission.id, scope(other))


def test_the_files_stand_behind_the_wall_too(firm: Firm) -> None:
    firm.published(matters=["m1"])
    version = firm.adapters.card("leases", scope(ADMIN)).versions[0]
    for take in (firm.adapters.gguf, lambda v, s: firm.adapters.export(v, s, firm.adapters.room())):
        with pytest.raises(NotFound, match="do not belong"):
            take(version, scope(ADMIN, "m2"))
        assert take(version, scope(ADMIN, "m1")).is_file()


def test_history_does_not_name_a_matter_beyond_the_wall(firm: Firm) -> None:
    firm.published()
    firm.adapters.fix("m1", "leases", scope(ANN, "m1"))
    assert firm.adapters.history("leases", scope(ADMIN, "m2"))[0].matter == ""
    assert firm.adapters.history("leases", scope(ADMIN, "m1"))[0].matter == "m1"
