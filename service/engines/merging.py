"""A base and an adapter become one model, to be carried elsewhere: in a process of its own, for it needs the memory of
the whole base."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Literal, get_args

from service.engines.base_model import BaseFiles
from service.errors import BadRequest, PrivityError

Form = Literal["safetensors", "BF16", "Q8_0", "Q4_0"]
FORMS: tuple[Form, ...] = get_args(Form)
SECONDS = 3600.0
_ROOT = Path(__file__).parents[2]


def merge(
    files: BaseFiles, adapter: Path, form: Form, target: Path, *, threads: int = 1, niceness: int = 10
) -> None:
    """Writes the merged model: a folder of safetensors, or a GGUF file. Blocks for seconds to minutes.

    `adapter` is a folder like the shelf's. Raises BadRequest where the base has no such form.
    """
    source = files.folder if form == "safetensors" else files.gguf
    if source is None:
        lacks = "folder for transformers" if form == "safetensors" else "GGUF file"
        raise BadRequest(f"{files.name} is served without a {lacks}, so this form cannot be made of it.")
    words = [
        str(source.resolve()),
        str(adapter.resolve()),
        form,
        str(target.resolve()),
        str(threads),
        str(niceness),
    ]
    kept = ("PATH", "LANG", "TMPDIR", "HOME", "PYTHONPATH", "LD_LIBRARY_PATH")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {"OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "service.engines.merger", *words]
    try:
        done = subprocess.run(
            command, cwd=_ROOT, env=environment, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise PrivityError(f"The model was not merged within {SECONDS / 60:.0f} minutes.") from None
    if done.returncode:
        raise PrivityError(f"The model could not be merged: its process ended with {done.returncode}.")
