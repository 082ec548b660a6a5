"""What a training will be, before it is started: how many tokens, how long, how much memory, and the first batch just
as the model will read it.

Time and memory are forecasts. Time comes from how fast this machine multiplies (tried for a moment), or better from how
fast an earlier run on this base was; it does not know who else will use the machine.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

from service.errors import BadRequest
from service.training import classifier
from service.training.encoding import Encoded, shown, tokenizer
from service.training.folder import Spec
from service.training.opening import Place, place
from service.training.ordering import order, steps_of, stretches
from service.training.primer import Primer, primer
from service.training.recipe import Kind, Recipe
from service.training.rendering import Example, Labelled, Shown, Span
from service.training.sharing import families, spared
from service.training.watch import Failed

START = 15.0  # seconds until the first step
SHARE = {"cpu": 0.2, "cuda": 0.35}  # of the speed of bare multiplication that a training comes to
IDLE = 0.9 * 2**30  # bytes of a process with its libraries


@dataclass(frozen=True, slots=True)
class Forecast:
    seconds: float
    memory: int  # bytes
    measured: bool  # from an earlier run on this base, and not from a moment's trial


@dataclass(frozen=True, slots=True)
class Preflight:
    rows: int
    held_out: int
    general: int  # general texts read in an epoch
    left_out: int  # rows, of both, that are longer than the recipe's length, or whose label is not learned
    tokens: int  # read in an epoch; what rows begin with alike is read once
    counted: int  # of the answers' tokens, those that are learned; of a classifier the labels
    longest: int
    median: int
    steps: int
    place: str  # "cpu, bf16"
    forecast: Forecast
    batch: tuple[Shown, ...]  # the rows of the first step
    kind: Kind = "answers"
    cut: int = 0  # a classifier's texts, of both, that are read only up to its length


def preflight(
    train: Sequence[Example],
    held_out: Sequence[Example],
    replay: Sequence[str],
    spec: Spec,
    speed: float | None = None,
) -> Preflight:
    """`speed` is what an earlier run on this base came to, in tokens a second. Some seconds for thousands of rows.

    Raises BadRequest when what the recipe asks for cannot be had on this machine.
    """
    recipe, base = spec.recipe, Path(spec.base)
    tokens, where = tokenizer(base), place(recipe, spec.device, base)
    found = primer(train, held_out, replay, recipe, tokens)
    steps = steps_of(len(found.learned), recipe.batch, recipe.epochs, recipe.steps)
    lengths = [len(row.tokens) for row in found.learned]
    kin = [] if where.flat else families(found.learned)
    spare = spared(found.learned, kin)
    return Preflight(
        rows=len(found.examples),
        held_out=len(found.held_out),
        general=found.replayed,
        left_out=found.left_out,
        tokens=sum(lengths) - spare,
        counted=sum(row.counted for row in found.learned if not row.replay),
        longest=max(lengths, default=0),
        median=int(median(lengths)) if lengths else 0,
        steps=steps,
        place=str(where),
        forecast=forecast(Shape.read(base), recipe, where, found, steps, speed, spare=spare),
        batch=tuple(
            _shown(at, found, tokens) for at in order(lengths, recipe.batch, min(steps, 1), recipe.seed, kin)
        ),
    )


def preflight_labels(
    train: Sequence[Labelled], held_out: Sequence[Labelled], spec: Spec, speed: float | None = None
) -> Preflight:
    """The same of a classifier."""
    recipe, base = spec.recipe, Path(spec.base)
    tokens, where = tokenizer(base), classifier.place_of(spec)
    try:
        found = classifier.known(train, held_out, recipe, classifier.Reading.of(spec, tokens))
    except Failed as error:
        raise BadRequest(str(error)) from None
    lengths = [len(row) for row, _ in found.learned]
    steps = steps_of(len(lengths), recipe.batch, recipe.epochs, recipe.steps)
    read = [Encoded(tuple(row), len(row)) for row, _ in found.learned]
    held = [Encoded(tuple(row), len(row)) for row, _ in found.held_out]
    first = order(lengths, recipe.batch, min(steps, 1), recipe.seed)
    return Preflight(
        rows=len(lengths),
        held_out=len(held),
        general=0,
        left_out=found.strangers,
        tokens=sum(lengths),
        counted=len(lengths),
        longest=max(lengths, default=0),
        median=int(median(lengths)) if lengths else 0,
        steps=steps,
        place=str(where),
        forecast=forecast(
            Shape.read(base), recipe, where, Primer(read, (), held, (), 0), steps, speed, classifier.BUDGET
        ),
        batch=tuple(_labelled(at, found, tokens) for at in first),
        kind="classify",
        cut=found.cut,
    )


def _labelled(at: int, found: classifier.Known, tokens: Any) -> Shown:
    row, label = found.learned[at]
    text = str(tokens.decode(row, skip_special_tokens=True))
    return Shown(found.rows[at].id, len(row), 1, (Span(text, False), Span(found.labels[label], True)))


def _shown(at: int, found: Primer, tokens: Any) -> Shown:
    general = Example("general text", [], "")
    return shown(found.examples[at] if at < len(found.examples) else general, found.learned[at], tokens)


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a base: what its cost is told from."""

    hidden: int
    inner: int
    blocks: int
    heads: int
    narrow: int  # width of keys and values
    words: int
    gates: int = 3  # matrices of a block's inner layer

    @classmethod
    def read(cls, base: Path) -> "Shape":
        said = json.loads((base / "config.json").read_bytes())
        said = said.get("text_config", said)
        hidden, heads = said["hidden_size"], said["num_attention_heads"]
        wide = said.get("head_dim") or hidden // heads
        narrow = wide * (said.get("num_key_value_heads") or heads)
        blocks, inner = said["num_hidden_layers"], said["intermediate_size"]
        gates = 2 if said.get("model_type") == "bert" else 3
        return cls(hidden, inner, blocks, heads, narrow, said["vocab_size"], gates)

    @property
    def linear(self) -> int:
        """Weights that every token is multiplied by, the head's left out."""
        return self.blocks * (
            2 * self.hidden**2 + 2 * self.hidden * self.narrow + self.gates * self.hidden * self.inner
        )

    @property
    def weights(self) -> int:
        return self.linear + self.words * self.hidden

    def adapter(self, recipe: Recipe) -> int:
        """Weights of the adapter."""
        pairs = [(self.hidden, self.hidden)] * 2 + [(self.hidden, self.narrow)] * 2
        pairs += [(self.hidden, self.inner)] * self.gates if recipe.layers == "all" else []
        return round(self.blocks * (1 - recipe.frozen)) * recipe.rank * sum(map(sum, pairs))

    def work(self, tokens: int, counted: int, squares: int) -> float:
        """Multiplications and additions to learn from rows: forward, and back without the base's own weights.

        `squares` is the sum of the rows' lengths squared.
        """
        attention = 2 * 2 * 3 * self.blocks * self.hidden * squares
        return 4.0 * self.linear * tokens * 1.15 + 4.0 * self.hidden * self.words * counted + attention


def forecast(
    shape: Shape,
    recipe: Recipe,
    where: Place,
    found: Primer,
    steps: int,
    speed: float | None,
    budget: int = 0,
    spare: int = 0,
) -> Forecast:
    """`budget` are the tokens computed together, where they are not the place's; `spare` those not read again."""
    read = found.learned
    if not read:
        return Forecast(0.0, int(IDLE), False)
    share = steps * recipe.batch / len(read)  # epochs
    tokens = sum(len(row.tokens) for row in read)
    rate = speed or tokens / (_work(shape, read) / (SHARE[where.device] * _multiplied(where)))
    every = max(1, min(round(len(read) / recipe.batch / recipe.checks), ceil(steps / 2)))
    checked = (steps // every + 2) * sum(len(row.tokens) for row in found.held_out) / 3  # forward alone
    braked = recipe.ewc_texts * 128 if recipe.ewc else 0
    seconds = START + ((tokens - spare) * share + checked + braked) / rate
    limit = recipe.minutes * 60 + START if recipe.minutes else seconds
    memory = _memory(shape, recipe, where, read, budget or where.budget)
    return Forecast(round(min(seconds, limit), 1), memory, speed is not None)


def _work(shape: Shape, rows: Sequence[Encoded]) -> float:
    lengths = [len(row.tokens) for row in rows]
    return shape.work(sum(lengths), sum(row.counted for row in rows), sum(length**2 for length in lengths))


def _memory(shape: Shape, recipe: Recipe, where: Place, read: Sequence[Encoded], budget: int) -> int:
    """At the most: weights, adapter with its optimizer, and what the largest stretch leaves for the way back."""
    lengths = [len(row.tokens) for row in read]
    groups = stretches(lengths, budget, recipe.at_once or recipe.batch)
    wide = max(len(group) * max(lengths[at] for at in group) for group in groups)
    longest, size = max(lengths), 2 if where.bf16 else 4
    counted = max(sum(read[at].counted for at in group) for group in groups)
    kept = wide * (16 * shape.hidden + 6 * shape.inner) * size + shape.heads * wide * longest * (2 * size + 4)
    blocks = 2 if where.cuda else shape.blocks  # on a GPU each block is computed again on the way back
    weights = shape.weights * (0.6 if where.four_bit else size)
    return int(IDLE + weights + 16 * shape.adapter(recipe) + blocks * kept + 3 * 4 * counted * shape.words)


def _multiplied(where: Place) -> float:
    """Multiplications and additions a second, as they come in a training; a tenth of a second."""
    import torch

    kind = torch.bfloat16 if where.bf16 else torch.float32
    size = 4096 if where.cuda else 768
    one, other = (torch.ones(size, size, dtype=kind, device=where.device) for _ in range(2))
    times = []
    for _ in range(12):
        begun = time.perf_counter()
        one @ other
        if where.cuda:
            torch.cuda.synchronize()
        times.append(time.perf_counter() - begun)
    return float(2 * size**3 / median(times[2:]))
