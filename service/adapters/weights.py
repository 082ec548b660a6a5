"""Whether an adapter's tensors are pairs that fit a base, and whether their values can be meant.

A LoRA adds s·B·A to a layer of shape (outputs, inputs): A is (rank, inputs), B is (outputs, rank).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.adapters.configuration import Configuration
from service.adapters.keys import RANK, is_embedding
from service.adapters.refused import shown
from service.adapters.tensors import Tensor, Values
from service.core import BaseFacts

PREFIX, DOWN, UP = "base_model.model.", ".lora_A.weight", ".lora_B.weight"
HALF = 65504.0  # the greatest number of half precision, in which both engines hold adapters
# A fresh layer of n outputs has a norm near √n (each output of variance one). Trained adapters change it by a
# hundredth to one of that; one that changes it by a hundred times that leaves nothing of the base.
DROWNS = 100.0

_ODD = (  # parts of tensors' names, and what they mean
    ("lora_magnitude_vector", "of DoRA, which cannot share a batch. Train with plain LoRA or rsLoRA."),
    ("lora_embedding_", "of an embedding, which cannot be swapped. Train without it."),
    ("trainable_tokens", "of trained tokens, which cannot be swapped. Train without them."),
    ("modules_to_save", "of whole layers (modules_to_save), which cannot be swapped. Train without them."),
    (".bias", 'biases, which have no place in a LoRA. Train with bias "none".'),
    ("lora_A.default.", "named after a running adapter. Save with PEFT's `save_pretrained`."),
    ("lora_B.default.", "named after a running adapter. Save with PEFT's `save_pretrained`."),
    ("embed_tokens", "of an embedding, which cannot be swapped. Train without it."),
    ("lm_head", "of the output head, which cannot be swapped. Train without it."),
)


@dataclass(frozen=True, slots=True)
class Pair:
    """The two matrices of a layer, named as the base names it."""

    layer: str
    down: Tensor  # A
    up: Tensor  # B

    @property
    def rank(self) -> int:
        return self.down.shape[0]

    @property
    def shape(self) -> tuple[int, int]:
        """Of the layer that it is for: (outputs, inputs)."""
        return self.up.shape[0], self.down.shape[1]


def paired(tensors: Iterable[Tensor]) -> tuple[dict[str, Pair], list[str]]:
    """The pairs by layer, and every reason why the tensors are not pairs and nothing else."""
    halves: dict[str, dict[str, Tensor]] = {}
    odd: dict[str, list[str]] = {}
    for tensor in tensors:
        suffix = next((end for end in (DOWN, UP) if tensor.name.endswith(end)), None)
        layer = tensor.name.removeprefix(PREFIX).removesuffix(suffix or "")
        if suffix is None or not tensor.name.startswith(PREFIX) or is_embedding(layer):
            odd.setdefault(_oddity(tensor.name), []).append(tensor.name)
        else:
            halves.setdefault(layer, {})[suffix] = tensor
    reasons = [f"{_many(names, 'tensor')} {reason}" for reason, names in odd.items()]
    return joined(halves, DOWN, UP, reasons)


def joined(
    halves: Mapping[str, Mapping[str, Tensor]], down: str, up: str, reasons: list[str]
) -> tuple[dict[str, Pair], list[str]]:
    """Pairs from halves found by layer and suffix; a reason more for those that lack one or do not multiply."""
    pairs = {
        layer: Pair(layer, half[down], half[up])
        for layer, half in halves.items()
        if down in half and up in half
    }
    if lonely := [layer for layer in halves if layer not in pairs]:
        reasons.append(f"{_many(lonely, 'layer')} with one half of a pair. Send A and B of every layer.")
    if unlike := [pair.layer for pair in pairs.values() if pair.up.shape[1] != pair.rank]:
        reasons.append(f"{_many(unlike, 'layer')} whose A and B have different ranks. Save the adapter anew.")
    if high := [pair.layer for pair in pairs.values() if pair.rank > RANK]:
        reasons.append(f"{_many(high, 'layer')} of a rank above {RANK}. Train with a lower one.")
    return pairs, reasons


def nearest(pairs: Mapping[str, Pair], facts: Sequence[BaseFacts]) -> BaseFacts:
    """The base that the most layers fit, by name and shape or else by name."""
    return max(facts, key=lambda base: _fits(pairs, base))


def _fits(pairs: Mapping[str, Pair], base: BaseFacts) -> tuple[int, int]:
    named = [pair for layer, pair in pairs.items() if layer in base.layers]
    return sum(pair.shape == base.layers[pair.layer] for pair in named), len(named)


def misfits(pairs: Mapping[str, Pair], base: BaseFacts, trained: str = "") -> list[str]:
    """Every reason why the pairs are not for this base; `trained` is the name of the one that they were made on."""
    unknown = [pair for layer, pair in pairs.items() if layer not in base.layers]
    unlike = [pair for layer, pair in pairs.items() if base.layers.get(layer, pair.shape) != pair.shape]
    if not unknown and not unlike:
        return []
    remedy = f"Train it on {base.name}."
    theirs, ours = _hidden(pairs.values(), base)
    if theirs != ours:
        who = trained if trained and trained != base.name else ""
        on = f"{who} (hidden size {theirs})" if who else f"a base of hidden size {theirs}"
        return [f"Trained on {on}; this base has {ours}. {remedy}"]
    return [*_unknown(unknown, base, remedy), *_unlike(unlike, base, remedy)]


def _hidden(pairs: Iterable[Pair], base: BaseFacts) -> tuple[int, int]:
    """The width of the stream between blocks: the adapter's base's, and this one's (alike where nothing tells)."""
    ours = Counter(side for shape in base.layers.values() for side in shape).most_common(1)[0][0]
    kinds = {_kind(layer): shape for layer, shape in base.layers.items()}
    found = Counter(
        side
        for pair in pairs
        for side, known in zip(pair.shape, kinds.get(_kind(pair.layer), ()), strict=False)
        if known == ours
    )
    return (found.most_common(1)[0][0] if found else ours), ours


def _kind(layer: str) -> str:
    """A layer's name without its block: "self_attn.q_proj"."""
    return ".".join(part for part in layer.split(".")[-2:] if not part.isdigit())


def _unknown(pairs: Sequence[Pair], base: BaseFacts, remedy: str) -> list[str]:
    if not pairs:
        return []
    kinds = {_kind(layer) for layer in base.layers}
    if all(_kind(pair.layer) in kinds for pair in pairs):
        blocks = 1 + max((_block(pair.layer) for pair in pairs), default=0)
        here = 1 + max(map(_block, base.layers), default=0)
        if blocks > here:
            return [f"Trained on a base of at least {blocks} blocks; this base has {here}. {remedy}"]
    return [f"{_many([pair.layer for pair in pairs], 'layer')} that this base does not have. {remedy}"]


def _block(layer: str) -> int:
    return next((int(part) for part in layer.split(".") if part.isdigit() and len(part) < 6), -1)


def _unlike(pairs: Sequence[Pair], base: BaseFacts, remedy: str) -> list[str]:
    if not pairs:
        return []
    is_now, should = pairs[0].shape, base.layers[pairs[0].layer]
    names = _many([pair.layer for pair in pairs], "layer")
    return [
        f"{names} of another shape than the base's: {is_now[0]}×{is_now[1]}, not {should[0]}×{should[1]}. {remedy}"
    ]


def disagreements(pairs: Mapping[str, Pair], base: BaseFacts, said: Configuration) -> list[str]:
    """Every reason why the tensors are not those that the configuration speaks of."""
    reasons = []
    if ranks := [pair.layer for layer, pair in pairs.items() if pair.rank != said.rank_of(layer)]:
        reasons.append(
            f"{_many(ranks, 'layer')} of another rank than configured. Send what was saved together."
        )
    wanted = {layer for layer in base.layers if said.targets is not None and said.wants(layer)}
    wanted = {layer for layer in wanted if not is_embedding(layer)}
    if missing := sorted(wanted - pairs.keys()):
        reasons.append(f"{_many(missing, 'layer')} configured, but not in the weights. Send the whole file.")
    if said.targets is not None and (more := sorted(pairs.keys() & base.layers.keys() - wanted)):
        reasons.append(f"{_many(more, 'layer')} not configured. Send what was saved together.")
    return reasons


def measured(path: Path, pairs: Iterable[Pair], scale: Callable[[str], float]) -> list[str]:
    """Every reason why the values cannot be meant. Reads a pair at a time."""
    tally = _Tally()
    with Values(path) as values:
        for pair in pairs:
            tally.add(values, pair, scale(pair.layer))
    return tally.reasons()


@dataclass(slots=True)
class _Tally:
    """Layers by what is wrong with them, and how many have anything but zeros in A, in B, in their product."""

    wild: list[str] = field(default_factory=list)
    large: list[str] = field(default_factory=list)
    drowned: list[str] = field(default_factory=list)
    downs: int = 0
    ups: int = 0
    moved: int = 0

    def add(self, values: Values, pair: Pair, scale: float) -> None:
        down, up = _strength(values, pair.down, rows=True), _strength(values, pair.up, rows=False)
        if not (np.isfinite(down.norms).all() and np.isfinite(up.norms).all()):
            self.wild.append(pair.layer)
            return
        self.downs += bool(down.norms.any())
        self.ups += bool(up.norms.any())
        most = scale * float(down.norms @ up.norms)  # ‖B·A‖ is at most the sum over ranks of ‖b‖‖a‖
        self.moved += most > 0
        if max(down.peak, up.peak) > HALF:
            self.large.append(pair.layer)
        elif most > (limit := DROWNS * sqrt(pair.shape[0])) and scale * _product(values, pair) > limit:
            self.drowned.append(pair.layer)

    def reasons(self) -> list[str]:
        found = []
        if self.wild:
            found.append(f"{_many(self.wild, 'layer')} with NaN or infinite values. Train anew.")
        if self.large:
            found.append(f"{_many(self.large, 'layer')} with values beyond half precision. Train anew.")
        if self.drowned:
            found.append(
                f"{_many(self.drowned, 'layer')} changed to more than {DROWNS:.0f} times what the base's can be. "
                "Lower lora_alpha, or train anew."
            )
        if not found and not self.moved:
            found.append(f"{self._zero()} is zero. Save the adapter after it was trained.")
        return found

    def _zero(self) -> str:
        if not self.downs and not self.ups:
            return "Every value"
        return "Every A" if not self.downs else "Every B" if not self.ups else "Every product of A and B"


@dataclass(frozen=True, slots=True)
class _Strength:
    norms: NDArray[np.float64]  # of each rank's row of A or column of B; not finite where a value is not
    peak: float


def _strength(values: Values, tensor: Tensor, rows: bool) -> _Strength:
    squares, peak = [], 0.0
    for block in values.blocks(tensor):
        wide = "ij,ij->i" if rows else "ij,ij->j"
        squares.append(np.einsum(wide, block, block, dtype=np.float64, casting="same_kind"))
        peak = max(peak, float(block.max()), -float(block.min()))
    return _Strength(np.sqrt(np.concatenate(squares) if rows else np.sum(squares, axis=0)), peak)


def _product(values: Values, pair: Pair) -> float:
    """The Frobenius norm of B·A: √Σ (BᵀB)∘(AAᵀ), without the product itself."""
    a = values.whole(pair.down).astype(np.float64)
    b = np.zeros((pair.rank, pair.rank))
    for block in values.blocks(pair.up):
        wide = block.astype(np.float64)
        b += wide.T @ wide
    return sqrt(max(0.0, float(np.sum((a @ a.T) * b))))


def _oddity(name: str) -> str:
    for part, meaning in _ODD:
        if part in name:
            return meaning
    if not name.startswith(PREFIX):
        return f"whose names do not begin with {PREFIX}. Save with PEFT's `save_pretrained`."
    return "that are no LoRA matrices of a layer. Save the adapter alone with PEFT's `save_pretrained`."


def _many(names: Sequence[str], what: str) -> str:
    """ "60 layers (the first is …)"."""
    if len(names) == 1:
        return f"1 {what} ({shown(names[0])})"
    return f"{len(names)} {what}s (the first is {shown(names[0])})"
