"""An adapter's files as the shelf holds them, written the same way whoever saved them, and the digest over them.

It covers our configuration and, sorted by name, each tensor's name, type, shape and bytes; not the card.
"""

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from service.adapters import configuration, gguf_lora, header
from service.adapters.findings import AdapterFacts
from service.adapters.tensors import Tensor, Values
from service.core import LoraFile

_CHUNK = 1 << 20


def write(folder: Path, facts: AdapterFacts, target: Path) -> str:
    """Write the canonical files of a checked adapter from `folder` into `target`; their digest."""
    target.mkdir(parents=True, exist_ok=True)
    if facts.form == "gguf":
        _write_gguf(folder / LoraFile.GGUF, target / LoraFile.GGUF, facts)
    else:
        (target / LoraFile.CONFIG).write_bytes(configuration.encoded(facts.config))
        _write_weights(folder / LoraFile.WEIGHTS, target / LoraFile.WEIGHTS)
    if facts.card:
        (target / LoraFile.CARD).write_text(facts.card, "utf-8")
    return digest(target)


def digest(folder: Path) -> str:
    """sha256 over an adapter's canonical files, hex. Raises OSError when they are not there."""
    found = hashlib.sha256(b"privity adapter 1\0")
    peft = (folder / LoraFile.WEIGHTS).is_file()
    for name in (LoraFile.CONFIG, LoraFile.WEIGHTS) if peft else (LoraFile.GGUF,):
        path = folder / name
        found.update(f"{name.value}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            shutil.copyfileobj(file, _Sink(found), _CHUNK)
    return found.hexdigest()


class _Sink:
    """A digest as something to write to."""

    def __init__(self, digest: "hashlib._Hash") -> None:
        self._digest = digest

    def write(self, piece: bytes) -> None:
        self._digest.update(piece)


def _write_weights(source: Path, target: Path) -> None:
    tensors = sorted(header.tensors(source), key=lambda tensor: tensor.name)
    with Values(source) as values, target.open("xb") as file:
        text = _header(tensors)
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors:
            for piece in values.raw(tensor):
                file.write(piece)


def _header(tensors: Sequence[Tensor]) -> bytes:
    said, at = {}, 0
    for tensor in tensors:
        offsets = [at, at + tensor.size]
        said[tensor.name] = {"dtype": tensor.kind, "shape": list(tensor.shape), "data_offsets": offsets}
        at += tensor.size
    text = json.dumps(said, separators=(",", ":"))
    return text.encode("ascii") + b" " * (-len(text) % 8)


def _write_gguf(source: Path, target: Path, facts: AdapterFacts) -> None:
    lora = gguf_lora.read(source)
    with Values(source) as values:

        def part(tensor: Tensor) -> gguf_lora.Part:
            kind = (
                np.uint32 if tensor.kind == "F32" else np.uint16
            )  # bytes as they stand: no value is touched
            return gguf_lora.Part(
                tensor.name,
                tensor.kind,
                tensor.shape,
                lambda: np.frombuffer(b"".join(values.raw(tensor)), kind),
            )

        tensors = sorted(lora.tensors, key=lambda tensor: tensor.name)
        gguf_lora.write(target, facts.base.architecture, lora.alpha, map(part, tensors))
