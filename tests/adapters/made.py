"""LoRA adapters made with numpy alone, in milliseconds: small, valid, and different for each seed."""

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.core import BaseFacts, LoraFile

LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
PREFIX = "base_model.model."


def llama_facts(
    name: str, hidden: int, inner: int, blocks: int, heads: int, kv_heads: int, fingerprint: str = "f" * 64
) -> BaseFacts:
    """What a base of llama's kind looks like to an adapter."""
    narrow = hidden // heads * kv_heads
    shapes = {
        "self_attn.q_proj": (hidden, hidden),
        "self_attn.k_proj": (narrow, hidden),
        "self_attn.v_proj": (narrow, hidden),
        "self_attn.o_proj": (hidden, hidden),
        "mlp.gate_proj": (inner, hidden),
        "mlp.up_proj": (inner, hidden),
        "mlp.down_proj": (hidden, inner),
    }
    layers = {
        f"model.layers.{block}.{layer}": shape for block in range(blocks) for layer, shape in shapes.items()
    }
    return BaseFacts(name, fingerprint, "llama", heads, kv_heads, layers)


def bert_facts(
    name: str, hidden: int, inner: int, blocks: int, heads: int, fingerprint: str = "e" * 64
) -> BaseFacts:
    """What an embedder of bert's kind looks like to an adapter."""
    shapes = {
        "attention.self.query": (hidden, hidden),
        "attention.self.key": (hidden, hidden),
        "attention.self.value": (hidden, hidden),
        "attention.output.dense": (hidden, hidden),
        "intermediate.dense": (inner, hidden),
        "output.dense": (hidden, inner),
    }
    layers = {
        f"encoder.layer.{block}.{layer}": shape for block in range(blocks) for layer, shape in shapes.items()
    }
    return BaseFacts(name, fingerprint, "bert", heads, heads, layers | {"pooler.dense": (hidden, hidden)})


MINILM = bert_facts("sentence-transformers/all-MiniLM-L6-v2", 384, 1536, 6, 12)  # the embedder
READER = bert_facts("reader", 24, 48, 2, 4)  # no model stands behind it, either
SMOLLM = llama_facts("SmolLM2-135M-Instruct", 576, 1536, 30, 9, 3)  # the embedded base
SMALL = llama_facts("small", 16, 32, 2, 4, 2)  # no model stands behind it: for checks alone


def tensors(
    facts: BaseFacts = SMOLLM,
    rank: int = 8,
    seed: int = 0,
    targets: Sequence[str] = ("q_proj", "v_proj"),
    strength: float = 0.05,
    dtype: str = "F32",
) -> dict[str, tuple[str, NDArray[Any]]]:
    """Name -> (safetensors dtype, values) of random A and B; `strength` is the deviation of B's values."""
    draw, made = np.random.default_rng(seed), {}
    for layer, (out, into) in facts.layers.items():
        if layer.rsplit(".", 1)[-1] in targets:
            down = draw.standard_normal((rank, into), np.float32) / np.sqrt(np.float32(into))
            up = draw.standard_normal((out, rank), np.float32) * np.float32(strength)
            made[f"{PREFIX}{layer}.lora_A.weight"] = (dtype, cast(down, dtype))
            made[f"{PREFIX}{layer}.lora_B.weight"] = (dtype, cast(up, dtype))
    return made


def cast(values: NDArray[np.float32], dtype: str) -> NDArray[Any]:
    """In F32, F16 or BF16, the last as its 16 bits, for numpy knows no such type."""
    if dtype == "BF16":
        return (values.view(np.uint32) >> 16).astype(np.uint16)
    return values.astype({"F32": np.float32, "F16": np.float16}[dtype])


FORMAT = {"format": "pt"}


def encode(
    weights: Mapping[str, tuple[str, NDArray[Any]]], metadata: Mapping[str, str] | None = FORMAT
) -> bytes:
    """A safetensors file; without metadata one in whose header every byte counts."""
    header: dict[str, Any] = {"__metadata__": metadata} if metadata is not None else {}
    end = 0
    for name, (dtype, values) in weights.items():
        begin, end = end, end + values.nbytes
        header[name] = {"dtype": dtype, "shape": list(values.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8 if metadata is not None else 0)
    return struct.pack("<Q", len(text)) + text + b"".join(v.tobytes() for _, v in weights.values())


def config(facts: BaseFacts = SMOLLM, **changed: Any) -> dict[str, Any]:
    """What PEFT writes beside the weights; `changed` replaces or adds keys."""
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": facts.name,
        "inference_mode": True,
        "bias": "none",
        "r": 8,
        "lora_alpha": 16,
        "lora_dropout": 0.0,
        "target_modules": ["q_proj", "v_proj"],
    } | changed


def lora(
    folder: Path,
    facts: BaseFacts = SMOLLM,
    rank: int = 8,
    seed: int = 0,
    targets: Sequence[str] = ("q_proj", "v_proj"),
    strength: float = 0.05,
    dtype: str = "F32",
    **changed: Any,
) -> Path:
    """A valid PEFT adapter in `folder`, its scale 2; `changed` replaces keys of its configuration.

    The default `strength` moves some logits of the embedded model by about 2, well beyond the noise between two
    engines (0.4), and leaves its answers fluent.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = tensors(facts, rank, seed, targets, strength, dtype)
    said = config(facts, r=rank, lora_alpha=2 * rank, target_modules=list(targets)) | changed
    (folder / LoraFile.CONFIG).write_text(json.dumps(said, indent=2))
    (folder / LoraFile.WEIGHTS).write_bytes(encode(weights))
    return folder
