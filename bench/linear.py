"""The plainest scorer of evidence: for each kind of question, a logistic regression over the words of the sentences.

A baseline of `answers.py`. It is told which kind a question is of, and knows only the kinds that it was trained on.
The sentences are those of the training rows; the threshold is the one that is best on the contracts that
`train_embedder.py` holds out, when it is fitted on the others.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from train_embedder import held_out

from service.assistant.evidence import sentences_of
from service.core import Passage

Rows = Sequence[dict[str, Any]]
WORDS = 2**15  # places of hashed words and pairs of words


@dataclass(frozen=True)
class Linear:
    """A model for each kind of question, and the log-odds from which on a sentence is taken for an answer."""

    models: dict[str, Any]
    threshold: float

    def answer(self, category: str, text: str) -> str:
        """The best sentence of the text; "" where none is good enough, or the kind of question is not known."""
        said = sentences(text)
        if category not in self.models or not said:
            return ""
        scores = self.models[category].decision_function(counted(said))
        return said[int(np.argmax(scores))] if scores.max() >= self.threshold else ""


def fitted(train: Path) -> Linear:
    """By the rows of qa_passages/train.jsonl."""
    rows = [json.loads(line) for line in train.read_text("utf-8").splitlines()]
    apart = set(held_out(sorted({row["doc"] for row in rows})))
    part = models([row for row in rows if row["doc"] not in apart])
    bests = [found for row in rows if row["doc"] in apart for found in _best(part, row)]
    bars = sorted(score for score, _ in bests)
    threshold = max(bars, key=lambda bar: sum((score >= bar) == right for score, right in bests))
    return Linear(models(rows), threshold)


def _best(known: dict[str, Any], row: dict[str, Any]) -> Iterable[tuple[float, bool]]:
    """The score of a row's best sentence, and whether the row has an answer."""
    said = sentences(row["context"])
    if said and row["category"] in known:
        yield float(known[row["category"]].decision_function(counted(said)).max()), bool(row["answers"])


def models(rows: Rows) -> dict[str, Any]:
    from sklearn.linear_model import LogisticRegression

    texts: dict[str, list[str]] = defaultdict(list)
    rights: dict[str, list[bool]] = defaultdict(list)
    for row in rows:
        for passage in cut(row["context"]):
            texts[row["category"]].append(passage.text)
            rights[row["category"]].append(any(_held(passage, answer) for answer in row["answers"]))
    return {
        category: LogisticRegression(C=10.0, max_iter=300, solver="liblinear").fit(
            counted(texts[category]), right
        )
        for category, right in rights.items()
        if any(right)
    }


def counted(texts: Sequence[str]) -> Any:
    return _vectorizer().transform(texts)


@cache
def _vectorizer() -> Any:
    from sklearn.feature_extraction.text import HashingVectorizer

    return HashingVectorizer(n_features=WORDS, ngram_range=(1, 2), alternate_sign=False)


def sentences(text: str) -> list[str]:
    return [passage.text for passage in cut(text)]


def cut(text: str) -> list[Passage]:
    return sentences_of(Passage("p", "d", "", 0, len(text), text))


def _held(sentence: Passage, answer: dict[str, Any]) -> bool:
    start, end = answer["start"], answer["end"]
    shared = min(sentence.end, end) - max(sentence.start, start)
    return bool(shared >= min(20, (end - start) / 2, (sentence.end - sentence.start) / 2))
