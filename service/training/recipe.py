"""How an adapter is trained: the choices of one training, the presets, and how a form's words become a recipe. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from service.errors import BadRequest
from service.training.fields import FIELDS, Field

Kind = Literal["answers", "classify"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """`FIELDS` says what each choice means and its bounds. The defaults are the preset "standard"."""

    rate: float = 2e-4
    rank: int = 16
    alpha: float = 32.0
    epochs: float = 3.0
    batch: int = 8
    length: int = 1024
    steps: int = 0
    minutes: float = 0.0
    at_once: int = 0
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: float = 0.04
    decay: float = 0.0
    clip: float = 1.0
    dropout: float = 0.05
    layers: Literal["all", "attention"] = "all"
    frozen: float = 0.0
    replay: float = 0.1
    ewc: float = 0.0
    ewc_texts: int = 32
    first_weight: float = 3.0
    opening: int = 0
    rows: int = 0
    held_out_rows: int = 200
    checks: int = 4
    patience: int = 3
    margin: float = 0.02
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    quantize: Literal["auto", "4bit", "none"] = "auto"
    packing: Literal["auto", "none"] = "auto"
    seed: int = 1

    def protected(self) -> "Recipe":
        """The same with more against forgetting: replay, EWC, dropout, and the lowest layers left alone."""
        return replace(
            self,
            replay=max(self.replay, 0.15),
            ewc=max(self.ewc, 1.0),
            dropout=max(self.dropout, 0.05),
            frozen=max(self.frozen, 0.25),
        )


PRESETS: Mapping[str, Recipe] = {
    "smoke": Recipe(
        rate=1e-3, rank=8, alpha=16, epochs=1, batch=4, length=1024, steps=12, minutes=2, rows=200, held_out_rows=16,
        checks=2, patience=0, replay=0, warmup=0.1, margin=0,
    ),
    "quick": Recipe(rate=5e-4, epochs=1, minutes=30, held_out_rows=64),
    "standard": Recipe(),
    "thorough": Recipe(rate=1e-4, rank=32, alpha=64, epochs=6, batch=16, replay=0.15, ewc=0.5, patience=5),
}  # fmt: skip
SENTENCES: Mapping[str, str] = {
    "smoke": "A dozen steps, two minutes at most: shows that everything works, and teaches little.",
    "quick": "Every row once, in half an hour at most.",
    "standard": "Every row three times, or until the held-out loss no longer falls.",
    "thorough": "A larger adapter and slower steps, with more against forgetting.",
}


def read(said: Mapping[str, Any], preset: str = "standard") -> Recipe:
    """A preset with what a form changed of it. Raises BadRequest with every field that is wrong."""
    if preset not in PRESETS:
        raise BadRequest(f"There is no preset {preset[:40]!a}. Choose one of {', '.join(PRESETS)}.")
    known = {one.name: one for one in FIELDS}
    wrong = [f"{name[:40]!a} is no part of a recipe" for name in said if name not in known]
    wrong += filter(None, (known[name].wrong(value) for name, value in said.items() if name in known))
    if wrong:
        raise BadRequest(f"The recipe cannot be used: {'; '.join(wrong)}.", reasons=wrong)
    return replace(PRESETS[preset], **{name: _cast(known[name], value) for name, value in said.items()})


def told(recipe: Recipe) -> dict[str, Any]:
    """As `read` takes it, and JSON can hold it."""
    return asdict(recipe)


def _cast(one: Field, value: Any) -> Any:
    return value if one.kind == "choice" else int(value) if one.kind == "integer" else float(value)
