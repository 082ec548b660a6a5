"""What a training reads: its rows as tokens, drawn as the recipe says, with the general texts among them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from service.training.encoding import Encoded, Tokenizer, encode, encode_general, fitting
from service.training.ordering import replay_share
from service.training.recipe import Recipe
from service.training.rendering import Example


@dataclass(frozen=True, slots=True)
class Primer:
    """The general texts that are replayed stand behind the answers; `examples` are those of the answers."""

    learned: Sequence[Encoded]
    examples: Sequence[Example]
    held_out: Sequence[Encoded]
    general: Sequence[Encoded]  # those that EWC is measured on
    left_out: int  # rows that are longer than the recipe's length

    @property
    def replayed(self) -> int:
        return len(self.learned) - len(self.examples)


def primer(
    train: Sequence[Example],
    held_out: Sequence[Example],
    texts: Sequence[str],
    recipe: Recipe,
    tokens: Tokenizer,
) -> Primer:
    """The same for the same rows and seed."""
    chance = random.Random(recipe.seed)
    drawn = [(one, encode(one, tokens, recipe.opening)) for one in _some(train, recipe.rows, chance)]
    held = [encode(one, tokens, recipe.opening) for one in _some(held_out, recipe.held_out_rows, chance)]
    kept = [(one, row) for one, row in drawn if fitting([row], recipe.length)]
    general = [part for text in texts for part in encode_general(text, tokens, recipe.length)]
    chance.shuffle(general)
    wanted = replay_share(len(kept), recipe.replay) if general else 0
    read = fitting(held, recipe.length)
    return Primer(
        learned=[row for _, row in kept] + [general[at % len(general)] for at in range(wanted)],
        examples=[one for one, _ in kept],
        held_out=read,
        general=general[: recipe.ewc_texts],
        left_out=len(drawn) - len(kept) + len(held) - len(read),
    )


def _some(rows: Sequence[Example], most: int, chance: random.Random) -> Sequence[Example]:
    return chance.sample(rows, most) if 0 < most < len(rows) else rows
