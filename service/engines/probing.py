"""An adapter is tried before it is served, in a process of its own: what hangs or crashes does so there."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from service.core import ProbeReport
from service.engines.base_model import BaseFiles
from service.errors import BadRequest

_ROOT = Path(__file__).parents[2]
_FAILED = "The adapter failed its trial run"


@dataclass(frozen=True, slots=True)
class ProbeLimits:
    seconds: float = 300.0
    memory: int = (
        16 * 2**30
    )  # bytes of address space beside the base's weights; torch reserves much that it never fills


def probe(files: BaseFiles, folder: Path, limits: ProbeLimits | None = None) -> ProbeReport:
    """Load the adapter in `folder`, and compare: with the base, and between the engines that can serve it.

    Blocks for a second, or ten where torch takes part. Raises BadRequest with the reason when it changes nothing,
    when the engines disagree, or when the process finds another fault, dies or takes too long.
    """
    limits = limits or ProbeLimits()
    gguf, base = (str(one.resolve()) if one else "" for one in (files.gguf, files.folder))
    words = [sys.executable, "-m", "service.engines.probe", gguf, str(folder.resolve()), base]
    words += [str(limits.memory), str(limits.seconds)]
    try:
        done = subprocess.run(
            words, cwd=_ROOT, env=_environment(), capture_output=True, timeout=limits.seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise BadRequest(f"{_FAILED}: it took longer than {limits.seconds:.0f} seconds.") from None
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    if done.returncode or not lines:
        raise BadRequest(f"{_FAILED}: its process ended with {done.returncode}.")
    said = json.loads(lines[-1])
    if "reason" in said:
        raise BadRequest(f"{_FAILED}: {said['reason']}")
    return ProbeReport(**said)


def _environment() -> dict[str, str]:
    """Nothing of ours but where Python's packages are; and one thread, for people's questions go first."""
    names = ("PATH", "LANG", "TMPDIR", "HOME", "PYTHONPATH", "LD_LIBRARY_PATH")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return kept | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
