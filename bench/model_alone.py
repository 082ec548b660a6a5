"""A model by itself on questions about passages: no retrieval, no scorer, nothing but the model and an adapter of its.

    python bench/model_alone.py --data ../shared/data --adapter adapters/contract-qa [--limit N] [--known N] --kept DIR

The model is asked as it is served, with the whole passage. Its answer is decoded under a constraint: it may say a
sentence of the passage (without the number that it begins with) or the refusal, and nothing else, so that every answer
stands in its passage. Sentences and refusal are read in one line after the prompt, each without seeing the others, and
weighed by the likelihood of their first tokens. How many of them, which way of weighing, and how much likelier than
the best sentence a refusal must be, is chosen on rows of *training* contracts that the adapter was kept from (--known:
how many of them); the questions of `dev` are answered once, by that.

F1 is SQuAD's; an unanswerable question counts 1 when it is refused. Beside it: refusing always, the base without an
adapter by the same decoding, and a logistic regression for each of the 35 questions (`linear.py`), fitted on all
training rows. It lives on these questions and says nothing of others.

Each row is kept in DIR as soon as it is weighed, so that a run goes on where it was broken off; `--only known` and
`--only dev` do no more than that, for two processes side by side.

Perplexity is of the general texts of the examination (`service/training/general.json`) and of general/lm_text.jsonl,
with the adapter and without it.
"""

import argparse
import json
import math
import random
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from answers import f1, mean
from linear import fitted

from service.assistant import single
from service.assistant.sentences import spans
from service.training.encoding import Encoded, encode, encode_general, tokenizer
from service.training.general import texts
from service.training.lesson import Lesson, count_only, together
from service.training.opening import Place, opened
from service.training.recipe import Recipe
from service.training.rendering import REFUSAL, Example, example
from service.training.sharing import line

OPENINGS = (4, 6, 8, 12)  # tokens of a sentence that are weighed, at the most
BUDGET = 4096
_NUMBER = re.compile(r"^(?:\(?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,5})[.)](?:\d{1,2}[.)]?)*\)?\s+)+")


@dataclass(frozen=True, slots=True)
class Row:
    id: str
    doc: str
    question: str
    category: str
    context: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """What the model may say, the refusal last, and how likely it finds each opening, in nats by token."""

    said: tuple[str, ...]
    nats: tuple[tuple[float, ...], ...]
    tokens: tuple[tuple[int, ...], ...]


def read(file: Path) -> list[Row]:
    said = map(json.loads, file.read_text("utf-8").splitlines())
    return [
        Row(
            one["id"],
            one["doc"],
            one["question"],
            one["category"],
            one["context"],
            tuple(each["text"] for each in one["answers"]),
        )
        for one in said
    ]


def sentences(context: str) -> list[str]:
    """What may be said of a passage, to the letter as it stands there."""
    found = []
    for start, end in spans(context):
        text = context[start:end]
        number = _NUMBER.match(text)
        text = text[number.end() :] if number else text
        if re.search(r"[^\W\d_]{2}", text):
            found.append(text)
    return list(dict.fromkeys(found))


def flat(text: str) -> str:
    """Blanks as the prompt shows them."""
    return " ".join(text.split())


def asked(id: str, question: str, context: str, answer: str, group: str = "") -> Example:
    """As it is served and trained."""
    return example(id, question, context, flat(answer), lambda q, c: single(q, c, lambda _: 0, BUDGET), group)


class Reader:
    """The base, under an adapter or none."""

    def __init__(self, base: Path, adapter: Path | None, bf16: bool) -> None:
        import torch

        self.torch, self.bf16 = torch, bf16
        recipe = Recipe(precision="bf16" if bf16 else "fp32", dropout=0)
        where = Place("cpu", bf16)
        self.model = opened(base, recipe, where, str(adapter) if adapter else "")
        count_only(self.model.get_base_model())
        self.model.eval()
        self.tokens = tokenizer(base)
        self.lesson = Lesson([], recipe, where, 2, BUDGET)

    def weigh(self, row: Row) -> Choice:
        """One line: the prompt, and after it every sentence and the refusal apart."""
        said = (*sentences(row.context), REFUSAL)
        rows = [encode(asked("", row.question, row.context, one), self.tokens, OPENINGS[-1]) for one in said]
        part = together([line(rows)], 0, "cpu", self.bf16)
        with self.torch.no_grad(), self.torch.autocast("cpu", self.torch.bfloat16, enabled=self.bf16):
            logits = self.model(**part.inputs, counted=part.counted).float().log_softmax(-1)
        each = iter(logits.gather(1, part.targets[:, None])[:, 0].tolist())
        nats = tuple(tuple(next(each) for _ in range(one.counted)) for one in rows)
        return Choice(said, nats, tuple(one.tokens[one.start :] for one in rows))

    def perplexity(self, written: Sequence[str]) -> float:
        rows = [part for text in written for part in encode_general(text, self.tokens, 256)]
        nats, read = 0.0, 0
        for row in rows:
            plain = Encoded(row.tokens, row.start)
            with self.torch.autocast("cpu", self.torch.bfloat16, enabled=self.bf16):
                told = self.lesson.measure(self.model, [plain], "cpu", lambda: None)
            nats, read = nats + told.answer, read + told.answers
        return math.exp(nats / read)


# --- ways of weighing ------------------------------------------------------------------------------------


def whole(choice: Choice) -> list[float]:
    """The likelihood of the openings."""
    return [sum(each) for each in choice.nats]


def average(choice: Choice) -> list[float]:
    return [sum(each) / len(each) for each in choice.nats]


def branching(choice: Choice) -> list[float]:
    """As a constrained decoder draws them: at each token only what some sentence goes on with can be said."""
    found = []
    for tokens, nats in zip(choice.tokens, choice.nats, strict=True):
        total = 0.0
        for at in range(len(tokens)):
            open_ = {
                other[at]: weight[at]
                for other, weight in zip(choice.tokens, choice.nats, strict=True)
                if other[:at] == tokens[:at] and len(other) > at
            }
            total += nats[at] - math.log(sum(math.exp(one) for one in open_.values()))
        found.append(total)
    return found


Way = Callable[[Choice], list[float]]


def of(way: Way, opening: int) -> Way:
    def made(choice: Choice) -> list[float]:
        nats = tuple(one[:opening] for one in choice.nats)
        return way(Choice(choice.said, nats, tuple(one[:opening] for one in choice.tokens)))

    return made


WAYS = {f"{way.__name__} of {n}": of(way, n) for way in (whole, average, branching) for n in OPENINGS}


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a way of weighing makes of a row: its best sentence, and by how much the refusal is likelier."""

    best: str
    lead: float


def weighed(choice: Choice, way: str) -> Weighed:
    scores = WAYS[way](choice)
    if len(scores) == 1:
        return Weighed("", math.inf)
    at = max(range(len(scores) - 1), key=lambda n: scores[n])
    return Weighed(choice.said[at], scores[-1] - scores[at])


def chosen(rows: Sequence[Row], found: Sequence[Choice]) -> tuple[str, float]:
    """The way and threshold with the best F1 over all rows: from the surest answer on, one more is not refused."""
    best = (-1.0, "", 0.0)
    for way in WAYS:
        read = [(weighed(choice, way), row.answers) for row, choice in zip(rows, found, strict=True)]
        score = sum(f1("", answers) for _, answers in read)
        for one, answers in sorted(read, key=lambda pair: pair[0].lead):
            score += f1(one.best, answers) - f1("", answers)
            if one.lead < math.inf:
                best = max(best, (score, way, one.lead))
    return best[1], best[2]


def scores(rows: Sequence[Row], said: Sequence[str]) -> dict[str, Any]:
    each = [f1(text, row.answers) for row, text in zip(rows, said, strict=True)]
    pick = [bool(row.answers) for row in rows]
    held = [flat(text) in flat(row.context) for row, text in zip(rows, said, strict=True) if text]
    return {
        "f1": mean(each),
        "f1_answerable": mean([one for one, yes in zip(each, pick, strict=True) if yes]),
        "refuses_rightly": mean([not text for text, yes in zip(said, pick, strict=True) if not yes]),
        "refuses_wrongly": mean([not text for text, yes in zip(said, pick, strict=True) if yes]),
        "verbatim": mean([float(one) for one in held]),
    }


def answered(found: Sequence[Choice], way: str, edge: float) -> list[str]:
    read = [weighed(choice, way) for choice in found]
    return ["" if one.lead > edge else one.best for one in read]


# --- the run ---------------------------------------------------------------------------------------------


def held_back(data: Path) -> list[str]:
    """The training contracts that no adapter here learns from: one in seven."""
    docs = sorted({row.doc for row in read(data / "qa_passages/train.jsonl")})
    return random.Random(7).sample(docs, round(len(docs) / 7))


def drawn(rows: Sequence[Row], limit: int) -> list[Row]:
    return random.Random(0).sample(list(rows), len(rows))[: limit or None]


def told(reader: Reader, rows: Sequence[Row], name: str, kept: Path) -> Iterator[Choice]:
    """What was kept, and else what is weighed now."""
    file = kept / f"{name}.jsonl"
    lines = file.read_text("utf-8").splitlines() if file.is_file() else []
    known = {one["id"]: Choice(*_deep(one["choice"])) for one in map(json.loads, lines)}
    begun, weighed = time.monotonic(), 0
    for row in rows:
        if row.id not in known:
            known[row.id] = reader.weigh(row)
            weighed += 1
            with file.open("a", encoding="utf-8") as out:
                out.write(json.dumps({"id": row.id, "choice": list(_fields(known[row.id]))}) + "\n")
            if weighed % 25 == 0:
                print(f"{name}: {weighed} rows in {time.monotonic() - begun:.0f} s", flush=True)
        yield known[row.id]


def _fields(choice: Choice) -> Iterator[Any]:
    return (getattr(choice, one) for one in choice.__slots__)


def _deep(said: Any) -> Any:
    """Lists as tuples."""
    return tuple(_deep(one) for one in said) if isinstance(said, list) else said


def judged(
    reader: Reader, known: Sequence[Row], rows: Sequence[Row], name: str, kept: Path
) -> dict[str, Any]:
    tried = list(told(reader, known, f"{name}-known", kept))
    way, edge = chosen(known, tried)
    found = list(told(reader, rows, f"{name}-dev", kept))
    never = [weighed(choice, way).best for choice in found]
    return {
        "way": way,
        "threshold": round(edge, 3),
        "known": scores(known, answered(tried, way, edge)),
        "dev": scores(rows, answered(found, way, edge)),
        "never_refusing": scores(rows, never)["f1_answerable"],
    }


def general(reader: Reader, data: Path, most: int) -> Mapping[str, float]:
    lines = (data / "general/lm_text.jsonl").read_text("utf-8").splitlines()
    written = [json.loads(one)["text"] for one in lines]
    own = random.Random(0).sample(written, min(most, len(written)))
    found = {"examination": reader.perplexity(texts())}
    return found | ({"lm_text": reader.perplexity(own)} if own else {})


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--adapter", type=Path, required=True)
    options.add_argument("--limit", type=int, default=0, help="rows of dev; 0 takes all")
    options.add_argument("--known", type=int, default=500, help="rows that the threshold is chosen on")
    options.add_argument("--base-rows", type=int, default=100, help="rows of dev that the bare base is asked")
    options.add_argument("--texts", type=int, default=120, help="general texts of lm_text.jsonl")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--precision", choices=("bf16", "fp32"), default="bf16")
    options.add_argument("--kept", type=Path, required=True, help="a folder for what was weighed")
    options.add_argument("--only", choices=("known", "dev"))
    options.add_argument("--save", type=Path)
    given = options.parse_args()

    import torch
    from train import base_folder

    torch.set_num_threads(given.threads)
    begun, back = time.monotonic(), set(held_back(given.data))
    train = read(given.data / "qa_passages/train.jsonl")
    known = drawn([row for row in train if row.doc in back], given.known)
    rows = drawn(read(given.data / "qa_passages/dev.jsonl"), given.limit)
    base, bf16 = base_folder(), given.precision == "bf16"
    reader = Reader(base, given.adapter, bf16)
    given.kept.mkdir(exist_ok=True)
    if given.only:
        some = known if given.only == "known" else rows
        print(json.dumps({"weighed": len(list(told(reader, some, f"adapter-{given.only}", given.kept)))}))
        return
    found: dict[str, Any] = {"adapter": given.adapter.name, "rows": len(rows), "known_rows": len(known)}
    found["answerable"] = sum(bool(row.answers) for row in rows)
    found["contract-qa"] = judged(reader, known, rows, "adapter", given.kept)
    print(found["contract-qa"], flush=True)
    found["perplexity"] = {"adapter": general(reader, given.data, given.texts)}
    plain = Reader(base, None, bf16)
    found["perplexity"]["base"] = general(plain, given.data, given.texts)
    found["perplexity"]["ratio"] = {
        name: round(value / found["perplexity"]["base"][name], 4)
        for name, value in found["perplexity"]["adapter"].items()
    }
    if given.base_rows:
        some = drawn(rows, given.base_rows)
        found["base"] = {"rows": len(some)} | judged(
            plain, known[: given.base_rows], some, "base", given.kept
        )
    found["always_refuse"] = scores(rows, [""] * len(rows))
    plainest = fitted(given.data / "qa_passages/train.jsonl")
    found["linear_per_question"] = scores(rows, [plainest.answer(row.category, row.context) for row in rows])
    found["seconds"] = round(time.monotonic() - begun)
    if given.save:
        given.save.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
