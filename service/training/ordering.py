"""Which rows each step reads, and in what stretches: like lengths together, so that little is padding. Pure.

The order is a function of lengths and seed alone, so a training that goes on after a kill reads what it would have.
"""

import random
from collections.abc import Sequence
from math import ceil

GROUP = 16  # batches whose rows are sorted by length among themselves


def steps_of(rows: int, batch: int, epochs: float, most: int) -> int:
    """How many steps a training takes; `most` 0 sets no limit."""
    steps = max(1, ceil(rows * epochs / batch)) if rows else 0
    return min(steps, most) if most else steps


def order(lengths: Sequence[int], batch: int, steps: int, seed: int) -> list[int]:
    """The rows of all steps, `batch` for each. In every epoch each row comes once."""
    chance = random.Random(seed)
    found: list[int] = []
    while len(found) < batch * steps:
        found += _epoch(lengths, batch, chance)
    return found[: batch * steps]


def _epoch(lengths: Sequence[int], batch: int, chance: random.Random) -> list[int]:
    rows = list(range(len(lengths)))
    chance.shuffle(rows)
    size = batch * GROUP
    batches = []
    for at in range(0, len(rows), size):
        alike = sorted(rows[at : at + size], key=lambda row: -lengths[row])
        batches += [alike[first : first + batch] for first in range(0, len(alike), batch)]
    ends = [one for one in batches if len(one) < batch]
    whole = [one for one in batches if len(one) == batch]
    chance.shuffle(whole)
    return [row for one in (*whole, *ends) for row in one]


def stretches(lengths: Sequence[int], budget: int, most: int = 0) -> list[list[int]]:
    """Places of `lengths` in groups that are computed together: each, padded to its longest, within `budget` tokens.

    A row that is longer than the budget stands alone; `most` 0 sets no limit on rows.
    """
    groups: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda at: lengths[at]):
        rows = len(groups[-1]) + 1 if groups else 0
        if not groups or rows * lengths[place] > budget or (most and rows > most):
            groups.append([])
        groups[-1].append(place)
    return groups


def replay_share(rows: int, share: float) -> int:
    """How many general texts stand among `rows` rows, for them to be `share` of what is read."""
    return round(rows * share / (1 - share))
