"""The parent's end of the child process that reads PDFs and pictures (`reader` is the other end).

C libraries parse hostile bytes there, under a limit on memory and with a deadline on every answer. A child is started
when it is first needed (about a second), answers in milliseconds from then on, and is replaced when it dies or is late.
It ends by itself when this process does, for its socket closes.
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from threading import RLock
from typing import Any

from service.core import State
from service.retrieval.loaders.content import Unreadable

_ROOT = Path(__file__).parents[3]
_START = 60.0  # seconds more for the first answer of a new child


class Lost(Exception):
    """The child crashed over a request, or gave no answer in time."""


class Stopped(Exception):
    """The reading was given up, for the program ends; see `Child.stop`."""


class Fault(Exception):
    """The child could not answer; the message is an error's type."""


class Child:
    def __init__(self) -> None:
        self._lock = RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._wire: Connection | None = None
        self._fresh = True
        self._stopped = False

    @contextmanager
    def held(self) -> Iterator["Child"]:
        """The child for one caller alone, who opens a file first."""
        with self._lock:
            if self._stopped:
                self.close()
            self._stopped = False
            yield self

    def stop(self) -> None:
        """Give up what is being read: whoever waits for it gets Stopped. From any thread."""
        self._stopped = True
        process = self._process
        if process is not None:
            _kill(process)

    def ask(self, patience: float, data: bytes = b"", **asked: Any) -> tuple[dict[str, Any], bytes]:
        """The answer and its bytes. `patience` is in seconds.

        Raises Unreadable as the child found it, Lost, Stopped or Fault. After Lost the next child knows no file.
        """
        if self._stopped:
            raise Stopped
        wire = self._running()
        try:
            wire.send_bytes(json.dumps(asked).encode())
            wire.send_bytes(data)
            if not wire.poll(patience + (_START if self._fresh else 0)):
                raise TimeoutError
            told, more = json.loads(wire.recv_bytes()), wire.recv_bytes()
        except (EOFError, OSError, ValueError):
            self.close()
            raise (Stopped if self._stopped else Lost) from None
        self._fresh = False
        if "reason" in told:
            raise Unreadable(State(told["state"]), told["reason"])
        if "fault" in told:
            raise Fault(told["fault"])
        return told, more

    def _running(self) -> Connection:
        if self._wire is None or self._process is None or self._process.poll() is not None:
            self.close()
            self._wire, self._process = _started()
            self._fresh = True
            atexit.register(self.close)
        return self._wire

    def close(self) -> None:
        """End the child and what it has started."""
        if self._wire is not None:
            self._wire.close()
        if self._process is not None:
            _kill(self._process)
            self._process.wait()
            atexit.unregister(self.close)
        self._wire = self._process = None


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """The process and what it has started: they are a group of their own."""
    with suppress(ProcessLookupError, PermissionError):
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)


def _started() -> tuple[Connection, "subprocess.Popen[bytes]"]:
    ours, theirs = socket.socketpair()
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "service.retrieval.loaders.reader", str(theirs.fileno())],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OPENBLAS_NUM_THREADS": "1"},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    return Connection(ours.detach()), process
