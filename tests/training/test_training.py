"""Fine-tunes through their door: launched, examined, approved by somebody else; and every way in which they are not."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from service.core import BASE, Adapter
from service.errors import BadRequest, Conflict, Forbidden, NotFound, PrivityError
from service.storage.tables import JobLearned, Matter
from service.training import JobState
from service.training.confusion import Confusion
from service.training.replaying import ABOUT
from service.training.rows import Row
from service.training.work import cores
from tests.adapters.firm import ADMIN, BOB, TRAINER, Firm, scope
from tests.training.school import SCOPE, SPEC, School, learned, rows
from tests.training.standin import Play

APPROVER = scope(ADMIN, "m1")
GOOD = "The partners want the shorter answers, and accept the doubt."


@pytest.fixture
def school(tmp_path: Path) -> Iterator[School]:
    firm = Firm(tmp_path)
    made = School(firm)
    made.fill(rows())
    yield made
    made.close()
    firm.close()


def test_from_rows_to_the_next_answer(school: School) -> None:
    training = school.training
    job = school.finished()
    report = job.report
    assert report
    assert report["gate"] == {"passed": True, "reasons": ()} or report["gate"] == {
        "passed": True,
        "reasons": [],
    }
    assert report["rival"] == "base"
    assert report["gain"]["low"] > 0.5
    ours, base = (one["scores"] for one in report["contestants"])
    assert (ours["f1"]["value"], ours["refuses_rightly"]["value"], ours["verbatim"]) == (1.0, 1.0, 1.0)
    assert base["invented"] == 1.0
    assert {one["who"] for one in report["contestants"]} == {"candidate", "base"}
    assert job.counts["train"] + job.counts["held_out"] == 36
    assert job.counts["refuse"] == 12
    with pytest.raises(Forbidden, match="Another person"):
        training.approve(job, SCOPE)
    done = training.approve(job, APPROVER)
    assert (done.state, done.approved_by) == (JobState.PUBLISHED, ADMIN.id)
    adapter = school.firm.adapters.resolve("notices", SCOPE)
    assert (adapter.version, adapter.origin, adapter.matters) == (1, "fine-tune 1", {"m1"})
    with pytest.raises(NotFound):
        school.firm.adapters.resolve("notices", scope(BOB, "m2"))
    assert [(deed.what, deed.by) for deed in training.deeds(done)] == [("launch", "u3"), ("approve", "u4")]
    with pytest.raises(Conflict, match="is published"):
        training.approve(done, APPROVER)


def test_the_examination_stands_behind_people_and_keeps_to_its_own_prefixes(school: School) -> None:
    school.finished()
    assert {one.priority for one in school.asked} == {"background"}
    assert {one.salt for one in school.asked} == {"fine-tune 1"}
    assert {one.sampling.temperature for one in school.asked} == {0.0}


def test_rows_of_one_document_are_on_one_side(school: School) -> None:
    school.finished()
    with school.firm.database.read() as table:
        learned = [(row.document, row.split) for row in table.query(JobLearned)]
    assert len(learned) == 36
    assert len({document for document, _ in learned}) == 12
    assert len(set(learned)) == 12, "each document stands on one side"
    assert {split for _, split in learned} == {"train", "held_out"}


def test_what_is_no_better_needs_a_written_reason(school: School) -> None:
    school.says = lambda adapter, row: learned(BASE, row)
    job = school.finished()
    assert job.report
    assert not job.report["gate"]["passed"]
    with pytest.raises(Conflict, match=r"F1 is no higher than that of the base: \+0\.0 points") as refused:
        school.training.approve(job, APPROVER)
    assert len(refused.value.details["reasons"]) == 1
    with pytest.raises(Conflict):
        school.training.approve(job, APPROVER, "so it be")
    done = school.training.approve(job, APPROVER, f"  {GOOD} ")
    assert done.approval_reason == GOOD
    assert school.training.deeds(done)[-1].reason == GOOD


def test_what_has_forgotten_does_not_pass(school: School) -> None:
    school.nats = {BASE.digest: 2.9}
    job = school.finished()
    assert job.report
    (reason,) = job.report["gate"]["reasons"]
    assert "forgotten general text" in reason


def test_a_second_version_must_be_better_than_the_first(school: School) -> None:
    school.training.approve(school.finished(), APPROVER)
    school.restart(Play(steps=4, adapter=str(school.firm.make(8))))
    second = school.finished()
    assert second.report
    assert second.version == 2
    assert second.report["rival"] == "published"
    assert [one["called"] for one in second.report["contestants"]] == ["version 2", "version 1", "the base"]
    (reason,) = second.report["gate"]["reasons"]
    assert "no higher than that of version 1" in reason
    assert second.report["gains"]["base"]["low"] > 0.5


def test_another_version_since_is_told(school: School) -> None:
    job = school.finished()
    school.firm.published("notices", seed=9, matters=["m1"])
    (reason,) = school.training.against(job, APPROVER)
    assert reason == "Version 2 was published since, and the report does not compare with it."


def test_declining_retires_the_candidate(school: School) -> None:
    job = school.finished()
    done = school.training.decline(job, ADMIN, "Not now.")
    assert (done.state, done.approval_reason) == (JobState.DECLINED, "Not now.")
    with pytest.raises(NotFound):
        school.firm.adapters.resolve("notices@1", SCOPE)


def test_one_may_approve_one_s_own_where_the_setting_says_so(tmp_path: Path) -> None:
    firm = Firm(tmp_path)
    school = School(firm, self_approval=True)
    school.fill(rows())
    assert school.training.approve(school.finished(), SCOPE).state is JobState.PUBLISHED
    school.close()
    firm.close()


def test_behind_the_wall_there_is_nothing(school: School) -> None:
    job, theirs = school.finished(), scope(ADMIN, "m2")
    with pytest.raises(NotFound, match="no such run"):
        school.training.job(job.number, theirs)
    with pytest.raises(NotFound, match="no such data set"):
        school.training.launch(SPEC, theirs)
    with pytest.raises(NotFound, match="no such data set"):
        school.training.launch(replace(SPEC, dataset="d2"), SCOPE)
    assert school.training.jobs(theirs) == []


def test_names_are_looked_at_before_anything_runs(school: School) -> None:
    with pytest.raises(BadRequest, match="small letters"):
        school.training.launch(replace(SPEC, name="No Name"), SCOPE)
    with pytest.raises(Conflict):
        school.training.launch(replace(SPEC, name="base"), SCOPE)
    with pytest.raises(BadRequest, match="name yourself"):
        school.training.launch(replace(SPEC, people=frozenset({ADMIN.id})), SCOPE)


def test_who_has_left_the_matter_gets_nothing_admitted(school: School) -> None:
    school.fill(rows(), matters=["m1", "m3"], id="d2")
    number = school.training.launch(replace(SPEC, dataset="d2"), scope(TRAINER, "m1", "m3")).number
    job = school.until(number, JobState.FAILED)
    assert "no longer belongs to its matters" in job.reason


def test_one_in_line_is_taken_out_of_it(school: School) -> None:
    school.loading = True
    first = school.training.launch(SPEC, SCOPE)
    second = school.training.launch(SPEC, SCOPE)
    stopped = school.training.cancel(school.training.job(second.number, SCOPE), TRAINER.id, "A mistake.")
    assert (stopped.state, stopped.reason) == (JobState.STOPPED, "Stopped before it began.")
    school.loading = False
    school.until(first.number, JobState.WAITING)
    again = school.training.resume(school.training.job(second.number, SCOPE), TRAINER.id)
    assert school.until(again.number, JobState.WAITING).resumed == 1
    with pytest.raises(Conflict, match="Only one that stopped or failed"):
        school.training.resume(school.training.job(first.number, SCOPE), TRAINER.id)


def test_an_examination_goes_on_where_a_stop_broke_it_off(school: School) -> None:
    seen: list[str] = []

    def says(adapter: Adapter, row: Row) -> str:
        seen.append(f"{adapter.digest} {row.id}")
        if len(seen) == 3:
            raise PrivityError("The model failed in the middle of this answer. Ask again.")
        return learned(adapter, row)

    school.says = says
    number = school.training.launch(SPEC, SCOPE).number
    school.until(number, JobState.FAILED)
    school.training.resume(school.training.job(number, SCOPE), TRAINER.id)
    job = school.until(number, JobState.WAITING)
    assert job.report
    assert len(seen) <= 2 * job.report["rows"] + 4, "what was answered before is not asked again"


def test_a_classifier_is_judged_and_becomes_the_current_one(school: School) -> None:
    labels = ("Fees", "Term")
    made = [
        (
            Row(
                "",
                f"Text {at} of clause {at % 2} speaks of {labels[at % 2]} number {at * 7}.",
                label=labels[at % 2],
            ),
            f"d{at}",
        )
        for at in range(40)
    ]
    school.fill(made, id="c1")
    scores = Confusion(labels, ((20, 1), (2, 17))).told()
    school.restart(Play(steps=4, adapter=str(school.firm.make(8)), scores=scores))
    job = school.finished(replace(SPEC, dataset="c1", name="kinds"))
    assert job.report
    assert job.version is None
    assert job.report["gate"]["passed"]
    assert job.report["labels"] == list(labels)
    assert school.training.against(job, APPROVER) == ()
    with pytest.raises(Conflict, match="no adapter to export"):
        school.training.export(job, "peft", SCOPE, TRAINER.id)
    done = school.training.approve(job, APPROVER)
    assert done.state is JobState.PUBLISHED
    current = school.firm.home / "classifiers" / "kinds" / "current"
    assert (current / "adapter_config.json").is_file()
    assert current.resolve().name == str(job.number)


def test_general_text_is_the_base_s_own_and_written_once(school: School) -> None:
    reminded = replace(SPEC, recipe=replace(SPEC.recipe, replay=0.2))
    first = school.finished(reminded)
    written = sum("explains" in one.messages[-1].content for one in school.asked)
    assert first.counts["general_texts"] == written == len(ABOUT)
    assert {one.adapter.digest for one in school.asked if "explains" in one.messages[-1].content} == {"base"}
    second = school.finished(replace(reminded, name="notices-again"))
    assert second.counts["general_texts"] == written
    assert sum("explains" in one.messages[-1].content for one in school.asked) == written


def test_what_was_learned_from_goes_and_the_report_stays(school: School) -> None:
    job = school.finished()
    folder = school.firm.home / "jobs" / str(job.number)
    assert (folder / "train.jsonl").is_file()
    done = school.training.approve(job, APPROVER)
    assert not (folder / "train.jsonl").exists()
    assert not (folder / "checkpoints").exists()
    assert done.report
    assert school.training.curve(done)[-1]["step"] == 6


def test_a_matter_that_is_deleted_takes_its_rows_along(school: School) -> None:
    job = school.finished()
    folder = school.firm.home / "jobs" / str(job.number)
    assert folder.is_dir()
    with school.firm.database.write() as table:
        table.delete(table.get_one(Matter, "m1"))
    school.training.forget()
    assert not folder.exists()
    left = school.training.job(job.number, SCOPE)
    assert (left.state, left.report) == (JobState.STOPPED, None)
    assert left.reason == "A matter that it learned from was deleted."


def test_cores_are_read() -> None:
    assert cores("2,4-6") == (2, 4, 5, 6)
    assert cores("") == ()
