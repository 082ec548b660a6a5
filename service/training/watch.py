"""A training as it is seen from outside: its progress lines, the requests to stop, and what it has come to so far."""

import logging
import resource
import signal
import sys
import time
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from service.training.folder import JobFolder, Progress
from service.training.trackers import Following

log = logging.getLogger("privity.training")

RECENT = 20  # steps that the time left is told from

Ending = Literal["steps", "patience", "minutes"]


class Stopped(Exception):
    """The service, or the machine, asked the training to stop."""


class Failed(Exception):
    """The training cannot go on, or was of no use; the message is a sentence for the person who started it."""


@dataclass(slots=True)
class Standing:
    """How far a training has come: part of every checkpoint."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    first: float | None = None  # loss of the first step
    last: float | None = None
    before: float | None = None  # held-out loss without the adapter
    before_first: float | None = None
    held_out: float | None = None  # the best
    held_out_first: float | None = None
    mark: float | None = None  # by which the best is the best
    best: int = 0  # its step
    checks: int = 0  # since the best
    checked: int = 0  # the step of the last one
    resumed: int = 0
    ending: Ending = "steps"

    @classmethod
    def read(cls, said: dict[str, Any]) -> "Standing":
        return cls(**{one.name: said[one.name] for one in fields(cls) if one.name in said})

    def told(self) -> dict[str, Any]:
        return asdict(self)

    def judge(self, loss: float, first: float | None, mark: float | None = None) -> bool:
        """Take in a held-out loss; whether it is the best so far, or with a `mark` whether that is, the lowest."""
        mark = loss if mark is None else mark
        better, self.checked = self.mark is None or mark < self.mark, self.step
        self.checks = 0 if better else self.checks + 1
        if better:
            self.held_out, self.held_out_first, self.mark, self.best = loss, first, mark, self.step
        return better

    def losses(self) -> dict[str, float]:
        names = ("first", "last", "before", "before_first", "held_out", "held_out_first")
        return {name: round(value, 6) for name in names if (value := getattr(self, name)) is not None}


class Watch:
    """Tells of each step, in the folder and to the trackers, and knows whether the training is to stop."""

    def __init__(self, folder: JobFolder, of: int, following: Following, telling: bool = True) -> None:
        self.standing = Standing()
        self.of = of
        self._folder, self._following, self._telling = folder, following, telling
        self._signalled = False
        self._begun = self._mark = time.monotonic()
        self._recent: list[tuple[float, int]] = []  # seconds and tokens of the last steps

    def listen(self) -> None:
        """From now on SIGTERM asks to stop, as the file does."""
        signal.signal(signal.SIGTERM, self._signal)

    def _signal(self, *_: Any) -> None:
        self._signalled = True

    @property
    def stopping(self) -> bool:
        return self._signalled or self._folder.stop_asked

    def begin(self) -> None:
        """The clock of the first step starts."""
        self._mark = time.monotonic()

    def step(self, tokens: int, **measured: float | None) -> None:
        """A step is done. `measured` are fields of Progress."""
        now, standing = time.monotonic(), self.standing
        self._recent = [*self._recent[1 - RECENT :], (now - self._mark, tokens)]
        standing.step += 1
        standing.tokens += tokens
        standing.seconds += now - self._mark
        standing.first = measured["loss"] if standing.first is None else standing.first
        standing.last = measured["loss"]
        self._mark = now
        self._tell(**measured)

    def check(self, **measured: float | None) -> None:
        """The held-out rows were read; a second line for the same step."""
        now = time.monotonic()
        self.standing.seconds += now - self._mark
        self._mark = now
        self._tell(**measured)

    def _tell(self, **measured: float | None) -> None:
        if not self._telling:
            return
        seconds, tokens = (sum(one) for one in zip(*self._recent, strict=True)) if self._recent else (0.0, 0)
        line = Progress(
            at=time.time(),
            step=self.standing.step,
            of=self.of,
            tokens=self.standing.tokens,
            tokens_per_second=round(tokens / seconds, 1) if seconds else None,
            left=round((self.of - self.standing.step) * seconds / len(self._recent), 1)
            if self._recent
            else None,
            memory=memory(),
            **{name: _rounded(value) for name, value in measured.items()},
        )
        self._folder.add(line)
        self._following.tell(line)


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.7g}")


def memory() -> int:
    """Bytes at the most so far: of the GPU where there is one in use, of the process otherwise."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
