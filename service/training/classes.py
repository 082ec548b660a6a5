"""How good a classifier is, from its confusion matrix: accuracy and macro-F1 with intervals, beside the commonest label
alone. Pure."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.training.gate import judge
from service.training.scores import DRAWS, SHARE, Interval, told

COMMONEST = "the commonest label alone"


def report(scores: Mapping[str, Any]) -> dict[str, Any]:
    """`scores` as the child told them; the counts of `confusion` are by what is right, then by what was said."""
    counts = np.asarray(scores["confusion"], float)
    drawn = np.random.default_rng(1).multinomial(int(counts.sum()), (counts / counts.sum()).ravel(), DRAWS)
    every = drawn.reshape(-1, *counts.shape).astype(float)
    plain = np.zeros_like(counts)
    plain[:, counts.sum(axis=1).argmax()] = counts.sum(axis=1)
    bare = _macro_f1(plain[None])[0]
    macro = _interval(_macro_f1(counts[None])[0], _macro_f1(every))
    gain = Interval(macro.value - bare, macro.low - bare, macro.high - bare)
    return {
        **scores,
        "labels": [one["label"] for one in scores["labels"]],
        "by_label": list(scores["labels"]),
        "rival": "base",
        "intervals": {
            "macro_f1": told(macro),
            "accuracy": told(_interval(_accuracy(counts[None])[0], _accuracy(every))),
        },
        "commonest": {"macro_f1": float(bare), "accuracy": float(_accuracy(plain[None])[0])},
        "gain": told(gain),
        "gate": told(judge(gain, "macro-F1", COMMONEST, None, None)),
    }


def _accuracy(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.trace(counts, axis1=1, axis2=2) / np.maximum(1, counts.sum(axis=(1, 2))))


def _macro_f1(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over the labels that there are rows of."""
    hit = np.diagonal(counts, axis1=1, axis2=2)
    right, said = counts.sum(axis=2), counts.sum(axis=1)
    each = 2 * hit / np.maximum(1, right + said)
    known = right > 0
    return np.asarray((each * known).sum(axis=1) / np.maximum(1, known.sum(axis=1)))


def _interval(value: float, drawn: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(drawn, [(1 - SHARE) / 2, (1 + SHARE) / 2])
    return Interval(float(value), float(low), float(high))
