"""A runner without a model: it answers with the bytes of a script, one byte a token."""

import threading
from collections.abc import Sequence

from service.core import Adapter, Message
from service.engines.scheduler import Limits, Plan, Slice, Tokens

END = 256


class ScriptedRunner:
    def __init__(self, script: str = "the answer", **limits: int) -> None:
        sizes = {"slots": 2, "context": 64, "chunk": 16, "queue": 2, "per_person": 3} | limits
        self.limits = Limits(**sizes)
        self.end_tokens = frozenset({END})
        self.shares = True
        self.script = [*script.encode(), END]
        self.gate = threading.Event()  # closed, it holds every step
        self.gate.set()
        self.running = threading.Event()  # a step has begun
        self.broken = 0  # steps that will fail
        self.resets = 0
        self.closed = False
        self.mixes = False
        self.attached: dict[str, int] = {}
        self.plans: list[Plan] = []

    def encode(self, messages: Sequence[Message]) -> list[int]:
        return [byte for message in messages for byte in message.content.encode()]

    def piece(self, token: int) -> bytes:
        return bytes([token])

    def run(self, plan: Plan) -> dict[int, Tokens]:
        self.running.set()
        assert self.gate.wait(240)
        if self.broken:
            self.broken -= 1
            raise RuntimeError("out of order")
        digests = {part.adapter for part in plan.slices}
        assert digests <= {"base", *self.attached}, "an adapter that is not loaded"
        assert self.mixes or len(digests) == 1, "rows of several adapters in one step"
        self.plans.append(plan)
        return {part.sequence: self._draw(part) for part in plan.slices if part.choice}

    def _draw(self, part: Slice) -> Tokens:
        """What the script says next, for as long as the guesses say the same, and one token more."""
        assert part.choice
        index = part.choice.index
        drawn = [self.script[index % len(self.script)]]
        for guess in part.tokens[len(part.tokens) - part.draft :]:
            if guess != drawn[-1]:
                break
            drawn.append(self.script[(index + len(drawn)) % len(self.script)])
        return tuple(drawn)

    def attach(self, adapter: Adapter) -> int:
        self.attached[adapter.digest] = size = len(adapter.name)
        return size

    def detach(self, digest: str) -> None:
        del self.attached[digest]

    def reset(self) -> None:
        self.resets += 1

    def close(self) -> None:
        self.closed = True
