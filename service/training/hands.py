"""What fine-tunes need of the rooms beside and below them, handed in by the house."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from service.core import Adapter, Generation, Message, Piece, Scope
from service.engines import BaseFiles, Form, Weight, Words


@dataclass(frozen=True, slots=True)
class Hands:
    """Each raises NotReady while the model loads; the queue then waits."""

    base: Callable[[], BaseFiles]  # with its folder for torch: what is trained
    serving: Callable[[], BaseFiles]  # the files that answer: what is weighed
    weigh: Callable[
        [Adapter, Sequence[Words], Callable[[], bool]], Sequence[Weight]
    ]  # under it, until called off
    weigh_files: Callable[[BaseFiles, Path | None, Sequence[Words]], Sequence[Weight]]  # of any model
    merge: Callable[[BaseFiles, Path, Form, Path], None]  # files and adapter's folder -> form, at a path
    embedder: Callable[[], Path]  # a folder that transformers loads
    submit: Callable[[Generation], Awaitable[AsyncIterator[Piece]]]
    prompt: Callable[[str, str], Sequence[Message]]  # question, context -> what serving sends for them
    count: Callable[[Sequence[Message]], int]  # tokens
    idle: Callable[[], bool]  # whether nobody is being answered
    scope: Callable[[str], Scope]  # by a person's id: all that they may see now
    relabel: Callable[[], None] = lambda: None  # a classifier of clauses was approved: use it
