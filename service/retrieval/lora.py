"""A LoRA adapter of the embedder: read from its folder, checked, and added to the model's weights.

Merged weights cost nothing when passages are embedded, so the adapter is merged when the model is loaded: W + s·B·A,
with s = alpha / rank (Hu et al. 2021), or alpha / √rank where the adapter says so (rsLoRA).
"""

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.errors import BadRequest

if TYPE_CHECKING:
    from torch import Tensor, nn

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PREFIX, DOWN, UP = "base_model.model.", ".lora_A.weight", ".lora_B.weight"


@dataclass(frozen=True, slots=True)
class Lora:
    """An adapter's folder, the factor of its product, and the digest of its files."""

    folder: Path
    scale: float
    digest: str

    def merge(self, model: "nn.Module") -> None:
        """Add the adapter to the weights of `model`, all of it or, where anything does not fit, nothing.

        Raises BadRequest with what does not fit.
        """
        import torch

        pairs = self._pairs()
        modules = dict(model.named_modules())
        fitting = []
        for name, (down, up) in pairs.items():
            weight = getattr(modules.get(name), "weight", None)
            if weight is None:
                raise self._unfit(f"the embedder has no layer {name}")
            if (up.shape[0], down.shape[1]) != tuple(weight.shape) or up.shape[1] != down.shape[0]:
                raise self._unfit(f"its shapes for {name} are not the embedder's")
            fitting.append((weight, self.scale * (up.float() @ down.float())))
        with torch.no_grad():
            for weight, change in fitting:
                weight.add_(change.to(weight))

    def _pairs(self) -> dict[str, "tuple[Tensor, Tensor]"]:
        """For each layer the matrices A, shape (rank, in), and B, shape (out, rank)."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            found = load_file(self.folder / WEIGHTS)
        except (OSError, SafetensorError):
            raise self._unfit(f"{WEIGHTS} cannot be read as safetensors") from None
        layers = {name.removeprefix(PREFIX).removesuffix(DOWN) for name in found if name.endswith(DOWN)}
        wanted = {PREFIX + layer + part for layer in layers for part in (DOWN, UP)}
        if not layers or wanted != found.keys():
            raise self._unfit("its weights are not pairs of LoRA matrices")
        return {layer: (found[PREFIX + layer + DOWN], found[PREFIX + layer + UP]) for layer in sorted(layers)}

    def _unfit(self, reason: str) -> BadRequest:
        return unfit(self.folder, reason)


def read(folder: Path) -> Lora:
    """The adapter in a folder; raises BadRequest when it is none that can be merged."""
    try:
        config, weights = (folder / CONFIG).read_bytes(), (folder / WEIGHTS).read_bytes()
    except OSError:
        raise unfit(folder, f"{CONFIG} and {WEIGHTS} are not both there") from None
    return Lora(folder, _scale(folder, config), sha256(config + weights).hexdigest())


def _scale(folder: Path, config: bytes) -> float:
    try:
        facts: dict[str, Any] = json.loads(config)
        kind, rank, alpha = facts["peft_type"], int(facts["r"]), float(facts["lora_alpha"])
    except (ValueError, KeyError, TypeError):
        raise unfit(folder, f"{CONFIG} does not say peft_type, r and lora_alpha") from None
    extra = [
        key
        for key in ("use_dora", "rank_pattern", "alpha_pattern", "modules_to_save", "fan_in_fan_out")
        if facts.get(key)
    ]
    if kind != "LORA" or rank < 1 or facts.get("bias", "none") != "none" or extra:
        raise unfit(folder, "only plain LoRA can be merged (no biases, DoRA, patterns or saved modules)")
    return float(alpha / (rank**0.5 if facts.get("use_rslora") else rank))


def unfit(folder: Path, reason: str) -> BadRequest:
    return BadRequest(
        f'The search adapter "{folder.name}" cannot be used: {reason}. '
        'Put another folder into search.adapter, or "" to search without one.'
    )
