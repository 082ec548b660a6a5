"""Guesses change the speed and nothing else."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core import EngineInfo, Generation, Message, Sampling
from service.engines.batching import BatchingEngine, Stream
from service.engines.drafts import LONGEST, Guesser, length
from tests.engines.scripted import ScriptedRunner

PROMPT = [*range(10, 60)]


def test_what_followed_the_same_words_is_guessed() -> None:
    guesser = Guesser([*PROMPT, 20, 21, 22], frozenset())
    assert guesser.guess() == tuple(range(23, 23 + LONGEST))


def test_the_longer_likeness_wins_and_of_equals_the_later() -> None:
    guesser = Guesser([1, 2, 3, 4, 70, 9, 2, 3, 4, 80, 1, 2, 3, 4], frozenset())
    assert guesser.guess()[:1] == (70,)
    assert Guesser([2, 3, 4, 70, 2, 3, 4, 80, 2, 3, 4], frozenset()).guess()[:1] == (80,)


def test_without_likeness_there_is_no_guess_and_an_end_is_never_guessed() -> None:
    assert Guesser(PROMPT, frozenset()).guess() == ()
    assert Guesser([*PROMPT, 20, 21, 22], frozenset({25})).guess() == (23, 24)


def test_it_learns_also_from_guesses_that_were_not_run() -> None:
    guesser = Guesser([*PROMPT, 10, 11, 12], frozenset())
    chances = []
    for token in range(13, 40):
        assert guesser.guess()[0] == token
        chances.append(guesser.chance)
        guesser.learn([token])
    assert chances[-1] > 0.9 > chances[0]
    for other in range(100, 110):
        guesser.learn([10, 11, 12])
        assert guesser.guess()
        guesser.learn([other])
    assert guesser.chance < 0.3


@given(
    st.lists(st.tuples(st.integers(0, LONGEST), st.floats(0, 1)), min_size=1, max_size=8), st.integers(0, 256)
)
def test_a_guess_is_run_only_where_something_may_come_of_it(
    guesses: list[tuple[int, float]], reading: int
) -> None:
    most = length(guesses, reading)
    assert 0 <= most <= max(size for size, _ in guesses)
    assert length([(size, 0.0) for size, _ in guesses], reading) == 0
    if not reading:
        assert length([(LONGEST, 1.0)] * len(guesses), reading) > 1


def test_a_full_batch_guesses_less_than_a_single_row() -> None:
    assert length([(8, 0.9)], 0) > length([(8, 0.9)] * 8, 0) > length([(8, 0.4)] * 8, 0) == 0


TEXT = "The Landlord shall insure the Building against fire and flood. "


@pytest.mark.parametrize("script", [TEXT * 3, "nothing of it", TEXT[4:40] + "but not " + TEXT * 2])
@pytest.mark.parametrize("limit", [1, 7, 400])
def test_the_text_is_the_same_with_guesses_and_without(script: str, limit: int) -> None:
    told, steps = {}, {}
    for guesses in (False, True):
        runner = ScriptedRunner(script, context=1000, chunk=64)
        engine = BatchingEngine(runner, EngineInfo("", "", "", 1000, 1, 2), guesses=guesses)
        told[guesses] = asyncio.run(both(engine, runner, limit))
        engine.close()
        engine.check()
        steps[guesses] = len(runner.plans)
    assert told[True] == told[False]
    assert steps[True] <= steps[False]
    if limit == 400 and script == TEXT * 3:
        assert steps[True] < steps[False] / 2, "answers that quote come in fewer steps"


async def both(engine: BatchingEngine, runner: ScriptedRunner, limit: int) -> list[tuple[str, object]]:
    """Two at once, the second, with a stop string amid a guess, comes within the first step."""
    runner.gate.clear()
    first = await engine.submit(asked(limit))
    await asyncio.to_thread(runner.running.wait, 10)
    second = await engine.submit(asked(limit, "Building ag"))
    runner.gate.set()
    return await asyncio.gather(read(first), read(second))


def asked(limit: int, *stop: str) -> Generation:
    return Generation((Message("user", TEXT),), sampling=Sampling(max_tokens=limit, stop=stop))


async def read(stream: Stream) -> tuple[str, object]:
    pieces = [piece async for piece in stream]
    return "".join(piece.text for piece in pieces), (pieces[-1].finish, pieces[-1].usage)
