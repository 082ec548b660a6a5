"""Adapters coming and going under the engine, with a scripted runner in the model's place."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from service.core import BASE, Adapter, EngineInfo, Generation, LoraFile, Message, Sampling
from service.engines.batching import BatchingEngine
from service.errors import BadRequest, NotReady, PrivityError
from tests.engines.scripted import ScriptedRunner

INFO = EngineInfo("scripted", "scripted", "0" * 64, 64, 1, 2)


class Wardrobe(ScriptedRunner):
    """A scripted runner that takes what an adapter's file weighs, and refuses those named "broken"."""

    def attach(self, adapter: Adapter) -> int:
        assert adapter.digest not in self.attached, "loaded twice"
        if adapter.name == "broken":
            raise BadRequest('The adapter "broken" does not fit.')
        if adapter.name == "crashing":
            raise RuntimeError("out of memory")
        assert adapter.folder
        self.attached[adapter.digest] = size = (adapter.folder / LoraFile.GGUF).stat().st_size
        return size


Make = Callable[..., Adapter]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make(name: str, size: int = 10, **more: str) -> Adapter:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / LoraFile.GGUF).write_bytes(b"x" * size)
        return Adapter(name, f"digest of {name}", folder=folder, **more)

    return make


def play(
    runner: ScriptedRunner, scene: Callable[[BatchingEngine], Awaitable[None]], memory: int = 100
) -> None:
    engine = BatchingEngine(runner, INFO, memory)

    async def bounded() -> None:
        await asyncio.wait_for(scene(engine), 240)

    try:
        asyncio.run(bounded())
    finally:
        runner.gate.set()
        engine.close()
        engine.check()


async def ask(engine: BatchingEngine, adapter: Adapter, text: str = "a question", salt: str = "") -> str:
    generation = Generation((Message("user", text),), adapter, Sampling(), salt)
    return "".join([piece.text async for piece in engine.generate(generation)])


async def end(engine: BatchingEngine, adapter: Adapter) -> str:
    try:
        return await ask(engine, adapter)
    except PrivityError as error:
        return error.message


async def settled(engine: BatchingEngine, adapters: int) -> None:
    for _ in range(20_000):
        if engine.load().adapters == adapters:
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"{engine.load().adapters} adapters are loaded, not {adapters}")


def test_a_question_loads_what_it_names_and_it_stays(make: Make) -> None:
    runner = Wardrobe()

    async def scene(engine: BatchingEngine) -> None:
        leases = make("leases")
        assert await ask(engine, leases) == await ask(engine, leases) == await ask(engine, BASE)
        assert runner.attached == {leases.digest: 10}
        assert (engine.load().adapters, engine.load().adapter_bytes) == (1, 10)
        assert [plan.slices[0].adapter for plan in runner.plans[:2]] == [leases.digest] * 2

    play(runner, scene)


def test_within_the_budget_the_least_recently_used_goes(make: Make) -> None:
    runner = Wardrobe()

    async def scene(engine: BatchingEngine) -> None:
        one, two, three = make("one", 40), make("two", 40), make("three", 40)
        for adapter in (one, two, one, three):
            await ask(engine, adapter)
        assert set(runner.attached) == {one.digest, three.digest}

    play(runner, scene)


def test_one_in_use_stays_and_who_finds_no_room_waits_for_it(make: Make) -> None:
    runner = Wardrobe("x" * 30, context=100)

    async def scene(engine: BatchingEngine) -> None:
        large, other = make("large", 60), make("other", 60)
        runner.gate.clear()
        first = asyncio.create_task(ask(engine, large))
        while not runner.running.is_set():  # noqa: ASYNC110 (it happens in another thread)
            await asyncio.sleep(0.005)
        second = asyncio.create_task(ask(engine, other))
        await asyncio.sleep(0.05)
        await asyncio.to_thread(engine.prepare, BASE)
        runner.gate.set()
        assert await first == await second == "x" * 30
        assert set(runner.attached) == {other.digest}

    play(runner, scene)


def test_more_adapters_than_room_are_served_one_after_another(make: Make) -> None:
    runner = Wardrobe(queue=10, per_person=20)

    async def scene(engine: BatchingEngine) -> None:
        asked = [make(name, 60) for name in "abcabc"]
        assert await asyncio.gather(*(ask(engine, one) for one in asked)) == ["the answer"] * 6
        assert len(runner.attached) == 1

    play(runner, scene)


def test_one_that_is_larger_than_the_budget_is_refused_with_the_remedy(make: Make) -> None:
    async def scene(engine: BatchingEngine) -> None:
        with pytest.raises(BadRequest, match="adapter_memory"):
            await ask(engine, make("huge", 101))
        with pytest.raises(BadRequest, match="adapter_memory"):
            engine.prepare(make("huge", 101))

    play(Wardrobe(), scene)


@pytest.mark.parametrize(("name", "word"), [("broken", "does not fit"), ("crashing", "could not be loaded")])
def test_a_load_that_fails_ends_its_own_questions_only(make: Make, name: str, word: str) -> None:
    runner = Wardrobe()

    async def scene(engine: BatchingEngine) -> None:
        bad, good = make(name), make("good")
        ends = await asyncio.gather(*(end(engine, one) for one in (bad, good, bad, BASE)))
        assert [word in one for one in ends] == [True, False, True, False]
        assert ends[1] == ends[3] == "the answer"
        with pytest.raises(PrivityError, match=word):
            await asyncio.to_thread(engine.prepare, bad)
        assert set(runner.attached) == {good.digest}

    play(runner, scene)


def test_it_can_be_loaded_ahead_and_is_freed_after_its_last_answer(make: Make) -> None:
    runner = Wardrobe("x" * 30, context=100)

    async def scene(engine: BatchingEngine) -> None:
        leases = make("leases")
        await asyncio.to_thread(engine.prepare, leases)
        assert runner.attached
        running = asyncio.create_task(ask(engine, leases))
        while not runner.running.is_set():  # noqa: ASYNC110 (it happens in another thread)
            await asyncio.sleep(0.001)
        engine.release(leases.digest)
        assert await running == "x" * 30
        await settled(engine, 0)
        assert await ask(engine, leases) == "x" * 30  # rolled back to: loaded again

    play(runner, scene)


def test_one_for_another_base_or_without_files_is_refused_by_name(make: Make) -> None:
    async def scene(engine: BatchingEngine) -> None:
        for adapter in (make("leases", base="1" * 64), Adapter("leases", "abc")):
            with pytest.raises(BadRequest, match="leases"):
                await ask(engine, adapter)
            with pytest.raises(BadRequest, match="leases"):
                engine.prepare(adapter)
        assert await ask(engine, make("leases", base=INFO.fingerprint)) == "the answer"

    play(Wardrobe(), scene)


def test_prefixes_are_not_shared_between_adapters(make: Make) -> None:
    runner = Wardrobe()

    async def scene(engine: BatchingEngine) -> None:
        text = "a question that is long enough to be kept"
        for adapter in (BASE, make("one"), make("two"), make("one")):
            await ask(engine, adapter, text, salt="wall")
        starts = [part.start for plan in runner.plans for part in plan.slices if len(part.tokens) > 1]
        assert starts.count(0) == 3, "one cold run for the base and each adapter"

    play(runner, scene)


def test_closing_tells_who_waits_for_a_load(make: Make) -> None:
    runner = Wardrobe()
    engine = BatchingEngine(runner, INFO, 100)
    engine.close()
    with pytest.raises(NotReady):
        engine.prepare(make("late"))
