"""Trainings of a tiny base: what they learn, how they end, and that a kill in the middle changes nothing."""

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.adapters import vet
from service.core import LoraFile
from service.training import answers, trainer
from service.training.folder import Done, JobFolder, Spec
from service.training.lesson import Lesson
from service.training.recipe import Recipe
from service.training.trackers import Following
from service.training.watch import Standing, Watch
from tests.adapters import made
from tests.training import jobs

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")

FACTS = made.llama_facts("tiny", 64, 96, 3, 4, 2)
TEXT = "The river rises in the hills and runs to the sea. " * 8


class Nudged(Watch):
    """A watch that asks to stop at the n-th time that it is asked."""

    left = 10**9

    @property
    def stopping(self) -> bool:
        self.left -= 1
        return self.left < 0


def here(folder: JobFolder, watch: Watch | None = None) -> Done:
    """Train in this process."""
    import torch

    torch.set_num_threads(1)
    spec = folder.spec()
    seen = watch or Watch(folder, 0, Following(None))
    done = trainer._outcome(spec, seen, lambda: (*answers.train(folder, spec, seen), {}), 0.0)
    folder.finish(done)
    return done


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    folder = jobs.job(tmp_path_factory.mktemp("job"), base)
    assert here(folder).state == "trained"
    return folder


def test_it_learns_and_says_so_step_by_step(trained: JobFolder) -> None:
    done = trained.done()
    assert done is not None
    assert (done.step, done.of) == (12, 12)
    assert done.losses["held_out"] < done.losses["before"] - 0.3
    assert done.losses["held_out_first"] < done.losses["before_first"]
    measured = jobs.losses(trained)
    assert [line[0] for line in measured] == list(range(1, 13))
    assert all(None not in line[1:5] for line in measured)
    assert [line[0] for line in measured if line[5] is not None] == [3, 6, 9, 12]
    assert len(trained.steps()) <= 3
    assert done.best_step in trained.steps()
    assert not list(trained.path.rglob("*.part"))


def test_the_adapter_passes_the_door(trained: JobFolder, tmp_path: Path) -> None:
    findings = vet(trained.adapter, tmp_path / "quarantine", [FACTS])
    assert findings.facts is not None, [check.said for check in findings.checks if not check.ok]
    assert findings.facts.rank == 4
    assert sorted(file.name for file in trained.adapter.iterdir()) == [LoraFile.CONFIG, LoraFile.WEIGHTS]
    assert str(trained.path.parent) not in (trained.adapter / LoraFile.CONFIG).read_text()


def test_the_adapter_that_was_saved_is_the_best_one(trained: JobFolder, base: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from service.training.encoding import encode, tokenizer
    from service.training.lesson import count_only
    from service.training.opening import Place

    plain = AutoModelForCausalLM.from_pretrained(base)
    model = PeftModel.from_pretrained(plain, str(trained.adapter))
    count_only(model.get_base_model())
    rows = [encode(row, tokenizer(base)) for row in trained.examples("held_out")]
    sums = Lesson(rows, jobs.QUICK, Place("cpu", bf16=False), 0).measure(model, rows, "cpu", lambda: None)
    done = trained.done()
    assert done is not None
    assert sums.loss == pytest.approx(done.losses["held_out"], abs=0.01)


RECIPE = replace(jobs.QUICK, dropout=0.2, replay=0.2, ewc=1.0, epochs=2)


@pytest.fixture(scope="module")
def whole(base: Path, tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    """An uninterrupted training with everything that draws by chance."""
    folder = jobs.job(tmp_path_factory.mktemp("whole"), base, RECIPE, [TEXT])
    assert here(folder).state == "trained"
    return folder


def test_a_killed_training_goes_on_as_if_it_had_not_been(
    whole: JobFolder, base: Path, tmp_path: Path
) -> None:
    folder = jobs.job(tmp_path / "job", base, RECIPE, [TEXT])
    jobs.interrupted(folder, lambda lines: bool(lines) and lines[-1]["step"] >= 6, signal.SIGKILL)
    assert folder.done() is None
    assert not folder.alive
    assert folder.steps()
    done = here(folder)
    assert (done.state, done.resumed) == ("trained", 1)
    assert jobs.losses(folder) == jobs.losses(whole)
    weights = (LoraFile.WEIGHTS, LoraFile.CONFIG)
    assert [(folder.adapter / w).read_bytes() for w in weights] == [
        (whole.adapter / w).read_bytes() for w in weights
    ]


@pytest.mark.parametrize("at", [9, *(pytest.param(at, marks=pytest.mark.slow) for at in (2, 20, 31))])
def test_a_stop_at_any_point_loses_nothing(whole: JobFolder, base: Path, tmp_path: Path, at: int) -> None:
    folder = jobs.job(tmp_path / "job", base, RECIPE, [TEXT])
    watch = Nudged(folder, 0, Following(None))
    watch.left = at
    done = here(folder, watch)
    assert done.state == "stopped"
    assert folder.steps() == [] if done.step == 0 else done.step in folder.steps()
    folder.reopen()
    assert here(folder).state == "trained"
    assert jobs.losses(folder) == jobs.losses(whole)


def test_a_request_to_stop_ends_the_child(base: Path, tmp_path: Path) -> None:
    folder = jobs.job(tmp_path, base, replace(jobs.QUICK, epochs=500))
    jobs.interrupted(folder, lambda lines: len(lines) > 2, signal.SIGTERM)
    done = folder.done()
    assert done is not None
    assert (done.state, done.step in folder.steps()) == ("stopped", True)
    assert not folder.adapter.exists()


def ended(base: Path, place: Path, recipe: Recipe, texts: list[str] | None = None, **more: Any) -> Done:
    return here(jobs.job(place, base, recipe, texts or [], **more))


def test_nothing_learned_is_a_failure(base: Path, tmp_path: Path) -> None:
    done = ended(base, tmp_path, replace(jobs.QUICK, rate=1e-6, steps=2))
    assert done.state == "failed"
    assert done.reason.startswith("Nothing was learned: the held-out loss was ")


def test_patience_ends_it_and_the_best_is_kept(base: Path, tmp_path: Path) -> None:
    recipe = replace(jobs.QUICK, rate=1e-2, epochs=60, patience=2, clip=0, schedule="constant", checks=3)
    done = ended(base, tmp_path, recipe)
    assert done.state == "trained"
    assert done.step < done.of
    assert done.best_step < done.step
    assert "Ended early" in done.notes[0]


def test_a_time_limit_ends_it_with_what_there_is(base: Path, tmp_path: Path) -> None:
    done = ended(base, tmp_path, replace(jobs.QUICK, epochs=500, minutes=0.01))
    assert (done.state, done.step < done.of) == ("trained", True)
    assert "time limit" in done.notes[0]


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_what_is_not_finite_stops_it(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    honest: Callable[..., Any] = Lesson.loss

    def broken(self: Lesson, model: Any, part: Any) -> Any:
        loss, sums = honest(self, model, part)
        return (loss * float("nan"), sums) if what == "loss" else (_exploding(loss), sums)

    monkeypatch.setattr(Lesson, "loss", broken)
    done = ended(base, tmp_path, jobs.QUICK)
    assert (done.state, done.step) == ("failed", 0)
    assert f"The {what} was not a finite number at step 1" in done.reason


def _exploding(loss: Any) -> Any:
    loss.register_hook(lambda gradient: gradient * float("inf"))
    return loss


def test_full_memory_means_smaller_stretches(
    trained: JobFolder, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    honest: Callable[..., Any] = Lesson.loss

    def tight(self: Lesson, model: Any, part: Any) -> Any:
        if part.counted.numel() > 150:
            raise torch.OutOfMemoryError
        return honest(self, model, part)

    monkeypatch.setattr(Lesson, "loss", tight)
    folder = jobs.job(tmp_path, base)
    assert here(folder).state == "trained"
    for line, other in zip(jobs.losses(folder), jobs.losses(trained), strict=True):
        assert line[1] == pytest.approx(other[1], rel=1e-2)


def test_no_memory_for_a_single_row_is_a_failure(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    def full(*_: Any) -> Any:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(Lesson, "loss", full)
    done = ended(base, tmp_path, jobs.QUICK)
    assert done.reason.startswith("The device's memory is full with one row at a time.")


def test_an_unforeseen_error_names_no_row(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leaking(*_: Any) -> Any:
        raise ValueError("The wind blows south")

    monkeypatch.setattr(Lesson, "loss", leaking)
    done = ended(base, tmp_path, jobs.QUICK)
    assert done.reason == "The training broke off (ValueError). log.txt of the job says where."


def test_rows_that_are_too_long_are_counted(base: Path, tmp_path: Path) -> None:
    folder = jobs.job(tmp_path / "1", base, replace(jobs.QUICK, length=84, steps=2, margin=0))
    done = here(folder)
    assert "rows of more than 84 tokens were left out." in " ".join(done.notes) or "Nothing" in done.reason
    done = ended(base, tmp_path / "2", replace(jobs.QUICK, length=32))
    assert (
        done.reason == "There are no rows to learn from of at most 32 tokens. Raise the length, or add rows."
    )


def test_lower_layers_stay_and_attention_alone_learns(base: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    folder = jobs.job(
        tmp_path / "1", base, replace(jobs.QUICK, steps=3, frozen=0.7, layers="attention", margin=0)
    )
    here(folder)
    names = list(load_file(folder.checkpoints / "3" / LoraFile.WEIGHTS))
    assert names
    assert all(".layers.2.self_attn." in name for name in names)
    shutil_target = tmp_path / "quarantine"
    assert vet(folder.adapter, shutil_target, [FACTS]).facts is not None


def test_consolidation_holds_the_weights_back(base: Path, tmp_path: Path) -> None:
    free, held = (
        jobs.job(tmp_path / str(strength), base, replace(jobs.QUICK, ewc=strength, margin=0), [TEXT])
        for strength in (1e-6, 1e3)
    )
    here(free)
    here(held)
    far, near = (folder.lines()[0][-2]["drift"] for folder in (free, held))
    assert 0 < near < far / 3


def test_an_adapter_can_be_gone_on_from(trained: JobFolder, base: Path, tmp_path: Path) -> None:
    done = ended(base, tmp_path, jobs.QUICK, start=str(trained.adapter))
    before = trained.done()
    assert before is not None
    assert done.losses["before"] == pytest.approx(before.losses["held_out"], abs=0.01)


def test_one_child_at_a_time(trained: JobFolder) -> None:
    lock = trained.hold()
    try:
        assert jobs.child(trained).wait(240) == 3
    finally:
        lock.release()


def test_standing_is_kept_whole() -> None:
    standing = Standing(step=4)
    assert [standing.judge(loss, None) for loss in (3.0, 2.0, 2.0, 2.5)] == [True, True, False, False]
    assert (standing.checks, standing.best, standing.checked) == (2, 4, 4)
    assert Standing.read(json.loads(json.dumps(standing.told())) | {"moon": 1}) == standing


def test_a_learned_adapter_must_beat_the_margin() -> None:
    recipe = Recipe(margin=0.1)
    assert trainer._learned(Standing(before=2.0, held_out=1.8), recipe) == ""
    assert "Nothing was learned" in trainer._learned(Standing(before=2.0, held_out=1.95), recipe)
    assert "Nothing was learned" in trainer._learned(
        Standing(before=2.0, held_out=2.0), replace(recipe, margin=0.0)
    )
    assert "No held-out row" in trainer._learned(Standing(), recipe)


def test_the_spec_is_enough(base: Path) -> None:
    assert Spec(1, "n", "answers", Recipe(), str(base)).over == "base"
