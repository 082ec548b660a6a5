"""The examination: the candidate, what is published and the base answer the held-out rows through the engine that
serves people, behind everybody who asks.

Each answer is kept as soon as it is given, so that an examination goes on where a stop broke it off.
"""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from service.core import Adapter, Generation, Message, Piece, Sampling
from service.errors import Busy, NotReady
from service.training.gate import General, Verdict, judge
from service.training.scores import Exam, Given, extremes, gain, scores, told

TOKENS = 96  # of an answer at most
AT_ONCE = 4  # questions
AGAIN = 0.5  # seconds until a full queue is asked again

Submit = Callable[[Generation], Awaitable[AsyncIterator[Piece]]]
Prompt = Callable[[str, str], Sequence[Message]]
Halted = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Contestant:
    who: str  # "candidate", "published" or "base"
    adapter: Adapter
    called: str  # in a sentence: "version 3", "the base"


@dataclass(frozen=True, slots=True)
class Sat:
    """A finished examination: what each said, by who they are, and what is left of their general ability."""

    exams: Sequence[Exam]
    said: Mapping[str, Sequence[Given]]
    general: Mapping[str, General]


class Sheets:
    """The answers that were given so far, a line each: whose, to which row, and what."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[tuple[str, str], Given] = {}
        if file.is_file():
            for line in file.read_text("utf-8").splitlines():
                try:
                    one = json.loads(line)
                    self._known[one["digest"], one["row"]] = Given(one["text"], one["first"], one["seconds"])
                except (ValueError, KeyError, TypeError):  # torn by a stop
                    continue

    def get(self, digest: str, row: str) -> Given | None:
        return self._known.get((digest, row))

    def add(self, digest: str, row: str, given: Given) -> None:
        self._known[digest, row] = given
        line = json.dumps({"digest": digest, "row": row, **asdict(given)}, ensure_ascii=False)
        with self._file.open("a", encoding="utf-8") as file:
            file.write(f"\n{line}\n")  # a torn line before it ends here


def write_exams(file: Path, exams: Iterable[Exam]) -> None:
    part = file.with_suffix(".part")
    part.write_text("".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in exams), "utf-8")
    part.rename(file)


def read_exams(file: Path, most: int, seed: int) -> tuple[list[Exam], int]:
    """So many of them, drawn by the seed, and how many there are."""
    exams = [Exam(**json.loads(line)) for line in file.read_text("utf-8").splitlines()]
    return random.Random(seed).sample(exams, min(most, len(exams))), len(exams)


async def sit(
    exams: Sequence[Exam],
    contestants: Sequence[Contestant],
    submit: Submit,
    prompt: Prompt,
    sheets: Sheets,
    owner: str,
    halted: Halted,
) -> dict[str, list[Given]]:
    """Every contestant answers every row. Raises NotReady where `halted`, and what the engine raises."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(contestant: Contestant, exam: Exam) -> Given:
        async with slots:
            if halted():
                raise NotReady("The examination was called off.")
            known = sheets.get(contestant.adapter.digest, exam.id)
            if known is None:
                known = await _answer(submit, _generation(contestant, exam, prompt, owner))
                sheets.add(contestant.adapter.digest, exam.id, known)
            return known

    said: dict[str, list[Given]] = {}
    for contestant in contestants:  # one after another: an engine may wear one adapter at a time
        said[contestant.who] = list(await asyncio.gather(*(one(contestant, exam) for exam in exams)))
    return said


def report(
    sat: Sat, contestants: Sequence[Contestant], rival: str, of: int, more: Mapping[str, Any]
) -> dict[str, Any]:
    """All that is told of a candidate, as JSON. `rival` is who it is to replace; `of` counts all held-out rows."""
    found = {one.who: scores(sat.exams, sat.said[one.who]) for one in contestants}
    marks = {who: each for who, (_, each) in found.items()}
    groups = [exam.group for exam in sat.exams]
    ours = [one.f1 for one in marks["candidate"]]
    gains = {
        who: gain(ours, [one.f1 for one in each], groups) for who, each in marks.items() if who != "candidate"
    }
    called = {one.who: one.called for one in contestants}
    verdict = judge(gains[rival], "F1", called[rival], sat.general.get("candidate"), sat.general.get("base"))
    best, worst = extremes(sat.exams, sat.said, marks, rival)
    return {
        "kind": "answers",
        "rows": len(sat.exams),
        "of": of,
        "documents": len({group for group in groups if group}),
        "answerable": sum(bool(exam.gold.strip()) for exam in sat.exams),
        "rival": rival,
        "contestants": [
            {
                "who": one.who,
                "called": one.called,
                "name": one.adapter.name,
                "version": one.adapter.version,
                "scores": told(found[one.who][0]),
                "general": told(general) if (general := sat.general.get(one.who)) else None,
            }
            for one in contestants
        ],
        "gains": {who: told(one) for who, one in gains.items()},
        "gain": told(gains[rival]),
        "gate": told(verdict),
        "best": [told(one) for one in best],
        "worst": [told(one) for one in worst],
    } | dict(more)


def verdict_of(report: Mapping[str, Any]) -> Verdict:
    return Verdict(bool(report["gate"]["passed"]), tuple(report["gate"]["reasons"]))


def _generation(contestant: Contestant, exam: Exam, prompt: Prompt, owner: str) -> Generation:
    """What is shared between rows is shared, and with nobody else: the salt is the run's own."""
    messages = tuple(prompt(exam.question, exam.context))
    return Generation(messages, contestant.adapter, Sampling(TOKENS), owner, owner, "background")


async def _answer(submit: Submit, generation: Generation) -> Given:
    begun = time.monotonic()
    while True:
        try:
            pieces = await submit(generation)
            break
        except Busy:
            await asyncio.sleep(AGAIN)
            begun = time.monotonic()
    text, first = "", None
    async for piece in pieces:
        if first is None and piece.text:
            first = time.monotonic() - begun
        text += piece.text
    seconds = time.monotonic() - begun
    return Given(text.strip(), seconds if first is None else first, seconds)
