"""The runner on torch and transformers: it carries plans out, each row under its own adapter. No queue, no policy."""

import os
from collections.abc import Sequence
from pathlib import Path

from service.config import Engine as Settings
from service.core import Adapter, Message
from service.engines.hf_model import Kind, RowModel
from service.engines.hf_text import Text
from service.engines.prefix import Copy
from service.engines.sampling import verify
from service.engines.scheduler import Limits, Plan, Tokens


class HfRunner:
    """A model and its memory. `encode` and `piece` may be called from any thread, the rest from one."""

    mixes = True
    shares = True  # nothing looks behind a row's length, so a part of what it holds is dropped at no cost

    def __init__(self, folder: Path, settings: Settings, kind: Kind = "") -> None:
        """`kind` is the number format; by itself what the device computes fastest.

        Raises BadRequest when the folder holds no model that can be served so.
        """
        self.threads = settings.threads or min(_cores(), 8)
        self._take_threads()
        self._text = Text(folder)
        self._model = RowModel(folder, settings.slots, settings.context, settings.quantize, kind)
        self.end_tokens = self._text.end_tokens
        self.limits = Limits(
            slots=settings.slots,
            context=self._model.cells,
            chunk=settings.chunk,
            queue=settings.queue,
            per_person=settings.per_person,
        )

    @property
    def device(self) -> str:
        """Where it computes and in what: "cuda, bfloat16"."""
        return f"{self._model.device.type}, {str(self._model.kind).removeprefix('torch.')}"

    def encode(self, messages: Sequence[Message]) -> list[int]:
        return self._text.encode(messages)

    def piece(self, token: int) -> bytes:
        return self._text.piece(token)

    def run(self, plan: Plan) -> dict[int, Tokens]:
        """Carry out a plan; the tokens drawn, by sequence."""
        self._take_threads()
        for move in plan.moves:
            if isinstance(move, Copy):
                self._model.memory.copy(move.source, move.target, move.length)
        order, found = self._model.run(plan.slices)
        logits = iter(found)
        return {part.sequence: verify(part, logits) for part in order if part.choice is not None}

    def attach(self, adapter: Adapter) -> int:
        """Load an adapter; the bytes it takes. Raises BadRequest when it does not fit this base."""
        return self._model.lora.attach(adapter)

    def detach(self, digest: str) -> None:
        self._model.lora.detach(digest)

    def reset(self) -> None:
        """Wipe the memory, after a run that failed half way."""
        self._model.wipe()

    def close(self) -> None:
        self._model.close()

    def _take_threads(self) -> None:
        """Torch's threads belong to the whole process, and others set them too: the model's number holds."""
        import torch

        if torch.get_num_threads() != self.threads:
            torch.set_num_threads(self.threads)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
