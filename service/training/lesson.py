"""What one step teaches: losses over the counted tokens alone, stretch by stretch, and nothing computed for the rest.

The head that makes logits is the dearest part of a small model with a large vocabulary, so it is asked only for the
places whose next token counts:

    tokens    the prompt ............... | the answer <end>
    hidden    computed for all of them
    logits                             x   x x x x x          the place before each counted token
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from service.training.encoding import Encoded
from service.training.opening import Place
from service.training.ordering import stretches
from service.training.recipe import Recipe
from service.training.sharing import Line, families, line, lines

if TYPE_CHECKING:
    from torch import Tensor

LONGER = 1.5  # a line of rows that begin alike may be this much over the budget: what they share would be read again

# Models that do something to their logits after the head: theirs are made the long way.
_BENT = (
    "final_logit_softcapping",
    "logit_scale",
    "logits_scaling",
    "lm_head_multiplier",
    "output_multiplier",
)


@dataclass(slots=True)
class Sums:
    """Losses added up, in nats, and over how many tokens (or, of first tokens, rows)."""

    answer: float = 0.0
    answers: int = 0
    first: float = 0.0
    firsts: int = 0
    replay: float = 0.0
    replays: int = 0
    tokens: int = 0  # read, padding not counted

    def add(self, other: "Sums") -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def loss(self) -> float:
        """Of the answers, in nats a token."""
        return self.answer / max(1, self.answers)

    @property
    def first_loss(self) -> float:
        return self.first / max(1, self.firsts)

    @property
    def replay_loss(self) -> float | None:
        return self.replay / self.replays if self.replays else None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows that are computed together, as tensors. `counted` marks the places before the counted tokens."""

    inputs: dict[str, "Tensor"]
    counted: "Tensor"  # bool, the shape of the tokens
    targets: "Tensor"  # the counted tokens, in the order of the places
    first: "Tensor"  # bool, which of the targets begin an answer
    replay: bool
    tokens: int


@dataclass(slots=True)
class Lesson:
    """The rows of a training, and how a step learns from some of them. `budget` shrinks where memory runs out."""

    rows: Sequence[Encoded]
    recipe: Recipe
    where: Place
    pad: int
    budget: int = 0
    replay_weight: float = field(init=False)

    def __post_init__(self) -> None:
        self.budget = self.budget or self.where.budget
        self.replay_weight = _replay_weight(self.rows, self.recipe.first_weight)

    def weight(self, rows: Iterable[Encoded]) -> float:
        """What these rows weigh together. A general text weighs what an answer does, however long it is."""
        extra = self.recipe.first_weight - 1
        return sum(row.counted * self.replay_weight if row.replay else row.counted + extra for row in rows)

    def stretches(self, rows: Sequence[Encoded], device: Any) -> Iterator[Stretch]:
        """Answers and general texts apart, as their losses are; rows that begin alike in one line."""
        kin = [[rows[at] for at in family] for family in self._families(rows)]
        yield from self._together([family for family in kin if len(family) > 1], device)
        single = [family[0] for family in kin if len(family) == 1]
        for alike in ([row for row in single if not row.replay], [row for row in single if row.replay]):
            for group in stretches([len(row.tokens) for row in alike], self.budget, self.recipe.at_once):
                yield stretch([alike[at] for at in group], self.pad, device, self.where.flat)

    def _families(self, rows: Sequence[Encoded]) -> list[list[int]]:
        """Flash attention, which packs rows itself, takes no mask of ours."""
        return [[at] for at in range(len(rows))] if self.where.flat else families(rows)

    def _together(self, kin: Sequence[Sequence[Encoded]], device: Any) -> Iterator[Stretch]:
        """Each family in a line of its own, or in several; of the lines as many at once as the budget allows."""
        most = self.recipe.at_once
        told = [
            [family[at] for at in group]
            for family in kin
            for group in lines(family, round(LONGER * self.budget), most)
        ]
        read = [line(rows) for rows in told]
        for group in stretches([len(one.tokens) for one in read], self.budget, 1 if most else 0):
            yield together([read[at] for at in group], self.pad, device, self.where.bf16)

    def loss(self, model: Any, part: Stretch) -> "tuple[Tensor, Sums]":
        """The weighted loss, summed over the stretch, and what it is made of.

        General text is to be read as the base reads it: what is learned is the base's own guess at each token, not the
        token, so that a short text read often is not learned by heart.
        """
        import torch

        logits = model(**part.inputs, counted=part.counted).float()
        each = torch.nn.functional.cross_entropy(logits, part.targets, reduction="none")
        if part.replay:
            sums = Sums(replay=float(each.detach().sum()), replays=len(each), tokens=part.tokens)
            return self.replay_weight * _unlike(logits, self._guessed(model, part)), sums
        first = each[part.first]
        told = each.detach()
        sums = Sums(
            answer=float(told.sum()), answers=len(each), first=float(told[part.first].sum()), firsts=len(first),
            tokens=part.tokens,
        )  # fmt: skip
        return each.sum() + (self.recipe.first_weight - 1) * first.sum(), sums

    def _guessed(self, model: Any, part: Stretch) -> "Tensor":
        """The base's log-probabilities, without the adapter."""
        import torch

        plain = getattr(model, "module", model)
        was = plain.training
        with torch.no_grad(), plain.disable_adapter():
            plain.eval()
            guessed: Tensor = plain(**part.inputs, counted=part.counted).float().log_softmax(-1)
        plain.train(was)
        return guessed

    def measure(self, model: Any, rows: Sequence[Encoded], device: Any, heed: Callable[[], None]) -> Sums:
        """The losses of held-out rows, as the model stands. `heed` is called on the way and may raise."""
        import torch

        sums = Sums()
        model.eval()
        with torch.no_grad():
            for part in self.stretches(rows, device):
                heed()
                sums.add(self.loss(model, part)[1])
        return sums


def _replay_weight(rows: Sequence[Encoded], first_weight: float) -> float:
    """Of a token of general text, such that such a text weighs as much as an answer does on average."""
    answers = [row.counted + first_weight - 1 for row in rows if not row.replay]
    texts = [row.counted for row in rows if row.replay]
    return (sum(answers) / len(answers)) / (sum(texts) / len(texts)) if answers and texts else 1.0


def _unlike(logits: "Tensor", wanted: "Tensor") -> "Tensor":
    """How far the guesses are from the wanted ones: the sum of Kullback-Leibler divergences, in nats."""
    import torch

    return torch.nn.functional.kl_div(logits.log_softmax(-1), wanted, reduction="sum", log_target=True)


def stretch(rows: Sequence[Encoded], pad: int, device: Any, flat: bool = False) -> Stretch:
    """The tensors of some rows: padded to the right, or in one line where positions keep them apart."""
    import torch

    width = max(len(row.tokens) for row in rows)
    lines = [row.tokens if flat else row.tokens + (pad,) * (width - len(row.tokens)) for row in rows]
    counted = [
        [row.start - 1 <= at < len(row.tokens) - 1 for at in range(len(line))]
        for row, line in zip(rows, lines, strict=True)
    ]
    targets = [token for row in rows for token in row.tokens[row.start :]]
    first = [at == row.start for row in rows for at in range(row.start, len(row.tokens))]
    inputs = _flat(rows, lines) if flat else _padded(rows, lines)
    if flat:
        counted = [[one for line in counted for one in line]]
    return Stretch(
        inputs={name: torch.tensor(values, device=device) for name, values in inputs.items()},
        counted=torch.tensor(counted, device=device),
        targets=torch.tensor(targets, device=device),
        first=torch.tensor(first, device=device),
        replay=rows[0].replay,
        tokens=sum(len(row.tokens) for row in rows),
    )


def _padded(rows: Sequence[Encoded], lines: Sequence[Sequence[int]]) -> dict[str, Any]:
    mask = [
        [int(at < len(row.tokens)) for at in range(len(line))] for row, line in zip(rows, lines, strict=True)
    ]
    return {"input_ids": lines, "attention_mask": mask}


def together(read: Sequence[Line], pad: int, device: Any, bf16: bool) -> Stretch:
    """Lines of rows that begin alike, each of which sees the beginning and itself; padded to the right."""
    import torch

    width, kind = max(len(one.tokens) for one in read), torch.bfloat16 if bf16 else torch.float32

    def padded(values: Iterable[Sequence[int]], filler: int) -> "Tensor":
        return torch.tensor([(*one, *(filler,) * (width - len(one))) for one in values], device=device)

    branch = padded((one.branch for one in read), -1)
    sees = (branch[:, :, None] == branch[:, None, :]) | (branch[:, None, :] == 0)
    mask = torch.zeros(len(read), 1, width, width, dtype=kind, device=device)
    mask.masked_fill_(~sees.tril()[:, None], torch.finfo(kind).min)
    return Stretch(
        inputs={
            "input_ids": padded((one.tokens for one in read), pad),
            "position_ids": padded((one.position for one in read), 0),
            "attention_mask": mask,
        },
        counted=padded((one.counted for one in read), False).bool(),
        targets=torch.tensor([token for one in read for token in one.targets], device=device),
        first=torch.tensor([mark for one in read for mark in one.first], device=device),
        replay=False,
        tokens=sum(len(one.tokens) for one in read),
    )


def _flat(rows: Sequence[Encoded], lines: Sequence[Sequence[int]]) -> dict[str, Any]:
    positions = [at for line in lines for at in range(len(line))]
    return {"input_ids": [[token for line in lines for token in line]], "position_ids": [positions]}


def count_only(model: Any) -> None:
    """Teach a causal model the keyword `counted`: with it, its forward returns the logits of those places alone."""
    whole, config = model.forward, model.config.get_text_config()
    bent = any(getattr(config, name, None) not in (None, 0, 1, 1.0) for name in _BENT)

    def forward(*args: Any, counted: "Tensor | None" = None, **more: Any) -> Any:
        if counted is None:
            return whole(*args, **more)
        more = {name: value for name, value in more.items() if value is not None}
        if bent:
            return whole(*args, use_cache=False, **more).logits[counted]
        hidden = model.base_model(*args, use_cache=False, **more).last_hidden_state
        return model.get_output_embeddings()(hidden[counted])

    model.forward = forward
