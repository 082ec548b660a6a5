"""A token from logits: greedy, or drawn at a temperature from the smallest set that holds `top_p`."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from service.engines.scheduler import Choice, Slice, Tokens


def choose(logits: NDArray[np.float32], choice: Choice) -> int:
    """The next token. `logits` has one entry per word of the vocabulary.

    The same logits, seed and index give the same token; greedy takes the first of equals.
    """
    if choice.temperature <= 0:
        return int(logits.argmax())
    order, chances = _nucleus(logits, choice.temperature, choice.top_p)
    place = np.searchsorted(np.cumsum(chances), _uniform(choice) * chances.sum(), "right")
    return int(order[min(int(place), len(order) - 1)])


def verify(part: Slice, logits: Iterator[NDArray[np.float32]]) -> Tokens:
    """The tokens that a slice yields, from the logits after each of its last `draft + 1` tokens, all consumed.

    Each is drawn as if it had come alone: guesses speed an answer up and never change it.
    """
    assert part.choice is not None
    rows = [next(logits) for _ in range(part.draft + 1)]
    guesses = part.tokens[len(part.tokens) - part.draft :]
    drawn: list[int] = []
    for at, row in enumerate(rows):
        drawn.append(choose(row, replace(part.choice, index=part.choice.index + at)))
        if at == part.draft or drawn[-1] != guesses[at]:
            break
    return tuple(drawn)


def _nucleus(
    logits: NDArray[np.float32], temperature: float, top_p: float
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Tokens, likeliest first, that together hold `top_p`, and their chances (Holtzman et al., 2020)."""
    order = np.argsort(-logits)
    scaled = logits[order].astype(np.float64) / temperature
    chances = np.exp(scaled - scaled[0])
    chances /= chances.sum()
    count = int(np.searchsorted(np.cumsum(chances), top_p, "left")) + 1
    return order[:count], chances[:count]


def _uniform(choice: Choice) -> float:
    """Draw number `index` of the stream that belongs to the seed, in [0, 1)."""
    stream = np.random.Philox(key=choice.seed, counter=[0, 0, 0, choice.index])
    return float(np.random.Generator(stream).random())
