"""What an adapter must fit, read from the head of the base's GGUF file: a tenth of a second, no weights."""

import functools
import mmap
import struct
from typing import Any

from service.core import BaseFacts
from service.engines.base_model import BaseFiles
from service.engines.hf_base import folder_facts
from service.errors import BadRequest

# GGUF's numbers for the types of values; 8 is a string and 9 an array
_SCALARS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))
_STRING, _ARRAY = 8, 9

# as llama.cpp calls a block's linear layers, and as PEFT does
_SPLIT = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_FUSED = {
    "attn_qkv": "self_attn.qkv_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_up": "mlp.gate_up_proj",
    "ffn_down": "mlp.down_proj",
}
_NAMES = dict.fromkeys(("llama", "qwen2", "qwen3", "gemma", "gemma2", "gemma3"), _SPLIT) | {"phi3": _FUSED}


@functools.cache
def base_facts(files: BaseFiles) -> BaseFacts:
    """The shapes of the base's linear layers. Architectures whose names are not known here have none, and so nothing
    fits them. Raises BadRequest when the file is not GGUF.
    """
    if files.gguf is None:
        assert files.folder is not None
        return folder_facts(files.folder, files.name, files.fingerprint)
    try:
        with files.gguf.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            meta, shapes = _Head(data).read()
    except (struct.error, ValueError, KeyError, UnicodeDecodeError):
        raise BadRequest(f"{files.gguf.name} is not a whole GGUF file. Check `base.model`.") from None
    architecture = str(meta.get("general.architecture", ""))
    heads = meta.get(f"{architecture}.attention.head_count", 0)
    kv_heads = meta.get(f"{architecture}.attention.head_count_kv", heads)
    alike = isinstance(heads, int) and isinstance(kv_heads, int)  # else every block has its own number
    names = _NAMES.get(architecture, {}) if alike else {}
    layers = {_peft(name, names): shape for name, shape in shapes.items() if _peft(name, names)}
    return BaseFacts(
        files.name,
        files.fingerprint,
        architecture,
        heads if alike else 0,
        kv_heads if alike else 0,
        layers,
    )


def _peft(name: str, names: dict[str, str]) -> str:
    """ "blk.0.attn_q.weight" -> "model.layers.0.self_attn.q_proj"; empty for anything but a block's linear layer."""
    match name.split("."):
        case ["blk", block, layer, "weight"] if layer in names:
            return f"model.layers.{block}.{names[layer]}"
    return ""


class _Head:
    """A reader of GGUF's head: key-value pairs, then the names and shapes of the tensors."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 0

    def read(self) -> tuple[dict[str, Any], dict[str, tuple[int, int]]]:
        """The metadata without its lists, and (outputs, inputs) of every matrix."""
        if self._data[:4] != b"GGUF":
            raise ValueError("no GGUF")
        self._at = 4
        self._take("I")  # version
        tensors, pairs = self._take("Q"), self._take("Q")
        meta = {self._string(): self._value(self._take("I")) for _ in range(pairs)}
        return meta, dict(shaped for _ in range(tensors) if (shaped := self._tensor()))

    def _tensor(self) -> tuple[str, tuple[int, int]] | None:
        name = self._string()
        sizes = [self._take("Q") for _ in range(self._take("I"))]
        self._take("I"), self._take("Q")  # type and place
        return (name, (sizes[1], sizes[0])) if len(sizes) == 2 else None

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind != _ARRAY:
            return self._take(_SCALARS[kind])
        inside, count = self._take("I"), self._take("Q")
        if inside != _STRING:
            self._at += count * struct.calcsize(f"<{_SCALARS[inside]}")
            return None
        for _ in range(count):
            length = self._take("Q")
            self._at += length
        return None

    def _string(self) -> str:
        length = self._take("Q")
        self._at += length
        return self._data[self._at - length : self._at].decode("utf-8")

    def _take(self, form: str) -> Any:
        (value,) = struct.unpack_from(f"<{form}", self._data, self._at)
        self._at += struct.calcsize(f"<{form}")
        return value
