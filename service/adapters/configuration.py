"""PEFT's adapter_config.json, and the canonical one of our own that libraries read in its place: only plain LoRA,
every layer named outright, rsLoRA's factor and all patterns worked into ranks and alphas.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any, TypeVar

from service.adapters import strict
from service.adapters.keys import reasons
from service.adapters.refused import shown
from service.core import BaseFacts

Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the file says, checked. `targets` is None where it is a regular expression: the tensors decide then."""

    rank: int
    alpha: float
    rslora: bool = False
    targets: tuple[str, ...] | None = ()
    everything: bool = False  # target_modules is "all-linear"
    blocks: frozenset[int] | None = None  # layers_to_transform
    stacks: tuple[str, ...] = ()  # layers_pattern
    ranks: tuple[tuple[re.Pattern[str], int], ...] = ()  # rank_pattern, in its order
    alphas: tuple[tuple[re.Pattern[str], float], ...] = ()
    task: str | None = None
    base: str = ""  # the last word of the base's name, as the file gives it

    def rank_of(self, layer: str) -> int:
        return next((rank for key, rank in self.ranks if key.match(layer)), self.rank)

    def alpha_of(self, layer: str) -> float:
        """In plain LoRA's terms, where the factor is alpha / rank."""
        alpha = next((alpha for key, alpha in self.alphas if key.match(layer)), self.alpha)
        return alpha * sqrt(self.rank_of(layer)) if self.rslora else alpha

    def wants(self, layer: str) -> bool:
        """Whether the layer must have tensors. As in PEFT, blocks choose among parts of names, not whole ones."""
        targets = self.targets or ()
        if self.everything or layer in targets:
            return True
        named = any(layer.endswith(f".{target}") for target in targets)
        return named and (self.blocks is None or self._block(layer) in self.blocks)

    def _block(self, layer: str) -> int | None:
        for start in (rf"(?:^|.*?\.){re.escape(stack)}" for stack in self.stacks or ()):
            if found := re.match(rf"{start}\.(\d+)\.", layer):
                return int(found[1])
        found = None if self.stacks else re.match(r".*?\.[^.]*\.(\d+)\.", layer)
        return int(found[1]) if found else None

    def describe(self, facts: Sequence[BaseFacts]) -> str:
        """One line for a person: "Configuration: LoRA, rank 16, alpha 32, all-linear"."""
        ranks = sorted({self.rank, *(rank for _, rank in self.ranks)})
        rank = f"rank {ranks[0]}" if len(ranks) == 1 else f"ranks {ranks[0]}–{ranks[-1]}"
        kind = "rsLoRA" if self.rslora else "LoRA"
        return f"Configuration: {kind}, {rank}, alpha {number(self.alpha)}, {self._where(facts)}"

    def _where(self, facts: Sequence[BaseFacts]) -> str:
        if self.targets is None:
            return "layers by a pattern"
        if self.everything or any(all(map(self.wants, base.layers)) for base in facts):
            return "all-linear"
        few = ", ".join(map(shown, self.targets[:7]))
        return few if len(self.targets) <= 7 else f"{few} and {len(self.targets) - 7} more"


def read(path: Path) -> tuple[Configuration | None, list[str]]:
    """What the file says, or every reason why it is refused. Raises Refused when it is no JSON object."""
    said = strict.parse(path.read_bytes(), path.name)
    wrong = reasons(said)
    return (None if wrong else _read(said)), wrong


def canonical(base: BaseFacts, scales: Mapping[str, tuple[int, float]], task: str | None) -> dict[str, Any]:
    """The configuration that libraries read; `scales` maps each layer to its rank and plain alpha."""
    rank = _usual([rank for rank, _ in scales.values()])
    alpha = _usual([alpha for _, alpha in scales.values()])
    return {
        "alpha_pattern": {re.escape(n): number(a) for n, (_, a) in sorted(scales.items()) if a != alpha},
        "base_model_name_or_path": base.name,
        "bias": "none",
        "inference_mode": True,
        "lora_alpha": number(alpha),
        "lora_dropout": 0.0,
        "peft_type": "LORA",
        "r": rank,
        "rank_pattern": {re.escape(n): r for n, (r, _) in sorted(scales.items()) if r != rank},
        "target_modules": sorted(scales),
        "task_type": task,
        "use_dora": False,
        "use_rslora": False,
    }


def encoded(config: Mapping[str, Any]) -> bytes:
    return (json.dumps(config, indent=1, sort_keys=True) + "\n").encode("ascii")


def number(value: float) -> float | int:
    """Whole numbers without a point."""
    return int(value) if float(value).is_integer() else float(value)


def _usual(values: Sequence[Number]) -> Number:
    """The commonest, and of several the least."""
    return min(Counter(values).items(), key=lambda found: (-found[1], found[0]))[0]


def _read(said: Mapping[str, Any]) -> Configuration:
    targets, blocks, stacks = (
        said["target_modules"],
        said.get("layers_to_transform"),
        said.get("layers_pattern"),
    )
    everything = targets == "all-linear"
    return Configuration(
        rank=said["r"],
        alpha=float(said["lora_alpha"]),
        rslora=said.get("use_rslora", False),
        targets=tuple(sorted(targets)) if isinstance(targets, list) else () if everything else None,
        everything=everything,
        blocks=None
        if blocks is None or blocks == []
        else frozenset([blocks] if type(blocks) is int else blocks),
        stacks=(stacks,) if isinstance(stacks, str) else tuple(stacks or ()),
        ranks=tuple((_finder(key), rank) for key, rank in (said.get("rank_pattern") or {}).items()),
        alphas=tuple(
            (_finder(key), float(alpha)) for key, alpha in (said.get("alpha_pattern") or {}).items()
        ),
        task=said.get("task_type"),
        base=_last(said.get("base_model_name_or_path")),
    )


def _last(name: str | None) -> str:
    word = (name or "").replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    return word if re.fullmatch(r"[A-Za-z0-9._-]{1,80}", word) else ""


def _finder(key: str) -> re.Pattern[str]:
    """As PEFT finds the layers of a pattern's key."""
    return re.compile(rf"(.*\.)?({key})$")
