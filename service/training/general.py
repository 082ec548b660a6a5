"""What a model can do beside the task: plain text that it reads, and questions that it chooses the answer of.

The texts and questions were written for this project and are in no training data of its models. They are weighed by the
engine's own files in a process beside it, for the engine that answers draws tokens and tells no likelihoods.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from service.engines import Weight, Words
from service.training.gate import General

Weigh = Callable[[Sequence[Words]], Sequence[Weight]]


@dataclass(frozen=True, slots=True)
class Choice:
    """A question's beginning and how it may end; the first end is the right one."""

    before: str
    ends: tuple[str, ...]


@cache
def texts() -> tuple[str, ...]:
    return tuple(_said()["texts"])


@cache
def choices() -> tuple[Choice, ...]:
    return tuple(Choice(one["before"], tuple(one["choices"])) for one in _said()["questions"])


def weighed(weigh: Weigh, most: int = 0) -> General:
    """With at most so many texts and so many questions; 0 takes all."""
    read, asked = texts()[: most or None], choices()[: most or None]
    words = [Words(text) for text in read]
    words += [Words(end, one.before) for one in asked for end in one.ends]
    found = list(weigh(words))
    plain, ends = found[: len(read)], found[len(read) :]
    nats, tokens = sum(one.nats for one in plain), sum(one.tokens for one in plain)
    right, at = 0, 0
    for one in asked:
        each = [weight.nats / max(1, weight.tokens) for weight in ends[at : at + len(one.ends)]]
        right += each.index(min(each)) == 0
        at += len(one.ends)
    return General(math.exp(nats / max(1, tokens)), right / max(1, len(asked)), len(read), len(asked))


def _said() -> Any:
    return json.loads((files("service.training") / "general.json").read_text("utf-8"))
