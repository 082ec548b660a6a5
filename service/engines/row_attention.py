"""Attention over rows for transformers models: one flat batch, each token of its own row, no padding in the layers.

A step lays the tokens of all its slices out one after another, as one long line:

    tokens     r0 r2 r3 r3 r3 r1 r1 r1 r1 r1 …       the linear layers see only this
    clusters   └─ rows 0–3 ──┘ └──── row 1 ────┘     attention sees each token beside what its row holds

Slices of few tokens whose rows lie near one another share a call, padded to the longest of them; a chunk of a prompt
is a cluster of its own. A row's memory beyond its own length is never looked at, so forgetting costs nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from service.engines.scheduler import Slice
from service.errors import BadRequest

if TYPE_CHECKING:
    import torch

NAME = "privity-rows"  # what the attention is called among those of transformers
SHORT = 16  # tokens; slices up to here share a call
CALL = 2048  # cells that may be looked at in vain to save a call


class RowMemory:
    """Keys and values of `rows` sequences of `cells` tokens: a pair of tensors for each layer, made on first use."""

    def __init__(self, rows: int, cells: int) -> None:
        self.rows, self.cells = rows, cells
        self._layers: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def write(
        self, layer: int, keys: "torch.Tensor", values: "torch.Tensor", places: "torch.Tensor"
    ) -> "tuple[torch.Tensor, torch.Tensor]":
        """Put keys and values (tokens, heads, width) in their places; the layer's whole memory (rows, cells, …)."""
        kept = self._layers.get(layer) or self._make(layer, keys, values)
        for memory, new in zip(kept, (keys, values), strict=True):
            memory.flatten(0, 1).index_copy_(0, places, new)
        return kept

    def copy(self, source: int, target: int, length: int) -> None:
        """Let the row `target` begin as `source` does."""
        import torch

        with torch.inference_mode():
            for memory in (one for pair in self._layers.values() for one in pair):
                memory[target, :length] = memory[source, :length]

    def wipe(self) -> None:
        self._layers.clear()

    def _make(
        self, layer: int, keys: "torch.Tensor", values: "torch.Tensor"
    ) -> "tuple[torch.Tensor, torch.Tensor]":
        """Zeros, for what is masked away must still be a number."""
        shape = (self.rows, self.cells)
        made = keys.new_zeros(*shape, *keys.shape[1:]), values.new_zeros(*shape, *values.shape[1:])
        self._layers[layer] = made
        return made


@dataclass(frozen=True, slots=True)
class Cluster:
    """Slices that share a call: rows [row, end) of the memory, their first `length` cells, `width` tokens each."""

    slices: tuple[Slice, ...]
    masks: "dict[tuple[int, int], torch.Tensor]" = field(default_factory=dict, compare=False)

    @property
    def row(self) -> int:
        return self.slices[0].row

    @property
    def end(self) -> int:
        return self.slices[-1].row + 1

    @property
    def length(self) -> int:
        return max(part.start + len(part.tokens) for part in self.slices)

    @property
    def width(self) -> int:
        return max(len(part.tokens) for part in self.slices)

    @property
    def count(self) -> int:
        return sum(len(part.tokens) for part in self.slices)

    @property
    def cells(self) -> int:
        return (self.end - self.row) * self.length

    @property
    def dense(self) -> bool:
        """Whether its tokens fill the call without a gap."""
        return self.count == (self.end - self.row) * self.width


def cluster(slices: Sequence[Slice]) -> list[Cluster]:
    """The calls that a step makes, short slices first. Pure.

    Two clusters become one where that looks at few cells in vain: a call costs as much as some thousand of them.
    """
    short = sorted((one for one in slices if len(one.tokens) <= SHORT), key=lambda one: one.row)
    made: list[Cluster] = []
    for part in short:
        alone = Cluster((part,))
        both = Cluster((*made[-1].slices, part)) if made else alone
        if made and both.cells <= made[-1].cells + alone.cells + CALL:
            made[-1] = both
        else:
            made.append(alone)
    return made + [Cluster((one,)) for one in slices if len(one.tokens) > SHORT]


class Step:
    """One forward pass over a flat batch: where its tokens lie, and what each may look at."""

    def __init__(self, memory: RowMemory, slices: Sequence[Slice], device: Any) -> None:
        import torch

        self.memory = memory
        self.clusters = cluster(slices)
        self.slices = [part for one in self.clusters for part in one.slices]  # in the order of the batch
        tokens = [token for part in self.slices for token in part.tokens]
        positions = [place for part in self.slices for place in _positions(part)]
        cells = [part.row * memory.cells + place for part in self.slices for place in _positions(part)]
        self.tokens, self.positions, self.places = torch.tensor([tokens, positions, cells]).to(device)
        self._spots = [_spots(one, device) for one in self.clusters]

    def attend(
        self,
        layer: int,
        query: "torch.Tensor",
        key: "torch.Tensor",
        value: "torch.Tensor",
        scale: float | None,
        window: int,
    ) -> "torch.Tensor":
        """Attention of `query` (tokens, heads, width) over rows; the new keys and values (tokens, KV heads, width)."""
        import torch

        keys, values = self.memory.write(layer, key, value, self.places)
        parts, begin = [], 0
        for one, spots in zip(self.clusters, self._spots, strict=True):
            end = begin + one.count
            parts.append(_attend(one, spots, query[begin:end], keys, values, scale, window))
            begin = end
        return parts[0] if len(parts) == 1 else torch.cat(parts)


def _positions(part: Slice) -> range:
    return range(part.start, part.start + len(part.tokens))


def _spots(one: Cluster, device: Any) -> "torch.Tensor | None":
    """Where the tokens of a cluster stand among its padded rows; None when they fill them."""
    import torch

    if one.dense:
        return None
    spots = [(part.row - one.row) * one.width + at for part in one.slices for at in range(len(part.tokens))]
    return torch.tensor(spots, device=device)


def _attend(
    one: Cluster,
    spots: "torch.Tensor | None",
    query: "torch.Tensor",
    keys: "torch.Tensor",
    values: "torch.Tensor",
    scale: float | None,
    window: int,
) -> "torch.Tensor":
    """One call. The query heads that share a KV head stand beside one another as if they were tokens."""
    from torch.nn.functional import scaled_dot_product_attention

    rows, width, heads, shared = one.end - one.row, one.width, query.shape[1], keys.shape[2]
    group = heads // shared
    padded = query if spots is None else query.new_zeros(rows * width, *query.shape[1:])
    if spots is not None:
        padded[spots] = query
    folded = padded.view(rows, width, shared, group, -1).transpose(1, 2).flatten(2, 3)
    seen = slice(one.row, one.end), slice(0, one.length)
    mixed = scaled_dot_product_attention(
        folded,
        keys[seen].transpose(1, 2),
        values[seen].transpose(1, 2),
        attn_mask=_mask(one, query, group, window),
        scale=scale,
    )
    apart = mixed.view(rows, shared, width, group, -1).transpose(1, 2)
    flat = apart.reshape(rows * width, heads, -1)
    return flat if spots is None else flat[spots]


def _mask(one: Cluster, like: "torch.Tensor", group: int, window: int) -> "torch.Tensor":
    """What is added to the scores: 0 where a token may look, -inf elsewhere; the same for all layers alike."""
    import torch

    if (group, window) not in one.masks:
        starts = {part.row: part.start for part in one.slices}
        first = [starts.get(row, 0) for row in range(one.row, one.end)]
        place = torch.tensor(first)[:, None] + torch.arange(one.width)
        cell = torch.arange(one.length)
        hidden = cell > place[:, :, None]
        if window:
            hidden |= cell <= place[:, :, None] - window
        scores = torch.zeros(hidden.shape, dtype=like.dtype).masked_fill_(hidden, float("-inf"))
        if one.width > 1:
            scores = scores.repeat_interleave(group, 1)
        one.masks[group, window] = scores[:, None].to(like.device)
    return one.masks[group, window]


def attend(
    module: "torch.nn.Module",
    query: "torch.Tensor",
    key: "torch.Tensor",
    value: "torch.Tensor",
    attention_mask: "torch.Tensor | None",
    scaling: float | None = None,
    sliding_window: int | None = None,
    rows: Step | None = None,
    **more: Any,
) -> "tuple[torch.Tensor, None]":
    """What transformers calls in each layer, with tensors of shape (1, heads, tokens, width).

    Raises BadRequest for what some models ask of attention beside a window, which would otherwise be left out silently.
    """
    if odd := [name for name in ("softcap", "s_aux") if more.get(name) is not None]:
        raise BadRequest(f"The torch engine does not know {odd[0]}, which this model's attention needs.")
    assert rows is not None
    assert isinstance(module.layer_idx, int)
    query, key, value = (one[0].transpose(0, 1) for one in (query, key, value))
    return rows.attend(module.layer_idx, query, key, value, scaling, sliding_window or 0)[None], None


def register() -> None:
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, attend)
