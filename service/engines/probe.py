"""The trial run of an adapter: `python -m service.engines.probe GGUF ADAPTER HF-FOLDER MEMORY SECONDS`.

GGUF or HF-FOLDER is empty where the base has no such form.

Prints one JSON line, a ProbeReport or {"reason": …}. See `probing` for the other end.
"""

import json
import math
import os
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.core import LoraFile, ProbeReport
from service.engines import llama_abi
from service.errors import BadRequest

TEXT = (
    "The Tenant shall keep the Premises in good repair. The Landlord shall insure the Building against fire. "
    "Question: who shall insure the Building? Answer: the Landlord"
)
STILL = 1e-3  # of a logit; a change below is none
NOISE = 0.75  # of a logit: two engines that are both right differ by 0.4 to 0.6 here, whatever the adapter
_FILE = 2**20  # bytes; libraries try whether they can write a temporary file
SLACK = 0.05  # and more where the adapter moves more: it is served in half precision

Logits = NDArray[np.float32]  # one row for each token of the text


def report(gguf: Path | None, adapter: Path, folder: Path | None) -> ProbeReport:
    """Raises BadRequest with the reason when the adapter is not to be served. One of the base's forms is there."""
    if gguf is None:
        assert folder is not None
        return _by_torch(adapter, folder)
    parity = None
    weights, lora = adapter / LoraFile.WEIGHTS, adapter / LoraFile.GGUF
    tokens, plain, moved, milliseconds = _llama(gguf, lora)
    change = moved - plain
    most = _most(change)
    if folder and weights.is_file():
        parity = float(np.abs(_torch(folder, adapter, tokens) - change).max())
        allowed = NOISE + SLACK * most
        if not parity <= allowed:
            raise BadRequest(
                f"the engines differ by {parity:.2f}, and {allowed:.2f} is allowed. Its conversion is at fault."
            )
    return ProbeReport(most, parity, milliseconds)


def _by_torch(adapter: Path, folder: Path) -> ProbeReport:
    """The trial where the base has no form for llama.cpp."""
    begin = time.perf_counter()
    change = _torch(folder, adapter, _numbers(folder))
    return ProbeReport(_most(change), None, (time.perf_counter() - begin) * 1000)


def _numbers(folder: Path) -> list[int]:
    from transformers import AutoTokenizer

    tokens: list[int] = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)(TEXT)["input_ids"]
    return tokens


def _most(change: Logits) -> float:
    """The greatest change of a logit. Raises BadRequest when it is none, or no number."""
    if not np.isfinite(change).all():
        raise BadRequest("its answers are not finite numbers.")
    if (most := float(np.abs(change).max())) < STILL:
        raise BadRequest("it changes nothing in the base's answers. Train it longer.")
    return most


def _llama(gguf: Path, lora: Path) -> tuple[list[int], Logits, Logits, float]:
    """The text's tokens, the logits of base and adapter, and the milliseconds to load and wear it."""
    model = llama_abi.Model(gguf)
    tokens = model.tokenize(TEXT)
    context = llama_abi.Context(model, rows=1, cells=256, batch=256, threads=1)
    whole = (0, 0, tokens, len(tokens))
    plain = np.stack([row.copy() for row in context.run([whole])])
    context.clear()
    begin = time.perf_counter()
    worn = llama_abi.Lora(model, lora, lora.parent.name[:12])
    context.wear(worn)
    milliseconds = (time.perf_counter() - begin) * 1000
    moved = np.stack([row.copy() for row in context.run([whole])])
    return tokens, plain, moved, milliseconds


def _torch(folder: Path, adapter: Path, tokens: list[int]) -> Logits:
    """How the adapter changes the logits in torch, in full precision."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(1)
    model: Any = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32, local_files_only=True)
    worn: Any = PeftModel.from_pretrained(model, str(adapter)).eval()
    row = torch.tensor([tokens])
    with torch.inference_mode():
        moved = worn(row).logits[0]
        with worn.disable_adapter():
            change: Logits = (moved - worn(row).logits[0]).numpy()
    return change


def _bound(memory: int, seconds: float) -> None:
    """From here on the process takes no more than it was given."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE, _FILE))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(seconds), math.ceil(seconds)))
    os.nice(15)


def main(words: Sequence[str]) -> int:
    gguf, adapter, folder = (Path(word) if word else None for word in words[:3])
    assert adapter is not None
    _bound((gguf.stat().st_size if gguf else 0) + int(words[3]), float(words[4]))
    said: dict[str, Any]
    try:
        said = asdict(report(gguf, adapter, folder))
    except BadRequest as error:
        said = {"reason": error.message}
    except MemoryError:
        said = {"reason": "it needs more memory than a trial may take. Train one of a lower rank."}
    print(json.dumps(said))  # noqa: T201 (the answer to the process that started this one)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
