"""A child that learns nothing and writes what a training writes: `python -m tests.training.standin [PLAY] FOLDER`.

Its state is the sum of its steps' numbers, so a step that is lost or done twice shows in the end.
"""

import json
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from service.training.folder import Done, JobFolder, Progress

PROGRAM = ("-m", "tests.training.standin")


@dataclass(frozen=True)
class Play:
    """What it does."""

    steps: int = 20
    pause: float = 0.02  # seconds of a step
    every: int = 5  # steps between two checkpoints
    deaf: bool = False  # hears no request to stop, and no SIGTERM
    dies_at: int = 0  # a step before which it ends without a word, every time
    helper: bool = False  # starts a process of its own that would live on
    end: str = "trained"
    reason: str = ""
    adapter: str = ""  # a folder that becomes the finished adapter
    scores: dict[str, Any] = field(default_factory=dict)  # of a classifier


def write(folder: Path, play: Play) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "play.json").write_text(json.dumps(asdict(play)))
    (folder / "spec.json").write_text("{}")


def learned(folder: JobFolder) -> int:
    """The sum in the finished adapter."""
    return int((folder.adapter / "sum").read_text())


def program(play: Play) -> tuple[str, ...]:
    """What is run in a trainer's place."""
    return (*PROGRAM, json.dumps(asdict(play)))


def main(place: str, said: str = "") -> None:
    folder = JobFolder(Path(place))
    lock = folder.hold()
    play = Play(**json.loads(said or (folder.path / "play.json").read_text()))
    if play.deaf:
        import signal

        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if play.helper:
        helper = subprocess.Popen(["sleep", "600"], start_new_session=True)
        (folder.path / "helper").write_text(str(helper.pid))
    step = max(folder.steps(), default=0)
    total = int((folder.checkpoints / str(step) / "sum").read_text()) if step else 0
    resumed = bool(step)
    while step < play.steps:
        if play.dies_at == step + 1:
            sys.exit(3)
        time.sleep(play.pause)
        step += 1
        total += step
        folder.add(Progress(time.time(), step, play.steps, loss=1 / step))
        if step % play.every == 0:
            save(folder, step, total)
        if folder.stop_asked and not play.deaf:
            save(folder, step, total)
            folder.finish(Done("stopped", "Stopped.", step, play.steps))
            return
    if play.end == "trained":
        with folder.making(folder.adapter) as made:
            if play.adapter:
                shutil.copytree(play.adapter, made, dirs_exist_ok=True)
            else:
                (made / "sum").write_text(str(total))
    done = Done(play.end, play.reason, step, play.steps, scores=play.scores, resumed=int(resumed))  # type: ignore[arg-type]
    folder.finish(done)
    lock.release()


def save(folder: JobFolder, step: int, total: int) -> None:
    with folder.making(folder.checkpoints / str(step)) as made:
        (made / "sum").write_text(str(total))


if __name__ == "__main__":
    main(*reversed(sys.argv[1:]))
