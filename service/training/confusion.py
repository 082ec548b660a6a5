"""How well labels were told: accuracy, F1 of each label, and which were taken for which. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

NOTHING = ("none", "no type", "no clause", "nothing")  # what a label is called that means: none of the others


@dataclass(frozen=True, slots=True)
class Confusion:
    """`counts[i][j]` rows of label i were told to be label j."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    @property
    def rows(self) -> int:
        return sum(map(sum, self.counts))

    @property
    def accuracy(self) -> float:
        return sum(self.counts[at][at] for at in range(len(self.labels))) / max(1, self.rows)

    def f1(self, at: int) -> float:
        right, there = self.counts[at][at], sum(self.counts[at])
        told = sum(row[at] for row in self.counts)
        return 2 * right / (there + told) if there + told else 0.0

    @property
    def macro_f1(self) -> float:
        """The mean over the labels that there are rows of."""
        known = [at for at in range(len(self.labels)) if sum(self.counts[at])]
        return sum(map(self.f1, known)) / max(1, len(known))

    def told(self) -> dict[str, Any]:
        each = [
            {"label": label, "rows": sum(self.counts[at]), "f1": round(self.f1(at), 4)}
            for at, label in enumerate(self.labels)
        ]
        return {
            "rows": self.rows,
            "accuracy": round(self.accuracy, 4),
            "macro_f1": round(self.macro_f1, 4),
            "labels": each,
            "confusion": self.counts,
        }


def confusion(labels: Sequence[str], truth: Sequence[int], told: Sequence[int]) -> Confusion:
    counts = [[0] * len(labels) for _ in labels]
    for right, said in zip(truth, told, strict=True):
        counts[right][said] += 1
    return Confusion(tuple(labels), tuple(map(tuple, counts)))


def ordered(labels: Sequence[str]) -> tuple[str, ...]:
    """Each label once, by name; the one that means none of the others last."""
    return tuple(sorted(set(labels), key=lambda label: (label.casefold() in NOTHING, label)))


def thresholds(shares: Sequence[Sequence[float]], truth: Sequence[int], labels: int) -> list[float]:
    """For each label the share from which on it is told with the best F1, where ten rows or more say so; else 0.5."""
    found = []
    for at in range(labels):
        right = [one == at for one in truth]
        each = [row[at] for row in shares]
        best = max(_STEPS, key=lambda least: _f1(each, right, least)) if sum(right) >= FEW else 0.5
        found.append(best)
    return found


FEW = 10
_STEPS = tuple(round(0.05 * n, 2) for n in range(2, 19))


def _f1(shares: Sequence[float], right: Sequence[bool], least: float) -> float:
    hits = sum(one for share, one in zip(shares, right, strict=True) if share >= least)
    return 2 * hits / max(1, sum(share >= least for share in shares) + sum(right))
