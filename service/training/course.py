"""A training's course: what is done at each point of transformers' loop, and what a checkpoint holds."""

import json
import logging
import math
import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from service.training.encoding import Encoded
from service.training.folder import JobFolder, Spec
from service.training.keeping import Consolidation
from service.training.lesson import Lesson, Sums
from service.training.opening import save
from service.training.watch import Failed, Standing, Stopped, Watch

log = logging.getLogger("privity.training")

STANDING = "standing.json"
KEPT = 2  # checkpoints, beside the best


class Course:
    """`trainer` is transformers' and is set when it is made. Steps are counted from 1, as they are told."""

    trainer: Any

    def __init__(
        self,
        folder: JobFolder,
        spec: Spec,
        lesson: Lesson,
        held_out: Sequence[Encoded],
        general: Sequence[Encoded],
        watch: Watch,
    ) -> None:
        self.folder, self.spec, self.recipe = folder, spec, spec.recipe
        self.lesson, self.watch = lesson, watch
        self._held_out, self._general = held_out, general
        self._sums = Sums()
        self._drift: float | None = None
        self._consolidation: Consolidation | None = None
        self._random: Any = None  # the state of chance when the last step ended
        steps_an_epoch = len(lesson.rows) / self.recipe.batch
        self._every = max(1, min(round(steps_an_epoch / self.recipe.checks), math.ceil(watch.of / 2)))

    @property
    def device(self) -> Any:
        return self.trainer.args.device

    @property
    def alone(self) -> bool:
        """Whether no other process trains the same model."""
        return bool(self.trainer.args.world_size == 1)

    def begin(self, kept: Path | None) -> None:
        """Before the first step, the weights of a checkpoint being in place."""
        if kept is not None:
            self.watch.standing = Standing.read(json.loads((kept / STANDING).read_bytes()))
            self.watch.standing.resumed += 1
        self._random = self._chance()
        if self.recipe.ewc and self._general:
            self._consolidation = self._consolidated()
        standing = self.watch.standing
        if self.spec.start and standing.before is None:
            self._measure_before(nullcontext())
        self.watch.begin()
        if standing.step and self._due(standing.step) and standing.checked != standing.step:
            self.check()  # the one that a stop cut short

    def _due(self, step: int) -> bool:
        """Whether a check belongs to this step."""
        return step % self._every == 0 or step >= self.watch.of

    def step(self, model: Any, places: Sequence[int]) -> Any:
        """Learn from these rows; returns their weighted loss. Raises Stopped between stretches: nothing is lost."""
        rows = [self.lesson.rows[at] for at in places]
        while True:
            try:
                return self._learn(model, rows)
            except _out_of_memory() as error:
                self._shrink(model, rows, error)

    def _learn(self, model: Any, rows: Sequence[Encoded]) -> Any:
        import torch

        model.train()
        whole, self._sums = self._weight(rows), Sums()
        total = torch.zeros((), device=self.device)
        parts = list(self.lesson.stretches(rows, self.device))
        for part in parts:
            self._heed()
            with nullcontext() if part is parts[-1] else self.trainer.accelerator.no_sync(model):
                with self.trainer.compute_loss_context_manager():
                    loss, told = self.lesson.loss(model, part)
                self.trainer.accelerator.backward(loss / whole)
            self._sums.add(told)
            total += loss.detach() / whole
        self._finite(float(total), "loss")
        if self._consolidation is not None:
            self._drift = self._consolidation.drift(self.trainer.model)
            self._consolidation.pull(self.trainer.model)
        return total

    def _heed(self) -> None:
        """Several processes stop together, between steps."""
        if self.watch.stopping and self.alone:
            raise Stopped

    def _weight(self, rows: Sequence[Encoded]) -> float:
        """What the rows weigh; of several devices' rows the mean, as their gradients are averaged."""
        import torch

        mine = self.lesson.weight(rows)
        if self.alone:
            return mine
        return float(self.trainer.accelerator.reduce(torch.tensor(mine, device=self.device), "mean"))

    def _finite(self, value: float, name: str) -> float:
        if not math.isfinite(value):
            step = self.watch.standing.step + 1
            raise Failed(f"The {name} was not a finite number at step {step}. Lower the learning rate.")
        return value

    def _shrink(self, model: Any, rows: Sequence[Encoded], error: Exception) -> None:
        """Smaller stretches from now on; the step begins again as if it had not been tried."""
        import torch

        if self.lesson.budget < max(len(row.tokens) for row in rows):
            raise Failed(
                "The device's memory is full with one row at a time. Lower the length, or train a smaller base."
            ) from error
        self.lesson.budget //= 2
        log.warning("out of memory: stretches of %d tokens from now on", self.lesson.budget)
        model.zero_grad()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self._restore()

    def norm(self, norm: Any) -> Any:
        """The gradient's, before the optimizer follows it."""
        self._finite(float(norm), "gradient")
        return norm

    def stepped(self, logs: dict[str, float]) -> None:
        """The optimizer has moved; tell of it."""
        sums, step = self._sums, self.watch.standing.step + 1
        self._random = self._chance()
        self.watch.step(
            sums.tokens,
            epoch=step * self.recipe.batch / len(self.lesson.rows),
            loss=sums.loss if sums.answers else None,
            first_loss=sums.first_loss if sums.firsts else None,
            replay_loss=sums.replay_loss,
            rate=logs["learning_rate"],
            norm=logs.get("grad_norm"),
            drift=self._drift,
        )

    def after(self, control: Any) -> None:
        """What comes after this step: a check, a checkpoint, the end."""
        standing, step = self.watch.standing, self.watch.standing.step + 1
        late = 0 < self.recipe.minutes * 60 <= standing.seconds
        stopping, late = self._agreed(self.watch.stopping, late)
        check = self._due(step) or late
        control.should_evaluate, control.should_save = check and not stopping, check or stopping
        control.should_training_stop = stopping or late or step >= self.watch.of
        if late and step < self.watch.of:
            standing.ending = "minutes"

    def _agreed(self, *flags: bool) -> list[bool]:
        """What any of the processes says."""
        import torch

        if self.alone:
            return list(flags)
        mine = torch.tensor([float(flag) for flag in flags], device=self.device)
        return [value > 0 for value in self.trainer.accelerator.reduce(mine, "sum").tolist()]

    def check(self) -> None:
        """Read the held-out rows."""
        standing = self.watch.standing
        if standing.before is None:
            self._measure_before(self.trainer.model.disable_adapter())
        found = self._measure()
        standing.judge(found.loss, found.first_loss)
        if self.recipe.patience and standing.checks >= self.recipe.patience:
            standing.ending = "patience"
            self.trainer.control.should_training_stop = True
        self.watch.check(held_out_loss=found.loss, held_out_first_loss=found.first_loss)

    def _measure(self) -> Sums:
        return self.lesson.measure(self.trainer.model, self._held_out, self.device, self._heed)

    def _measure_before(self, as_it_was: Any) -> None:
        """A new adapter changes nothing at first: without it the model is what it was, at any time."""
        with as_it_was:
            found = self._measure()
        self.watch.standing.before, self.watch.standing.before_first = found.loss, found.first_loss

    def _consolidated(self) -> Consolidation:
        """Measured at the first start, and kept for the others."""
        made = Consolidation.read(self.recipe.ewc, self.folder.path, self.device)
        if made is None:
            model = self.trainer.model
            made = Consolidation.measured(self.recipe.ewc, model, self.lesson, self._general, self.device)
            made.save(self.folder.path)
        return made

    def save(self) -> None:
        """A checkpoint, from which a run goes on as if it had never been stopped."""
        standing, trainer = self.watch.standing, self.trainer
        with self.folder.making(self.folder.checkpoints / str(standing.step)) as part:
            save(trainer.model, part, self.spec.base_name, half=False)
            trainer._save_optimizer_and_scheduler(str(part))
            trainer._save_rng_state(str(part))
            trainer.state.save_to_json(str(part / "trainer_state.json"))
            (part / STANDING).write_text(json.dumps(standing.told()), "utf-8")
        for step in self.folder.steps()[:-KEPT]:
            if step != standing.best:
                shutil.rmtree(self.folder.checkpoints / str(step))

    def stop(self) -> None:
        """Asked to stop within a step or a check: what it began is undone, and the state after the last step kept."""
        self._restore()
        step = self.watch.standing.step
        if step and step not in self.folder.steps():
            self.save()

    def _chance(self) -> Any:
        import torch

        return torch.get_rng_state(), torch.cuda.get_rng_state() if self.lesson.where.cuda else None

    def _restore(self) -> None:
        import torch

        torch.set_rng_state(self._random[0])
        if self._random[1] is not None:
            torch.cuda.set_rng_state(self._random[1])


def _out_of_memory() -> type[Exception]:
    import torch

    return torch.OutOfMemoryError
