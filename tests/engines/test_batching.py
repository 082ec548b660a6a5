"""The engine's promises to its callers, with a scripted runner in the model's place."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from service.core import EngineInfo, Generation, Message, Piece, Sampling, Usage
from service.engines.batching import BatchingEngine
from service.errors import BadRequest, Busy, NotReady, PrivityError
from tests.engines.scripted import ScriptedRunner

INFO = EngineInfo("scripted", "scripted", "0", 64, 1, 2)


def ask(
    text: str = "a question of some length", owner: str = "ann", salt: str = "", **sampling: Any
) -> Generation:
    return Generation((Message("user", text),), sampling=Sampling(**sampling), owner=owner, salt=salt)


def play(runner: ScriptedRunner, scene: Callable[[BatchingEngine], Awaitable[None]]) -> None:
    engine = BatchingEngine(runner, INFO)

    async def bounded() -> None:
        await asyncio.wait_for(scene(engine), 240)

    try:
        asyncio.run(bounded())
    finally:
        runner.gate.set()
        engine.close()
    assert runner.closed
    engine.check()
    assert (engine.load().running, engine.load().waiting) == (0, 0)


async def read(engine: BatchingEngine, generation: Generation) -> list[Piece]:
    return [piece async for piece in engine.generate(generation)]


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110 (it happens in another thread)
        await asyncio.sleep(0.005)


def test_pieces_come_in_order_and_the_last_one_alone_tells_the_end() -> None:
    async def scene(engine: BatchingEngine) -> None:
        pieces = await read(engine, ask("hello"))
        assert "".join(piece.text for piece in pieces) == "the answer"
        assert pieces[-1].finish == "stop"
        assert pieces[-1].usage == Usage(prompt=5, completion=10)
        assert all(piece.finish is None and piece.usage is None for piece in pieces[:-1])

    play(ScriptedRunner(), scene)


def test_characters_of_many_tokens_come_whole() -> None:
    async def scene(engine: BatchingEngine) -> None:
        pieces = await read(engine, ask())
        assert "".join(piece.text for piece in pieces) == "§ 5 – €"
        cut = await read(engine, ask(max_tokens=1))
        assert [piece.text for piece in cut] == [""]

    play(ScriptedRunner("§ 5 – €"), scene)


def test_an_answer_ends_at_its_limit_or_at_the_end_of_the_context() -> None:
    async def scene(engine: BatchingEngine) -> None:
        short = await read(engine, ask(max_tokens=4))
        assert ("".join(piece.text for piece in short), short[-1].finish) == ("abab", "length")
        assert (await read(engine, ask("q" * 60, max_tokens=1000)))[-1].usage == Usage(60, 4)

    play(ScriptedRunner("ab" * 100), scene)


def test_a_stop_string_ends_the_answer_and_is_not_shown() -> None:
    async def scene(engine: BatchingEngine) -> None:
        pieces = await read(engine, ask(stop=("answ", "zzz")))
        assert "".join(piece.text for piece in pieces) == "the "
        assert pieces[-1].finish == "stop"

    play(ScriptedRunner(), scene)


def test_a_prompt_that_does_not_fit_is_refused_with_the_numbers() -> None:
    async def scene(engine: BatchingEngine) -> None:
        with pytest.raises(BadRequest) as caught:
            await engine.submit(ask("q" * 64))
        assert caught.value.details == {"tokens": 64, "limit": 64}

    play(ScriptedRunner(), scene)

    play(ScriptedRunner(), scene)


def test_a_full_queue_is_told_at_once_and_opens_again() -> None:
    runner = ScriptedRunner()

    async def scene(engine: BatchingEngine) -> None:
        runner.gate.clear()
        streams = [await engine.submit(ask(owner=str(number))) for number in range(4)]
        with pytest.raises(Busy) as caught:
            await engine.submit(ask(owner="late"))
        assert caught.value.details["retry_after"] >= 1
        await until(runner.running.is_set)
        assert engine.load().running + engine.load().waiting == 4
        runner.gate.set()
        for stream in streams:
            assert "".join([piece.text async for piece in stream]) == "the answer"
        await read(engine, ask())

    play(runner, scene)


def test_one_person_has_a_limit_and_others_do_not_feel_it() -> None:
    runner = ScriptedRunner(queue=10)

    async def scene(engine: BatchingEngine) -> None:
        runner.gate.clear()
        streams = [await engine.submit(ask()) for _ in range(3)]
        with pytest.raises(Busy, match="3 questions"):
            await engine.submit(ask())
        await engine.submit(ask(owner="bob"))
        await streams[0].aclose()
        await engine.submit(ask())

    play(runner, scene)


@pytest.mark.parametrize("way", ["close", "drop", "cancel", "break"])
def test_a_reader_that_leaves_frees_the_slot(way: str) -> None:
    runner = ScriptedRunner("x" * 500, context=600)

    async def leave(engine: BatchingEngine) -> None:
        if way == "break":
            async for _ in engine.generate(ask(max_tokens=500)):
                break
            return
        stream = await engine.submit(ask(max_tokens=500))
        if way == "close":
            await stream.__anext__()
            await stream.aclose()
        elif way == "cancel":
            runner.gate.clear()
            waiting = asyncio.create_task(_exhaust(stream))
            await asyncio.sleep(0.05)
            waiting.cancel()
            runner.gate.set()

    async def scene(engine: BatchingEngine) -> None:
        await leave(engine)
        gc.collect()
        await until(lambda: engine.load().running == 0)
        engine.check()
        assert len(runner.script) > 400

    runner_info = EngineInfo("scripted", "scripted", "0", 600, 1, 2)
    engine = BatchingEngine(runner, runner_info)
    asyncio.run(scene(engine))
    engine.close()


async def _exhaust(stream: Any) -> None:
    async for _ in stream:
        pass


def test_a_step_that_fails_is_told_to_those_it_hit_and_to_nobody_else() -> None:
    runner = ScriptedRunner()

    async def scene(engine: BatchingEngine) -> None:
        runner.gate.clear()
        streams = [await engine.submit(ask(owner="0"))]
        await until(runner.running.is_set)
        streams += [await engine.submit(ask(owner=str(number))) for number in range(1, 4)]
        runner.broken = 1
        runner.gate.set()
        ends = await asyncio.gather(*(_end(stream) for stream in streams))
        assert ends == ["The model failed in the middle of this answer. Ask again."] + 3 * ["the answer"]
        assert runner.resets == 1

    play(runner, scene)


async def _end(stream: Any) -> str:
    try:
        return "".join([piece.text async for piece in stream])
    except PrivityError as error:
        return error.message


def test_closing_lets_answers_finish_and_takes_no_more() -> None:
    runner = ScriptedRunner()

    async def scene(engine: BatchingEngine) -> None:
        runner.gate.clear()
        stream = await engine.submit(ask())
        closing = asyncio.create_task(asyncio.to_thread(engine.close))
        while not await _refuses(engine):  # noqa: ASYNC110 (it happens in another thread)
            await asyncio.sleep(0.005)
        runner.gate.set()
        assert "".join([piece.text async for piece in stream]) == "the answer"
        await closing
        with pytest.raises(NotReady):
            await engine.submit(ask())

    asyncio.run(scene(BatchingEngine(runner, INFO)))


async def _refuses(engine: BatchingEngine) -> bool:
    try:
        await (await engine.submit(ask(owner="bob"))).aclose()
    except NotReady:
        return True
    return False


@pytest.mark.parametrize(("salt", "cached"), [("wall", 25), ("other", 0), ("", 0)])
def test_cached_prefixes_stay_within_their_salt(salt: str, cached: int) -> None:
    async def scene(engine: BatchingEngine) -> None:
        await read(engine, ask(salt="wall"))
        await read(engine, ask(salt=""))
        usage = (await read(engine, ask("a question of some length, and more", salt=salt)))[-1].usage
        assert usage
        assert usage.cached == cached

    play(ScriptedRunner(), scene)
