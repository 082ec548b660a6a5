"""GGUF files written byte by byte, so that every part of one can lie."""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.adapters.naming import stored_names
from service.core import BaseFacts
from tests.adapters import made

STRING, FLOAT, ARRAY, UINT = 8, 6, 9, 4
CODES = {"F32": 0, "F16": 1, "BF16": 30}
Said = Sequence[tuple[str, int, Any]]
Tensors = Sequence[tuple[str, str, NDArray[Any]]]

PLAIN: Said = (
    ("general.architecture", STRING, "llama"),
    ("general.type", STRING, "adapter"),
    ("adapter.type", STRING, "lora"),
    ("adapter.lora.alpha", FLOAT, 16.0),
)


def said(**changed: Any) -> Said:
    """PLAIN with values changed, added or (None) left out; `_` in a name stands for a point, a pair gives the type."""
    found = {key: (kind, value) for key, kind, value in PLAIN}
    for name, value in changed.items():
        key = name.replace("_", ".")
        if value is None:
            found.pop(key)
        else:
            found[key] = value if isinstance(value, tuple) else (found.get(key, (STRING, ""))[0], value)
    return [(key, kind, value) for key, (kind, value) in found.items()]


def tensors(facts: BaseFacts = made.SMALL, rank: int = 4, dtype: str = "F32", **how: Any) -> Tensors:
    names = stored_names(facts)
    found = []
    for name, (kind, values) in made.tensors(facts, rank, dtype=dtype, **how).items():
        layer, _, half = name.removeprefix(made.PREFIX).rpartition(".lora_")
        found.append((f"{names[layer]}.lora_{half[0].lower()}", kind, values))
    return found


def packed(
    said: Said = PLAIN,
    tensors: Tensors | None = None,
    *,
    magic: bytes = b"GGUF",
    version: int = 3,
    count: int | None = None,
    entries: int | None = None,
    after: bytes = b"",
    codes: dict[str, int] | None = None,
    dims: int = 2,
    shift: int = 0,
    alignment: int = 32,
) -> bytes:
    tensors = globals()["tensors"]() if tensors is None else tensors
    many = len(tensors) if count is None else count
    head = magic + struct.pack("<IQQ", version, many, len(said) if entries is None else entries)
    head += b"".join(_text(key) + struct.pack("<I", kind) + _value(kind, value) for key, kind, value in said)
    data = b""
    for name, dtype, values in tensors:
        sides = [*reversed(values.shape), *[1] * (dims - 2)]
        head += _text(name) + struct.pack(f"<I{len(sides)}Q", len(sides), *sides)
        head += struct.pack("<IQ", (codes or CODES)[dtype], len(data) + (shift if data else 0))
        data += values.tobytes()
        data += bytes(-len(data) % alignment)
    return head + bytes(-len(head) % alignment) + data + after


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _value(kind: int, value: Any) -> bytes:
    if isinstance(value, bytes):
        return value  # as it stands
    if kind == STRING:
        return _text(value)
    return struct.pack("<f" if kind == FLOAT else "<I", value)


def nan(values: NDArray[Any]) -> NDArray[Any]:
    wrong = values.copy()
    wrong.flat[0] = np.nan
    return wrong
