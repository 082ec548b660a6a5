"""Names, versions and what is done with them, over the real checks and conversion."""

import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.adapters import Adapters, Wanted
from service.adapters.books import KEPT
from service.adapters.splits import chosen, trail
from service.adapters.versions import Event, Named
from service.core import BASE, LoraFile, ProbeReport
from service.errors import BadRequest, Busy, Conflict, NotFound, NotReady
from service.storage.tables import AdmissionRow, AnswerRow, Feedback
from tests.adapters.firm import ADMIN, ANN, TRAINER, Firm, scope
from tests.adapters.made import SMOLLM, lora

PLAIN = scope(ANN)


@pytest.fixture
def firm(tmp_path: Path) -> Iterator[Firm]:
    firm = Firm(tmp_path)
    yield firm
    firm.close()


def shelf(firm: Firm) -> set[str]:
    return {place.name for place in (firm.home / "adapters").iterdir()}


# --- coming in ---------------------------------------------------------------------------------------------


def test_an_adapter_comes_in_and_answers_once_it_is_published(firm: Firm) -> None:
    admission = firm.admit()
    assert admission.state == "ready", admission.reasons
    assert [line.state for line in admission.lines(0)] == ["passed"] * 6
    assert admission.version == 1
    with pytest.raises(NotFound):
        firm.adapters.resolve("leases", PLAIN)
    firm.adapters.publish("leases", 1, ADMIN.id)
    found = firm.adapters.resolve("leases", PLAIN)
    assert (found.name, found.version, found.rank) == ("leases", 1, 4)
    assert found.folder is not None
    assert {LoraFile.CONFIG, LoraFile.WEIGHTS, LoraFile.GGUF, LoraFile.MANIFEST} <= {
        file.name for file in found.folder.iterdir()
    }
    assert firm.prepared == [found], "loaded ahead of its first question"
    assert not list((firm.home / "quarantine").iterdir()), "nothing is left behind"


def test_the_steps_tick_one_by_one(firm: Firm) -> None:
    reached, go = threading.Event(), threading.Event()

    def slow(folder: Path) -> ProbeReport:
        reached.set()
        go.wait(240)
        return ProbeReport(1.0, None, 1.0)

    firm.probe = slow
    admission = firm.adapters.admit(firm.make(), Wanted("leases", by=ADMIN.id))
    assert reached.wait(240)
    seen = firm.adapters.admission(admission.id, scope(ADMIN))
    assert [line.state for line in seen.lines(seen.since + 1)] == ["passed"] * 5 + ["running"]
    assert seen.lines(seen.since + 1)[-1].seconds == 1
    waiting = firm.adapters.admit(firm.make(1), Wanted("others", by=ADMIN.id))
    assert {line.state for line in waiting.lines(0)} == {"waiting"}, "one at a time does heavy work"
    go.set()
    assert firm.settled(waiting).state == "ready"


def test_a_refusal_says_every_reason_and_leaves_nothing(firm: Firm) -> None:
    folder = lora(firm.home / "odd", SMOLLM, rank=4, use_dora=True, bias="all")
    (folder / "adapter_model.bin").write_bytes(b"\x80\x04")
    admission = firm.settled(firm.adapters.admit(folder, Wanted("odd", by=ADMIN.id)))
    assert admission.state == "refused"
    said = " ".join(admission.reasons)
    assert all(word in said for word in ("pickle", "DoRA", "bias", "576")), said
    assert admission.version is None
    assert not shelf(firm)
    assert not list((firm.home / "quarantine").iterdir())
    assert firm.adapters.admission(admission.id, scope(ADMIN)).reasons == admission.reasons, "it is kept"
    with pytest.raises(NotFound):
        firm.adapters.card("odd", scope(ADMIN))


def test_what_the_probe_says_is_a_reason(firm: Firm) -> None:
    def silent(folder: Path) -> ProbeReport:
        raise BadRequest("No logit moves. Train it longer.")

    firm.probe = silent
    assert firm.admit().reasons == ("No logit moves. Train it longer.",)


def test_our_own_mistake_refuses_and_keeps_the_line_going(firm: Firm) -> None:
    def broken(folder: Path) -> ProbeReport:
        raise RuntimeError("client words")

    firm.probe = broken
    admission = firm.admit()
    assert admission.state == "refused"
    assert "client words" not in " ".join(admission.reasons)
    firm.probe = lambda folder: ProbeReport(1.0, None, 1.0)
    assert firm.admit().state == "ready"


def test_a_check_alone_keeps_nothing(firm: Firm) -> None:
    admission = firm.settled(firm.adapters.admit(firm.make(), Wanted("", by=ADMIN.id, kept=False)))
    assert admission.state == "ready"
    assert firm.adapters.admission(admission.id, scope(ADMIN)).state == "ready"
    assert not shelf(firm)
    assert not firm.adapters.managed(scope(ADMIN))


@pytest.mark.parametrize("name", ["", "Leases", "a b", "../up", "-a", "a" * 65, "leases@2"])
def test_a_name_that_cannot_be(firm: Firm, name: str) -> None:
    with pytest.raises(BadRequest, match="name"):
        firm.adapters.admit(firm.make(), Wanted(name, by=ADMIN.id))


@pytest.mark.parametrize("name", ["base", "default"])
def test_a_name_that_is_ours(firm: Firm, name: str) -> None:
    with pytest.raises(Conflict, match="taken"):
        firm.adapters.admit(firm.make(), Wanted(name, by=ADMIN.id))


def test_a_full_line_says_so(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.adapters.door.WAITING", 2)
    go = threading.Event()
    firm.probe = lambda folder: ProbeReport(float(go.wait(120)), None, 1.0)
    folder = firm.make()  # once: the first is being read when the second comes
    begun = [firm.adapters.admit(folder, Wanted("leases", by=ADMIN.id)) for _ in range(2)]
    with pytest.raises(Busy):
        firm.adapters.admit(folder, Wanted("leases", by=ADMIN.id))
    go.set()
    assert [firm.settled(admission).state for admission in begun] == ["ready"] * 2
    assert firm.admit().state == "ready", "there is room again"


def test_nothing_is_checked_against_a_model_that_is_loading(firm: Firm) -> None:
    firm.published()
    firm.loading = True
    with pytest.raises(NotReady):
        firm.adapters.admit(firm.make(1), Wanted("leases", by=ADMIN.id))
    with pytest.raises(NotReady):
        firm.adapters.resolve("leases", PLAIN)
    with pytest.raises(NotFound):
        firm.adapters.resolve("nothing", PLAIN)
    assert firm.adapters.state(firm.adapters.card("leases", scope(ADMIN)).versions[0]) == "ready"
    assert not firm.adapters.admissions(scope(ADMIN))


# --- versions by their content -----------------------------------------------------------------------------


def test_the_same_content_is_the_same_version(firm: Firm) -> None:
    firm.admit(seed=1)
    again = firm.admit(seed=1)
    assert (again.state, again.version) == ("ready", 1)
    assert "version 1" in again.told
    assert firm.admit(seed=2).version == 2


def test_the_same_content_under_two_names_lies_on_the_shelf_once(firm: Firm) -> None:
    firm.published("leases", 1)
    firm.published("tenancies", 1)
    first, second = (firm.adapters.resolve(name, PLAIN) for name in ("leases", "tenancies"))
    assert first.digest == second.digest
    assert first.folder == second.folder
    assert shelf(firm) == {first.digest}
    firm.published("leases", 2)
    firm.adapters.retire("leases", 1, ADMIN.id)
    firm.restart()
    assert firm.adapters.resolve("tenancies", PLAIN) == second, "the other name still needs it"


def test_content_keeps_the_matters_that_it_came_in_with(firm: Firm) -> None:
    firm.published("leases", 1, matters=["m1"])
    outside = firm.admit("open", 1, by=TRAINER, within=scope(TRAINER, "m2"))
    assert outside.state == "refused"
    assert "matters" in " ".join(outside.reasons)
    inside = firm.admit("open", 1, by=TRAINER, within=scope(TRAINER, "m1"))
    assert inside.state == "ready"
    assert firm.adapters.card("open", scope(ADMIN)).versions[0].matters == {"m1"}


def test_a_retired_version_that_comes_back_is_in_use_again(firm: Firm) -> None:
    firm.published(seed=1)
    firm.published(seed=2)
    firm.adapters.retire("leases", 1, ADMIN.id)
    back = firm.admit(seed=1)
    assert back.version == 1
    assert "again" in back.told
    firm.adapters.publish("leases", 1, ADMIN.id)
    assert firm.adapters.resolve("leases", PLAIN).version == 1


# --- publish, roll back, retire, split ---------------------------------------------------------------------


def test_roll_back_goes_to_what_was_published_before_and_further(firm: Firm) -> None:
    for seed in (1, 2, 3):
        firm.published(seed=seed)
    assert firm.adapters.rollback("leases", ADMIN.id) == 2
    assert firm.adapters.rollback("leases", ADMIN.id) == 1
    with pytest.raises(Conflict, match="earlier"):
        firm.adapters.rollback("leases", ADMIN.id)
    firm.adapters.publish("leases", 3, ADMIN.id)
    assert firm.adapters.rollback("leases", ADMIN.id) == 1
    told = [(e.what, e.before, e.after) for e in firm.adapters.history("leases", scope(ADMIN))]
    assert told[:2] == [("rollback", "3", "1"), ("publish", "1", "3")]
    assert firm.adapters.history("leases", scope(ADMIN))[0].by == ADMIN.id


def test_deeds_from_many_threads_stand_in_one_line(firm: Firm) -> None:
    for seed in (1, 2, 3):
        firm.admit(seed=seed)

    def publish(number: int) -> None:
        firm.adapters.publish("leases", number % 3 + 1, ADMIN.id)

    with ThreadPoolExecutor(6) as people:
        list(people.map(publish, range(24)))
    moves = [e for e in reversed(firm.adapters.history("leases", scope(ADMIN))) if e.what == "publish"]
    assert [e.before for e in moves] == ["", *(e.after for e in moves[:-1])], "no deed came between"
    assert str(firm.adapters.card("leases", scope(ADMIN)).published) == moves[-1].after


def test_roll_back_passes_over_what_is_retired(firm: Firm) -> None:
    for seed in (1, 2, 3):
        firm.published(seed=seed)
    firm.adapters.retire("leases", 2, ADMIN.id)
    assert firm.adapters.rollback("leases", ADMIN.id) == 1


def test_a_withdrawn_name_answers_nothing(firm: Firm) -> None:
    firm.published()
    firm.adapters.publish("leases", None, ADMIN.id)
    with pytest.raises(NotFound):
        firm.adapters.resolve("leases", PLAIN)
    assert not firm.adapters.visible(PLAIN)
    assert firm.adapters.rollback("leases", ADMIN.id) == 1


def test_what_answers_cannot_be_retired(firm: Firm) -> None:
    firm.published(seed=1)
    firm.admit(seed=2)
    with pytest.raises(Conflict, match="published"):
        firm.adapters.retire("leases", 1, ADMIN.id)
    firm.adapters.split("leases", 2, 10, ADMIN.id)
    with pytest.raises(Conflict, match="split"):
        firm.adapters.retire("leases", 2, ADMIN.id)
    firm.adapters.split("leases", 2, 0, ADMIN.id)
    firm.adapters.retire("leases", 2, ADMIN.id)
    with pytest.raises(Conflict, match="retired"):
        firm.adapters.publish("leases", 2, ADMIN.id)


def test_a_running_answer_keeps_its_adapter_until_it_ends(firm: Firm) -> None:
    firm.published(seed=1)
    old = firm.adapters.resolve("leases", PLAIN)
    assert old.folder is not None
    with firm.adapters.lease(old), firm.adapters.lease(old):
        firm.published(seed=2)
        firm.adapters.retire("leases", 1, ADMIN.id)
        firm.admit(seed=3)  # goes through the same thread, so what retiring asked for is done
        assert old.folder.is_dir()
        assert not firm.released
    firm.admit(seed=4)
    assert not old.folder.exists()
    assert firm.released == [old.digest]
    with pytest.raises(Conflict, match="Ask again"), firm.adapters.lease(old):
        pass


def test_a_split_keeps_a_conversation_with_one_version(firm: Firm) -> None:
    firm.published(seed=1)
    firm.admit(seed=2)
    firm.adapters.split("leases", 2, 20, ADMIN.id)
    keys = [f"c{number}" for number in range(500)]
    first = [firm.adapters.resolve("leases", PLAIN, key).version for key in keys]
    assert first == [firm.adapters.resolve("leases", PLAIN, key).version for key in keys]
    assert 60 < Counter(first)[2] < 140
    firm.adapters.publish("leases", 2, ADMIN.id)
    card = firm.adapters.card("leases", scope(ADMIN))
    assert (card.published, card.candidate, card.share) == (2, None, 0), "publishing ends the split"


@pytest.mark.parametrize(("version", "share"), [(1, 10), (2, 51), (2, -1), (9, 10)])
def test_a_split_that_cannot_be(firm: Firm, version: int, share: int) -> None:
    firm.published(seed=1)
    firm.admit(seed=2)
    with pytest.raises((BadRequest, Conflict, NotFound)):
        firm.adapters.split("leases", version, share, ADMIN.id)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("publish"), st.one_of(st.none(), st.integers(1, 4))),
            st.tuples(st.just("rollback"), st.none()),
        ),
        max_size=30,
    )
)
def test_the_trail_is_a_stack(moves: list[tuple[str, int | None]]) -> None:
    stack: list[int | None] = []
    events = []
    for what, version in moves:
        if what == "publish":
            stack.append(version)
        elif len(stack) < 2 or stack[-2] == stack[-1]:
            continue
        else:
            stack.pop()
        after = "" if stack[-1] is None else str(stack[-1])
        events.append(Event(what, "leases", stack[-1], "", after, "", 0.0, ""))
    assert trail(events)[-1:] == stack[-1:]


@given(st.integers(0, 50), st.text(max_size=20))
def test_a_share_of_nothing_is_nothing(share: int, key: str) -> None:
    named = Named("leases", "", 1, 2, share, 0.0, ())
    assert chosen(named, key)[-1] == 1
    assert chosen(replace(named, share=0), key) == [1]
    if chosen(named, key)[0] == 2:
        assert chosen(replace(named, share=50), key)[0] == 2, "a larger share keeps those of a smaller one"


# --- a matter's own ----------------------------------------------------------------------------------------


def test_a_matter_fixes_its_adapter(firm: Firm) -> None:
    firm.published()
    ours = scope(ANN, "m1")
    assert firm.adapters.resolve("default", ours) == BASE
    firm.adapters.fix("m1", "leases", ours)
    assert firm.adapters.resolve("default", ours).name == "leases"
    assert firm.adapters.resolve("base", ours) == BASE, "naming another one is still allowed"
    assert firm.adapters.resolve("default", scope(ANN)) == BASE
    assert firm.adapters.resolve("default", scope(ANN, "m1", "m2")) == BASE, "the matters do not agree"
    firm.adapters.publish("leases", None, ADMIN.id)
    assert firm.adapters.resolve("default", ours) == BASE
    firm.adapters.fix("m1", "", ours)
    assert firm.adapters.fixed(ours) == ""
    assert [e.what for e in firm.adapters.history("leases", scope(ADMIN))].count("fix") == 2


def test_a_name_that_is_yet_to_come_in_answers_from_then_on(firm: Firm) -> None:
    """So the sample matters have their adapter: they are made before what ships is admitted."""
    ours = scope(ANN, "m1")
    firm.adapters.expect("m1", "leases", ours)
    assert firm.adapters.resolve("default", ours) == BASE
    firm.published()
    assert firm.adapters.resolve("default", ours).name == "leases"


# --- starts ------------------------------------------------------------------------------------------------


def test_a_start_clears_what_a_crash_left(firm: Firm) -> None:
    firm.published()
    digest = firm.adapters.resolve("leases", PLAIN).digest
    (firm.home / "quarantine" / "left").mkdir()
    (firm.home / "adapters" / ("e" * 64)).mkdir()
    (firm.home / "adapters" / ".half.gone").mkdir()
    with firm.database.write() as rows:
        rows.add(row("i1", "checking", 1e12))
        rows.add(row("i2", "refused", 1e9 - KEPT))
    firm.restart()
    assert shelf(firm) == {digest}
    assert not list((firm.home / "quarantine").iterdir())
    assert "Upload the adapter again" in firm.adapters.admission("i1", scope(ADMIN)).reasons[0]
    with pytest.raises(NotFound):
        firm.adapters.admission("i2", scope(ADMIN))
    assert firm.adapters.resolve("leases", PLAIN).digest == digest


def row(id: str, state: str, created: float) -> AdmissionRow:
    return AdmissionRow(
        id=id, name="n", title="", state=state, origin="upload", matters=[], people=[], by=ADMIN.id,
        created=created, checks=[], told="",
    )  # fmt: skip


def test_a_version_without_its_files_is_told_and_does_not_answer(firm: Firm) -> None:
    firm.published()
    folder = firm.adapters.resolve("leases", PLAIN).folder
    assert folder is not None
    weights = folder / LoraFile.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1])
    firm.restart()
    version = firm.adapters.card("leases", scope(ADMIN)).versions[0]
    assert firm.adapters.state(version) == "missing"
    with pytest.raises(Conflict, match="not there"):
        firm.adapters.resolve("leases", PLAIN)
    assert firm.admit().version == 1, "uploading it again brings it back"
    assert firm.adapters.resolve("leases", PLAIN).version == 1


def test_an_adapter_of_another_base_does_not_answer(firm: Firm) -> None:
    firm.published()
    firm.facts = replace(firm.facts, fingerprint="0" * 64)
    with pytest.raises(Conflict, match="another base"):
        firm.adapters.resolve("leases", PLAIN)
    version = firm.adapters.card("leases", scope(ADMIN)).versions[0]
    assert firm.adapters.state(version) == "misfit"
    with pytest.raises(Conflict):
        firm.adapters.publish("leases", 1, ADMIN.id)


@pytest.mark.parametrize("where", ["place", "enter"])
def test_a_crash_in_the_middle_leaves_no_half_adapter(
    firm: Firm, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise OSError("the power went")

    target = (
        "service.adapters.shelf.Shelf.place" if where == "place" else "service.adapters.books.Books.enter"
    )
    with monkeypatch.context() as patch:
        patch.setattr(target, crash)
        assert firm.admit().state == "refused"
    firm.restart()
    assert not shelf(firm)
    assert not firm.adapters.managed(scope(ADMIN))
    assert firm.admit().version == 1


# --- what ships --------------------------------------------------------------------------------------------


def ship(adapters: Adapters, folder: Path) -> list[str]:
    return [adapters.outcome(a.id).result(240).state for a in adapters.shelve(folder)]


def test_folders_of_the_project_are_admitted_and_published_if_new(firm: Firm, tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    shutil.copytree(firm.make(1), ours / "leases")
    (ours / "clause-types").mkdir()
    (ours / "clause-types" / "head.json").write_text("{}")
    shutil.copytree(firm.make(2), ours / "evidence")
    (ours / "evidence" / "head.json").write_text("{}")
    assert ship(firm.adapters, ours) == ["ready"]
    assert firm.adapters.resolve("leases", PLAIN).origin == "shipped"
    firm.published("leases", 2)
    firm.restart()
    assert ship(firm.adapters, ours) == ["ready"]
    assert firm.adapters.resolve("leases", PLAIN).version == 2, "a name that stands is not moved"
    assert not firm.adapters.admissions(scope(ADMIN))


# --- figures -----------------------------------------------------------------------------------------------


def test_figures_are_counted_from_kept_answers(firm: Firm) -> None:
    firm.published()
    adapter = firm.adapters.resolve("leases", PLAIN)
    with firm.database.write() as rows:
        for number in range(20):
            cited = [{"verified": True}] * 3 + [{"verified": number > 0}]
            refused = "not found" if number % 4 == 0 else None
            proof = {"citations": cited, "coverage": {}, "refused": refused}
            rows.add(
                AnswerRow(
                    id=f"a{number}",
                    user=ANN.id,
                    created=0.0,
                    matters=[],
                    proof=proof,
                    adapter="leases",
                    version=1,
                    first_word=float(number),
                )
            )
        rows.flush()
        rows.add(Feedback(answer="a1", user=ANN.id, verdict="bad", correction="So.", created=0.0))
        rows.add(Feedback(answer="a2", user=ANN.id, verdict="good", correction="", created=0.0))
    for _ in range(3):
        firm.adapters.answered(adapter)
    found = firm.adapters.figures(firm.adapters.card("leases", scope(ADMIN)))[1]
    assert (found.answers, found.refused, found.verified) == (20, 0.25, 79 / 80)
    assert (found.first_word_p95, found.disliked, found.corrected) == (18.0, 1, 1)
    assert firm.adapters.uses()["leases", 1] == (3, 3)


# --- out again ---------------------------------------------------------------------------------------------


def test_what_is_exported_can_be_admitted_again(firm: Firm) -> None:
    firm.published()
    version = firm.adapters.card("leases", scope(ADMIN)).versions[0]
    room = firm.adapters.room()
    file = firm.adapters.export(version, scope(ADMIN), room)
    back = firm.settled(firm.adapters.admit(file, Wanted("leases", by=ADMIN.id), room))
    assert (back.state, back.version) == ("ready", 1), back.reasons
    assert not room.exists()
    gguf = shutil.copy(firm.adapters.gguf(version, scope(ADMIN)), firm.home / "x.gguf")
    other = firm.settled(firm.adapters.admit(Path(gguf), Wanted("gguf-leases", by=ADMIN.id)))
    assert other.state == "ready", other.reasons
    assert firm.adapters.card("gguf-leases", scope(ADMIN)).versions[0].form == "gguf"
