"""What service and child tell one another survives a crash at any point."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core import Message
from service.errors import BadRequest, Conflict
from service.training.folder import Done, JobFolder, Progress, Spec, curve
from service.training.recipe import PRESETS
from service.training.rendering import REFUSAL, Example, Labelled, example

SPEC = Spec(7, "leases", "answers", PRESETS["smoke"], "/models/base", cores=(1,), counts={"train": 2})


def prompt(question: str, context: str) -> list[Message]:
    return [Message("system", "Answer."), Message("user", f"{context}\n{question}")]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "7")
    rows = [
        example("r1", "When?", "On 5 May.", " 5 May ", prompt, "doc"),
        example("r2", "Who?", "On 5 May.", "", prompt),
    ]
    assert folder.write_rows("train", rows) == 2
    folder.write_replay(["Rain fell.\u2028And more."])
    folder.write_spec(SPEC)
    assert folder.spec() == SPEC
    assert folder.examples("train") == rows
    assert (rows[0].completion, rows[1].completion, rows[1].refuses) == ("5 May", REFUSAL, True)
    assert folder.replay() == ["Rain fell.\u2028And more."]
    assert folder.examples("held_out") == []
    folder.write_rows("held_out", [Labelled("r3", "good", "positive")])
    assert folder.labelled("held_out") == [Labelled("r3", "good", "positive")]


def test_a_spec_of_a_later_version_is_read_and_a_torn_one_named(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    folder.write_spec(SPEC)
    said = json.loads((tmp_path / "spec.json").read_text())
    (tmp_path / "spec.json").write_text(
        json.dumps(said | {"moon": 1, "recipe": said["recipe"] | {"tide": 2}})
    )
    assert folder.spec() == SPEC
    (tmp_path / "spec.json").write_text("{")
    with pytest.raises(BadRequest, match="cannot be read"):
        folder.spec()


def test_done_is_the_last_word_until_the_job_goes_on(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    assert folder.done() is None
    done = Done("stopped", "Stopped by a person.", 4, 12, losses={"first": 2.0})
    folder.finish(done)
    folder.ask_to_stop()
    assert folder.done() == replace(done, notes=[])
    assert folder.stop_asked
    folder.reopen()
    assert folder.done() is None
    assert not folder.stop_asked


@settings(deadline=None)
@given(st.lists(st.integers(1, 5), max_size=8), st.integers(0, 40))
def test_a_torn_line_hides_no_other(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], cut: int
) -> None:
    folder = JobFolder(tmp_path_factory.mktemp("job"))
    for step in steps:
        folder.add(Progress(1.0, step, 5, loss=0.5))
    whole = folder.progress.read_bytes() if steps else b""
    folder.progress.write_bytes(whole[: len(whole) - cut] if cut else whole)
    left, after = folder.lines()
    assert len(left) <= len(steps) <= len(left) + cut
    folder.add(Progress(2.0, 9, 9))
    more, _ = folder.lines(after)
    assert more[-1] == {"at": 2.0, "step": 9, "of": 9, "tokens": 0}
    assert folder.lines()[0] == left + more


def test_a_step_that_was_repeated_counts_once() -> None:
    lines = [{"step": 1, "loss": 3}, {"step": 2, "loss": 2}, {"step": 2, "loss": 1}]
    assert curve(lines) == [{"step": 1, "loss": 3}, {"step": 2, "loss": 1}]


def test_a_folder_is_there_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    with pytest.raises(IsADirectoryError), folder.making(folder.checkpoints / "3") as made:
        made.write_text("no file")
    assert folder.steps() == []
    for step in (10, 3):
        with folder.making(folder.checkpoints / str(step)) as made:
            (made / "weights").write_text("whole")
    assert folder.steps() == [3, 10]
    assert (folder.checkpoints / "3" / "weights").read_text() == "whole"


def test_one_child_works_in_a_folder(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    assert not folder.alive
    lock = folder.hold()
    assert folder.alive
    with pytest.raises(Conflict):
        folder.hold()
    lock.release()
    assert not folder.alive


def test_refusing_is_a_completion_of_its_own() -> None:
    assert not Example("r", [], "Unfortunately for the tenant").refuses
