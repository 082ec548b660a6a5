"""Fit the scorer of evidence (`service/assistant/evidence.py`) to an embedder, on contracts that it has not learned.

    python bench/fit_evidence.py --data ../shared/data [--adapter adapters/contract-search]

The rows are those of qa_passages/train.jsonl whose contract `train_embedder.py` holds out: one in seven. Each sentence
of a row's passage is told by the five facts; whether it holds (a part of) the answer is what a logistic regression
learns. The threshold is where the shares of questions rightly refused and rightly answered are best together.
Weights are rounded and put into the module by hand, so that a reader sees them. Tells, with the weights as fitted and
as they stand in the module: the F1 of the best sentence, and both shares.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from answers import f1
from train_embedder import held_out, spans

from service.assistant import evidence
from service.core import Passage
from service.retrieval import Embedder

Weights = Mapping[str, float]


@dataclass(frozen=True)
class Row:
    """A question put to a passage: each sentence's facts, whether it answers, and the F1 of it as the answer."""

    facts: dict[str, Any]
    right: Any  # bool, shape (sentences,)
    worth: Any  # float, shape (sentences,)

    def best(self, weights: Weights) -> tuple[float, float]:
        """The score of the best sentence, without a threshold, and its F1."""
        scores = sum(weight * self.facts[name] for name, weight in weights.items())
        at = int(np.argmax(scores))
        return float(scores[at]), float(self.worth[at])

    @property
    def answerable(self) -> bool:
        return bool(self.right.any())


def rows(data: Path, embedder: Embedder) -> Iterator[Row]:
    chosen = set(held_out(sorted(spans(data))))
    for line in (data / "qa_passages/train.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        sentences = list(_sentences(row["context"])) if row["doc"] in chosen else []
        if sentences:
            facts = evidence.facts(row["question"], sentences, embedder.embed)
            answers = [a["text"] for a in row["answers"]]
            gold = [(a["start"], a["end"]) for a in row["answers"]]
            right = np.array([any(_held(s, start, end) for start, end in gold) for s in sentences])
            worth = [f1(s.text, answers) for s in sentences]
            yield Row(facts, right, np.array(worth))


def _sentences(context: str) -> list[Passage]:
    return evidence.sentences_of(Passage("p", "d", "", 0, len(context), context))


def _held(sentence: Passage, start: int, end: int) -> bool:
    shared = min(sentence.end, end) - max(sentence.start, start)
    return shared >= min(20, (end - start) / 2, (sentence.end - sentence.start) / 2)


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
    return weights, max(bars, key=lambda bar: sum(rates(found, weights, bar)))


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
        "refuses_rightly": round(right, 3),
        "refuses_wrongly": round(1 - spoken, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of qa_passages/, cuad/ …")
    parser.add_argument("--adapter", type=Path, help="folder of the embedder's LoRA; none: the bare model")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of the embedder")
    chosen = parser.parse_args()
    found = list(rows(chosen.data, Embedder(chosen.threads, chosen.adapter)))
    result = {
        "questions": len(found),
        "sentences_of_a_passage": round(float(np.mean([len(row.right) for row in found])), 1),
        "fitted": told(found, *fitted(found)),
        "in_the_module": told(found, evidence.WEIGHTS, evidence.THRESHOLD),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
