"""LoRA adapters in llama.cpp's form, made without the converter that they help to test."""

from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

from service.core import Adapter, BaseFacts, LoraFile
from tests.adapters.made import LINEAR, PREFIX, SMOLLM, tensors

NAMES = {
    "q_proj": "attn_q",
    "k_proj": "attn_k",
    "v_proj": "attn_v",
    "o_proj": "attn_output",
    "gate_proj": "ffn_gate",
    "up_proj": "ffn_up",
    "down_proj": "ffn_down",
}


def adapter(folder: Path, name: str, seed: int, **more: Any) -> Adapter:
    """An adapter with its GGUF file in `folder / name-seed`; `more` goes to `made.tensors`."""
    place = folder / f"{name}-{seed}"
    place.mkdir(parents=True)
    write(place / LoraFile.GGUF, seed=seed, **more)
    return Adapter(name, f"{seed:064x}", seed, rank=more.get("rank", 8), folder=place)


def write(
    file: Path, facts: BaseFacts = SMOLLM, rank: int = 8, seed: int = 0, permuted: bool = True, **more: Any
) -> None:
    out = gguf.GGUFWriter(str(file), facts.architecture)
    out.add_type("adapter")
    out.add_string("adapter.type", "lora")
    out.add_float32("adapter.lora.alpha", 2.0 * rank)
    made = tensors(facts, rank, seed, **{"targets": LINEAR, "strength": 0.02} | more)
    for key, (_, values) in made.items():
        layer, side = key.removeprefix(PREFIX).removesuffix(".weight").rsplit(".", 1)
        block, kind = layer.split(".")[2], layer.rsplit(".", 1)[-1]
        if permuted and side == "lora_B" and kind in ("q_proj", "k_proj"):
            values = turned(values, facts.heads if kind == "q_proj" else facts.kv_heads)
        out.add_tensor(f"blk.{block}.{NAMES[kind]}.weight.{side.lower()}", values.astype(np.float16))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def turned(rows: NDArray[Any], heads: int) -> NDArray[Any]:
    """llama.cpp pairs neighbours where transformers pairs the halves of a head."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(rows.shape)
