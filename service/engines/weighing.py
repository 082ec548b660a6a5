"""How likely a model finds given words, in a process of its own: perplexity, multiple choice, and whether a copy of a
model is still the same model.

The serving engine draws tokens and tells no likelihoods; the same files are weighed here, beside it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from service.core import Message
from service.engines.base_model import BaseFiles
from service.errors import NotReady, PrivityError

_ROOT = Path(__file__).parents[2]
_EVERY = 0.1  # seconds between two looks at the process


@dataclass(frozen=True, slots=True)
class Words:
    """What is weighed: `said` after `before`, a text, or after messages that it answers."""

    said: str
    before: str | tuple[Message, ...] = ""


@dataclass(frozen=True, slots=True)
class Weight:
    """Minus the logarithm of the likelihood, in nats, over how many tokens. The first of a text has none before it,
    and does not count."""

    nats: float
    tokens: int


def _never() -> bool:
    return False


def weigh(
    files: BaseFiles,
    adapter: Path | None,
    words: Sequence[Words],
    *,
    threads: int = 1,
    niceness: int = 10,
    halted: Callable[[], bool] = _never,
) -> list[Weight]:
    """Under the adapter in a folder like the shelf's, or without. By llama.cpp where the base is a GGUF, else by torch.

    Blocks for seconds to minutes. Raises NotReady where `halted` says so, PrivityError where the process fails.
    """
    asked = {
        "gguf": str(files.gguf.resolve()) if files.gguf else "",
        "folder": str(files.folder.resolve()) if files.folder else "",
        "adapter": str(adapter.resolve()) if adapter else "",
        "threads": threads,
        "niceness": niceness,
        "words": [_encoded(one) for one in words],
    }
    with subprocess.Popen(
        [sys.executable, "-m", "service.engines.weigher"],
        cwd=_ROOT,
        env=_environment(threads),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a library's last words may hold the texts
    ) as process:
        try:
            told = _heard(process, json.dumps(asked).encode(), halted)
        finally:
            process.kill()
    lines = told.splitlines()
    if process.returncode or not lines:
        raise PrivityError(f"The model could not be weighed: its process ended with {process.returncode}.")
    return [Weight(*one) for one in json.loads(lines[-1])]


def _heard(process: "subprocess.Popen[bytes]", said: bytes | None, halted: Callable[[], bool]) -> bytes:
    while True:
        try:
            return process.communicate(said, timeout=_EVERY)[0]
        except subprocess.TimeoutExpired:
            said = None  # it is on its way
            if halted():
                raise NotReady("The weighing was called off.") from None


def _encoded(words: Words) -> dict[str, object]:
    if isinstance(words.before, str):
        return {"said": words.said, "before": words.before}
    return {"said": words.said, "messages": [[one.role, one.content] for one in words.before]}


def _environment(threads: int) -> dict[str, str]:
    names = ("PATH", "LANG", "TMPDIR", "HOME", "PYTHONPATH", "LD_LIBRARY_PATH")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return kept | {
        "OMP_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "passive",
        "HF_HUB_OFFLINE": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
