"""A tracker gets the figures, and whatever it does, the training goes on."""

import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.training import trackers
from service.training.folder import Progress, Spec
from service.training.recipe import Recipe
from service.training.trackers import Following, MLflow, WeightsAndBiases, follow

pytestmark = pytest.mark.filterwarnings("ignore")  # of the trackers' own libraries

SPEC = Spec(7, "leases", "answers", Recipe(), "/base", "tiny")


class Kept:
    """A tracker that remembers."""

    def __init__(self, breaks: str = "") -> None:
        self.breaks = breaks
        self.told: list[tuple[int, dict[str, float]]] = []
        self.state = ""

    def begin(self) -> None:
        self._break("begin")

    def tell(self, step: int, figures: Mapping[str, float]) -> None:
        self._break("tell")
        self.told.append((step, dict(figures)))

    def end(self, state: str) -> None:
        self._break("end")
        self.state = state

    def _break(self, where: str) -> None:
        if self.breaks == where:
            raise ConnectionError("a name of a client")
        if self.breaks == f"exit {where}":
            sys.exit(1)
        if self.breaks == f"hang {where}":
            time.sleep(600)


def lines(count: int) -> list[Progress]:
    return [Progress(1.0, step, count, loss=1 / step, tokens=step) for step in range(1, count + 1)]


def test_it_is_told_every_line() -> None:
    kept = Kept()
    following = Following(kept, "Kept")
    for line in lines(3):
        following.tell(line)
    following.close("trained")
    assert kept.told == [(step, {"loss": 1 / step, "tokens": step}) for step in (1, 2, 3)]
    assert (kept.state, following.note) == ("trained", "")


@pytest.mark.parametrize("breaks", ["begin", "tell", "end", "exit begin", "exit tell"])
def test_one_that_fails_costs_a_note(breaks: str) -> None:
    following = Following(Kept(breaks), "Kept")
    for line in lines(3):
        following.tell(line)
    following.close("trained")
    kind = "SystemExit" if "exit" in breaks else "ConnectionError"
    assert following.note == f"The run was not followed in Kept to its end: {kind}."


@pytest.mark.parametrize("breaks", ["hang begin", "hang tell", "hang end"])
def test_one_that_hangs_is_left_behind(breaks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trackers, "PATIENCE", 0.2)
    monkeypatch.setattr(trackers, "LINES", 4)
    begun = time.monotonic()
    following = Following(Kept(breaks), "Kept")
    for line in lines(20):
        following.tell(line)
    following.close("trained")
    assert time.monotonic() - begun < 60
    assert following.note.startswith("The run was not followed in Kept to its end: it ")


def test_none_is_followed_where_none_is_asked_for(tmp_path: Path) -> None:
    following = follow(SPEC, tmp_path)
    following.tell(lines(1)[0])
    following.close("trained")
    assert not following.note


def finished(tracker: Any) -> None:
    tracker.begin()
    tracker.tell(1, {"loss": 2.0, "held_out_loss": 3.0})
    tracker.tell(2, {"loss": 1.0})
    tracker.end("trained")


def test_mlflow_keeps_the_run_in_files(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    finished(MLflow(SPEC, tmp_path))
    client = mlflow.MlflowClient(tracking_uri=f"file:{tmp_path / 'mlruns'}")
    (run,) = client.search_runs([client.get_experiment_by_name("privity").experiment_id])
    assert (run.info.run_name, run.info.status) == ("7 leases", "FINISHED")
    assert run.data.params["recipe.rank"] == "16"
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [(one.step, one.value) for one in history] == [(1, 2.0), (2, 1.0)]


def test_an_mlflow_server_that_is_not_there_costs_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr(trackers, "PATIENCE", 400)
    following = follow(replace(SPEC, tracker="mlflow", tracker_address="http://127.0.0.1:9"), tmp_path)
    following.tell(lines(1)[0])
    following.close("trained")
    assert following.note == "The run was not followed in MLflow to its end: MlflowException."


def test_weights_and_biases_offline_dials_nowhere(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    finished(WeightsAndBiases(SPEC, tmp_path))
    (record,) = (tmp_path / "wandb").glob("offline-run-*/run-*.wandb")
    assert record.stat().st_size > 100
