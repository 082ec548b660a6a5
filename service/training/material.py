"""What a run learns from: the accepted rows of a data set, looked through and parted."""

from collections.abc import Callable
from dataclasses import dataclass

from service.core import Message, Scope
from service.errors import Unfit
from service.training.datasets import Datasets
from service.training.hands import Hands
from service.training.lint import Limits, Lint, fit, lint
from service.training.recipe import Kind, Recipe
from service.training.rendering import REFUSAL
from service.training.rows import Row
from service.training.splits import split

LETTERS = 4  # of a text, about, that make a token


@dataclass(frozen=True, slots=True)
class Material:
    datasets: Datasets
    hands: Hands

    def gathered(self, dataset: str, recipe: Recipe, scope: Scope) -> Lint:
        """Raises Unfit with every reason why nothing could be learned, or nothing proved."""
        kind, rows = self.datasets.card(dataset, scope).kind, self.datasets.accepted(dataset, scope)
        limits = Limits(tokens=recipe.length)
        kept, dropped = fit(rows, kind, self._counter(kind), limits)
        found = lint(split(kept, seed=recipe.seed), kind, dropped, limits)
        if found.reasons:
            raise Unfit(
                f"Nothing can be learned from this data set yet: {' '.join(found.reasons)}",
                reasons=list(found.reasons),
                counts=dict(found.counts),
                dropped=dict(found.dropped),
            )
        return found

    def _counter(self, kind: Kind) -> Callable[[Row], int]:
        """How many tokens a row has, as the model will see it."""
        if kind == "classify":
            return lambda row: max(1, len(row.context) // LETTERS)

        def count(row: Row) -> int:
            said = [Message("assistant", row.answer or REFUSAL)]
            asked = self.hands.prompt(row.question, row.context)
            return self.hands.count(asked) + self.hands.count(said)

        return count
