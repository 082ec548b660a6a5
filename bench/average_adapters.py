"""Make one LoRA out of several of the same base: the mean of what they add to the weights.

    python bench/average_adapters.py FIRST SECOND … --out DIR

Adapters that were trained apart and averaged search better than each of them ("model soups", Wortsman et al. 2022).
The mean is exact: the ranks add up, A is stacked over A and B beside B, divided by their number.
"""

import argparse
import json
from pathlib import Path
from typing import Any

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def averaged(
    configs: list[dict[str, Any]], weights: list[dict[str, Any]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Configuration and weights (float16) of the mean. All must have the same scale, alpha / rank, and layers."""
    import torch

    (scale,) = {config["lora_alpha"] / config["r"] for config in configs}
    (names,) = {frozenset(one) for one in weights}
    rank = sum(config["r"] for config in configs)
    config = configs[0] | {"r": rank, "lora_alpha": scale * rank}
    mean = {}
    for name in sorted(names):
        parts = [one[name].float() for one in weights]
        up = name.endswith(".lora_B.weight")
        whole = torch.cat([part / len(parts) for part in parts], dim=1) if up else torch.cat(parts, dim=0)
        mean[name] = whole.to(torch.float16).contiguous()
    return config, mean


def main() -> None:
    from safetensors.torch import load_file, save_file

    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("adapters", type=Path, nargs="+", help="folders of adapters")
    parser.add_argument("--out", type=Path, required=True, help="folder that the mean is written to")
    chosen = parser.parse_args()
    configs = [json.loads((folder / CONFIG).read_text("utf-8")) for folder in chosen.adapters]
    config, weights = averaged(configs, [load_file(folder / WEIGHTS) for folder in chosen.adapters])
    chosen.out.mkdir(parents=True, exist_ok=True)
    save_file(weights, str(chosen.out / WEIGHTS), metadata={"format": "pt"})
    (chosen.out / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
