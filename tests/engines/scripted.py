"""A runner without a model: it answers with the bytes of a script, one byte a token."""

import threading
from collections.abc import Sequence

from service.core import Message
from service.engines.scheduler import Limits, Plan

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

    def encode(self, messages: Sequence[Message]) -> list[int]:
        return [byte for message in messages for byte in message.content.encode()]

    def piece(self, token: int) -> bytes:
        return bytes([token])

    def run(self, plan: Plan) -> dict[int, int]:
        self.running.set()
        assert self.gate.wait(10)
        if self.broken:
            self.broken -= 1
            raise RuntimeError("out of order")
        return {
            part.sequence: self.script[part.choice.index % len(self.script)]
            for part in plan.slices
            if part.choice
        }

    def reset(self) -> None:
        self.resets += 1

    def close(self) -> None:
        self.closed = True
