"""What each means against forgetting gives, and what it costs: the same task learned without and with each.

    python bench/forgetting.py --data ../shared/data [--steps 30] [--rate 1e-3] [--only none,replay]

The task is qa_passages (some hundred training rows, at a rate that forgets). General ability is told by what was not
trained on: the perplexity of general/lm_text.jsonl and the questions of general/mcq.jsonl, where the choice with the
lowest loss a token is taken as said. The replayed texts are those of general/lm_text.jsonl that are not measured.
"""

import argparse
import json
import math
import random
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from train import base_folder, examples, job

from service.training import answers
from service.training.encoding import Encoded, encode_general, tokenizer
from service.training.lesson import Lesson, count_only
from service.training.opening import Place, place
from service.training.recipe import Recipe
from service.training.trackers import Following
from service.training.watch import Watch

ARMS: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    "dropout": {"dropout": 0.1},
    "replay": {"replay": 0.15},
    "ewc": {"ewc": 1.0},
    "frozen": {"frozen": 0.5},
    "all": {"dropout": 0.1, "replay": 0.15, "ewc": 1.0, "frozen": 0.25},
}


class Probe:
    """General text and questions, as tokens."""

    def __init__(self, data: Path, tokens: Any, texts: int, questions: int) -> None:
        chance = random.Random(0)
        lines = (data / "general/lm_text.jsonl").read_text("utf-8").splitlines()
        written = [json.loads(line)["text"] for line in lines]
        chance.shuffle(written)
        self.texts = [encode_general(text, tokens, 256)[0] for text in written[:texts]]
        self.replayed = written[texts:]
        asked = [json.loads(line) for line in (data / "general/mcq.jsonl").read_text("utf-8").splitlines()]
        self.questions = [
            self._question(one, tokens) for one in chance.sample(asked, min(questions, len(asked)))
        ]

    @staticmethod
    def _question(one: dict[str, Any], tokens: Any) -> tuple[list[Encoded], int]:
        before = tokens.encode(f"Question: {one['question']}\nAnswer:", add_special_tokens=False)
        ends = [tokens.encode(f" {choice}", add_special_tokens=False) for choice in one["choices"]]
        return [Encoded((*before, *end), len(before)) for end in ends], one["answer"]

    def perplexity(self, model: Any, lesson: Lesson) -> float:
        sums = [self._loss(model, lesson, row) for row in self.texts]
        return math.exp(sum(one for one, _ in sums) / sum(count for _, count in sums))

    def right(self, model: Any, lesson: Lesson) -> float:
        found = 0
        for ends, answer in self.questions:
            each = [loss / count for loss, count in (self._loss(model, lesson, end) for end in ends)]
            found += each.index(min(each)) == answer
        return found / len(self.questions)

    def _loss(self, model: Any, lesson: Lesson, row: Encoded) -> tuple[float, int]:
        told = lesson.measure(model, [replace(row, replay=False)], "cpu", lambda: None)
        return told.answer, told.answers


def opened(base: Path, adapter: Path | None, where: Place) -> Any:
    """The base, in the precision of the training, under an adapter or none."""
    import torch
    from peft import LoraConfig, PeftModel, get_peft_model
    from transformers import AutoModelForCausalLM

    kind = torch.bfloat16 if where.bf16 else torch.float32
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=kind, attn_implementation="eager")
    count_only(plain)
    if adapter is None:
        return get_peft_model(plain, LoraConfig(r=1, target_modules=["q_proj"], task_type="CAUSAL_LM"))
    return PeftModel.from_pretrained(plain, str(adapter))


def measured(
    base: Path, adapter: Path | None, recipe: Recipe, probe: Probe, where: Place
) -> dict[str, float]:
    import torch

    model, lesson = opened(base, adapter, where), Lesson([], recipe, where, 2)
    with torch.autocast("cpu", torch.bfloat16, enabled=where.bf16):
        return {
            "perplexity": round(probe.perplexity(model, lesson), 2),
            "questions": round(probe.right(model, lesson), 3),
        }


def arm(
    name: str, base: Path, recipe: Recipe, probe: Probe, rows: Sequence[Any], held_out: Sequence[Any]
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as spot:
        folder = job(Path(spot), base, recipe, rows, held_out)
        folder.write_replay(probe.replayed)
        standing, _ = answers.train(folder, folder.spec(), Watch(folder, 0, Following(None)))
        found: dict[str, Any] = measured(base, folder.adapter, recipe, probe, place(recipe, "cpu", base))
    found |= {"arm": name, "task": standing.held_out, "task_first": standing.held_out_first}
    return found | {"task_before": standing.before, "seconds": round(standing.seconds)}


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--steps", type=int, default=30)
    options.add_argument("--batch", type=int, default=8)
    options.add_argument("--rate", type=float, default=1e-3)
    options.add_argument("--held-out", type=int, default=48)
    options.add_argument("--texts", type=int, default=48)
    options.add_argument("--questions", type=int, default=200)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--only", default=",".join(ARMS))
    given = options.parse_args()

    import torch

    torch.set_num_threads(given.threads)
    base = base_folder()
    plain = Recipe(
        rate=given.rate, epochs=100, steps=given.steps, batch=given.batch, patience=0, checks=1, replay=0, dropout=0,
        held_out_rows=given.held_out,
    )  # fmt: skip
    probe = Probe(given.data, tokenizer(base), given.texts, given.questions)
    rows = examples(given.data, "train", given.steps * given.batch)
    held_out = examples(given.data, "dev", given.held_out)
    found = [{"arm": "base"} | measured(base, None, plain, probe, place(plain, "cpu", base))]
    print(found[0], flush=True)
    for name in given.only.split(","):
        found.append(arm(name, base, replace(plain, **ARMS[name]), probe, rows, held_out))
        print(found[-1], flush=True)
    print(
        json.dumps(
            {"recipe": asdict(plain), "texts": given.texts, "questions": given.questions, "arms": found}
        )
    )


if __name__ == "__main__":
    main()
