"""Adapters on the real small model: no answer may hold anything of another adapter, however they come and go."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from service.config import Engine as EngineSettings
from service.core import BASE, Adapter, LoraFile, Message
from service.engines import BaseFiles
from service.engines.llamacpp import LlamaRunner
from service.engines.prefix import Key
from service.engines.scheduler import Choice, Plan, Scheduler, Sequence, Slice
from service.errors import BadRequest
from tests.engines.loras import adapter

SMALL = EngineSettings(threads=1, slots=4, context=512, chunk=48)
TOLERANCE = 0.5  # of a logit: sums are taken in another order
LEASE = (
    "The Tenant shall keep the Premises in good repair. The Landlord shall insure the Building against fire."
)
TEXTS = [
    "The Tenant shall keep the Premises in good repair. Who repairs?",
    "The Tenant shall keep the Premises in good repair. The Landlord insures the Building. Who insures?",
    "Rent is due on the first day of each month, and notices are in writing. When is it due?",
]


@pytest.fixture(scope="module")
def runner(files: BaseFiles) -> Iterator[LlamaRunner]:
    runner = LlamaRunner(files.gguf, SMALL)
    yield runner
    runner.close()


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> list[Adapter]:
    """Three names; the second name has two versions."""
    folder = tmp_path_factory.mktemp("shelf")
    made = [adapter(folder, name, seed) for name, seed in (("a", 1), ("b", 2), ("b", 3), ("c", 4))]
    return [BASE, *made]


class Watched:
    """A runner that keeps the logits behind every token it draws."""

    def __init__(self, runner: LlamaRunner) -> None:
        self.runner = runner
        self.seen: dict[tuple[int, int], NDArray[np.float32]] = {}  # by sequence and position of the answer

    def run(self, plan: Plan) -> dict[int, tuple[int, ...]]:
        context = self.runner._context
        run = context.run
        asked = [
            (part.sequence, part.choice.index + at)
            for part in sorted(plan.slices, key=lambda part: part.row)
            if part.choice
            for at in range(part.draft + 1)
        ]

        def watched(slices: object) -> Iterator[NDArray[np.float32]]:
            rows = [row.copy() for row in run(slices)]  # type: ignore[arg-type]
            self.seen |= dict(zip(asked, rows, strict=True))
            return iter(rows)

        context.run = watched  # type: ignore[method-assign]
        try:
            return self.runner.run(plan)
        finally:
            context.run = run  # type: ignore[method-assign]


def cold(runner: LlamaRunner, adapter: Adapter, tokens: tuple[int, ...], count: int) -> NDArray[np.float32]:
    """Logits after each of the last `count` tokens, from an empty memory."""
    runner.reset()
    if adapter is not BASE:
        runner.attach(adapter)
    watched = Watched(runner)
    watched.run(Plan((), (Slice(0, 0, 0, tokens, Choice(), adapter.digest, count - 1),)))
    if adapter is not BASE:
        runner.detach(adapter.digest)
    runner.reset()
    return np.stack([watched.seen[0, at] for at in range(count)])


def test_an_adapter_moves_the_logits_and_leaves_no_trace(runner: LlamaRunner, shelf: list[Adapter]) -> None:
    tokens = tuple(runner.encode([Message("user", TEXTS[0])]))
    base, one, two, again = (cold(runner, by, tokens, 1) for by in (BASE, shelf[1], shelf[2], BASE))
    assert np.abs(one - base).max() > 2 * TOLERANCE
    assert np.abs(one - two).max() > 2 * TOLERANCE
    assert np.abs(again - base).max() == 0


@pytest.mark.parametrize("seed", range(2))
def test_random_interleavings_give_the_answers_of_cold_runs(
    runner: LlamaRunner, shelf: list[Adapter], seed: int
) -> None:
    """Turns, prefixes, reloads, cancellations and swaps of a name's version, in an order drawn from the seed."""
    draw = random.Random(seed)
    scheduler = Scheduler(runner.limits, runner.end_tokens, guesses=True)
    watched = Watched(runner)
    prompts = [tuple(runner.encode([Message("user", text)])) for text in TEXTS]
    sequences: dict[int, tuple[Adapter, Sequence]] = {}
    used = [BASE, *draw.sample(shelf[1:], 2)]
    while len(sequences) < 10 or scheduler.running + scheduler.waiting:
        if len(sequences) < 8 and draw.random() < 0.5:
            number, by = len(sequences), draw.choice(used)
            new = Sequence(number, draw.choice(prompts), draw.randint(2, 10), Key("wall", by.digest))
            scheduler.add(new)
            sequences[number] = by, new
        elif len(sequences) >= 8 and not scheduler.running:  # the same once more, so that a prefix is there
            by, one = sequences[len(sequences) - 1]
            new = Sequence(len(sequences), one.prompt, 2, one.key)
            scheduler.add(new)
            sequences[new.id] = by, new
        if sequences and draw.random() < 0.05:
            scheduler.end(draw.choice(sorted(sequences)))
        idle = scheduler.loaded - {BASE.digest} - scheduler.in_use
        if idle and draw.random() < 0.2:
            digest = draw.choice(sorted(idle))
            runner.detach(digest)
            scheduler.loaded.discard(digest)
        for digest in scheduler.lacking():
            runner.attach(next(one for one in shelf if one.digest == digest))
            scheduler.loaded.add(digest)
        if plan := scheduler.plan():
            scheduler.settle(plan, watched.run(plan))
            scheduler.check()
    for digest in scheduler.loaded - {BASE.digest}:
        runner.detach(digest)
    assert sequences[9][1].cached, "no prefix was shared"
    for number, (by, one) in sequences.items():
        told = [watched.seen[number, at] for at in range(len(one.answer)) if (number, at) in watched.seen]
        if told:
            tokens = one.span(0, len(one.prompt) + len(told) - 1)
            apart = np.abs(np.stack(told) - cold(runner, by, tokens, len(told))).max()
            assert apart < TOLERANCE, f"{by.name} v{by.version}: {apart:.2f} after {len(told)} tokens"


def test_guesses_leave_the_answer_as_it_is(runner: LlamaRunner) -> None:
    """An answer that quotes, in fewer steps, beside one that does not: each as in a cold run."""
    texts = (f"Repeat this three times: {LEASE}", "Tell me a story about a lighthouse.")
    scheduler, watched = Scheduler(runner.limits, runner.end_tokens, guesses=True), Watched(runner)
    prompts = [tuple(runner.encode([Message("user", text)])) for text in texts]
    asked = [Sequence(at, prompt, 40, Key(str(at), BASE.digest)) for at, prompt in enumerate(prompts)]
    for one in asked:
        scheduler.add(one)
    steps = guessed = 0
    while plan := scheduler.plan():
        steps += 1
        guessed += sum(part.draft for part in plan.slices)
        scheduler.settle(plan, watched.run(plan))
    assert guessed
    assert steps < 40 + 4
    for one in asked:
        told = np.stack([watched.seen[one.id, at] for at in range(len(one.answer))])
        tokens = one.span(0, len(one.prompt) + len(told) - 1)
        assert np.abs(told - cold(runner, BASE, tokens, len(told))).max() < TOLERANCE


def test_a_file_that_llama_cannot_load_is_refused_by_name(runner: LlamaRunner, tmp_path: Path) -> None:
    torn = adapter(tmp_path, "torn", 9)
    assert torn.folder
    file = torn.folder / LoraFile.GGUF
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(BadRequest, match="torn"):
        runner.attach(torn)
    with pytest.raises(BadRequest, match=r"adapter\.gguf"):
        runner.attach(replace(torn, folder=tmp_path))
