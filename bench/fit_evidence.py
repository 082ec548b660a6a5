"""Fit the scorer of evidence (`service/assistant/evidence.py`) to an embedder, on contracts that it has not learned.

    python bench/fit_evidence.py --data ../shared/data [--adapter adapters/contract-search]
        [--reader adapters/evidence --twin DIR --twin-adapter DIR [--every N] [--vectors DIR]]

The rows are those of qa_passages/train.jsonl whose contract `train_embedder.py` holds out: one in seven. Each sentence
of a row's passage is told by the five facts; whether it holds (a part of) the answer is what a logistic regression
learns. The threshold is where the shares of questions rightly refused and rightly answered are best together.
Weights are rounded and put into the module by hand, so that a reader sees them. Tells, with the weights as fitted and
as they stand in the module: the F1 of the best sentence, and both shares.

With `--reader` each sentence is also read together with its question, and what is fitted is written into that folder's
`head.json`. A reader is surest of the kinds of question that it was trained on, so that fitted on these alone it would
be trusted too much. Hence the twins: reader and embedder as `--unseen` makes them. By them the rows of the kinds are
told that both have never seen, and the fit is one for all rows. Each row is asked twice, the second time in another of
the wordings that trainings draw from (wordings.json), and the threshold is the lowest one at which 90 of 100 questions
without an answer are refused, over all of them. `--every` takes one row in N of those that the reader knows.
"""

import argparse
import json
import math
import random
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from answers import f1
from retrieval import Remembering
from train_embedder import held_out, questions, spans, unseen
from train_evidence import cut, held

from service.assistant import evidence
from service.core import Passage
from service.retrieval import Embedder, Reader
from service.retrieval.reader import FACTS

REFUSED = 0.9  # of the questions without an answer, at the threshold of what is read
MARGIN = 1.0  # of what is read: what is quoted further below the best sentence is more often wrong than right

Weights = Mapping[str, float]


@dataclass(frozen=True)
class Row:
    """A question put to a passage: each sentence's facts, whether it answers, and the F1 of it as the answer."""

    asked: str  # in which words, and whether of a kind that was trained on
    facts: dict[str, Any]
    right: Any  # bool, shape (sentences,)
    worth: Any  # float, shape (sentences,)

    def best(self, weights: Weights) -> tuple[float, float]:
        """The score of the best sentence, without a threshold, and its F1. Among more sentences it counts less, as in
        `evidence.score`."""
        scores = sum(weight * self.facts[name] for name, weight in weights.items())
        at = int(np.argmax(scores))
        return float(scores[at]) - math.log(max(1.0, len(scores) / 8)), float(self.worth[at])

    @property
    def answerable(self) -> bool:
        return bool(self.right.any())


def rows(
    data: Path, embedder: Embedder, reader: Reader | None, only: Collection[str], every: int
) -> Iterator[Row]:
    """The rows of the held-out contracts; with `only`, those of these categories."""
    chosen, draw = set(held_out(sorted(spans(data)))), random.Random(3)
    topics, whole = questions(data, Path(__file__).with_name("wordings.json"))
    lines = (data / "qa_passages/train.jsonl").read_text("utf-8").splitlines()
    found = [row for row in map(json.loads, lines) if row["doc"] in chosen]
    for row in [row for row in found if not only or row["category"] in only][::every]:
        sentences = [s for passage in cut(row["context"]) for s in evidence.sentences_of(passage)]
        if not sentences:
            continue
        kind = ", a kind not trained on" if only else ""
        yield _row("as worded" + kind, row["question"], row, sentences, embedder, reader)
        others = {*topics[row["category"]], *whole[row["category"]]} - {row["question"]}
        if reader and others:
            yield _row("otherwise" + kind, draw.choice(sorted(others)), row, sentences, embedder, reader)


def _row(
    asked: str,
    question: str,
    row: dict[str, Any],
    sentences: list[Passage],
    embedder: Embedder,
    reader: Reader | None,
) -> Row:
    facts = evidence.facts(question, sentences)
    facts["likeness"] = evidence.likeness(question, sentences, embedder.embed)
    if reader:
        facts["reading"] = reader.read(question, [evidence.spoken(s) for s in sentences]).astype(float)
    answers = [a["text"] for a in row["answers"]]
    gold = [(a["start"], a["end"]) for a in row["answers"]]
    right = np.array([held(s, gold) > 0 for s in sentences])
    return Row(asked, facts, right, np.array([f1(s.text, answers) for s in sentences]))


def fitted(found: list[Row]) -> tuple[dict[str, float], float]:
    """Weights by a logistic regression over the sentences, and the threshold over questions."""
    from sklearn.linear_model import LogisticRegression

    names = list(found[0].facts)
    facts = np.concatenate([np.stack([row.facts[name] for name in names], axis=1) for row in found])
    learned = LogisticRegression(C=10.0, max_iter=1000).fit(
        facts, np.concatenate([row.right for row in found])
    )
    weights = dict(zip(names, map(float, learned.coef_[0]), strict=True))
    bars = sorted(row.best(weights)[0] for row in found)
    if "reading" in weights:
        return weights, next(bar for bar in bars if rates(found, weights, bar)[0] >= REFUSED)
    return weights, max(bars, key=lambda bar: sum(rates(found, weights, bar)))


def over_all(found: list[Row], weights: Weights, bar: float) -> float:
    """The F1 over all rows: that of the best sentence where it is said, 1 for a refusal where there is no answer."""
    bests = [(row.answerable, *row.best(weights)) for row in found]
    said = [worth if score >= bar else 0.0 for answerable, score, worth in bests if answerable]
    refused = [float(score < bar) for answerable, score, _ in bests if not answerable]
    return float(np.mean(said + refused))


def rates(found: list[Row], weights: Weights, bar: float) -> tuple[float, float]:
    """The shares rightly refused and rightly answered."""
    said = [(row.answerable, row.best(weights)[0] >= bar) for row in found]
    silent = [not above for answerable, above in said if not answerable]
    spoken = [above for answerable, above in said if answerable]
    return float(np.mean(silent)), float(np.mean(spoken))


def told(found: list[Row], weights: Weights, bar: float) -> dict[str, Any]:
    right, spoken = rates(found, weights, bar)
    return {
        "weights": {name: round(weight, 3) for name, weight in weights.items()},
        "threshold": round(bar, 2),
        "best_sentence_f1": round(
            float(np.mean([row.best(weights)[1] for row in found if row.answerable])), 3
        ),
        "f1": round(over_all(found, weights, bar), 3),
        "refuses_rightly": round(right, 3),
        "refuses_wrongly": round(1 - spoken, 3),
    }


def write(folder: Path, weights: Weights, threshold: float) -> None:
    """Put what was fitted into the reader's folder."""
    facts = json.loads((folder / FACTS).read_text("utf-8"))
    facts |= {
        "weights": {name: round(weight, 3) for name, weight in weights.items()},
        "threshold": round(threshold, 3),
        "margin": MARGIN,
    }
    (folder / FACTS).write_text(json.dumps(facts, indent=1) + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of qa_passages/, cuad/ …")
    parser.add_argument("--adapter", type=Path, help="folder of the embedder's LoRA; none: the bare model")
    parser.add_argument("--reader", type=Path, help="folder of the reader that is to be fitted")
    parser.add_argument("--twin", type=Path, help="the reader that a third of the categories was kept from")
    parser.add_argument("--twin-adapter", type=Path, help="the embedder's LoRA that they were kept from")
    parser.add_argument("--every", type=int, default=1, help="take one row in so many")
    parser.add_argument("--vectors", type=Path, help="where vectors are kept between runs")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of the embedder")
    chosen = parser.parse_args()
    tests = json.loads((chosen.data / "legalbenchrag/cuad_train.json").read_text("utf-8"))["tests"]
    left = unseen([test["category"] for test in tests])
    embedder = Remembering(chosen.threads, chosen.adapter, chosen.vectors)
    reader = Reader(chosen.threads, chosen.reader) if chosen.reader else None
    found = list(rows(chosen.data, embedder, reader, (), chosen.every))
    if chosen.twin:
        twin = Remembering(chosen.threads, chosen.twin_adapter, chosen.vectors)
        found += rows(chosen.data, twin, Reader(chosen.threads, chosen.twin), left, 1)
        twin.keep()
    embedder.keep()
    weights, threshold = fitted(found)
    if chosen.reader:
        write(chosen.reader, weights, threshold)
    module = evidence.COMPARED
    result: dict[str, Any] = {
        "questions": len(found),
        "sentences_of_a_passage": round(float(np.mean([len(row.right) for row in found])), 1),
    }
    for asked in dict.fromkeys(row.asked for row in found):
        some = [row for row in found if row.asked == asked]
        result[asked] = {
            "fitted": told(some, weights, threshold),
            "in_the_module": told(some, module.weights, module.threshold),
        }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
