"""The door to fine-tunes: launch, watch, stop, resume, approve, export. Whoever comes in stands behind a wall."""

import contextlib
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from service.adapters import Adapters, Wanted
from service.config import Settings
from service.core import Caller, Scope
from service.errors import BadRequest, Conflict, Forbidden, NotFound, PrivityError
from service.storage import Database
from service.telemetry import FINE_TUNES
from service.training.datasets import Datasets
from service.training.evaluate import verdict_of
from service.training.export import SHAPES, Export, Exports, Shape
from service.training.folder import JobFolder, curve
from service.training.hands import Hands
from service.training.jobs import BUSY, UNKNOWN, Deed, Job, JobBooks, JobState, Order
from service.training.lint import Lint
from service.training.material import Material
from service.training.preflight import Preflight
from service.training.recipe import Recipe
from service.training.supervisor import How, Now, Supervisor
from service.training.work import Work

REASON = 10, 2000  # characters that a written reason has at least and at most
LOG = 64 * 2**10  # bytes of a log that are told, the last ones


@dataclass(frozen=True, slots=True)
class TrainSpec:
    """What somebody wants trained. Its matters are those of the data set."""

    dataset: str
    name: str
    title: str = ""
    recipe: Recipe = field(default_factory=Recipe)
    protect: bool = False  # general ability
    people: frozenset[str] = frozenset()  # ids of those who may use it; empty: everybody

    @property
    def final(self) -> Recipe:
        return self.recipe.protected() if self.protect else self.recipe


class Training:
    def __init__(
        self,
        settings: Settings,
        database: Database,
        adapters: Adapters,
        hands: Hands,
        program: tuple[str, ...] | None = None,
    ) -> None:
        self._settings, self._adapters = settings.training, adapters
        self._datasets = Datasets(database)
        self._material = Material(self._datasets, hands)
        self._books = JobBooks(database)
        home = settings.home / "jobs"
        self._work = Work(home, self._books, self._material, adapters, hands, settings)
        training = settings.training
        self._exports = Exports(hands)
        how = How(training.threads, training.wait_for_idle, *([program] if program else []))
        self._queue = Supervisor(self._books, home, self._work, hands.idle, how)

    def start(self) -> None:
        """Takes up what an earlier service left. Until then nothing is trained."""
        self.forget()
        self._queue.start()

    def forget(self) -> None:
        """Ends the runs over matters that were deleted, and takes away what they hold of their papers.

        Adapters that learned from those papers stay: lineage tells which they are, and people decide.
        """
        gone = "A matter that it learned from was deleted."
        for job in self._books.orphans():
            if job.state.works:
                self._books.change(job.number, only=BUSY, cancel=True)
                self._queue.halt(job.number)
                continue
            shutil.rmtree(self._folder(job).path, ignore_errors=True)
            self._books.change(job.number, report=None)
            ended = {"state": JobState.STOPPED, "reason": gone, "ended": time.time()}
            self._books.change(job.number, only=[JobState.QUEUED, JobState.WAITING], **ended)

    # --- launching ---------------------------------------------------------------------------------------

    def preflight(self, spec: TrainSpec, scope: Scope) -> tuple[Preflight, Lint]:
        """What a run will be, without launching it. Raises what `launch` does."""
        order = self._order(spec, scope)
        return self._work.preflight(order, scope)

    def launch(self, spec: TrainSpec, scope: Scope) -> Job:
        """Puts a run in line. The scope must cover all matters that its rows came from: they are the adapter's wall.

        Raises BadRequest or Conflict for a name that cannot be, and Unfit with every reason why nothing can be learned.
        """
        order = self._order(spec, scope)
        self._material.gathered(spec.dataset, spec.final, scope)
        job = self._books.enter(order)
        self._queue.wake()
        return job

    def _order(self, spec: TrainSpec, scope: Scope) -> Order:
        source, by = self._datasets.card(spec.dataset, scope), scope.caller.id
        if spec.people and by not in spec.people:
            raise BadRequest(
                "Whoever launches a run must be able to try what comes of it: name yourself, too."
            )
        wanted = Wanted(spec.name, spec.title, source.matters, spec.people, by=by, scope=scope)
        self._adapters.require(wanted)
        recipe, matters = asdict(spec.final), source.matters
        order = Order(spec.name, spec.title, source.kind, source.id, recipe, matters, spec.people, by)
        self._work.require_open(order)
        return order

    # --- watching ----------------------------------------------------------------------------------------

    def jobs(self, scope: Scope) -> list[Job]:
        """Those whose matters the scope covers, the newest first."""
        return [job for job in self._books.jobs() if job.seen(scope)]

    def job(self, number: int, scope: Scope) -> Job:
        job = self._books.job(number)
        if not job.seen(scope):
            raise NotFound(UNKNOWN)
        return job

    def now(self, job: Job) -> Now | None:
        """What only the machine knows of a run that it is busy with."""
        return self._queue.now(job.number)

    def deeds(self, job: Job) -> list[Deed]:
        return self._books.deeds(job.number)

    def events(self, job: Job, after: int = 0) -> tuple[list[dict[str, Any]], int]:
        """The lines of its progress from a place on, and where the next ones begin."""
        return self._folder(job).lines(after)

    def curve(self, job: Job) -> list[dict[str, Any]]:
        """All of its progress, a line a step."""
        return curve(self._folder(job).lines()[0])

    def log(self, job: Job) -> str:
        """The end of what its process said. No client text is in it."""
        try:
            with self._folder(job).log.open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - LOG))
                return file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def steps(self, job: Job) -> list[int]:
        """Steps that it could go on from."""
        return self._folder(job).steps()

    def waiting(self) -> tuple[int, int]:
        """How many are in line, and how many run."""
        return self._books.waiting()

    # --- deeds -------------------------------------------------------------------------------------------

    def cancel(self, job: Job, by: str, reason: str = "") -> Job:
        """Takes it out of the line, or ends it within 15 seconds and keeps its last checkpoint."""
        stopped = {"state": JobState.STOPPED, "reason": "Stopped before it began.", "ended": time.time()}
        found = self._books.change(job.number, only=[JobState.QUEUED], **stopped)
        if found is None:
            found = self._books.change(job.number, only=BUSY, cancel=True)
            if found is None:
                raise Conflict(f"Run {job.number} is {job.state}, and nothing runs that could be stopped.")
            self._queue.halt(job.number)
        else:
            FINE_TUNES.labels("stopped").inc()
        self._books.note(job.number, "cancel", by, reason)
        return found

    def resume(self, job: Job, by: str) -> Job:
        """Puts one that stopped or failed in line again; it goes on from its last checkpoint."""
        folder, again = self._folder(job), [state for state in JobState if state.resumes]
        done = folder.done()
        if done is not None and done.state != "trained":
            folder.reopen()
        values = {"state": JobState.QUEUED, "reason": "", "ended": None, "cancel": False}
        found = self._books.change(job.number, only=again, **values, resumed=job.resumed + 1)
        if found is None:
            raise Conflict(f"Run {job.number} is {job.state}. Only one that stopped or failed can go on.")
        self._books.note(job.number, "resume", by)
        self._queue.wake()
        return found

    def against(self, job: Job, scope: Scope) -> tuple[str, ...]:
        """Why a run's candidate should not be published, as things stand now; nothing where the gate is passed."""
        report = job.report or {}
        reasons = verdict_of(report).reasons
        compared = {one["who"]: one["version"] for one in report.get("contestants", [])}.get("published")
        with contextlib.suppress(NotFound):
            since = self._adapters.card(job.adapter, scope).published if job.adapter else None
            if since not in (None, compared, job.version):
                reasons += (f"Version {since} was published since, and the report does not compare with it.",)
        return reasons

    def approve(self, job: Job, scope: Scope, reason: str = "") -> Job:
        """Publishes what a run has made. Where the gate is not passed it needs a reason, which is recorded."""
        caller = scope.caller
        self._require_waiting(job)
        if caller.id == job.order.by and not self._settings.self_approval:
            raise Forbidden("Another person than the one who launched it approves a run. Ask a colleague.")
        reason = " ".join(reason.split())
        if len(reason) > REASON[1]:
            raise BadRequest(f"A reason has at most {REASON[1]:,} characters.")
        reasons = self.against(job, scope)
        if reasons and len(reason) < REASON[0]:
            raise Conflict(
                f"The gate is not passed: {' '.join(reasons)} Approve it with a written reason, or decline.",
                reasons=list(reasons),
            )
        if job.version is None:
            self._work.place(job, self._folder(job))
        else:
            self._adapters.publish(job.adapter, job.version, caller.id)
        return self._decided(job, JobState.PUBLISHED, "approve", caller, reason)

    def decline(self, job: Job, caller: Caller, reason: str = "") -> Job:
        """Leaves what is published as it is; the candidate is retired."""
        self._require_waiting(job)
        decided = self._decided(job, JobState.DECLINED, "decline", caller, reason)
        if job.version is not None:
            with contextlib.suppress(PrivityError):  # somebody has published it by hand
                self._adapters.retire(job.adapter, job.version, caller.id)
        return decided

    def close(self) -> None:
        """Asks a training that runs to save and end; it goes on with the next start."""
        self._queue.close()
        self._exports.close()

    # --- exports -----------------------------------------------------------------------------------------

    def export(self, job: Job, shape: Shape, scope: Scope, by: str) -> Export:
        """Begins to make an export, unless it is there; it takes minutes."""
        if job.version is None or job.state is JobState.DECLINED:
            raise Conflict(f"Run {job.number} is {job.state}: there is no adapter to export.")
        adapter = self._adapters.resolve(f"{job.adapter}@{job.version}", scope)
        self._books.note(job.number, "export", by, shape)
        return self._exports.make(job, self._folder(job), adapter, shape)

    def exports(self, job: Job) -> list[Export]:
        """Those that were asked for."""
        found = (self._exports.found(job, self._folder(job), shape) for shape in SHAPES)
        return [one for one in found if one is not None]

    def exported(self, job: Job, shape: Shape) -> Path:
        """The zip of one that is ready."""
        found = self._exports.found(job, self._folder(job), shape)
        if found is None:
            raise NotFound(f"Run {job.number} has not been exported as {shape}.")
        if found.state != "ready":
            raise Conflict(found.reason or f"The export as {shape} is still being made.")
        return self._exports.file(self._folder(job), shape)

    # --- inside ------------------------------------------------------------------------------------------

    def _folder(self, job: Job) -> JobFolder:
        return self._queue.folder(job.number)

    def _require_waiting(self, job: Job) -> None:
        if job.state is not JobState.WAITING:
            raise Conflict(
                f"Run {job.number} is {job.state}. Only one that waits for approval is decided on."
            )

    def _decided(self, job: Job, state: JobState, what: str, caller: Caller, reason: str) -> Job:
        values: Mapping[str, Any] = {"state": state, "approval_reason": reason, "ended": time.time()}
        found = self._books.change(job.number, only=[JobState.WAITING], approved_by=caller.id, **values)
        if found is None:
            raise Conflict(f"Run {job.number} was decided on a moment ago.")
        self._books.note(job.number, what, caller.id, reason)
        FINE_TUNES.labels(state.value).inc()
        self._work.tidy(found, self._folder(found))
        return found
