"""An adapter of the embedder is tried before it may serve, in a process of its own: what hangs does so there."""

import json
import os
import subprocess
import sys
from pathlib import Path

from service.core import ProbeReport
from service.errors import BadRequest

SECONDS = 300.0
_ROOT = Path(__file__).parents[2]
_FAILED = "The adapter failed its trial run"


def try_out(folder: Path, seconds: float = SECONDS) -> ProbeReport:
    """Embed some clauses with the adapter in `folder` and without it; takes some seconds.

    `moved` is the greatest turn of a vector, 1 − cosine. Raises BadRequest with the reason when nothing turns, when
    all texts become alike, or when the process finds another fault, dies or takes too long.
    """
    words = [sys.executable, "-m", "service.retrieval.probe", str(folder.resolve()), str(seconds)]
    try:
        done = subprocess.run(
            words, cwd=_ROOT, env=_environment(), capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise BadRequest(f"{_FAILED}: it took longer than {seconds:.0f} seconds.") from None
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
