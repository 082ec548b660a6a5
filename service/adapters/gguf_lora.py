"""A LoRA in llama.cpp's own format: its header read by us, bounded, and its tensors paired; and the writing of one.

What is uploaded never reaches llama.cpp: the shelf holds a file written anew, with the tensors and what they need
and no other metadata (llama.cpp aborts its process on some values that its reader does not expect).
"""

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.adapters.header import NAME, SIDE, TENSORS
from service.adapters.naming import stored_names
from service.adapters.refused import Refused, shown
from service.adapters.tensors import Kind, Tensor
from service.adapters.weights import Pair, joined
from service.core import BaseFacts

LENGTH = 4 << 20  # bytes of a header at most
ENTRIES = 256  # of metadata
TEXT = 1 << 16  # bytes of a text
ALPHA = 1e6
DOWN, UP = ".lora_a", ".lora_b"
_AGAIN = "Make it anew with llama.cpp's own converter, or send the adapter in PEFT's format."
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY, _FLOAT = 8, 9, 6
_KINDS: dict[int, Kind] = {0: "F32", 1: "F16", 30: "BF16"}
_HARMLESS = ("general.",)  # what people say of it: name, author, licence
_HONOURED = ("adapter.type", "adapter.lora.alpha")


@dataclass(frozen=True, slots=True)
class GgufLora:
    architecture: str
    alpha: float  # 0 where the file says none: then the factor is 1
    tensors: tuple[Tensor, ...]

    def scale(self, rank: int) -> float:
        """As llama.cpp computes it."""
        return self.alpha / rank if self.alpha else 1.0


def read(path: Path) -> GgufLora:
    """Raises Refused."""
    with path.open("rb") as file:
        raw = file.read(LENGTH)
        length = file.seek(0, 2)
    reader = _Reader(raw)
    if reader.take(4) != b"GGUF":
        raise Refused(f"The file is no GGUF. {_AGAIN}")
    version, count, entries = reader.number("I"), reader.number("Q"), reader.number("Q")
    if version != 3:
        raise Refused(f"The GGUF is of version {version}, and only 3 is read. {_AGAIN}")
    if not 1 <= count <= TENSORS or entries > ENTRIES:
        raise Refused(
            f"The GGUF announces {count} tensors and {entries} entries, which no LoRA has. {_AGAIN}"
        )
    said = _metadata(reader, entries)
    alignment = _alignment(said)
    tensors = [_tensor(reader) for _ in range(count)]
    start = _padded(reader.at, alignment)
    return GgufLora(*_meaning(said), _placed(tensors, start, alignment, length))


def paired(lora: GgufLora, base: BaseFacts) -> tuple[dict[str, Pair], list[str]]:
    """The pairs by layer, and every reason why the tensors are not pairs of this base's layers."""
    layers = {name: layer for layer, name in stored_names(base).items()}
    halves: dict[str, dict[str, Tensor]] = {}
    odd, unknown = [], []
    for tensor in lora.tensors:
        suffix = tensor.name[-len(DOWN) :]
        name = tensor.name[: -len(DOWN)]
        if suffix not in (DOWN, UP):
            odd.append(tensor.name)
        elif name not in layers:
            unknown.append(tensor.name)
        else:
            halves.setdefault(layers[name], {})[suffix] = tensor
    reasons = []
    if odd:
        reasons.append(f"{len(odd)} tensors are no LoRA matrices (the first is {shown(odd[0])}). {_AGAIN}")
    if unknown:
        reasons.append(
            f"{len(unknown)} tensors are for layers that this base does not have or cannot swap (the first is "
            f"{shown(unknown[0])}). Train it on {base.name}, on its linear layers."
        )
    return joined(halves, DOWN, UP, reasons)


class _Reader:
    """Walks the header's bytes; whatever it is told to take must be there."""

    def __init__(self, raw: bytes) -> None:
        self._raw, self.at = raw, 0

    def take(self, count: int) -> bytes:
        if count > len(self._raw) - self.at:
            raise Refused(f"The GGUF's header ends too early, or is longer than {LENGTH >> 20} MiB. {_AGAIN}")
        self.at += count
        return self._raw[self.at - count : self.at]

    def number(self, kind: str) -> Any:
        return struct.unpack("<" + kind, self.take(struct.calcsize("<" + kind)))[0]

    def text(self, most: int = TEXT) -> str:
        length = self.number("Q")
        if length > most:
            raise Refused(f"The GGUF's header holds a text of {length} bytes; {most} are the most. {_AGAIN}")
        try:
            return self.take(length).decode("utf-8")
        except UnicodeDecodeError:
            raise Refused(f"The GGUF's header holds a text that is not UTF-8. {_AGAIN}") from None

    def value(self) -> tuple[int, Any]:
        """A value with its type; of lists only that they are whole."""
        kind = self.number("I")
        if kind == _STRING:
            return kind, self.text()
        if kind == _ARRAY:
            self._skip_list()
            return kind, None
        if kind not in _NUMBERS:
            raise Refused(f"The GGUF's header holds a value of unknown type {kind}. {_AGAIN}")
        return kind, self.number(_NUMBERS[kind])

    def _skip_list(self) -> None:
        kind, count = self.number("I"), self.number("Q")
        if kind == _STRING and count <= 4096:
            for _ in range(count):
                self.text()
        elif kind in _NUMBERS:
            self.take(count * struct.calcsize("<" + _NUMBERS[kind]))
        else:
            raise Refused(f"The GGUF's header holds a list that no LoRA has. {_AGAIN}")


def _metadata(reader: _Reader, count: int) -> dict[str, tuple[int, Any]]:
    said: dict[str, tuple[int, Any]] = {}
    for _ in range(count):
        key = reader.text(NAME)
        if key in said:
            raise Refused(f"The GGUF says {shown(key)} twice. {_AGAIN}")
        said[key] = reader.value()
    return said


def _alignment(said: Mapping[str, tuple[int, Any]]) -> int:
    kind, value = said.get("general.alignment", (4, 32))
    if kind != 4 or value not in (8, 16, 32, 64, 128, 256):
        raise Refused(f"The GGUF's alignment is {shown(str(value))}, which is not served. {_AGAIN}")
    return int(value)


def _meaning(said: Mapping[str, tuple[int, Any]]) -> tuple[str, float]:
    """The architecture and alpha. Raises Refused for what is no plain LoRA, or says more than one may."""
    for key, value in (("general.type", "adapter"), ("adapter.type", "lora")):
        if said.get(key) != (_STRING, value):
            raise Refused(f'The GGUF is no LoRA: {key} is not "{value}". Send the adapter, not a model.')
    kind, architecture = said.get("general.architecture", (0, ""))
    if kind != _STRING or not architecture:
        raise Refused(f"The GGUF does not say general.architecture. {_AGAIN}")
    kind, alpha = said.get("adapter.lora.alpha", (_FLOAT, 0.0))
    if kind != _FLOAT or not isfinite(alpha) or not 0 <= alpha <= ALPHA:
        raise Refused(f"The GGUF's adapter.lora.alpha is no number above 0. {_AGAIN}")
    for key in said:
        if key not in _HONOURED and not key.startswith(_HARMLESS):
            raise Refused(f"The GGUF says {shown(key)}, which a plain LoRA does not. {_AGAIN}")
    return architecture, alpha


def _tensor(reader: _Reader) -> tuple[Tensor, int]:
    """A tensor and its offset."""
    name = reader.text(NAME)
    if reader.number("I") != 2:
        raise Refused(f"{shown(name)} is no matrix. {_AGAIN}")
    columns, rows = reader.number("Q"), reader.number("Q")
    kind, offset = reader.number("I"), reader.number("Q")
    if kind not in _KINDS:
        raise Refused(f"{shown(name)} is of type {kind}. Save the LoRA as F32, F16 or BF16.")
    if not (1 <= rows <= SIDE and 1 <= columns <= SIDE):
        raise Refused(f"{shown(name)} has the shape {rows}×{columns}. {_AGAIN}")
    return Tensor(name, _KINDS[kind], (rows, columns), 0), offset


def _placed(
    tensors: Sequence[tuple[Tensor, int]], start: int, alignment: int, length: int
) -> tuple[Tensor, ...]:
    """The tensors where they lie in the file: one after another, each at the next aligned place."""
    if len({tensor.name for tensor, _ in tensors}) < len(tensors):
        raise Refused(f"The GGUF holds a tensor twice. {_AGAIN}")
    found, at, end = [], 0, 0
    for tensor, offset in sorted(tensors, key=lambda pair: pair[1]):
        if offset != at:
            raise Refused(f"{shown(tensor.name)} does not lie where the tensor before it ends. {_AGAIN}")
        found.append(Tensor(tensor.name, tensor.kind, tensor.shape, start + at))
        end = at + tensor.size
        at = _padded(end, alignment)
    if length not in (start + end, start + at):
        wrong = "has bytes after its last tensor" if length > start + end else "ends before its last tensor"
        raise Refused(f"The GGUF {wrong}. {_AGAIN}")
    return tuple(found)


def _padded(length: int, alignment: int) -> int:
    return -(-length // alignment) * alignment


# --- writing ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """A tensor to be written. `load` gives its values, those of BF16 as 16-bit whole numbers."""

    name: str
    kind: Kind
    shape: tuple[int, int]
    load: Callable[[], NDArray[Any]]


def write(path: Path, architecture: str, alpha: float, parts: Iterable[Part]) -> None:
    """A GGUF with these tensors, one of them in memory at a time."""
    import gguf

    parts = list(parts)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    kinds = {kind: gguf.GGMLQuantizationType(code) for code, kind in _KINDS.items()}
    widths = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16}
    for part in parts:
        kind = np.dtype(widths[part.kind])
        count = part.shape[0] * part.shape[1] * kind.itemsize
        writer.add_tensor_info(part.name, part.shape, kind, count, raw_dtype=kinds[part.kind])
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for part in parts:
            writer.write_tensor_data(part.load())
    finally:
        writer.close()
