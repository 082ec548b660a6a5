"""A training's figures in MLflow or Weights & Biases. A tracker gets figures and a recipe, never client text.

It works in a thread of its own and is fed through a queue, so that one that hangs, or fails, costs the training nothing
but a note.
"""

import logging
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from queue import Full, Queue
from threading import Thread
from typing import Any, Protocol

from service.training.folder import Progress, Spec

log = logging.getLogger("privity.training")

LINES = 10_000  # that may wait for a slow tracker; more are dropped
PATIENCE = 15.0  # seconds that the end of a training waits for its tracker
_TALLY = ("at", "step", "of")  # of a line, what is no measurement


class Tracker(Protocol):
    """Any of these may raise whatever it likes."""

    def begin(self) -> None: ...
    def tell(self, step: int, figures: Mapping[str, float]) -> None: ...
    def end(self, state: str) -> None: ...


class Following:
    """Feeds a tracker, or none. `note` says what went wrong, if anything did."""

    def __init__(self, tracker: Tracker | None, name: str = "") -> None:
        self.note = ""
        self._name = name
        self._queue: Queue[tuple[int, dict[str, float]] | str] = Queue(LINES)
        self._thread = (
            Thread(target=self._run, args=(tracker,), daemon=True, name="tracker") if tracker else None
        )
        if self._thread:
            self._thread.start()

    def tell(self, line: Progress) -> None:
        """Hand a line on, at once."""
        if self._thread is None or self.note:
            return
        figures = {
            name: value for name, value in asdict(line).items() if value is not None and name not in _TALLY
        }
        try:
            self._queue.put_nowait((line.step, figures))
        except Full:
            self._failed("it takes the figures too slowly")

    def close(self, state: str) -> None:
        """Tell the end, and wait a little for the tracker to take in what it was told."""
        if self._thread is None or self.note:
            return
        try:
            self._queue.put(state, timeout=PATIENCE)
            self._thread.join(PATIENCE)
        except Full:
            pass
        if self._thread.is_alive() and not self.note:
            self._failed("it does not answer")

    def _run(self, tracker: Tracker) -> None:
        try:
            tracker.begin()
            while not isinstance(told := self._queue.get(), str):
                tracker.tell(*told)
            tracker.end(told)
        except BaseException as error:  # a tracker's library may even try to leave the process
            self._failed(type(error).__name__)

    def _failed(self, reason: str) -> None:
        self.note = f"The run was not followed in {self._name} to its end: {reason}."
        log.warning("tracker %s: %s", self._name, reason)


def follow(spec: Spec, folder: Path) -> Following:
    """What the specification asks for."""
    if spec.tracker == "mlflow":
        return Following(MLflow(spec, folder), "MLflow")
    if spec.tracker == "wandb":
        return Following(WeightsAndBiases(spec, folder), "Weights & Biases")
    return Following(None)


def _facts(spec: Spec) -> dict[str, Any]:
    known = {"kind": spec.kind, "base": spec.base_name, "run": spec.number}
    return known | {f"recipe.{name}": value for name, value in asdict(spec.recipe).items()}


class MLflow:
    """A run in MLflow: on its server, or in files, in a folder `mlruns` of the job's."""

    def __init__(self, spec: Spec, folder: Path) -> None:
        self._spec = spec
        self._address = spec.tracker_address or f"file:{folder / 'mlruns'}"
        self._run = ""
        self._client: Any = None

    def begin(self) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        from mlflow import MlflowClient

        self._client = MlflowClient(tracking_uri=self._address)
        found = self._client.get_experiment_by_name("privity")
        experiment = found.experiment_id if found else self._client.create_experiment("privity")
        name = f"{self._spec.number} {self._spec.name}"
        self._run = self._client.create_run(experiment, run_name=name).info.run_id
        for key, value in _facts(self._spec).items():
            self._client.log_param(self._run, key, value)

    def tell(self, step: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            self._client.log_metric(self._run, name, float(value), step=step)

    def end(self, state: str) -> None:
        ends = {"trained": "FINISHED", "stopped": "KILLED"}
        self._client.set_terminated(self._run, ends.get(state, "FAILED"))


class WeightsAndBiases:
    """A run in Weights & Biases: on the firm's own server where one is named, and otherwise in files (offline)."""

    def __init__(self, spec: Spec, folder: Path) -> None:
        self._spec, self._folder = spec, folder
        self._run: Any = None

    def begin(self) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        address = self._spec.tracker_address
        quiet: dict[str, Any] = {
            "console": "off", "silent": True, "disable_git": True, "disable_code": True, "save_code": False,
            "x_disable_stats": True, "x_disable_meta": True, "x_disable_machine_info": True,
            "x_save_requirements": False,
        }  # fmt: skip
        self._run = wandb.init(
            project="privity",
            name=f"{self._spec.number} {self._spec.name}",
            dir=str(self._folder),
            mode="online" if address else "offline",
            config=_facts(self._spec),
            settings=wandb.Settings(**quiet, **({"base_url": address} if address else {})),
        )

    def tell(self, step: int, figures: Mapping[str, float]) -> None:
        self._run.log(dict(figures), step=step)

    def end(self, state: str) -> None:
        import wandb

        self._run.finish(exit_code=0 if state == "trained" else 1)
        wandb.teardown()  # its own process writes the last of it, which `finish` does not wait for
