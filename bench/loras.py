"""Adapters that are made, not trained: all linear layers of the base, different for each seed."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from service.core import BaseFacts, LoraFile

STRENGTH = 0.02  # moves logits by 3 to 5, and leaves the answers fluent


def made(folder: Path, base: BaseFacts, seed: int, rank: int = 16, mark: int = 0) -> Path:
    """An adapter in PEFT's form in `folder`. Another `mark` gives other content, and the same answers to the last bit:
    it stands in a row of A that meets zeros in B.
    """
    folder.mkdir(parents=True)
    draw = np.random.default_rng(seed)
    weights: dict[str, NDArray[np.float32]] = {}
    for layer, (out, into) in base.layers.items():
        name = f"base_model.model.{layer}"
        down = draw.standard_normal((rank, into), np.float32) / np.sqrt(np.float32(into))
        up = draw.standard_normal((out, rank), np.float32) * np.float32(STRENGTH)
        weights |= {f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up}
    first_down, first_up = list(weights.values())[:2]
    first_down[-1, 0], first_up[:, -1] = mark * 1e-3, 0
    save_file(weights, folder / LoraFile.WEIGHTS, {"format": "pt"})
    said = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base.name,
        "r": rank,
        "lora_alpha": 2 * rank,
        "target_modules": sorted({layer.rsplit(".", 1)[-1] for layer in base.layers}),
    }
    (folder / LoraFile.CONFIG).write_text(json.dumps(said))
    return folder
