"""General text that a training is reminded of: what the base itself says about everyday things.

Reading its own words again keeps a model where it was, whatever base that is, and needs no text from anywhere else.
They are written once for each base and kept beside the runs.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

from service.core import Generation, Message, Piece, Sampling
from service.errors import Busy, NotReady

TOKENS = 120  # of a text at most
SHORTEST = 80  # characters that are worth reading
ABOUT = (
    "how bread is baked", "why the sky is blue", "what a bicycle is made of", "how a letter reaches its reader",
    "what happens when water boils", "how to care for a garden in spring", "why people tell stories",
    "how a bridge carries its load", "what the heart does", "how birds find their way", "how to make a simple soup",
    "what a library is for", "how glass is made", "why the moon changes its shape", "how to learn a language",
    "what a good teacher does", "how music is written down", "how a forest grows back", "why leaves fall in autumn",
    "what a doctor asks first", "how clocks were built", "how to pack for a journey", "what makes a fair game",
    "why bees matter", "how rain is formed", "what a newspaper does", "how to repair a wooden chair",
    "how ships stay afloat", "what a city needs", "why we sleep", "how paper is made", "what a map shows",
    "how to plan a birthday", "what electricity does in a house", "how trees drink", "why bridges need rest",
    "how a computer stores a picture", "what a friend is", "how cheese is made", "how to prepare for a test",
    "what the sea gives us", "how mountains rise", "what a budget is", "how to read a weather report",
    "why plants need light", "how a song is remembered", "what makes a house warm", "how to thank somebody",
)  # fmt: skip

Submit = Callable[[Generation], Awaitable[AsyncIterator[Piece]]]


def general(file: Path, submit: Submit, halted: Callable[[], bool]) -> list[str]:
    """The texts in the file, or written into it now: a minute or so. Raises NotReady where `halted`."""
    if not file.is_file():
        made = asyncio.run(_written(submit, halted))
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        part.write_text("".join(json.dumps({"text": text}) + "\n" for text in made), "utf-8")
        part.rename(file)
    return [json.loads(line)["text"] for line in file.read_text("utf-8").splitlines()]


async def _written(submit: Submit, halted: Callable[[], bool]) -> Sequence[str]:
    slots = asyncio.Semaphore(4)

    async def one(seed: int, about: str) -> str:
        async with slots:
            if halted():
                raise NotReady("The writing of general text was called off.")
            asked = (Message("user", f"Write a short paragraph that explains {about}."),)
            sampling = Sampling(TOKENS, temperature=0.7, top_p=0.95, seed=seed)
            return await _said(
                submit, Generation(asked, sampling=sampling, owner="general", priority="background")
            )

    texts = await asyncio.gather(*(one(seed, about) for seed, about in enumerate(ABOUT)))
    return [text for text in texts if len(text) >= SHORTEST]


async def _said(submit: Submit, generation: Generation) -> str:
    while True:
        try:
            pieces = await submit(generation)
            break
        except Busy:
            await asyncio.sleep(0.5)
    return "".join([piece.text async for piece in pieces]).strip()
