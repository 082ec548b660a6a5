"""The lines of the recipe's form: each choice with its bounds and the sentence that stands beside it. Pure."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["simple", "normal", "expert"]


@dataclass(frozen=True, slots=True)
class Field:
    """A line of the form. `low` and `high` are both allowed; `choices` are the words of a choice."""

    name: str  # the recipe's
    level: Level
    label: str
    sentence: str
    kind: Literal["integer", "number", "choice"]
    low: float = 0
    high: float = 0
    choices: tuple[str, ...] = ()

    def wrong(self, value: object) -> str:
        """Why this cannot be the field's value; empty where it can."""
        if self.kind == "choice":
            return "" if value in self.choices else f"{self.name} must be one of {', '.join(self.choices)}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"{self.name} must be a number"
        if not self.low <= value <= self.high:
            return f"{self.name} must be between {self.low:g} and {self.high:g}"
        whole = self.kind == "number" or value == int(value)
        return "" if whole else f"{self.name} must be a whole number"


def _number(name: str, low: float, high: float, label: str, sentence: str, level: Level = "expert") -> Field:
    return Field(name, level, label, sentence, "number", low, high)


def _integer(name: str, low: int, high: int, label: str, sentence: str, level: Level = "expert") -> Field:
    return Field(name, level, label, sentence, "integer", low, high)


def _choice(name: str, choices: tuple[str, ...], label: str, sentence: str) -> Field:
    return Field(name, "expert", label, sentence, "choice", choices=choices)


FIELDS: tuple[Field, ...] = (
    _number("rate", 1e-6, 1e-2, "Learning rate", "How far each step moves. Too high and the loss jumps about; "
            "too low and nothing is learned in time.", "normal"),
    _integer("rank", 1, 256, "Rank", "The size of the adapter. More can hold more, and forgets more easily.", "normal"),
    _number("alpha", 1, 1024, "Alpha", "How loudly the adapter speaks: its factor is alpha over rank. Twice the rank "
            "is usual.", "normal"),
    _number("epochs", 0.05, 100, "Epochs", "How often every row is read.", "normal"),
    _integer("batch", 1, 512, "Batch", "Rows that one step learns from together.", "normal"),
    _integer("length", 32, 131072, "Length", "Tokens that a row may have. A longer one is left out and counted, "
             "never cut.", "normal"),
    _integer("steps", 0, 1_000_000, "Steps", "The most steps taken; 0 leaves it to the epochs."),
    _number("minutes", 0, 100_000, "Minutes", "Training ends with the step that passes this time, and keeps its best; "
            "0 sets no limit."),
    _integer("at_once", 0, 512, "Rows at once", "How much of a batch is in memory together; 0 takes all of it. Fewer "
             "need less memory, and what is learned is the same."),
    _choice("schedule", ("cosine", "linear", "constant"), "Schedule", "How the rate falls after the warm-up."),
    _number("warmup", 0, 0.5, "Warm-up", "The share of the steps in which the rate rises from nothing."),
    _number("decay", 0, 1, "Weight decay", "Draws the adapter's weights towards nothing."),
    _number("clip", 0, 100, "Gradient clip", "The longest gradient that a step follows; 0 clips nothing."),
    _number("dropout", 0, 0.9, "Dropout", "The share of the adapter's inputs that is left out at random: it hinders "
            "learning by heart."),
    _choice("layers", ("all", "attention"), "Layers", "Which linear layers learn: all, or those of attention alone."),
    _number("frozen", 0, 0.95, "Frozen layers", "The share of the lower layers that stays as it is. Those hold the "
            "language, the upper ones the task."),
    _number("replay", 0, 0.9, "Replay", "The share of the rows read that is general text, so that the model does not "
            "forget how to read anything else."),
    _number("ewc", 0, 10_000, "EWC", "What it costs to move weights that general text depends on (elastic weight "
            "consolidation); 0 turns it off."),
    _integer("ewc_texts", 1, 4096, "EWC texts", "General texts from which EWC learns which weights those are."),
    _number("first_weight", 1, 100, "First token", "How much the first token of an answer counts: it carries the "
            "choice, above all whether to refuse."),
    _integer("opening", 0, 131072, "Opening", "The most tokens of an answer that are learned, from its first on; 0 "
             "learns all of it. The first ones carry the choice, and the rest is copied."),
    _integer("rows", 0, 10_000_000, "Rows", "The most rows used, drawn at random; 0 uses all."),
    _integer("held_out_rows", 8, 100_000, "Held-out rows", "The most held-out rows that each check reads."),
    _integer("checks", 1, 1000, "Checks an epoch", "How often the held-out loss is measured and a checkpoint saved."),
    _integer("patience", 0, 1000, "Patience", "Checks without a better held-out loss after which training ends; 0 "
             "never ends it early."),
    _number("margin", 0, 10, "Margin", "The least fall of the held-out loss, in nats, that counts as learning."),
    _choice("precision", ("auto", "bf16", "fp32"), "Precision", '"auto" takes bf16 where the machine computes in it.'),
    _choice("quantize", ("auto", "4bit", "none"), "Base in 4 bits", '"auto" holds the base in 4 bits (QLoRA) on a GPU '
            "whose memory it would fill otherwise."),
    _choice("packing", ("auto", "none"), "Packing", '"auto" puts short rows into one where attention can keep them '
            "apart (CUDA with flash attention)."),
    _integer("seed", 0, 2**31 - 1, "Seed", "The same seed, rows and machine give the same adapter."),
)  # fmt: skip
