"""A LoRA adapter of the embedder: read from its folder, checked, and added to the model's weights.

Merged weights cost nothing when passages are embedded, so the adapter is merged when the model is loaded: W + s·B·A,
with s = alpha / rank (Hu et al. 2021), or alpha / √rank where the adapter says so (rsLoRA). A layer's rank is that of
its matrices.
"""

import json
from collections.abc import Mapping
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
    """An adapter's folder, what the factors of its products come from, and the digest of its files."""

    folder: Path
    alpha: float
    alphas: Mapping[str, float]  # of the layers that have another one
    rslora: bool
    digest: str

    def merge(self, model: "nn.Module") -> None:
        """Add the adapter to the weights of `model`, all of it or, where anything does not fit, nothing.

        Raises BadRequest with what does not fit.
        """
        import torch

        pairs = self._pairs()
        if self.alphas.keys() - pairs.keys():
            raise self._unfit("its alpha_pattern does not name its layers outright")
        modules = dict(model.named_modules())
        fitting = []
        for name, (down, up) in pairs.items():
            weight = getattr(modules.get(name), "weight", None)
            if weight is None:
                raise self._unfit(f"the embedder has no layer {name}")
            if (up.shape[0], down.shape[1]) != tuple(weight.shape) or up.shape[1] != down.shape[0]:
                raise self._unfit(f"its shapes for {name} are not the embedder's")
            fitting.append((weight, self.scale(name, down.shape[0]) * (up.float() @ down.float())))
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

    def scale(self, layer: str, rank: int) -> float:
        """The factor of the layer's product."""
        return self.alphas.get(layer, self.alpha) / (rank**0.5 if self.rslora else rank)

    def _unfit(self, reason: str) -> BadRequest:
        return unfit(self.folder, reason)


def read(folder: Path) -> Lora:
    """The adapter in a folder; raises BadRequest when it is none that can be merged."""
    try:
        config, weights = (folder / CONFIG).read_bytes(), (folder / WEIGHTS).read_bytes()
    except OSError:
        raise unfit(folder, f"{CONFIG} and {WEIGHTS} are not both there") from None
    return _read(folder, config, sha256(config + weights).hexdigest())


def _read(folder: Path, config: bytes, digest: str) -> Lora:
    try:
        facts: dict[str, Any] = json.loads(config)
        kind, rank, alpha = facts["peft_type"], int(facts["r"]), float(facts["lora_alpha"])
        named = (facts.get("alpha_pattern") or {}).items()  # as the canonical configuration names layers
        alphas = {key.replace("\\", ""): float(value) for key, value in named}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise unfit(folder, f"{CONFIG} does not say peft_type, r and lora_alpha") from None
    extra = [key for key in ("use_dora", "modules_to_save", "fan_in_fan_out") if facts.get(key)]
    if kind != "LORA" or rank < 1 or facts.get("bias", "none") != "none" or extra:
        raise unfit(folder, "only plain LoRA can be merged (no biases, DoRA or saved modules)")
    return Lora(folder, alpha, alphas, bool(facts.get("use_rslora")), digest)


def unfit(folder: Path, reason: str) -> BadRequest:
    return BadRequest(
        f'The search adapter "{folder.name}" cannot be used: {reason}. '
        'Put another folder into search.adapter, or "" to search without one.'
    )
