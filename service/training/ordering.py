"""Which rows each step reads, and in what stretches: like lengths together, so that little is padding. Pure.

The order is a function of lengths and seed alone, so a training that goes on after a kill reads what it would have.
"""

import random
from collections.abc import Iterator, Sequence
from math import ceil

GROUP = 16  # batches whose rows are sorted by length among themselves


def steps_of(rows: int, batch: int, epochs: float, most: int) -> int:
    """How many steps a training takes; `most` 0 sets no limit."""
    steps = max(1, ceil(rows * epochs / batch)) if rows else 0
    return min(steps, most) if most else steps


def order(
    lengths: Sequence[int], batch: int, steps: int, seed: int, families: Sequence[Sequence[int]] = ()
) -> list[int]:
    """The rows of all steps, `batch` for each. In every epoch each row comes once.

    Rows of one of `families` (which name every row, or none) come one after the other.
    """
    chance = random.Random(seed)
    together = families or [[row] for row in range(len(lengths))]
    found: list[int] = []
    while len(found) < batch * steps:
        found += _epoch(lengths, batch, chance, together)
    return found[: batch * steps]


def _epoch(
    lengths: Sequence[int], batch: int, chance: random.Random, families: Sequence[Sequence[int]]
) -> list[int]:
    drawn = list(families)
    chance.shuffle(drawn)
    batches: list[list[int]] = []
    for group in _groups(drawn, batch * GROUP):
        batches += _filled(sorted(group, key=lambda family: -max(lengths[row] for row in family)), batch)
    ends = [one for one in batches if len(one) < batch]
    whole = [one for one in batches if len(one) == batch]
    chance.shuffle(whole)
    return [row for one in (*whole, *ends) for row in one]


def _groups(families: Sequence[Sequence[int]], size: int) -> Iterator[list[Sequence[int]]]:
    """Of `size` rows each but for the last; a family that crosses a border is parted there."""
    group, room = list[Sequence[int]](), size
    for family in families:
        while len(family) >= room:
            yield [*group, family[:room]]
            group, family, room = [], family[room:], size
        if family:
            group.append(family)
            room -= len(family)
    if group:
        yield group


def _filled(families: Sequence[Sequence[int]], batch: int) -> Iterator[list[int]]:
    """Batches of whole families as far as they fit, the first ones first; a family is parted only to fill a batch."""
    left = list(families)
    while left:
        one, later = list[int](), list[Sequence[int]]()
        for family in left:
            if len(one) + len(family) <= batch:
                one += family
            else:
                later.append(family)
        room = batch - len(one)
        if room and later:
            one += later[0][:room]
            later[0] = later[0][room:]
        yield one
        left = later


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
