"""What adapters cost and give: each figure a ratio within one run, beside its target.

    python bench/adapters.py                          # all
    python bench/adapters.py --only cost switch       # some
    python bench/adapters.py --only cycles --cycles 1000

    one       8 at once, one adapter: tokens per second over those of the peer (see `peer.py`)
    four      8 at once over 4 adapters, against the peer serving them per request
    cost      what an adapter takes of the base's decode speed, alone and 8 at once
    switch    time to the first token after another adapter, over that without a switch
    publish   p99 between tokens while adapters are uploaded, converted and published, over that of an idle house
    second    time to the first token of the second question over the same documents, over that of the first
    quoting   tokens per second of answers that quote, with guesses over without
    cycles    upload, publish, ask, retire: growth of memory, and answers that are not their own adapter's

The adapters are made at random, for speed does not depend on what was learned. Last line: one JSON object.
"""

import argparse
import asyncio
import itertools
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from loras import made
from peer import ask_peer, client_of, peer
from serve import CLAUSE, Ask, Prompts, Round, direct, in_turn, middle, together

from service.adapters import Adapters, Model, Wanted
from service.assistant import prompt
from service.config import Settings, load
from service.core import (
    BASE,
    Adapter,
    Caller,
    Citation,
    Generation,
    Message,
    ProbeReport,
    Role,
    Sampling,
    Scope,
)
from service.engines import BaseFiles, Engine, base_facts, open_engine, prepare, probe
from service.storage import Database

TARGETS = {
    "one": ">= 1.2",
    "four": ">= 1.5",
    "cost_alone": "<= 0.10",
    "cost_at_8": "<= 0.10",
    "switch": "<= 1.05",
    "publish": "<= 1.2",
    "second": "<= 0.2",
    "quoting": ">= 1.5",
    "growth": "<= 0.02",
    "strangers": "== 0",
}
FAMILIES = 4  # adapters whose answers differ

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Bench:
    """An engine, the base's files, some adapters on a shelf, and how long to measure."""

    settings: Settings
    files: BaseFiles
    engine: Engine
    adapters: Adapters
    chosen: argparse.Namespace
    trials: threading.Event  # whether adapters that come in have their trial run
    loras: list[Adapter]

    @property
    def rounds(self) -> range:
        return range(self.chosen.rounds)


def everything(matters: frozenset[str] = frozenset()) -> Scope:
    """A bench has no walls: it stands for the house itself."""
    return Scope(Caller("bench", "bench", Role.ADMIN), matters, "bench")


def admitted(adapters: Adapters, folder: Path, name: str) -> Adapter:
    """Bring an adapter in by the one door, publish it and resolve it."""
    line = adapters.admit(folder, Wanted(name, by="bench", origin="upload"))
    done = adapters.outcome(line.id).result(600)
    if done.version is None:
        raise SystemExit(f"{name} was refused: {' '.join(done.reasons)}")
    adapters.publish(name, done.version, "bench")
    return adapters.resolve(name, everything())


# --- beside the peer -------------------------------------------------------------------------------------


async def beside_peer(bench: Bench, count: int) -> float:
    """Tokens per second of 8 at once over `count` adapters, ours over the peer's, taking turns."""
    loras = bench.loras[:count]
    files = [adapter.folder / "adapter.gguf" for adapter in loras if adapter.folder]
    model, info, prompts = bench.files.gguf, bench.engine.info, Prompts()
    assert model
    found: dict[str, list[Round]] = {"ours": [], "peer": []}
    with peer(model, info.threads, info.slots, bench.settings.engine.context, files) as url:
        async with client_of(url) as client:
            tokens = bench.chosen.tokens
            ways = {
                "ours": [direct(bench.engine, tokens, one) for one in loras],
                "peer": [ask_peer(client, tokens, at, count) for at in range(count)],
            }
            for asks in ways.values():
                await together(_shared(asks), prompts.take(count))
            for _ in bench.rounds:
                for way, asks in ways.items():
                    found[way].append(await together(_shared(asks), prompts.take(8)))
    return middle(found["ours"]).rate / middle(found["peer"]).rate


def _shared(asks: Sequence[Ask]) -> Ask:
    """Questions go to the adapters in turn."""
    turn = itertools.cycle(asks)
    return lambda text: next(turn)(text)


async def one(bench: Bench) -> Figures:
    return {"one": await beside_peer(bench, 1)}


async def four(bench: Bench) -> Figures:
    return {"four": await beside_peer(bench, 4)}


# --- against ourselves -----------------------------------------------------------------------------------


async def cost(bench: Bench) -> Figures:
    prompts, rates = Prompts(), {}
    asks = {by.digest: direct(bench.engine, bench.chosen.tokens, by) for by in (BASE, bench.loras[0])}
    for level in (1, 8):
        found: dict[str, list[Round]] = {digest: [] for digest in asks}
        for _ in bench.rounds:
            for digest, ask in asks.items():
                found[digest].append(await together(ask, prompts.take(level)))
        rates[level] = [middle(rounds).rate for rounds in found.values()]
    shares = {level: 1 - adapted / plain for level, (plain, adapted) in rates.items()}
    return {"cost_alone": shares[1], "cost_at_8": shares[8]}


async def switch(bench: Bench) -> Figures:
    """Both are loaded. A question to the base follows one to the base; one to an adapter follows another's."""
    prompts, plain, switched = Prompts(), [], []
    base, *others = (direct(bench.engine, 2, by) for by in (BASE, *bench.loras[:2]))
    for ask in (base, *others):
        await in_turn(ask, prompts.take(1))
    for _ in range(4 * bench.chosen.rounds):
        await in_turn(base, prompts.take(1))
        plain.append((await in_turn(base, prompts.take(1))).first)
        await in_turn(others[0], prompts.take(1))
        switched.append((await in_turn(others[1], prompts.take(1))).first)
    return {"switch": median(switched) / median(plain)}


async def publish(bench: Bench) -> Figures:
    """Four people read answers while adapters come in by the one door, trial run included."""
    bench.trials.set()
    idle: list[float] = []
    busy: list[float] = []
    with tempfile.TemporaryDirectory() as place:
        for at in bench.rounds:
            idle += await _gaps(bench, 4)
            folder = made(
                Path(place) / str(at), base_facts(bench.files), 900 + at, mark=time.time_ns() % 1000
            )
            coming = threading.Thread(target=admitted, args=(bench.adapters, folder, f"busy-{at}"))
            coming.start()
            while coming.is_alive():
                busy += await _gaps(bench, 4)
            coming.join()
    bench.trials.clear()
    rested, pressed = (1000 * float(np.percentile(gaps, 99)) for gaps in (idle, busy))
    return {"publish": pressed / rested, "idle_p99_ms": rested, "publish_p99_ms": pressed}


async def _gaps(bench: Bench, readers: int) -> list[float]:
    """Seconds between the pieces of answers that are read at once."""

    async def read(text: str) -> list[float]:
        times = [
            time.perf_counter()
            async for _ in bench.engine.generate(
                Generation((Message("user", text),), sampling=Sampling(max_tokens=bench.chosen.tokens))
            )
        ]
        return list(np.diff(times))

    return [gap for gaps in await asyncio.gather(*map(read, Prompts().take(readers))) for gap in gaps]


async def second(bench: Bench) -> Figures:
    """A grounded conversation: four passages, two questions. The salt is the person's wall."""
    cold, warm = [], []
    questions = ("Who shall insure the Building?", "When is the rent due, and from whom?")
    for at in bench.rounds:
        shown = [_passage(n, f"{time.time_ns()} {at} {CLAUSE * 2}") for n in range(1, 5)]
        times = []
        for text in questions:
            asked = (Message("user", text),)
            messages = prompt.messages(asked, shown, bench.engine.count, bench.engine.info.context - 64)
            generation = Generation(messages, sampling=Sampling(max_tokens=8), salt=f"wall {at}")
            times.append(await _first(bench.engine, generation))
        cold.append(times[0])
        warm.append(times[1])
    return {
        "second": median(warm) / median(cold),
        "cold_seconds": median(cold),
        "second_seconds": median(warm),
    }


def _passage(n: int, text: str) -> Citation:
    return Citation(n, "d", "Lease.txt", 0, len(text), 1, "Repair", text, verified=True)


async def _first(engine: Engine, generation: Generation) -> float:
    begin, first = time.perf_counter(), 0.0
    async for _ in engine.generate(generation):
        first = first or time.perf_counter() - begin
    return first


async def quoting(bench: Bench) -> Figures:
    """One person at a time, as most firms have it, and four; two engines that differ in this setting alone."""
    figures: Figures = {}
    plain = bench.settings.model_copy(
        update={"engine": bench.settings.engine.model_copy(update={"speculation": False})}
    )
    without = open_engine(plain)
    try:
        for level in (1, 4):
            rates: dict[bool, list[float]] = {True: [], False: []}
            for at in bench.rounds:
                for guessing, engine in ((True, bench.engine), (False, without)):
                    rates[guessing].append(await _quoted(engine, level, at, bench.chosen.tokens))
            figures[f"quoting_at_{level}"] = median(rates[True]) / median(rates[False])
    finally:
        without.close()
    return {"quoting": figures.pop("quoting_at_1"), **figures}


async def _quoted(engine: Engine, level: int, at: int, tokens: int) -> float:
    """Tokens per second from the first token on, of answers that repeat a clause."""

    async def read(number: int) -> tuple[int, float]:
        text = f"Repeat this clause of lease {number} word for word:\n{CLAUSE}"
        asked = Generation((Message("user", text),), sampling=Sampling(max_tokens=tokens))
        first = last = 0.0
        used = 0
        async for piece in engine.generate(asked):
            last = time.perf_counter()
            first = first or last
            used = piece.usage.completion if piece.usage else used
        return used, last - first

    told = await asyncio.gather(*(read(1000 * at + number) for number in range(level)))
    return sum(used for used, _ in told) / max(seconds for _, seconds in told)


# --- over and over ---------------------------------------------------------------------------------------


async def cycles(bench: Bench) -> Figures:
    """Each cycle brings new content of a known family in, asks it, and retires it.

    The mark does not change what a family answers, so each answer must be that of its family's first, to the letter.
    """
    end = time.monotonic() + 60 * bench.chosen.minutes
    if bench.chosen.trial:
        bench.trials.set()
    base, strangers, sizes = base_facts(bench.files), 0, []
    with tempfile.TemporaryDirectory() as place:
        known: dict[int, str] = {}
        for at in range(bench.chosen.cycles):
            if time.monotonic() > end:
                break
            family = at % FAMILIES
            folder = made(Path(place) / str(at), base, family, mark=at + 1)
            adapter = await asyncio.to_thread(admitted, bench.adapters, folder, f"cycle-{family}")
            text = await _text(bench.engine, adapter)
            strangers += text != known.setdefault(family, text)
            bench.adapters.publish(adapter.name, None, "bench")
            bench.adapters.retire(adapter.name, adapter.version, "bench")
            sizes.append(_resident())
            for file in folder.iterdir():
                file.unlink()
        strangers += len(set(known.values())) < len(known)
    early = sizes[len(sizes) // 5 :][: max(1, len(sizes) // 5)]  # once every buffer has its size
    late = sizes[-max(1, len(sizes) // 5) :]
    return {"growth": median(late) / median(early) - 1, "strangers": strangers, "cycles": len(sizes)}


async def _text(engine: Engine, adapter: Adapter) -> str:
    asked = Generation((Message("user", CLAUSE + "What is this?"),), adapter, Sampling(max_tokens=12))
    return "".join([piece.text async for piece in engine.generate(asked)])


def _resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


MEASURES: dict[str, Callable[[Bench], Coroutine[None, None, Figures]]] = {
    measure.__name__: measure for measure in (one, four, cost, switch, publish, second, quoting, cycles)
}


def report(figures: Figures, info: dict[str, object]) -> None:
    for name, figure in figures.items():
        print(f"{name:>16} {figure:>8.3f}   {TARGETS.get(name, '')}")
    print(json.dumps({name: round(figure, 4) for name, figure in figures.items()} | info))


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=list(MEASURES))
    parser.add_argument("--tokens", type=int, default=96, help="tokens of each answer")
    parser.add_argument("--rounds", type=int, default=3, help="the median of so many is reported")
    parser.add_argument("--cycles", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=600.0, help="after these, no further cycle begins")
    parser.add_argument(
        "--trial", action="store_true", help="each cycle with its trial run, which takes seconds"
    )
    return parser.parse_args()


def main() -> None:
    chosen = options()
    with tempfile.TemporaryDirectory() as home, ExitStack() as running:
        settings = load(os.environ | {"PRIVITY_HOME": home})
        files = prepare(settings.base.model, settings.home / "models")
        engine = open_engine(settings)
        running.callback(engine.close)
        database = Database(settings.home / "privity.db")
        running.callback(database.close)

        trials = threading.Event()

        def tried(folder: Path) -> ProbeReport:
            return probe(files, folder) if trials.is_set() else ProbeReport(1.0, None, 1.0)

        model = Model(lambda: [base_facts(files)], tried, engine.prepare, engine.release)
        adapters = Adapters(settings.home, database, model, max_bytes=2**30)
        running.callback(adapters.close)
        bench = Bench(settings, files, engine, adapters, chosen, trials, [])
        for seed in range(FAMILIES if {"one", "four", "cost", "switch"} & set(chosen.only) else 0):
            folder = made(settings.home / f"made-{seed}", base_facts(files), seed)
            bench.loras.append(admitted(adapters, folder, f"made-{seed}"))
        figures: Figures = {}
        for name in chosen.only:
            figures |= asyncio.run(MEASURES[name](bench))
        report(figures, {"threads": engine.info.threads, "slots": engine.info.slots, "tokens": chosen.tokens})


if __name__ == "__main__":
    main()
