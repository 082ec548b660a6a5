"""Every reason why rows cannot be learned from, told before the first step. Pure.

A run that would learn nothing, or whose report would prove nothing, is stopped here with all its reasons at once.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from service.training.rows import MISPLACED, Kind, Row, fault
from service.training.splits import Split, distinct, groups, leaks

LEAST_ROWS = 20
LEAST_DOCUMENTS = 2  # groups on each side together
LEAST_ANSWERS = 0.1  # of the rows must have an answer
LEAST_OF_A_CLASS = 2

Count = Callable[[Row], int]  # tokens of a row as the model will see it; 0 where nothing of it is learned


@dataclass(frozen=True, slots=True)
class Limits:
    tokens: int = 2048  # the recipe's length
    rows: int = LEAST_ROWS
    documents: int = LEAST_DOCUMENTS


@dataclass(frozen=True, slots=True)
class Lint:
    """What may be learned, and what stands against it. A run begins only where there are no `reasons`."""

    split: Split
    reasons: tuple[str, ...]
    dropped: Mapping[str, int] = field(default_factory=dict)  # rows left out, counted by reason
    counts: Mapping[str, int] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()  # worth knowing, and no reason to stop


def fit(
    rows: Sequence[Row], kind: Kind, count: Count, limits: Limits
) -> tuple[tuple[Row, ...], dict[str, int]]:
    """The rows that can be learned from, and the others counted by reason."""
    kept, dropped = list[Row](), Counter[str]()
    once = distinct(rows)
    dropped["The row is there twice."] = len(rows) - len(once)
    for row in once:
        why = fault(row, kind) or _too_long(count(row), limits)
        dropped[why] += 1
        if not why:
            kept.append(row)
    return tuple(kept), {why: number for why, number in dropped.items() if why and number}


def _too_long(tokens: int, limits: Limits) -> str:
    if tokens <= 0:
        return "Nothing of the row would be learned: all of it is masked."
    return f"The row has more than {limits.tokens:,} tokens." if tokens > limits.tokens else ""


def lint(
    parted: Split, kind: Kind, dropped: Mapping[str, int], limits: Limits, held_out: bool = True
) -> Lint:
    """Looks a split through. `held_out` is whether something must be held out."""
    rows = (*parted.train, *parted.held_out)
    reasons = [
        *_few(parted, limits, held_out, dropped),
        *(_one_sided(rows) if kind == "answers" else _classes(parted)),
        *_leaking(parted),
    ]
    return Lint(
        parted, tuple(reasons), dict(dropped), _counts(parted, kind), tuple(_remarks(parted, kind, dropped))
    )


def _few(parted: Split, limits: Limits, held_out: bool, dropped: Mapping[str, int]) -> list[str]:
    found = list[str]()
    rows = len(parted.train) + len(parted.held_out)
    if rows < limits.rows:
        left = sum(dropped.values())
        told = f", and {left:,} were left out" if left else ""
        found.append(f"There are {rows:,} rows{told}. Accept or add rows until there are {limits.rows:,}.")
    if rows and len(groups((*parted.train, *parted.held_out))) < limits.documents:
        found.append(
            "All rows come from one document, so nothing can be held out to judge by. "
            "Add rows from another one, or say in the file which document each row is from."
        )
    elif rows and held_out and not parted.held_out:
        found.append("Nothing is held out to judge the adapter by. Add rows from more documents.")
    if rows and not parted.train:
        found.append("Every row is held out. Add rows from more documents.")
    if dropped.get(MISPLACED):
        found.append(
            f"{dropped[MISPLACED]:,} answers do not stand in their contexts word for word. Edit or reject those rows."
        )
    return found


def _one_sided(rows: Sequence[Row]) -> list[str]:
    answered = sum(row.answerable for row in rows)
    if not rows:
        return []
    if not answered:
        return ["Every answer is empty: the model would learn to refuse everything. Add rows with answers."]
    if answered < LEAST_ANSWERS * len(rows):
        return [
            f"Only {answered:,} of {len(rows):,} rows have an answer: the model would learn to refuse. "
            "Add rows with answers."
        ]
    return []


def _classes(parted: Split) -> list[str]:
    times = Counter(row.label for row in parted.train)
    found = list[str]()
    if parted.train and len(times) < 2:
        found.append("All rows to be learned have the same label. Add rows with another one.")
    unseen = sorted({row.label for row in parted.held_out} - times.keys())
    if unseen and parted.train:
        found.append(
            f"{len(unseen):,} labels stand in held-out rows only, and so are never learned. Add rows with them."
        )
    return found


def _leaking(parted: Split) -> list[str]:
    found = leaks(parted.train, parted.held_out)
    told = (
        (found.rows, "rows are"),
        (found.passages, "passages are"),
        (found.near, "held-out passages are nearly the same as learned ones: they are"),
        (found.groups, "documents have rows"),
    )
    return [f"{number:,} {what} on both sides of the split. Split anew." for number, what in told if number]


def _counts(parted: Split, kind: Kind) -> dict[str, int]:
    rows = (*parted.train, *parted.held_out)
    counts = {
        "train": len(parted.train),
        "held_out": len(parted.held_out),
        "documents_train": len(groups(parted.train)),
        "documents_held_out": len(groups(parted.held_out)),
    }
    if kind == "classify":
        return counts | {"labels": len({row.label for row in rows})}
    return counts | {
        "answerable": sum(row.answerable for row in rows),
        "refuse": sum(not r.answerable for r in rows),
    }


def _remarks(parted: Split, kind: Kind, dropped: Mapping[str, int]) -> list[str]:
    found = list[str]()
    if kind == "answers" and parted.train and all(row.answerable for row in parted.train):
        found.append(
            "Every row has an answer, so the model learns nothing of refusing. Add questions without one."
        )
    if kind == "classify":
        rare = sum(
            number < LEAST_OF_A_CLASS for number in Counter(row.label for row in parted.train).values()
        )
        if rare:
            labels = "1 label has" if rare == 1 else f"{rare:,} labels have"
            found.append(f"{labels} a single row to be learned from.")
    if parted.together:
        groups = "1 group stays" if parted.together == 1 else f"{parted.together:,} groups stay"
        found.append(f"{groups} together, as passages are nearly the same.")
    return found + [f"Left out: {number:,}. {why}" for why, number in dropped.items()]
