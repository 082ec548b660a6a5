"""The queue against real processes: in turn, carried on after every kind of death, stopped within its time."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partialmethod
from pathlib import Path
from typing import Any

import psutil
import pytest

from service.errors import NotReady
from service.storage import Database
from service.training.children import GRACE, PATIENCE, Child, found
from service.training.folder import Done, JobFolder
from service.training.jobs import Job, JobBooks, JobState, Order
from service.training.supervisor import How, Supervisor
from tests.training.standin import PROGRAM, Play, learned, write

ROOT = Path(__file__).parents[2]
ORDER = Order("leases", "Leases", "answers", "d1", {})


class Bench:
    """A queue over a home folder. `restart` is what a new start of the service does."""

    def __init__(self, home: Path) -> None:
        self.home, self.idle, self.loading = home, True, False
        self.plays: dict[int, Play] = {}
        self.concluded: list[int] = []
        self.database = Database(home / "privity.db")
        self.books = JobBooks(self.database)
        self.queue = self._open()

    def _open(self) -> Supervisor:
        made = Supervisor(self.books, self.home / "jobs", self, lambda: self.idle, How(program=PROGRAM))
        made.start()
        return made

    def prepare(self, job: Job, folder: JobFolder, halted: Callable[[], bool]) -> None:
        if self.loading:
            raise NotReady("The model is loading.")
        write(folder.path, self.plays[job.number])

    def conclude(
        self, job: Job, folder: JobFolder, done: Done, halted: Callable[[], bool]
    ) -> Mapping[str, Any]:
        self.concluded.append(job.number)
        return {"report": {"sum": learned(folder)}}

    def tidy(self, job: Job, folder: JobFolder) -> None: ...

    def launch(self, play: Play) -> int:
        number = self.books.enter(ORDER).number
        self.plays[number] = play
        self.queue.wake()
        return number

    def cancel(self, number: int) -> None:
        self.books.change(number, cancel=True)
        self.queue.halt(number)

    def until(self, number: int, *states: JobState, seconds: float = 240) -> Job:
        deadline = time.monotonic() + seconds
        while (job := self.books.job(number)).state not in states:
            assert time.monotonic() < deadline, job
            time.sleep(0.02)
        return job

    def steps(self, number: int, count: int) -> Job:
        """Waits until the child has told of so many steps."""
        deadline = time.monotonic() + 240
        folder = self.queue.folder(number)
        while len(folder.lines()[0]) < count:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        job = self.books.job(number)
        while job.pid is None:
            job = self.books.job(number)
        return job

    def some_more(self, number: int) -> int:
        """Lets a run that has stopped end soon after it goes on; at which step."""
        folder = self.queue.folder(number)
        write(folder.path, Play(steps=folder.steps()[-1] + 20))
        return folder.steps()[-1] + 20

    def restart(self) -> None:
        self.queue.close()
        self.queue = self._open()

    def close(self) -> None:
        self.queue.close()
        self.database.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def total(steps: int) -> int:
    return steps * (steps + 1) // 2


def test_runs_take_turns(bench: Bench) -> None:
    bench.loading = True
    numbers = [bench.launch(Play(steps=4)) for _ in range(3)]
    time.sleep(0.3)
    assert [bench.books.job(number).state for number in numbers][1:] == [JobState.QUEUED] * 2
    bench.loading = False
    for number in numbers:
        job = bench.until(number, JobState.WAITING)
        assert job.report == {"sum": total(4)}
        assert job.progress["step"] == 4
    assert bench.concluded == numbers
    starts = [bench.books.job(number).started or 0 for number in numbers]
    assert starts == sorted(starts)


def test_a_failure_tells_its_reason_and_the_next_one_runs(bench: Bench) -> None:
    first = bench.launch(Play(steps=2, end="failed", reason="Nothing was learned."))
    second = bench.launch(Play(steps=2))
    assert bench.until(first, JobState.FAILED).reason == "Nothing was learned."
    bench.until(second, JobState.WAITING)


def test_a_child_that_gets_no_further_is_given_up(bench: Bench) -> None:
    job = bench.until(bench.launch(Play(steps=9, every=2, dies_at=6)), JobState.FAILED)
    assert "ended with 3, 3 times without getting further than step 4" in job.reason


def test_cancel_keeps_the_checkpoint_and_ends_the_whole_tree(bench: Bench) -> None:
    number = bench.launch(Play(steps=10_000, pause=0.01, helper=True))
    pid = bench.steps(number, 12).pid
    begun = time.monotonic()
    bench.cancel(number)
    job = bench.until(number, JobState.STOPPED)
    assert time.monotonic() - begun < 15
    folder = bench.queue.folder(number)
    helper = int((folder.path / "helper").read_text())
    assert not psutil.pid_exists(pid or 0)
    assert not psutil.pid_exists(helper) or psutil.Process(helper).status() == psutil.STATUS_ZOMBIE
    assert f"step {folder.steps()[-1]} is kept" in job.reason
    assert found(folder) is None


def test_a_deaf_child_is_ended_within_15_seconds(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert PATIENCE + 2 * GRACE < 15
    monkeypatch.setattr(Child, "end", partialmethod(Child.end, patience=1.0, grace=1.0))
    number = bench.launch(Play(steps=10_000, pause=0.01, deaf=True))
    pid = bench.steps(number, 12).pid
    begun = time.monotonic()
    bench.cancel(number)
    bench.until(number, JobState.STOPPED)
    assert time.monotonic() - begun < 15
    assert not psutil.pid_exists(pid or 0)
    assert bench.queue.folder(number).steps()


def test_one_that_was_stopped_goes_on_where_it_was(bench: Bench) -> None:
    number = bench.launch(Play(steps=10_000))
    bench.steps(number, 12)
    bench.cancel(number)
    bench.until(number, JobState.STOPPED)
    steps = bench.some_more(number)
    bench.books.change(number, state=JobState.QUEUED, cancel=False)
    bench.queue.wake()
    job = bench.until(number, JobState.WAITING)
    assert job.report == {"sum": total(steps)}
    done = bench.queue.folder(number).done()
    assert done
    assert done.resumed


def test_a_service_that_stops_lets_the_child_save(bench: Bench) -> None:
    number = bench.launch(Play(steps=10_000))
    pid = bench.steps(number, 12).pid
    bench.queue.close()
    assert not psutil.pid_exists(pid or 0)
    assert bench.books.job(number).state is JobState.TRAINING, "it is not over: the service is"
    steps = bench.some_more(number)
    bench.queue = bench._open()
    assert bench.until(number, JobState.WAITING).report == {"sum": total(steps)}


def test_it_waits_while_people_are_answered(bench: Bench) -> None:
    number = bench.launch(Play(steps=10_000))
    pid = bench.steps(number, 5).pid
    bench.idle = False
    deadline = time.monotonic() + 240
    while psutil.Process(pid).status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    now = bench.queue.now(number)
    assert now
    assert now.paused
    count = len(bench.queue.folder(number).lines()[0])
    time.sleep(0.4)
    assert len(bench.queue.folder(number).lines()[0]) == count
    bench.idle = True
    bench.steps(number, count + 5)
    bench.idle = False
    time.sleep(0.3)
    begun = time.monotonic()
    bench.cancel(number)
    bench.until(number, JobState.STOPPED)
    assert time.monotonic() - begun < 15, "one that is held up is let go on, so that it can save"


# --- kills -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trials", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_a_killed_child_loses_no_step(bench: Bench, trials: int) -> None:
    """Killed at any moment: in a step, in a checkpoint, at the end."""
    chance = random.Random(trials)
    for _ in range(trials):
        number = bench.launch(Play(steps=40, pause=0.01, every=3))
        for _ in range(2):
            time.sleep(chance.uniform(0.2, 1.4))
            job = bench.books.job(number)
            if job.pid and job.state is JobState.TRAINING:
                with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                    os.kill(job.pid, signal.SIGKILL)
        job = bench.until(number, JobState.WAITING)
        assert job.report == {"sum": total(40)}


@pytest.mark.parametrize("trials", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_a_killed_service_loses_no_step(tmp_path: Path, trials: int) -> None:
    """A service is killed at any moment, and so is, every other time, the child that it leaves behind."""
    chance = random.Random(trials)
    for trial in range(trials):
        home = tmp_path / str(trial)
        bench = Bench(home)
        bench.queue.close()
        number = bench.books.enter(ORDER).number
        play = Play(steps=50, pause=0.01, every=3)
        bench.plays[number] = play
        words = [sys.executable, "-m", "tests.training.serving", str(home), str(play.steps)]
        service = subprocess.Popen(words, cwd=ROOT)
        time.sleep(chance.uniform(0.6, 1.6))
        service.kill()
        service.wait()
        left = bench.books.job(number).pid
        if left and trial % 2:
            with contextlib.suppress(ProcessLookupError):
                os.kill(left, signal.SIGKILL)
        bench.queue = bench._open()
        job = bench.until(number, JobState.WAITING)
        assert job.report == {"sum": total(50)}, trial
        bench.close()
