"""The process that trains: started in a group of its own, found again after a restart, held up, and ended with all that
it started."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from service.lock import owner
from service.training.folder import JobFolder

TRAINER = ("-m", "service.training.trainer")
PATIENCE = 8.0  # seconds for the step that runs, and for saving
GRACE = 3.0  # seconds more, after which nothing is asked any more
_ROOT = Path(__file__).parents[2]
_KEPT = ("PATH", "LANG", "TMPDIR", "HOME", "PYTHONPATH", "LD_LIBRARY_PATH")
_FAMILIES = ("CUDA_", "NVIDIA_", "MLFLOW_", "WANDB_", "LC_")
_EVERY = 0.05  # seconds between two looks


class Child:
    """A training process. `own` is set where this process started it, and so hears of its end."""

    def __init__(
        self, folder: JobFolder, process: psutil.Process, own: "subprocess.Popen[bytes] | None"
    ) -> None:
        self._folder, self._process, self._own = folder, process, own
        self.paused = False

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    @property
    def alive(self) -> bool:
        if self._own is not None:
            return self._own.poll() is None
        with contextlib.suppress(psutil.NoSuchProcess):
            return bool(self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE)
        return False

    @property
    def ending(self) -> str:
        """How it ended, as the end of a sentence."""
        code = self._own.poll() if self._own is not None else None
        if code is None:
            return "without a word"
        return f"with signal {-code}" if code < 0 else f"with {code}"

    def pause(self) -> None:
        """Holds it up, with all that it started, until `go_on`."""
        self._signal(signal.SIGSTOP)
        self.paused = True

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)
        self.paused = False

    def wait(self, seconds: float) -> bool:
        """Whether it has ended by then."""
        until = time.monotonic() + seconds
        while self.alive:
            if time.monotonic() >= until:
                return False
            time.sleep(_EVERY)
        return True

    def end(self, patience: float = PATIENCE, grace: float = GRACE) -> None:
        """Asks it to save and end, then tells it to, then ends it and everything that it started."""
        self._folder.ask_to_stop()
        self.go_on()
        tree = self._tree()
        if not self.wait(patience):
            self._signal(signal.SIGTERM)
            self.wait(grace)
        self._signal(signal.SIGKILL)  # also what outlived it in its group
        for one in tree:
            with contextlib.suppress(psutil.Error):
                one.kill()
        self.wait(grace)

    def _tree(self) -> "list[psutil.Process]":
        with contextlib.suppress(psutil.Error):
            return list(self._process.children(recursive=True))
        return []

    def _signal(self, number: int) -> None:
        """To its group, of which it is the leader."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


def spawn(folder: JobFolder, threads: int, program: Sequence[str] = TRAINER) -> Child:
    """Starts the training of a folder in a session of its own, so that it outlives the service.

    How far it stands back, and on which cores, its spec says.
    """
    with folder.log.open("ab") as log:
        own = subprocess.Popen(
            [sys.executable, *program, str(folder.path.resolve())],
            cwd=_ROOT,
            env=_environment(threads),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )
    return Child(folder, psutil.Process(own.pid), own)


def found(folder: JobFolder) -> Child | None:
    """The process that works in this folder, whoever started it; it goes on, if it was held up."""
    said = owner(folder.path) if folder.path.is_dir() else None
    if not said or not said.isdecimal():
        return None
    with contextlib.suppress(psutil.NoSuchProcess):
        child = Child(folder, psutil.Process(int(said)), None)
        child.go_on()
        return child
    return None


def _environment(threads: int) -> Mapping[str, str]:
    """Nothing of ours but where Python's packages are, and what a GPU and a tracker need."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith(_FAMILIES)}
    return kept | {
        "OMP_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "passive",  # a spinning thread would take a core from people's answers
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
    }
