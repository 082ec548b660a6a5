"""The one thread that owns the model: plan, run, settle, hand pieces out.

Callers come in from any thread, under one lock that is never held while the model runs.
"""

import contextlib
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from statistics import median
from typing import Protocol

from service.core import BASE, Adapter, Finish, Load, LoraFile, Piece, Usage
from service.engines.residency import Errand, Residency
from service.engines.scheduler import Drawn, Limits, Plan, Scheduler, Sequence, Tokens
from service.engines.transcript import Transcript
from service.errors import BadRequest, NotReady, PrivityError

log = logging.getLogger("privity.engine")
WINDOW = 5.0  # seconds over which speed is counted
MIB = 2**20

Deliver = Callable[[Piece | PrivityError], None]


class Runner(Protocol):
    """What carries plans out: a model and its memory."""

    limits: Limits
    end_tokens: frozenset[int]
    mixes: bool  # whether one step may hold rows of several adapters

    def piece(self, token: int) -> bytes: ...

    def run(self, plan: Plan) -> dict[int, Tokens]:
        """Carry out a plan; the tokens drawn, by sequence: the guesses that held, and one more.

        Afterwards a row holds its slice without the guesses that did not hold.
        """
        ...

    def attach(self, adapter: Adapter) -> int:
        """Load an adapter; the bytes it takes. Raises BadRequest when it cannot be served."""
        ...

    def detach(self, digest: str) -> None: ...
    def reset(self) -> None: ...
    def close(self) -> None: ...


@dataclass(slots=True)
class Request:
    """A sequence on its way, and who hears its pieces. `deliver` is called from the worker's thread."""

    sequence: Sequence
    transcript: Transcript
    deliver: Deliver
    adapter: Adapter = BASE
    came: float = field(default_factory=time.monotonic)
    told: int = 0  # tokens; a step may draw some after a stop string, which do not count


class Worker:
    """Runs requests until `close`. A step that fails takes its running requests with it, and only them."""

    def __init__(self, runner: Runner, memory: int, guesses: bool = False) -> None:
        """`memory` is how many bytes of adapters are kept loaded; `guesses`, whether to run ahead."""
        self._runner = runner
        self._scheduler = Scheduler(runner.limits, runner.end_tokens, runner.mixes, guesses)
        self._residency = Residency(memory)
        self._orders: dict[str, tuple[Adapter, Future[None]]] = {}  # adapters to load ahead
        self._requests: dict[int, Request] = {}
        self._changed = threading.Condition()
        self._closing = False
        self._first: deque[float] = deque(maxlen=32)  # seconds to the first token
        self._steps: deque[tuple[float, int]] = deque(maxlen=4096)  # (when, tokens)
        self._thread = threading.Thread(target=self._work, name="privity-model", daemon=True)
        self._thread.start()

    def submit(self, request: Request) -> None:
        """Queue a request. Raises Busy, NotReady when the worker is closing, or BadRequest when no adapter of this
        size is served.
        """
        self._measure(request.adapter)
        with self._changed:
            self._admit()
            self._scheduler.add(request.sequence)
            self._requests[request.sequence.id] = request
            self._changed.notify_all()

    def prepare(self, adapter: Adapter) -> None:
        """Load an adapter ahead of its first question, if there is room beside those in use. Blocks until then.

        Raises BadRequest when it cannot be loaded.
        """
        self._measure(adapter)
        with self._changed:
            self._admit()
            _, loaded = self._orders.setdefault(adapter.digest, (adapter, Future()))
            self._changed.notify_all()
        loaded.result()

    def release(self, digest: str) -> None:
        """Free an adapter as soon as no answer runs under it."""
        with self._changed:
            self._residency.retire(digest)
            self._changed.notify_all()

    def cancel(self, number: int) -> None:
        """The reader has left: nothing more is delivered, and the slot is free after the step that runs now."""
        with self._changed:
            self._requests.pop(number, None)
            self._scheduler.end(number)
            self._changed.notify_all()

    def load(self) -> Load:
        with self._changed:
            since = time.monotonic() - WINDOW
            recent = sum(count for when, count in self._steps if when >= since)
            first = median(self._first) if self._first else 0.0
            running, waiting = self._scheduler.running, self._scheduler.waiting
            adapters, size = len(self._residency), self._residency.size
            return Load(running, waiting, recent / WINDOW, first, adapters, size)

    def check(self) -> None:
        """Raises AssertionError, with the numbers, when the books do not balance."""
        with self._changed:
            self._scheduler.check()
            known = self._scheduler.running + self._scheduler.waiting
            assert len(self._requests) <= known, f"{len(self._requests)} requests for {known} sequences"
            lost = self._scheduler.in_use - {BASE.digest} - set(self._residency)
            assert not lost, f"{len(lost)} adapters in use are not loaded"

    def close(self, patience: float = 10.0) -> None:
        """Take no more, give what runs `patience` seconds to finish, tell the rest, and free the model."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._requests, patience)
            left, self._requests = list(self._requests.values()), {}
            for request in left:
                self._scheduler.end(request.sequence.id)
            self._changed.notify_all()
        for request in left:
            request.deliver(NotReady("The service is stopping, and this answer was not finished. Ask again."))
        self._thread.join()
        for _, loaded in self._orders.values():
            loaded.set_exception(NotReady("The service is stopping."))
        self._runner.close()

    def _work(self) -> None:
        while plan := self._next():
            try:
                self._settle(plan, self._runner.run(plan))
            except Exception:
                log.exception("a step failed")  # the trace holds calls and numbers, no text
                self._fail()

    def _admit(self) -> None:
        if self._closing:
            raise NotReady("The service is stopping. Try again when it is back.")

    def _measure(self, adapter: Adapter) -> None:
        if (size := _weight(adapter)) > self._residency.budget:
            allowed = self._residency.budget // MIB
            raise BadRequest(
                f'The adapter "{adapter.name}" takes {math.ceil(size / MIB)} MiB, and `engine.adapter_memory` is'
                f" {allowed}. Raise it, or train one of a lower rank."
            )

    def _next(self) -> Plan | None:
        """The next plan; waits for work, and between steps sees to the adapters. None when closing and idle."""
        while True:
            with self._changed:
                if (errand := self._errand()) is None:
                    if plan := self._scheduler.plan():
                        self._residency.use(part.adapter for part in plan.slices)
                        return plan
                    if self._closing and not self._requests:
                        return None
                    self._changed.wait()
                    continue
                adapter = self._adapter(errand.load)
            self._carry_out(errand, adapter)

    def _errand(self) -> Errand | None:
        """What to do about adapters before the next step: questions come first, then what is ordered ahead."""
        for digest in [one for one in self._orders if one in self._residency]:
            self._orders.pop(digest)[1].set_result(None)
        wanted = {digest: _weight(self._adapter(digest)) for digest in self._scheduler.lacking()}
        wanted |= {digest: _weight(adapter) for digest, (adapter, _) in self._orders.items()}
        errand = self._residency.errand(wanted, self._scheduler.in_use)
        if errand is None:  # no room beside those in use: they load when they are asked
            for _, loaded in self._orders.values():
                loaded.set_result(None)
            self._orders.clear()
        return errand

    def _adapter(self, digest: str) -> Adapter:
        if digest in self._orders:
            return self._orders[digest][0]
        return next((one.adapter for one in self._requests.values() if one.adapter.digest == digest), BASE)

    def _carry_out(self, errand: Errand, adapter: Adapter) -> None:
        for digest in errand.free:
            with contextlib.suppress(Exception):  # then its memory is lost, and no answer
                self._runner.detach(digest)
            with self._changed:
                self._residency.leave(digest)
                self._scheduler.loaded.discard(digest)
        if not errand.load:
            return
        try:
            size = self._runner.attach(adapter)
        except PrivityError as error:
            self._refuse(adapter, error)
        except Exception:
            log.exception("an adapter was not loaded")  # the trace holds calls and numbers, no text
            self._refuse(adapter, PrivityError(f'The adapter "{adapter.name}" could not be loaded.'))
        else:
            with self._changed:
                self._residency.enter(adapter.digest, size)
                self._scheduler.loaded.add(adapter.digest)

    def _refuse(self, adapter: Adapter, error: PrivityError) -> None:
        """Tell those who wait for this adapter, and only them."""
        with self._changed:
            lost = [self._requests.pop(one, None) for one in self._scheduler.refuse(adapter.digest)]
            order = self._orders.pop(adapter.digest, None)
            self._changed.notify_all()
        if order:
            order[1].set_exception(error)
        for request in filter(None, lost):
            request.deliver(error)

    def _settle(self, plan: Plan, tokens: dict[int, Tokens]) -> None:
        with self._changed:
            drawn = self._scheduler.settle(plan, tokens)
            self._steps.append((time.monotonic(), len(drawn)))
            for one in drawn:
                if request := self._requests.get(one.sequence):
                    self._tell(request, one)
            self._changed.notify_all()

    def _tell(self, request: Request, drawn: Drawn) -> None:
        if not request.told:
            self._first.append(time.monotonic() - request.came)
        request.told += drawn.token is not None
        text, finish = _write(request.transcript, self._runner, drawn)
        if finish:
            self._finish(request)
            request.deliver(Piece(text, finish, _usage(request)))
        elif text:
            request.deliver(Piece(text))

    def _finish(self, request: Request) -> None:
        """Take a request off the books; a stop string ends a sequence that would go on."""
        del self._requests[request.sequence.id]
        self._scheduler.end(request.sequence.id)
        seconds = time.monotonic() - request.came
        self._scheduler.pace += (seconds - self._scheduler.pace) / 8

    def _fail(self) -> None:
        with contextlib.suppress(Exception):  # if it is beyond repair, the next step fails and says so
            self._runner.reset()
        with self._changed:
            lost = [self._requests.pop(one, None) for one in self._scheduler.fail()]
            self._changed.notify_all()
        for request in filter(None, lost):
            request.deliver(PrivityError("The model failed in the middle of this answer. Ask again."))


def _write(transcript: Transcript, runner: Runner, drawn: Drawn) -> tuple[str, Finish | None]:
    text = "" if drawn.token is None else transcript.push(runner.piece(drawn.token))
    if transcript.stopped:
        return text, "stop"
    return (text + transcript.close(), drawn.finish) if drawn.finish else (text, None)


def _weight(adapter: Adapter) -> int:
    """Bytes that an adapter takes, as its files tell; the runner tells the truth once it is loaded."""
    files = [adapter.folder / name for name in (LoraFile.GGUF, LoraFile.WEIGHTS)] if adapter.folder else []
    return max((file.stat().st_size for file in files if file.is_file()), default=0)


def _usage(request: Request) -> Usage:
    return Usage(len(request.sequence.prompt), request.told, request.sequence.cached)
