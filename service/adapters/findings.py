"""What the checks say: one line each, every reason where they refuse, and what is known of an adapter that passes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from service.core import BaseFacts

Step = Literal["archive", "configuration", "tensors", "values", "conversion", "probe"]

STEPS: dict[Step, str] = {  # in their order, as the page names them before they have run
    "archive": "Archive plain",
    "configuration": "Configuration",
    "tensors": "Tensors match the base",
    "values": "Values finite, norms plausible",
    "conversion": "Converting for llama.cpp",
    "probe": "Probe: logits move, engines agree",
}


@dataclass(frozen=True, slots=True)
class Check:
    """`said` is one sentence where `ok`, and every reason, each with its remedy, where not."""

    name: Step
    ok: bool
    said: tuple[str, ...]


Tick = Callable[[Check], object]  # called with each check when it is done
Form = Literal["peft", "gguf"]
Kind = Literal["answers", "search"]  # over the base model, or over the embedder


@dataclass(frozen=True, slots=True)
class AdapterFacts:
    """What is known of an adapter that passed."""

    base: BaseFacts  # the one that it fits
    rank: int  # the highest of its layers
    scale: float  # the highest of its layers
    tensors: int
    bytes: int  # of its weights
    config: Mapping[str, Any]  # ours, the only one that any library reads; empty for a GGUF
    card: str  # what came with it, as Markdown; never to be shown as HTML
    form: Form


@dataclass(frozen=True, slots=True)
class Passed:
    """What the checks made of an upload: its digest, what it is for, and a folder ready for the shelf."""

    digest: str
    kind: Kind
    facts: AdapterFacts
    folder: Path
    probe: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Findings:
    """`facts` is there exactly when every check passed."""

    checks: tuple[Check, ...] = field(default=())
    facts: AdapterFacts | None = None

    @property
    def ok(self) -> bool:
        return self.facts is not None

    @property
    def reasons(self) -> tuple[str, ...]:
        """Every reason why not, in the order of the checks."""
        return tuple(reason for check in self.checks if not check.ok for reason in check.said)
