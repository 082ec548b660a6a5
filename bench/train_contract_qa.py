"""The rows and the recipe of `adapters/contract-qa`: makes a training's folder, and lets the product's trainer train.

    python bench/train_contract_qa.py --data ../shared/data --out FOLDER --general FILE [--families N] [--rate R] ...
    python -m service.training.trainer FOLDER

From the training contracts alone (qa_passages/train.jsonl for passages, cuad/train.jsonl for what else they answer),
less one contract in seven that thresholds are chosen on (`bench/model_alone.py`). About each passage some questions are
asked (`--asked`): up to three that it answers, the others of those it does not, drawn as often as the data asks them in
vain. The passage stands before the question, so the trainer reads it once for all of them. Passages that answer more
come first; `--families 0` takes every passage, also those that overlap. An answer is the sentence of the passage that
comes nearest to the annotated span.

`--general` is the base's own words about everyday things, as the product keeps them (`general.<fingerprint>.jsonl`).
`--start` goes on from an adapter. On CUDA the whole of it is a matter of minutes.
"""

import argparse
import json
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from answers import f1
from model_alone import Row, asked, held_back, read, sentences
from train import base_folder

from service.training.folder import JobFolder, Spec
from service.training.recipe import Recipe
from service.training.rendering import Example

ANSWERED = 3  # of the questions about a passage, at most
SILENT = 8  # one passage in so many answers nothing
FITS = 0.6  # F1 of a sentence against the span, below which the span itself is the answer


@dataclass(frozen=True, slots=True)
class Span:
    start: int
    end: int
    category: str
    text: str


@dataclass(frozen=True, slots=True)
class Passage:
    row: Row
    answers: Mapping[str, str]  # by category
    silent: tuple[str, ...]  # categories that nothing of it is about


def passages(data: Path, docs: set[str]) -> list[Passage]:
    rows = [row for row in read(data / "qa_passages/train.jsonl") if row.doc in docs]
    offsets = {
        one["id"]: one["offset"]
        for one in map(json.loads, (data / "qa_passages/train.jsonl").read_text("utf-8").splitlines())
    }
    categories = sorted({row.category for row in rows})
    marked = defaultdict[str, list[Span]](list)
    for one in map(json.loads, (data / "cuad/train.jsonl").read_text("utf-8").splitlines()):
        for answer in one["answers"]:
            marked[one["doc"]].append(Span(answer["start"], answer["end"], one["category"], answer["text"]))
    return [_passage(row, offsets[row.id], marked[row.doc], categories) for row in rows]


def _passage(row: Row, offset: int, marked: Sequence[Span], categories: Sequence[str]) -> Passage:
    end = offset + len(row.context)
    touched = {span.category for span in marked if span.start < end and span.end > offset}
    inside = [span for span in marked if offset <= span.start and span.end <= end]
    answers = {span.category: span.text for span in reversed(inside) if span.category in categories}
    if row.answers:
        answers[row.category] = row.answers[0]
    touched |= {row.category} if row.answers else set()
    return Passage(row, answers, tuple(one for one in categories if one not in touched))


def apart(found: Sequence[Passage], count: int, chance: random.Random) -> list[Passage]:
    """Passages that hardly overlap, those with more answers first, some that answer nothing among them."""
    seen, rich, silent = set[tuple[str, frozenset[str]]](), list[Passage](), list[Passage]()
    for one in chance.sample(list(found), len(found)):
        key = one.row.doc, frozenset(one.answers)
        if not one.answers:
            silent.append(one)
        elif key not in seen:
            seen.add(key)
            rich.append(one)
    few = count // SILENT
    rich.sort(key=lambda one: -min(ANSWERED, len(one.answers)))
    return [*rich[: count - few], *silent[:few]]


def questions(
    passage: Passage, words: Mapping[str, str], often: Counter[str], chance: random.Random, count: int
) -> list[Example]:
    row = passage.row
    told = chance.sample(sorted(passage.answers), min(ANSWERED, len(passage.answers)))
    if row.answers and row.category not in told:
        told[-1] = row.category
    weights = {one: chance.random() ** (1 / (1 + often[one])) for one in passage.silent}
    vain = sorted(weights, key=lambda one: -weights[one])
    if not row.answers and row.category in vain:
        vain = [row.category, *(one for one in vain if one != row.category)]
    made = [(one, _said(row.context, passage.answers[one])) for one in told]
    made += [(one, "") for one in vain[: count - len(told)]]
    return [
        asked(f"{row.id}|{category}", words[category], row.context, answer, row.doc)
        for category, answer in made
    ]


def _said(context: str, answer: str) -> str:
    pieces = sentences(context)
    best = max(pieces, key=lambda one: f1(one, [answer]), default="")
    return best if best and f1(best, [answer]) >= FITS else answer


def made(data: Path, docs: set[str], count: int, seed: int, each: int) -> list[Example]:
    """Rows about `count` passages, or about all of them for 0, `each` so many."""
    chance = random.Random(seed)
    rows = read(data / "qa_passages/train.jsonl")
    words = {row.category: row.question for row in rows}
    often = Counter(row.category for row in rows if not row.answers)
    found = passages(data, docs)
    found = apart(found, count, chance) if count else found
    return [row for one in found for row in questions(one, words, often, chance, each)]


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--general", type=Path, required=True)
    options.add_argument("--families", type=int, default=1200)
    options.add_argument("--asked", type=int, default=6, help="questions about a passage")
    options.add_argument(
        "--seed", type=int, default=1, help="of what is asked of each passage, and in which order"
    )
    options.add_argument("--steps", type=int, default=0)
    options.add_argument("--epochs", type=float, default=1)
    options.add_argument("--rate", type=float, default=8e-4)
    options.add_argument("--schedule", default="constant")
    options.add_argument("--checks", type=int, default=10)
    options.add_argument("--batch", type=int, default=13)
    options.add_argument("--replay", type=float, default=1 / 13)
    options.add_argument("--rank", type=int, default=16)
    options.add_argument("--frozen", type=float, default=0.3, help="of the blocks, the lowest ones")
    options.add_argument("--dropout", type=float, default=0)
    options.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--start", default="")
    given = options.parse_args()
    back = held_back(given.data)
    docs = {row.doc for row in read(given.data / "qa_passages/train.jsonl")} - set(back)
    recipe = Recipe(
        rate=given.rate, rank=given.rank, alpha=2 * given.rank, epochs=given.epochs, steps=given.steps,
        batch=given.batch, schedule=given.schedule, warmup=0.02, dropout=given.dropout, frozen=given.frozen,
        replay=given.replay, first_weight=6, opening=24, held_out_rows=36, checks=given.checks, patience=0,
        length=1024, seed=given.seed,
    )  # fmt: skip
    folder = JobFolder(given.out)
    learned = made(given.data, docs, given.families, given.seed, given.asked)
    folder.write_rows("train", learned)
    folder.write_rows("held_out", made(given.data, set(back), 12, 2, 6))
    folder.write_replay(json.loads(one)["text"] for one in given.general.read_text("utf-8").splitlines())
    spec = Spec(
        1, "contract-qa", "answers", recipe, str(base_folder().resolve()), "HuggingFaceTB/SmolLM2-135M-Instruct",
        device=given.device, threads=given.threads, start=given.start,
    )  # fmt: skip
    folder.write_spec(spec)
    said = Counter(row.refuses for row in learned)
    print(json.dumps({"rows": len(learned), "refusals": said[True], "passages": len(learned) // given.asked}))


if __name__ == "__main__":
    main()
