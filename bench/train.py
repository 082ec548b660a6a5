"""How fast the trainer learns, beside a plain transformers Trainer on the same rows in the same run.

    python bench/train.py --data ../shared/data [--rows 64] [--threads 2] [--rounds 2]

Both train the same LoRA on the same tokens of qa_passages/train.jsonl with the loss on the answers alone, in bf16 where
the machine computes in it, with the same batch. The plain one is what its documentation shows: rows in random order,
padded to the longest of their batch, attention and everything else by default. They take turns. The first step of each
turn, which warms up, is not counted, nor are our checks of held-out rows, which the plain one does not make. Tokens are
those of the rows, padding not counted.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from service.assistant import single
from service.engines import prepare, prepare_folder
from service.training import answers
from service.training.encoding import Encoded, encode, tokenizer
from service.training.folder import JobFolder, Spec
from service.training.opening import place, targets
from service.training.recipe import Recipe
from service.training.rendering import Example, example
from service.training.trackers import Following
from service.training.watch import Watch

MODELS = Path(__file__).resolve().parents[1] / "var" / "models"
BUDGET = 4096


def base_folder() -> Path:
    """The embedded base, in transformers' form."""
    return prepare_folder(prepare("embedded", MODELS), MODELS)


def examples(data: Path, split: str, count: int, seed: int = 0) -> list[Example]:
    """Rows of qa_passages as they are trained on, drawn at random."""
    lines = (data / f"qa_passages/{split}.jsonl").read_text("utf-8").splitlines()
    drawn = [json.loads(line) for line in random.Random(seed).sample(lines, min(count, len(lines)))]
    return [
        example(
            row["id"],
            row["question"],
            row["context"],
            "" if row["impossible"] else row["answers"][0]["text"],
            lambda question, context: single(question, context, lambda _: 0, BUDGET),
            row["doc"],
        )
        for row in drawn
    ]


def job(
    place: Path, base: Path, recipe: Recipe, rows: Sequence[Example], held_out: Sequence[Example]
) -> JobFolder:
    folder = JobFolder(place)
    folder.write_rows("train", rows)
    folder.write_rows("held_out", held_out)
    folder.write_spec(Spec(0, "bench", "answers", recipe, str(base), "SmolLM2-135M-Instruct", device="cpu"))
    return folder


class Timed(Watch):
    """Keeps the tokens and seconds of each step: checks, which the plain one does not make, are not counted."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.steps: list[tuple[int, float]] = []

    def step(self, tokens: int, **measured: float | None) -> None:
        before = self.standing.seconds
        super().step(tokens, **measured)
        self.steps.append((tokens, self.standing.seconds - before))


def ours(base: Path, recipe: Recipe, rows: Sequence[Example]) -> float:
    with tempfile.TemporaryDirectory() as place:
        folder = job(Path(place), base, recipe, rows, rows[:8])
        watch = Timed(folder, 0, Following(None))
        answers.train(folder, folder.spec(), watch)
    return sum(tokens for tokens, _ in watch.steps[1:]) / sum(seconds for _, seconds in watch.steps[1:])


def plain(base: Path, recipe: Recipe, rows: Sequence[Encoded], pad: int) -> float:
    """A LoRA by PEFT, a Trainer by transformers, and the collator that pads."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, Trainer, TrainerCallback, TrainingArguments

    model: Any = AutoModelForCausalLM.from_pretrained(base)
    config = LoraConfig(
        task_type="CAUSAL_LM", r=recipe.rank, lora_alpha=int(recipe.alpha), lora_dropout=recipe.dropout,
        **targets(model, recipe),
    )  # fmt: skip
    model = get_peft_model(model, config)
    ends: list[float] = []
    read: list[int] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            ends.append(time.perf_counter())

    def collated(batch: Sequence[dict[str, Any]]) -> dict[str, Any]:
        import torch

        read.append(sum(len(row["input_ids"]) for row in batch))
        width = max(len(row["input_ids"]) for row in batch)
        filled = [(row["input_ids"], row["labels"], width - len(row["input_ids"])) for row in batch]
        return {
            "input_ids": torch.tensor([[*ids, *[pad] * left] for ids, _, left in filled]),
            "labels": torch.tensor([[*labels, *[-100] * left] for _, labels, left in filled]),
            "attention_mask": torch.tensor([[1] * len(ids) + [0] * left for ids, _, left in filled]),
        }

    with tempfile.TemporaryDirectory() as out:
        arguments = TrainingArguments(
            output_dir=out, per_device_train_batch_size=recipe.batch, num_train_epochs=1, learning_rate=recipe.rate,
            use_cpu=True, bf16=place(recipe, "cpu", base).bf16, save_strategy="no", report_to="none",
            disable_tqdm=True, logging_strategy="no", seed=recipe.seed,
        )  # fmt: skip
        data = [
            {"input_ids": list(row.tokens), "labels": [-100] * row.start + list(row.tokens[row.start :])}
            for row in rows
        ]
        trainer = Trainer(model, arguments, data_collator=collated, train_dataset=data, callbacks=[Clock()])
        trainer.train()
    return sum(read[1 : len(ends)]) / (ends[-1] - ends[0])


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--rows", type=int, default=64)
    options.add_argument("--batch", type=int, default=8)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--rounds", type=int, default=2)
    given = options.parse_args()

    import torch

    torch.set_num_threads(given.threads)
    base = base_folder()
    recipe = Recipe(epochs=1, batch=given.batch, replay=0, patience=0, checks=1, held_out_rows=8, length=4096)
    rows, tokens = examples(given.data, "train", given.rows), tokenizer(base)
    encoded = [encode(row, tokens) for row in rows]
    speeds: dict[str, list[float]] = {"ours": [], "plain": []}
    for number in range(given.rounds):
        speeds["plain"].append(plain(base, recipe, encoded, tokens.pad_token_id))
        speeds["ours"].append(ours(base, recipe, rows))
        print(
            f"round {number + 1}: plain {speeds['plain'][-1]:6.0f} tokens/s, ours {speeds['ours'][-1]:6.0f}"
        )
    found = {name: statistics.mean(each) for name, each in speeds.items()}
    lengths = [len(row.tokens) for row in encoded]
    print(
        json.dumps(
            {
                "rows": len(rows),
                "tokens": sum(lengths),
                "longest": max(lengths),
                "counted": sum(row.counted for row in encoded),
                "batch": given.batch,
                "threads": given.threads,
                "place": str(place(recipe, "cpu", base)),
                "plain_tokens_per_second": round(found["plain"], 1),
                "tokens_per_second": round(found["ours"], 1),
                "ratio": round(found["ours"] / found["plain"], 2),
            }
        )
    )


if __name__ == "__main__":
    main()
