"""The queue: one run at a time, first in, first out, carried on after any kind of stop.

    queued -> preparing -> training -> evaluating -> waiting (for approval)
                 any of these -> stopped | failed

Everything that decides lies in the books and in the run's folder, and nothing only here: after a crash the next start
reads both and does what is missing. A child that is still at work is taken over, one that is gone goes on from its last
checkpoint. When the service is stopped it asks the child to save and end; the run stays where it is, and goes on with
the next start.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Protocol

from service.errors import NotReady, PrivityError
from service.telemetry import FINE_TUNE_PAUSED, FINE_TUNES
from service.training.children import TRAINER, Child, found, spawn
from service.training.folder import Done, JobFolder
from service.training.jobs import BUSY, FEWEST, Job, JobBooks, JobState

log = logging.getLogger("privity.training")

LOOK = 0.1  # seconds between two looks at a child, and at whether people wait
NOTE = 1.0  # seconds between two notes of the progress in the books
WEIGH = 10.0  # seconds between two weighings of what people's answers suffer
DEATHS = 3  # of a child that gets no further, after which the run has failed
BEFORE = 7 * 86400.0  # seconds of answers that those during a run are compared with
UNFORESEEN = "Something went wrong here. The log names the place."


@dataclass(frozen=True, slots=True)
class How:
    """What the settings say of the child."""

    threads: int = 1
    share: float = (
        0.05  # by which people's first words may come later, before it waits while they are answered
    )
    program: Sequence[str] = TRAINER


class Work(Protocol):
    """What is done before and after the training."""

    def prepare(self, job: Job, folder: JobFolder, halted: Callable[[], bool]) -> None:
        """Write the rows and, last, the spec. Ends early where `halted`."""

    def conclude(
        self, job: Job, folder: JobFolder, done: Done, halted: Callable[[], bool]
    ) -> Mapping[str, Any]:
        """Admit and examine what was trained; what the books are to say of it. Ends early where `halted`."""

    def tidy(self, job: Job, folder: JobFolder) -> None:
        """Take away what nobody needs any more."""


@dataclass(frozen=True, slots=True)
class Now:
    """What only the supervisor knows of the run that the machine is busy with."""

    number: int
    paused: bool = False  # people are being answered
    slower: float | None = None  # the share by which people's first words come later meanwhile; None: too few


class _Halted(Exception):
    """Somebody asked for the run's end."""


class _Leaving(Exception):
    """The service is stopping; the run stays where it is."""


class Supervisor:
    def __init__(
        self, books: JobBooks, home: Path, work: Work, idle: Callable[[], bool], how: How | None = None
    ) -> None:
        """`idle` says whether nobody is being answered."""
        self._books, self._home, self._work, self._idle = books, home, work, idle
        self._how = how or How()
        self._wake, self._closing = threading.Event(), False
        self._halting: set[int] = set()  # runs whose end somebody asked for
        self._now = Now(0)
        self._thread = threading.Thread(target=self._run, name="privity-training", daemon=True)

    def start(self) -> None:
        """Takes up what an earlier service left, and whatever comes into line."""
        self._thread.start()

    def folder(self, number: int) -> JobFolder:
        return JobFolder(self._home / str(number))

    def now(self, number: int) -> Now | None:
        """Of the run that the machine is busy with."""
        return self._now if self._now.number == number else None

    def wake(self) -> None:
        """There is something in line."""
        self._wake.set()

    def halt(self, number: int) -> None:
        """Ends the run that the machine is busy with, if it is this one; its last checkpoint is kept."""
        self._halting.add(number)
        self._wake.set()

    def close(self) -> None:
        """Asks a child that runs to save and end, and waits for that."""
        self._closing = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    # --- in the thread -----------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closing:
            self._wake.clear()
            job = self._books.next()
            if job is None:
                self._wake.wait()
                continue
            try:
                self._carry(job)
            except _Leaving:
                return
            except NotReady:  # the model still loads
                self._wake.wait(1.0)
            except _Halted:
                self._end(job, JobState.STOPPED, self._kept(job))
            except PrivityError as error:
                self._end(job, JobState.FAILED, error.message)
            except Exception as error:
                log.error("run %d failed with %s at %s", job.number, type(error).__name__, _place(error))
                self._end(job, JobState.FAILED, UNFORESEEN)
            finally:
                self._now = Now(0)
                self._halting.discard(job.number)

    def _carry(self, job: Job) -> None:
        """From wherever the run stands to where a person has to decide."""
        folder, self._now = self.folder(job.number), Now(job.number)
        self._look(job)
        if not (folder.path / "spec.json").is_file():
            self._step(job, JobState.PREPARING, started=job.started or time.time())
            self._work.prepare(job, folder, lambda: self._stops(job))
            self._look(job)
        done = folder.done()
        if done is None or done.state == "stopped":
            self._step(job, JobState.TRAINING, started=job.started or time.time())
            done = self._trained(job, folder)
        if done.state == "failed":
            self._end(job, JobState.FAILED, done.reason)
            return
        self._step(job, JobState.EVALUATING)
        told = self._work.conclude(self._books.job(job.number), folder, done, lambda: self._stops(job))
        self._look(job)
        if self._books.change(job.number, only=[JobState.EVALUATING], state=JobState.WAITING, **told):
            FINE_TUNES.labels("trained").inc()

    def _trained(self, job: Job, folder: JobFolder) -> Done:
        """Sees a child through, and the next one where it ends on the way."""
        deaths, furthest = 0, _last(folder)
        child = found(folder)
        while True:
            if child is None:
                folder.reopen()  # what an earlier stop left says nothing of this time
                how = self._how
                child = spawn(folder, how.threads, how.program)
            self._books.change(job.number, pid=child.pid)
            try:
                self._watch(job, folder, child)
            finally:
                self._books.change(job.number, pid=None)
            done, step = folder.done(), _last(folder)
            if done is not None and done.state != "stopped":
                return done
            deaths = 0 if step > furthest else deaths + 1
            furthest = max(step, furthest)
            log.warning("the child of run %d ended %s after step %d", job.number, child.ending, step)
            if deaths >= DEATHS:
                raise PrivityError(
                    f"The training's process ended {child.ending}, {DEATHS} times without getting further than step "
                    f"{step}. Its log tells more; where memory ran out, lower the batch or the length."
                )
            self._books.change(job.number, resumed=self._books.job(job.number).resumed + 1)
            child = found(folder)

    def _watch(self, job: Job, folder: JobFolder, child: Child) -> None:
        """Until the child has ended, or is to end."""
        at, noted, weighed, paused_at = 0, 0.0, 0.0, 0.0
        while child.alive:
            if self._stops(job):
                child.end()
                break
            now = time.monotonic()
            if now - weighed >= WEIGH:
                weighed = now
                self._now = Now(job.number, child.paused, self._slower(job))
            if now - noted >= NOTE:
                noted, at = now, self._note(job, folder, at)
            paused_at = self._give_way(child, paused_at)
            self._wake.wait(LOOK)
            self._wake.clear()
        if child.paused:
            FINE_TUNE_PAUSED.inc(time.monotonic() - paused_at)
        self._note(job, folder, at)
        done = folder.done()
        if self._closing and (done is None or done.state == "stopped"):
            raise _Leaving
        if self._asked(job) and (done is None or done.state == "stopped"):
            raise _Halted

    def _give_way(self, child: Child, since: float) -> float:
        """Holds the child up while people are answered, where it costs them too much; since when it is held up."""
        wait = not self._idle() and (self._now.slower is None or self._now.slower > self._how.share)
        now = time.monotonic()
        if wait and not child.paused:
            child.pause()
            since = now
        elif child.paused and not wait:
            child.go_on()
            FINE_TUNE_PAUSED.inc(now - since)
        else:
            return since
        self._now = Now(self._now.number, child.paused, self._now.slower)
        return since

    def _slower(self, job: Job) -> float | None:
        """By which share people's first words have come later since the run began than in the week before."""
        since = self._books.job(job.number).started or job.created
        during = self._books.first_words(since, time.time())
        before = self._books.first_words(since - BEFORE, since)
        if min(len(during), len(before)) < FEWEST:
            return None
        return median(during) / max(median(before), 1e-3) - 1

    def _note(self, job: Job, folder: JobFolder, at: int) -> int:
        """Copies the last line of the progress into the books; where the next reading begins."""
        lines, after = folder.lines(at)
        if lines:
            self._books.change(job.number, progress=_merged(self._books.job(job.number).progress, lines))
        return after

    def _look(self, job: Job) -> None:
        if self._closing:
            raise _Leaving
        if self._asked(job):
            raise _Halted

    def _stops(self, job: Job) -> bool:
        return self._closing or self._asked(job)

    def _asked(self, job: Job) -> bool:
        return job.cancel or job.number in self._halting

    def _step(self, job: Job, state: JobState, **values: Any) -> None:
        if not self._books.change(job.number, only=(JobState.QUEUED, *BUSY), state=state, **values):
            raise _Halted

    def _end(self, job: Job, state: JobState, reason: str) -> None:
        allowed = (JobState.QUEUED, *BUSY)
        ended = self._books.change(
            job.number, only=allowed, state=state, reason=reason, ended=time.time(), pid=None
        )
        if ended:
            FINE_TUNES.labels(state.value).inc()
            self._work.tidy(ended, self.folder(job.number))

    def _kept(self, job: Job) -> str:
        """What is left of a run that was stopped, in a sentence."""
        steps = self.folder(job.number).steps()
        if not steps:
            return "Stopped before the first checkpoint. It can be started again from the beginning."
        return f"Stopped. The checkpoint of step {steps[-1]} is kept, and it can go on from there."


def _last(folder: JobFolder) -> int:
    return max(folder.steps(), default=0)


def _merged(before: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The last word on everything: a line leaves out what was not measured at its step."""
    known = dict(before)
    for line in lines:
        known |= line
    return known


def _place(error: Exception) -> str:
    """Where it was raised; its own words may hold client text."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}" if trace else "?"
