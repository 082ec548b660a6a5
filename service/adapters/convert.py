"""An adapter from PEFT's form into llama.cpp's: `python -m service.adapters.convert FOLDER TARGET FACTS.json`.

    transformers  q, k: each head's halves      a0 a1 … b0 b1 …      turned as (a0, b0), (a1, b1), …
    llama.cpp     the same rows, interleaved    a0 b0 a1 b1 …

so the rows of B in q and k change places; A stays. llama.cpp adds alpha / rank · B·A and knows one alpha for all
layers: where a layer's own differs, the difference goes into its B. Values become F16. It runs in a process of its own
with limits on memory and time, so that no upload, whatever its size, takes the service with it.
"""

import dataclasses
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from math import frexp
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.adapters import configuration, gguf_lora, header, weights
from service.adapters.naming import stored_names, turned_heads
from service.adapters.refused import Refused
from service.adapters.tensors import Values
from service.adapters.weights import Pair
from service.core import BaseFacts, LoraFile
from service.errors import BadRequest

MEMORY = 4 << 30  # bytes of address space; numpy alone reserves one
SECONDS = 120.0
_ROOT = Path(__file__).parents[2]
_FAILED = "The adapter cannot be converted for llama.cpp"


def convert(folder: Path, base: BaseFacts, target: Path, seconds: float = SECONDS) -> None:
    """Make the GGUF `target` from the canonical files in `folder`, in a child process. Blocks for a second or two.

    Raises BadRequest with the reason when the child finds one, dies or takes longer than `seconds`.
    """
    with tempfile.TemporaryDirectory(prefix="privity-convert-") as place:
        facts = Path(place) / "facts.json"
        facts.write_text(encoded(base), "utf-8")
        words = [
            sys.executable,
            "-m",
            "service.adapters.convert",
            str(folder.resolve()),
            str(target.resolve()),
            str(facts),
        ]
        try:
            done = subprocess.run(
                words, cwd=place, env=_environment(), capture_output=True, timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired:
            raise BadRequest(
                f"{_FAILED}: it took longer than {seconds:.0f} seconds. Send it again."
            ) from None
    if done.returncode:
        said = done.stdout.decode("utf-8", "replace").strip()
        raise BadRequest(said or f"{_FAILED}: its process ended with {done.returncode}. Send it again.")


def encoded(base: BaseFacts) -> str:
    """A base's facts as JSON."""
    return json.dumps(dataclasses.asdict(dataclasses.replace(base, layers=dict(base.layers))))


def decoded(text: str) -> BaseFacts:
    said = json.loads(text)
    return BaseFacts(**said | {"layers": {name: tuple(shape) for name, shape in said["layers"].items()}})


def write(folder: Path, target: Path, base: BaseFacts) -> None:
    """Convert in this process. Raises Refused or BadRequest."""
    config, reasons = configuration.read(folder / LoraFile.CONFIG)
    pairs, more = weights.paired(header.tensors(folder / LoraFile.WEIGHTS))
    if config is None or reasons or more:
        raise Refused(f"{_FAILED}: {' '.join(reasons + more)}")
    names = stored_names(base)
    if missing := [layer for layer in pairs if layer not in names]:
        raise Refused(
            f"{_FAILED}: it has no place for {missing[0]}. Train it on {base.name}'s linear layers."
        )
    alphas = {layer: config.alpha_of(layer) for layer in pairs}
    alpha = Counter(alphas.values()).most_common(1)[0][0]
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with Values(folder / LoraFile.WEIGHTS) as values:

            @lru_cache(maxsize=1)  # B is asked for right after A
            def halves(layer: str) -> tuple[NDArray[Any], NDArray[Any]]:
                return _halves(values, pairs[layer], alphas[layer] / alpha, turned_heads(base, layer))

            parts = [made for layer in sorted(pairs) for made in _parts(pairs[layer], names[layer], halves)]
            gguf_lora.write(part, base.architecture, alpha, parts)
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)


def _parts(
    pair: Pair, name: str, halves: Callable[[str], tuple[NDArray[Any], NDArray[Any]]]
) -> Iterator[gguf_lora.Part]:
    """A and B, to be read when it is time to write them."""
    yield gguf_lora.Part(name + gguf_lora.DOWN, "F16", pair.down.shape, lambda: halves(pair.layer)[0])
    yield gguf_lora.Part(name + gguf_lora.UP, "F16", pair.up.shape, lambda: halves(pair.layer)[1])


def _halves(values: Values, pair: Pair, factor: float, heads: int) -> tuple[NDArray[Any], NDArray[Any]]:
    a, b = values.whole(pair.down), interleaved(scaled(values.whole(pair.up), factor), heads)
    shift = _balance(a, b)
    both = a * np.float32(2.0**-shift), b * np.float32(2.0**shift)
    if max(map(_peak, both)) > weights.HALF:
        raise Refused(f"{_FAILED}: {pair.layer} has values beyond half precision. Train it anew.")
    return both[0].astype(np.float16), both[1].astype(np.float16)


def scaled(up: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """B with the part of its layer's scale that the file's one alpha does not say."""
    return up if factor == 1 else up * np.float32(factor)


def interleaved(up: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """B with each head's rows a0 a1 … b0 b1 … as a0 b0 a1 b1 …"""
    if not heads:
        return up
    rows, rank = up.shape
    return up.reshape(heads, 2, rows // heads // 2, rank).swapaxes(1, 2).reshape(rows, rank)


def _balance(down: NDArray[np.float32], up: NDArray[np.float32]) -> int:
    """The power of two to move from A into B that brings their peaks together, for F16 is coarse below 0.00006."""
    peaks = _peak(down), _peak(up)
    return (frexp(peaks[0])[1] - frexp(peaks[1])[1]) // 2 if all(peaks) else 0


def _peak(values: NDArray[np.float32]) -> float:
    return max(float(values.max()), -float(values.min()))


def _environment() -> Mapping[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return kept | {"PYTHONPATH": os.pathsep.join(paths), "OPENBLAS_NUM_THREADS": "1"}


def main(words: Sequence[str]) -> int:
    folder, target, facts = map(Path, words)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (int(SECONDS), int(SECONDS)))
    os.nice(15)  # people's questions go first
    try:
        write(folder, target, decoded(facts.read_text("utf-8")))
    except Refused as refused:
        sys.stdout.write(refused.reason)
        return 1
    except BadRequest as error:
        sys.stdout.write(error.message)
        return 1
    except MemoryError:
        sys.stdout.write(f"{_FAILED}: it needs more than {MEMORY >> 30} GB. Train it with a lower rank.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
