"""LoRA adapters under one model, another one for each token of a batch: y = W·x + s·B·(A·x), with A and B the token's.

The adapters of a step stand side by side as one wide adapter, whose inner values are masked by token:

    inner      ├ leases, rank 8 ┤├─ letters, rank 16 ─┤        two products a layer,
    token 0      1 1 1 1 1 1 1 1  0 0 0 0 0 0 0 0 0 …          however many adapters take part
    token 1      0 0 0 0 0 0 0 0  1 1 1 1 1 1 1 1 1 …
    token 2      0 0 0 0 0 0 0 0  0 0 0 0 0 0 0 0 0 …          the base

The wide adapter is kept from step to step while it holds all that a step needs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from service.core import BASE, Adapter
from service.engines.lora_weights import Pair, read

if TYPE_CHECKING:
    import torch

FEW = 32  # tokens; up to here a processor makes such small products faster in float32 than in bfloat16
WIDE = 3  # how many times wider than needed the wide adapter may be before it is made anew


@dataclass(frozen=True, slots=True)
class Loaded:
    """One adapter, ready on the device; `rank` is the highest of its layers."""

    rank: int
    pairs: "Mapping[torch.dtype, Mapping[str, Pair]]"

    @property
    def size(self) -> int:
        return sum(pair.size for layers in self.pairs.values() for pair in layers.values())


@dataclass(frozen=True, slots=True)
class Wide:
    """Adapters side by side: where the inner values of each lie, and the joined pairs."""

    places: Mapping[str, slice]  # by digest
    rank: int
    pairs: "Mapping[torch.dtype, Mapping[str, Pair]]"


class RowLora:
    """The adapters of a model, hooked into its linear layers. `use` says whose the tokens of the next pass are."""

    def __init__(self, model: "torch.nn.Module", head: "torch.nn.Module") -> None:
        """`head` is left alone: it sees other tokens than the layers below it."""
        import torch

        self._torch = torch
        self._device: torch.device = head.weight.device  # type: ignore[assignment]
        self._kind: torch.dtype = head.weight.dtype  # type: ignore[assignment]
        self._few = torch.float32 if self._device.type == "cpu" else self._kind
        self._adapters: dict[str, Loaded] = {}
        self._wide: Wide | None = None
        self._live: Mapping[str, Pair] = {}
        self._mask: torch.Tensor | None = None
        self.layers: dict[str, tuple[int, int]] = {}
        for name, layer in model.named_modules():
            if isinstance(layer, torch.nn.Linear) and layer is not head:
                self.layers[name] = (layer.out_features, layer.in_features)
                layer.register_forward_hook(partial(self._add, name))

    def attach(self, adapter: Adapter) -> int:
        """Load an adapter; the bytes it takes. Raises BadRequest when it does not fit."""
        pairs = read(adapter, self.layers)
        rank = max(pair.rank for pair in pairs.values())
        kinds = {kind: self._moved(pairs, kind) for kind in {self._kind, self._few}}
        loaded = self._adapters[adapter.digest] = Loaded(rank, kinds)
        return loaded.size

    def detach(self, digest: str) -> None:
        del self._adapters[digest]
        if self._wide and digest in self._wide.places:
            self._wide, self._live = None, {}

    def use(self, spans: Sequence[tuple[str, int]]) -> None:
        """Say whose the tokens of the next pass are: (digest, how many), in their order."""
        needed = {digest for digest, _ in spans} - {BASE.digest}
        self._live, self._mask = {}, None
        if needed:
            self._wide = self._widened(needed)
            count = sum(length for _, length in spans)
            kind = self._few if count <= FEW else self._kind
            self._live = self._wide.pairs[kind]
            self._mask = self._masked(spans, self._wide, count).to(self._device, kind)

    def _add(self, name: str, layer: Any, inputs: "tuple[torch.Tensor]", output: "torch.Tensor") -> None:
        """The hook: adds to a layer's output what the adapters make of its input."""
        if (pair := self._live.get(name)) is None:
            return
        assert self._mask is not None
        flat = inputs[0].flatten(0, -2)
        inner = self._torch.mm(flat.to(pair.down.dtype), pair.down).mul_(self._mask)
        output.view(len(flat), -1).add_(self._torch.mm(inner, pair.up))

    def _moved(self, pairs: Mapping[str, Pair], kind: "torch.dtype") -> dict[str, Pair]:
        return {name: pair.to(kind, self._device) for name, pair in pairs.items()}

    @staticmethod
    def _masked(spans: Sequence[tuple[str, int]], wide: Wide, count: int) -> "torch.Tensor":
        import torch

        mask, begin = torch.zeros(count, wide.rank), 0
        for digest, length in spans:
            if digest != BASE.digest:
                mask[begin : begin + length, wide.places[digest]] = 1
            begin += length
        return mask

    def _widened(self, needed: set[str]) -> Wide:
        """The wide adapter that stands, if it holds what is needed and not much more; else a new one.

        Those that stood in the old one join the new one as far as there is room: they will soon be needed again.
        """
        rank = sum(self._adapters[digest].rank for digest in needed)
        before = self._wide.places.keys() if self._wide else set()
        if self._wide and needed <= before and self._wide.rank <= WIDE * rank:
            return self._wide
        members, room = sorted(needed), (WIDE - 1) * rank
        for digest in sorted(before - needed):
            if (more := self._adapters[digest].rank) <= room:
                members.append(digest)
                room -= more
        return self._joined(members)

    def _joined(self, digests: Sequence[str]) -> Wide:
        places, rank = {}, 0
        for digest in digests:
            places[digest] = slice(rank, rank := rank + self._adapters[digest].rank)
        kinds = {self._kind, self._few}
        return Wide(places, rank, {kind: self._layers(digests, kind) for kind in kinds})

    def _layers(self, digests: Sequence[str], kind: "torch.dtype") -> dict[str, Pair]:
        names = dict.fromkeys(name for one in digests for name in self._adapters[one].pairs[kind])
        return {name: self._side_by_side(name, digests, kind) for name in names}

    def _side_by_side(self, name: str, digests: Sequence[str], kind: "torch.dtype") -> Pair:
        """One layer's pairs joined; zeros for an adapter that leaves the layer alone or has a lower rank in it."""
        out, into = self.layers[name]
        downs, ups = [], []
        for digest in digests:
            loaded = self._adapters[digest]
            pair = loaded.pairs[kind].get(name)
            missing = loaded.rank - (pair.rank if pair else 0)
            if pair:
                downs.append(pair.down)
                ups.append(pair.up)
            if missing:
                downs.append(self._torch.zeros(into, missing, dtype=kind, device=self._device))
                ups.append(self._torch.zeros(missing, out, dtype=kind, device=self._device))
        return Pair(self._torch.cat(downs, 1), self._torch.cat(ups, 0))
