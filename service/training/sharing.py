"""Rows that begin alike, such as questions about one passage: their beginning is read once. Pure.

    one line    the passage ........... | a question, its answer | another question, its answer | ...
    sees        itself, up to here      | the passage and itself | the passage and itself       | ...

What is learned is the same as from the rows one by one, for no row sees another. A question with its answer is a fifth
of what stands before it or less, so that several cost little more than one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from service.training.encoding import Encoded

LEAST = 0.5  # of the longer of two rows, that is worth reading together


def beginning(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two rows begin with alike."""
    most = min(len(one), len(other))
    if one[:most] == other[:most]:
        return most
    low, high = 0, most  # alike up to low, and not up to high
    while high - low > 1:
        half = (low + high) // 2
        low, high = (half, high) if one[:half] == other[:half] else (low, half)
    return low


def families(rows: Sequence[Encoded]) -> list[list[int]]:
    """The places of rows that begin alike, together; most rows stand alone. In the order of their first rows."""
    ranked = sorted(range(len(rows)), key=lambda at: (rows[at].tokens, at))
    found: list[list[int]] = []
    for at in ranked:
        if found and _kin(rows[found[-1][0]], rows[at]):
            found[-1].append(at)
        else:
            found.append([at])
    return sorted((sorted(family) for family in found), key=lambda family: family[0])


def _kin(one: Encoded, other: Encoded) -> bool:
    if one.replay or other.replay:
        return False
    longer = max(len(one.tokens), len(other.tokens))
    return beginning(one.tokens, other.tokens) >= LEAST * longer


@dataclass(frozen=True, slots=True)
class Line:
    """Rows of a family as one line of tokens. `branch` is 0 for what they share, and then counts the rows from 1."""

    tokens: tuple[int, ...]
    position: tuple[int, ...]
    branch: tuple[int, ...]
    counted: tuple[bool, ...]  # whether the next token of the row is learned
    targets: tuple[int, ...]  # what is learned, in that order
    first: tuple[bool, ...]  # which of the targets begin an answer


def line(rows: Sequence[Encoded]) -> Line:
    """The last token before an answer, whose guess is learned from, belongs to each row by itself."""
    shared = _shared(rows)
    tokens, position = list(rows[0].tokens[:shared]), list(range(shared))
    branch, counted = [0] * shared, [False] * shared
    for number, row in enumerate(rows, 1):
        places = range(shared, len(row.tokens))
        tokens += row.tokens[shared:]
        position += places
        branch += [number] * len(places)
        counted += [row.start - 1 <= at < len(row.tokens) - 1 for at in places]
    return Line(
        tokens=tuple(tokens),
        position=tuple(position),
        branch=tuple(branch),
        counted=tuple(counted),
        targets=tuple(token for row in rows for token in row.tokens[row.start :]),
        first=tuple(at == row.start for row in rows for at in range(row.start, len(row.tokens))),
    )


def _shared(rows: Sequence[Encoded]) -> int:
    alike = min(beginning(rows[0].tokens, row.tokens) for row in rows)
    return max(0, min([alike, *(row.start - 1 for row in rows)]))


def lines(rows: Sequence[Encoded], budget: int, most: int = 0) -> Iterator[list[int]]:
    """Places of a family's rows in groups whose line is within `budget` tokens; a group has a row at least.

    `most` 0 sets no limit on its rows.
    """
    shared, group, size = _shared(rows), list[int](), 0
    for at, row in enumerate(rows):
        more = len(row.tokens) - shared
        if group and (size + more > budget or len(group) == most):
            yield group
            group, size = [], 0
        size = size + more if group else len(row.tokens)
        group.append(at)
    if group:
        yield group


def spared(rows: Sequence[Encoded], kin: Sequence[Sequence[int]]) -> int:
    """How many tokens need not be read again, where every family is read in one line."""
    return sum((len(family) - 1) * _shared([rows[at] for at in family]) for family in kin if len(family) > 1)
