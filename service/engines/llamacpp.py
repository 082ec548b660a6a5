"""The runner on llama.cpp: it carries plans out. No queue and no policy here."""

import os
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from service.config import Engine as Settings
from service.core import Message
from service.engines.llama_abi import Context, Model
from service.engines.prefix import Copy, Move
from service.engines.sampling import choose
from service.engines.scheduler import Limits, Plan
from service.errors import BadRequest

GAP = 3  # idle rows between running ones that are worth bridging


class LlamaRunner:
    """A model and its memory. `encode` and `piece` may be called from any thread, the rest from one."""

    def __init__(self, file: Path, settings: Settings) -> None:
        self.model = Model(file, settings.gpu_layers)
        self.threads = settings.threads or min(_cores(), 8)
        self.limits = _limits(settings, self.model.trained_context)
        self.end_tokens = self.model.end_tokens()
        self.shares = self.model.forgets_in_part
        batch = self.limits.chunk + 2 * self.limits.slots
        self._context = Context(self.model, self.limits.slots, self.limits.context, batch, self.threads)

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """The prompt's tokens in the model's chat format, open for the answer.

        What a message says is never read as a special token: "<|im_end|>" in it stays ten harmless characters.
        """
        pairs = [(message.role, f"\ue000{at}\ue001") for at, message in enumerate(messages)]
        frame = self.model.render(pairs)
        if frame is None:
            raise BadRequest("This model has no chat format that llama.cpp knows. Choose an instruct model.")
        tokens: list[int] = []
        for at, part in enumerate(re.split("\ue000(\\d+)\ue001", frame)):
            inside = at % 2 == 1
            text = messages[int(part)].content if inside else part
            tokens += self.model.tokenize(text, special=not inside)
        first = self.model.first_token()
        return tokens if first is None or tokens[:1] == [first] else [first, *tokens]

    def piece(self, token: int) -> bytes:
        return self.model.piece(token)

    def run(self, plan: Plan) -> dict[int, int]:
        """Carry out a plan; the tokens drawn, by sequence."""
        for move in plan.moves:
            self._move(move)
        parts = sorted(plan.slices, key=lambda part: part.row)
        fillers = self._fillers([part.row for part in parts])
        slices = [(part.row, part.start, part.tokens, part.choice is not None) for part in parts]
        logits = self._context.run(sorted(slices + fillers))
        asked = [(part.sequence, part.choice) for part in parts if part.choice is not None]
        tokens = {number: choose(row, choice) for (number, choice), row in zip(asked, logits, strict=True)}
        for row, start, *_ in fillers:
            self._context.forget(row, start)
        return tokens

    def reset(self) -> None:
        """Wipe the memory, after a run that failed half way."""
        self._context.clear()

    def close(self) -> None:
        self._context.close()
        self.model.close()

    def _fillers(self, rows: list[int]) -> list[tuple[int, int, tuple[int, ...], bool]]:
        """A token for each idle row in a small gap: llama.cpp batches only rows that follow one another.

        Another pass over the weights costs as much as four rows more. The token is forgotten after the step.
        """
        gaps = [range(one + 1, other) for one, other in pairwise(rows) if other - one <= GAP + 1]
        idle = [(row, self._context.length(row)) for gap in gaps for row in gap]
        return [(row, length, (0,), False) for row, length in idle if length < self.limits.context]

    def _move(self, move: Move) -> None:
        if isinstance(move, Copy):
            self._context.copy(move.source, move.target, move.length)
        else:
            self._context.forget(move.row, move.start)


def _limits(settings: Settings, trained: int) -> Limits:
    context = min(settings.context, trained)
    return Limits(
        slots=settings.slots,
        context=context,
        chunk=settings.chunk,
        queue=settings.queue,
        per_person=settings.per_person,
    )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
