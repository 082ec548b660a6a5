"""`kind: answers`: a LoRA on the base that learns to answer, by TRL's SFTTrainer and PEFT.

TRL and transformers keep the optimizer, the schedule, the devices and the way back into a run; which rows a step reads,
what it learns from them and what a checkpoint holds is ours (`ordering`, `lesson`, `course`).
"""

import logging
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any

from service.training.course import Course
from service.training.encoding import tokenizer
from service.training.folder import JobFolder, Spec
from service.training.lesson import Lesson, count_only
from service.training.opening import opened, place, save
from service.training.ordering import order, steps_of
from service.training.primer import Primer, primer
from service.training.recipe import Recipe
from service.training.sharing import families
from service.training.watch import Failed, Standing, Stopped, Watch

log = logging.getLogger("privity.training")


def read(folder: JobFolder, recipe: Recipe, tokens: Any) -> Primer:
    """Raises Failed when there is nothing to learn from, or nothing to tell whether anything was learned."""
    found = primer(folder.examples("train"), folder.examples("held_out"), folder.replay(), recipe, tokens)
    if not found.examples or not found.held_out:
        which = "held-out rows" if found.examples else "rows to learn from"
        raise Failed(
            f"There are no {which} of at most {recipe.length} tokens. Raise the length, or add rows."
        )
    return found


def train(folder: JobFolder, spec: Spec, watch: Watch) -> tuple[Standing, list[str]]:
    """Train, and leave the adapter in the folder; returns what it came to, and notes. Raises Stopped or Failed."""
    base, recipe = Path(spec.base), spec.recipe
    where, tokens = place(recipe, spec.device, base), tokenizer(base)
    rows = read(folder, recipe, tokens)
    watch.of = steps_of(len(rows.learned), recipe.batch, recipe.epochs, recipe.steps)
    log.info("%s; %d rows, %d held out, %d too long, %d steps", where, len(rows.learned), len(rows.held_out),
             rows.left_out, watch.of)  # fmt: skip
    pad = next(one for one in (tokens.pad_token_id, tokens.eos_token_id, 0) if one is not None)
    lesson = Lesson(rows.learned, recipe, where, pad)
    course = Course(folder, spec, lesson, rows.held_out, rows.general, watch)
    kept = folder.checkpoints / str(folder.steps()[-1]) if folder.steps() else None
    trainer = learner(course, opened(base, recipe, where, spec.start), tokens, kept)
    try:
        trainer.train(resume_from_checkpoint=str(kept) if kept else None)
    except Stopped:
        course.stop()
        raise
    if watch.stopping and watch.standing.step < watch.of:
        raise Stopped
    if trainer.is_world_process_zero():
        _keep_best(folder, spec, trainer.model, watch.standing)
    return watch.standing, [_too_long(rows.left_out, recipe)] if rows.left_out else []


def _too_long(rows: int, recipe: Recipe) -> str:
    return f"{rows} rows of more than {recipe.length} tokens were left out."


def _keep_best(folder: JobFolder, spec: Spec, model: Any, standing: Standing) -> None:
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    if standing.best != standing.step:
        weights = folder.checkpoints / str(standing.best) / "adapter_model.safetensors"
        set_peft_model_state_dict(model, load_file(weights))
    with folder.making(folder.adapter) as part:
        save(model, part, spec.base_name, half=True)


def learner(course: Course, model: Any, tokens: Any, kept: Path | None) -> Any:
    """TRL's trainer with our steps in it. TRL is imported late, so the class is made here."""
    from datasets import Dataset
    from transformers import PrinterCallback, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    class Learner(SFTTrainer):  # type: ignore[misc]
        lr_scheduler: Any

        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            lengths = [len(row.tokens) for row in course.lesson.rows]
            kin = [] if course.lesson.where.flat else families(course.lesson.rows)
            return order(lengths, course.recipe.batch, course.watch.of, course.recipe.seed, kin)

        def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
            if self.lr_scheduler is None:
                self.lr_scheduler = _from_the_first(
                    super().create_scheduler(num_training_steps + 1, optimizer)
                )
            return self.lr_scheduler

        def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
            return course.step(model, inputs["rows"].tolist())

        def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
            return course.norm(super()._get_grad_norm(model, grad_norm))

        def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
            if "loss" in logs:
                course.stepped(logs)

        def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
            self.control.should_evaluate = False  # nobody else takes it back, and an epoch's end asks again
            course.check()
            return {}

        def _save_checkpoint(self, model: Any, trial: Any) -> None:
            if self.is_world_process_zero():
                course.save()

    class Deciding(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            course.begin(kept)

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            course.after(control)

    course.trainer = Learner(
        model=model,
        args=SFTConfig(**_arguments(course)),
        train_dataset=Dataset.from_dict({"row": range(len(course.lesson.rows))}),
        data_collator=_collated,
        processing_class=tokens,
        callbacks=[Deciding()],
    )
    course.trainer.remove_callback(PrinterCallback)
    count_only(model.get_base_model())
    return course.trainer


def _from_the_first(schedule: Any) -> Any:
    """Transformers' schedules begin and end with a step at no rate at all; ours with the next to it."""
    from torch.optim.lr_scheduler import LambdaLR

    rate = schedule.lr_lambdas[0]
    return LambdaLR(schedule.optimizer, lambda step: rate(step + 1))


def _collated(rows: Sequence[dict[str, int]]) -> dict[str, Any]:
    import torch

    return {"rows": torch.tensor([row["row"] for row in rows])}


def _arguments(course: Course) -> dict[str, Any]:
    """Each said outright: TRL's defaults are not transformers'."""
    import os

    recipe, where = course.recipe, course.lesson.where
    schedules = {"cosine": "cosine", "linear": "linear", "constant": "constant_with_warmup"}
    return {
        "output_dir": str(course.folder.checkpoints),
        "per_device_train_batch_size": max(1, recipe.batch // int(os.environ.get("WORLD_SIZE", "1"))),
        "gradient_accumulation_steps": 1,  # a step is cut into stretches by its lengths, in `Course.step`
        "max_steps": course.watch.of,
        "learning_rate": recipe.rate,
        "lr_scheduler_type": schedules[recipe.schedule],
        "warmup_steps": ceil(recipe.warmup * course.watch.of),
        "weight_decay": recipe.decay,
        "max_grad_norm": recipe.clip,
        "optim": "adamw_torch",
        "seed": recipe.seed,
        "use_cpu": not where.cuda,
        "bf16": where.bf16,
        "activation_checkpointing": where.cuda,  # the new name of gradient_checkpointing, and heeded before it
        "activation_checkpointing_kwargs": {"use_reentrant": False} if where.cuda else None,
        "logging_strategy": "steps",
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_strategy": "no",  # `Course.after` says when
        "eval_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "dataset_kwargs": {"skip_prepare_dataset": True},
        "completion_only_loss": False,  # TRL's own way of masking; ours counts before it computes
        "max_length": None,
        "dataloader_pin_memory": where.cuda,
    }
