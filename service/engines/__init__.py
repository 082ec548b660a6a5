"""Text from messages under a named adapter. The door of the package: `Engine`, `open_engine`, and the base's files."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from service.config import Settings
from service.core import Adapter, EngineInfo, Generation, Load, Message, Piece
from service.engines.base_facts import base_facts
from service.engines.base_model import BaseFiles, prepare, prepare_folder
from service.engines.merging import FORMS, Form, merge
from service.engines.opening import Chosen, choose, has_cuda, opened
from service.engines.probing import ProbeLimits, probe
from service.engines.weighing import Weight, Words, weigh

__all__ = [
    "FORMS",
    "BaseFiles",
    "Chosen",
    "Engine",
    "Form",
    "Pieces",
    "ProbeLimits",
    "Weight",
    "Words",
    "base_facts",
    "choose",
    "has_cuda",
    "merge",
    "open_engine",
    "prepare",
    "prepare_folder",
    "probe",
    "weigh",
]


class Pieces(Protocol):
    """The pieces of one answer. Close or drop it, or cancel the wait for a piece, and the answer is cancelled."""

    def __aiter__(self) -> AsyncIterator[Piece]: ...
    async def __anext__(self) -> Piece: ...
    async def aclose(self) -> None: ...


class Engine(Protocol):
    """What the rest of the house knows of a model."""

    info: EngineInfo

    def load(self) -> Load:
        """How busy it is at this moment."""
        ...

    def count(self, messages: Sequence[Message]) -> int:
        """Tokens of the prompt that these messages make. It may ask a server: call it in a thread."""
        ...

    async def submit(self, generation: Generation) -> Pieces:
        """Queue a generation and return the stream of its pieces; the last piece has `finish` and `usage`.

        Raises at once, before any piece: Busy (the queue or the owner's share is full; `retry_after` in its details),
        BadRequest (too long, or an adapter that is not served), NotReady (closing). Later, while pieces are awaited:
        NotReady or PrivityError.
        """
        ...

    def generate(self, generation: Generation) -> AsyncIterator[Piece]:
        """The same as an async generator: what `submit` raises comes with the first piece."""
        ...

    def prepare(self, adapter: Adapter) -> None:
        """Load an adapter ahead of its first question, if there is room. Blocks for some milliseconds.

        Raises BadRequest if this engine cannot serve it. Not needed: a question loads what it names.
        """
        ...

    def release(self, digest: str) -> None:
        """An adapter is no longer wanted: it is freed after the last answer that runs under it."""
        ...

    def check(self) -> None:
        """Raises AssertionError, with the numbers, when slots or memory do not add up."""
        ...

    def close(self) -> None:
        """Finish what runs (for some seconds), tell the rest, and free the model. Blocks."""
        ...


def open_engine(settings: Settings) -> Engine:
    """The engine that the settings ask for, its model loaded. Blocks for seconds: call it in a thread.

    Raises BadRequest when the settings contradict one another, or the model's files are missing or cannot be loaded.
    """
    return opened(settings)
