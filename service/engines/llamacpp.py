"""The runner on llama.cpp: it carries plans out. No queue and no policy here."""

import os
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from service.config import Engine as Settings
from service.core import BASE, Adapter, LoraFile, Message
from service.engines.drafts import LONGEST
from service.engines.llama_abi import Context, Lora, Model
from service.engines.prefix import Copy, Move
from service.engines.sampling import verify
from service.engines.scheduler import Limits, Plan, Slice, Tokens
from service.errors import BadRequest

GAP = 3  # tokens, in the rows between two that run, that are worth it to bridge them

Filler = tuple[int, int, tuple[int, ...], int]


class LlamaRunner:
    """A model and its memory. `encode` and `piece` may be called from any thread, the rest from one."""

    mixes = False

    def __init__(self, file: Path, settings: Settings) -> None:
        self.model = Model(file, settings.gpu_layers)
        self.threads = settings.threads or min(_cores(), 8)
        self.limits = _limits(settings, self.model.trained_context)
        self.end_tokens = self.model.end_tokens()
        self.shares = self.model.forgets_in_part
        batch = self.limits.chunk + (LONGEST + 2) * self.limits.slots
        slots, context = self.limits.slots, self.limits.context
        flash = settings.gpu_layers != 0
        self._context = Context(self.model, slots, context, batch, self.threads, flash)
        self._adapters: dict[str, Lora] = {}  # by digest
        self._worn = BASE.digest

    def encode(self, messages: Sequence[Message]) -> list[int]:
        return encoded(self.model, messages)

    def piece(self, token: int) -> bytes:
        return self.model.piece(token)

    def run(self, plan: Plan) -> dict[int, Tokens]:
        """Carry out a plan; the tokens drawn, by sequence."""
        self._wear(plan)
        for move in plan.moves:
            self._move(move)
        parts = sorted(plan.slices, key=lambda part: part.row)
        slices = [(part.row, part.start, part.tokens, _asked(part)) for part in parts]
        fillers = self._fillers(parts)
        logits = self._context.run(sorted(slices + fillers))
        tokens = {part.sequence: verify(part, logits) for part in parts if part.choice is not None}
        for row, start, *_ in fillers:
            self._context.forget(row, start)
        for part in parts:
            if part.draft:
                self._context.forget(part.row, part.start + part.kept(tokens[part.sequence]))
        return tokens

    def attach(self, adapter: Adapter) -> int:
        """Load an adapter's GGUF form; the bytes it takes. Raises BadRequest when it cannot be loaded."""
        file = _file(adapter)
        self._adapters[adapter.digest] = Lora(self.model, file, adapter.name)
        return file.stat().st_size

    def detach(self, digest: str) -> None:
        if self._worn == digest:
            self._context.wear(None)
            self._worn = BASE.digest
        self._adapters.pop(digest).close()

    def reset(self) -> None:
        """Wipe the memory, after a run that failed half way."""
        self._context.clear()
        self._context.wear(None)
        self._worn = BASE.digest

    def close(self) -> None:
        self._context.close()
        for adapter in self._adapters.values():
            adapter.close()
        self.model.close()

    def _wear(self, plan: Plan) -> None:
        """A change rebuilds the graph at the next step, which costs 5 ms."""
        (digest,) = {part.adapter for part in plan.slices} or {self._worn}
        if digest != self._worn:
            self._context.wear(None if digest == BASE.digest else self._adapters[digest])
            self._worn = digest

    def _fillers(self, parts: list[Slice]) -> list[Filler]:
        """Tokens that are forgotten after the step, so that it is one pass over the weights: llama.cpp takes rows that
        follow one another, and of each the same number of tokens.

        Another pass costs as much as seven tokens, a row two of them. Rows that only read a prompt make their own.
        """
        width = max((1 + part.draft for part in parts if part.choice), default=1)
        short = [part for part in parts if len(part.tokens) < width]
        missing = [(part.row, part.start + len(part.tokens), width - len(part.tokens)) for part in short]
        pairs = pairwise(part.row for part in parts)
        gaps = [range(one + 1, other) for one, other in pairs if (other - one - 1) * width <= GAP]
        missing += [(row, self._context.length(row), width) for gap in gaps for row in gap]
        return [
            (row, start, (0,) * count, 0)
            for row, start, count in missing
            if start + count <= self.limits.context
        ]

    def _move(self, move: Move) -> None:
        if isinstance(move, Copy):
            self._context.copy(move.source, move.target, move.length)
        else:
            self._context.forget(move.row, move.start)


def encoded(model: Model, messages: Sequence[Message]) -> list[int]:
    """The prompt's tokens in the model's chat format, open for the answer.

    What a message says is never read as a special token: "<|im_end|>" in it stays ten harmless characters.
    """
    pairs = [(message.role, f"\ue000{at}\ue001") for at, message in enumerate(messages)]
    frame = model.render(pairs)
    if frame is None:
        raise BadRequest("This model has no chat format that llama.cpp knows. Choose an instruct model.")
    tokens: list[int] = []
    for at, part in enumerate(re.split("\ue000(\\d+)\ue001", frame)):
        inside = at % 2 == 1
        text = messages[int(part)].content if inside else part
        tokens += model.tokenize(text, special=not inside)
    first = model.first_token()
    return tokens if first is None or tokens[:1] == [first] else [first, *tokens]


def _asked(part: Slice) -> int:
    """After how many of its last tokens the logits are wanted."""
    return 0 if part.choice is None else part.draft + 1


def _file(adapter: Adapter) -> Path:
    file = adapter.folder / LoraFile.GGUF if adapter.folder else None
    if file is None or not file.is_file():
        raise BadRequest(
            f'The adapter "{adapter.name}" has no {LoraFile.GGUF}, which this engine needs. Admit it again.'
        )
    return file


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
