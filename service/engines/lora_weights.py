"""A LoRA adapter's matrices from its folder on the shelf, for torch."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from service.core import Adapter, LoraFile
from service.errors import BadRequest

if TYPE_CHECKING:
    import torch

PREFIX, DOWN, UP = "base_model.model.", ".lora_A.weight", ".lora_B.weight"

Layers = Mapping[str, tuple[int, int]]  # a base's linear layers, as PEFT names them: (outputs, inputs)


@dataclass(frozen=True, slots=True)
class Pair:
    """A layer's matrices, turned round: A of shape (in, rank), and s·B of shape (rank, out)."""

    down: "torch.Tensor"
    up: "torch.Tensor"

    def to(self, kind: "torch.dtype", device: "torch.device") -> "Pair":
        return Pair(self.down.to(device, kind), self.up.to(device, kind))

    @property
    def rank(self) -> int:
        return self.down.shape[1]

    @property
    def size(self) -> int:
        """Bytes."""
        return self.down.nbytes + self.up.nbytes


class Scales:
    """The rank of each layer and its factor s, as PEFT takes them from an adapter's configuration."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._rank, self._alpha = int(config["r"]), float(config["lora_alpha"])
        self._ranks: Mapping[str, int] = config.get("rank_pattern") or {}
        self._alphas: Mapping[str, float] = config.get("alpha_pattern") or {}
        self._root = bool(config.get("use_rslora"))

    def rank(self, layer: str) -> int:
        return int(_patterned(self._ranks, layer, self._rank))

    def scale(self, layer: str) -> float:
        rank, alpha = self.rank(layer), float(_patterned(self._alphas, layer, self._alpha))
        return alpha / math.sqrt(rank) if self._root else alpha / rank


def _patterned(patterns: Mapping[str, float], layer: str, otherwise: float) -> float:
    """The value of the first pattern that is the layer's name, or ends it after a dot."""
    for pattern, value in patterns.items():
        if re.match(rf"(.*\.)?({pattern})$", layer):
            return value
    return otherwise


def read(adapter: Adapter, layers: Layers) -> dict[str, Pair]:
    """An adapter's pairs by layer, in float32. Raises BadRequest when they are not there or do not fit `layers`."""
    scales, found = _files(adapter)
    names = {name.removeprefix(PREFIX).removesuffix(DOWN) for name in found if name.endswith(DOWN)}
    if not names or {PREFIX + name + part for name in names for part in (DOWN, UP)} != found.keys():
        raise _unfit(adapter, "its weights are not pairs of LoRA matrices")
    pairs = {}
    for name in sorted(names):
        down, up = found[PREFIX + name + DOWN].float(), found[PREFIX + name + UP].float()
        if name not in layers:
            raise _unfit(adapter, f"this engine has no layer {name} to change")
        (out, into), rank = layers[name], scales.rank(name)
        if (tuple(down.shape), tuple(up.shape)) != ((rank, into), (out, rank)):
            raise _unfit(adapter, f"its shapes for {name} are not those of the base and its configuration")
        pairs[name] = Pair(down.t().contiguous(), (scales.scale(name) * up).t().contiguous())
    return pairs


def _files(adapter: Adapter) -> "tuple[Scales, dict[str, torch.Tensor]]":
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    folder = adapter.folder
    if folder is None or not (folder / LoraFile.WEIGHTS).is_file():
        raise _unfit(adapter, f"it has no {LoraFile.WEIGHTS}, the only form that the torch engine reads")
    try:
        scales = Scales(json.loads((folder / LoraFile.CONFIG).read_bytes()))
        return scales, load_file(folder / LoraFile.WEIGHTS)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError):
        raise _unfit(adapter, f"its {LoraFile.CONFIG} or {LoraFile.WEIGHTS} cannot be read") from None


def _unfit(adapter: Adapter, reason: str) -> BadRequest:
    return BadRequest(f'The adapter "{adapter.name}" cannot be served: {reason}.')
