"""Time to first token and tokens per second at 1, 2, 4, 8 and 16 at once: over HTTP, and of the model called directly.

    python bench/serve.py                         # starts a service of its own in a temporary home
    python bench/serve.py --url URL --key KEY     # measures one that runs (same settings, or the ratio means nothing)
    python bench/serve.py --direct                # the model alone
    python bench/serve.py --direct --peer         # and llama.cpp's own server on the same file, see `bench/peer.py`

Both take turns on the same prompts, so that a busy neighbour slows both. "Sequential" is the same questions one after
another. The clients run on the same cores as the service, which counts against HTTP. Last line: one JSON object.
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx

from service.config import load
from service.core import BASE, Adapter, Generation, Message, Sampling
from service.engines import Engine, open_engine, prepare

LEVELS = (1, 2, 4, 8, 16)
CLAUSE = (
    "The Tenant shall keep the Premises in good repair and condition throughout the Term, fair wear and tear excepted, "
    "and shall not make any alteration without the prior written consent of the Landlord, which shall not be "
    "unreasonably withheld. The Landlord shall insure the Building against fire and such other risks as it thinks "
    "fit, and shall rebuild it with all due speed if it is destroyed. Rent is due on the first day of each quarter. "
)


@dataclass(frozen=True, slots=True)
class Timing:
    """One answer: seconds to its first token and to its last, and tokens."""

    first: float
    total: float
    tokens: int


Ask = Callable[[str], Awaitable[Timing]]


def prompt(number: int) -> str:
    """About 200 tokens that begin like no other, so that nothing is taken from the prefix cache."""
    return (
        f"{number * 7919} is the number of this lease. {CLAUSE * 2}Explain at length what each party must do."
    )


def direct(engine: Engine, tokens: int, adapter: Adapter = BASE) -> Ask:
    async def ask(text: str) -> Timing:
        begin = time.perf_counter()
        generation = Generation((Message("user", text),), adapter, Sampling(max_tokens=tokens))
        first, used = 0.0, 0
        async for piece in await engine.submit(generation):
            first = first or time.perf_counter() - begin
            used = piece.usage.completion if piece.usage else used
        return Timing(first, time.perf_counter() - begin, used)

    return ask


def over_http(client: httpx.AsyncClient, tokens: int, more: Mapping[str, object] | None = None) -> Ask:
    async def ask(text: str) -> Timing:
        body = {"model": "base", "messages": [{"role": "user", "content": text}], "max_tokens": tokens}
        body |= dict(more or {})
        body |= {"stream": True, "stream_options": {"include_usage": True}}
        begin = time.perf_counter()
        first, last = 0.0, ""
        async with client.stream("POST", "/v1/chat/completions", json=body) as reply:
            if reply.status_code != 200:
                raise SystemExit(f"{reply.status_code}: {(await reply.aread()).decode()}")
            async for line in reply.aiter_lines():
                if line.startswith("data: {"):
                    first, last = first or elapsed(begin, line), line
        return Timing(first, time.perf_counter() - begin, json.loads(last[6:])["usage"]["completion_tokens"])

    return ask


def elapsed(begin: float, line: str) -> float:
    """Seconds since `begin` if the chunk holds text, else 0."""
    choices = json.loads(line[6:])["choices"]
    return time.perf_counter() - begin if choices and choices[0]["delta"].get("content") else 0.0


class Prompts:
    """Prompts that were never asked before."""

    def __init__(self) -> None:
        self._number = int(time.time()) % 10**6 * 1000

    def take(self, count: int) -> list[str]:
        self._number += count
        return [prompt(number) for number in range(self._number - count, self._number)]


@dataclass(frozen=True, slots=True)
class Round:
    """What a number of questions made together."""

    rate: float  # tokens per second, all together
    first: float  # median seconds to the first token


async def together(ask: Ask, prompts: list[str]) -> Round:
    begin = time.perf_counter()
    timings = await asyncio.gather(*(ask(text) for text in prompts))
    return summary(list(timings), time.perf_counter() - begin)


async def in_turn(ask: Ask, prompts: list[str]) -> Round:
    begin = time.perf_counter()
    return summary([await ask(text) for text in prompts], time.perf_counter() - begin)


def summary(timings: list[Timing], seconds: float) -> Round:
    return Round(sum(one.tokens for one in timings) / seconds, median(one.first for one in timings))


def middle(rounds: list[Round]) -> Round:
    return Round(median(one.rate for one in rounds), median(one.first for one in rounds))


async def measure(asks: dict[str, Ask], rounds: int, levels: list[int]) -> dict[str, dict[str, Round]]:
    """By way and level; the ways take turns at every level, so that all meet the same neighbours."""
    prompts = Prompts()
    for ask in asks.values():
        await ask(prompts.take(1)[0])
    found: dict[str, dict[str, list[Round]]] = {way: {} for way in asks}
    for _ in range(rounds):
        for way, ask in asks.items():
            found[way].setdefault("sequential", []).append(await in_turn(ask, prompts.take(4)))
        for level in levels:
            for way, ask in asks.items():
                found[way].setdefault(str(level), []).append(await together(ask, prompts.take(level)))
    return {way: {name: middle(one) for name, one in by.items()} for way, by in found.items()}


@contextmanager
def service(home: str) -> Iterator[tuple[str, str]]:
    """A service in `home` on a free port, without samples; its address and a key."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    more = {"PRIVITY_HOME": home, "PRIVITY_PORT": str(port), "PRIVITY_SERVE_SAMPLES": "false"}
    environment = os.environ | more | {"PRIVITY_ENGINE_PER_PERSON": "64", "PRIVITY_ENGINE_QUEUE": "64"}
    command = [sys.executable, "-m", "service.cli"]
    with (Path(home) / "serve.log").open("wb") as out:
        process = subprocess.Popen([*command, "serve"], env=environment, stdout=out, stderr=out)
    try:
        url = f"http://127.0.0.1:{port}"
        wait(url, process, Path(home) / "serve.log")
        create = [*command, "keys", "create", "--user", "admin", "--name", "bench"]
        key = subprocess.run(create, env=environment, check=True, capture_output=True, text=True).stdout
        yield url, key.strip().splitlines()[-1]
    except httpx.TransportError as error:
        raise SystemExit(
            f"The service is gone ({error}):\n" + (Path(home) / "serve.log").read_text()[-2000:]
        ) from None
    finally:
        process.terminate()
        process.wait(30)


def wait(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 300
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.3)
    raise SystemExit("The service did not become ready:\n" + log.read_text()[-2000:])


async def compare(
    engine: Engine, url: str, key: str, rival: str, options: argparse.Namespace
) -> dict[str, dict[str, Round]]:
    asks = {"direct": direct(engine, options.tokens)}
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=0)
    async with AsyncExitStack() as clients:
        for way, base in (("http", url), ("peer", rival)):
            if base:
                headers = {"Authorization": f"Bearer {key or None}"}
                made = httpx.AsyncClient(base_url=base, headers=headers, timeout=600, limits=limits)
                client = await clients.enter_async_context(made)
                more = {} if way == "http" else {"temperature": 0.0}
                asks[way] = over_http(client, options.tokens, more)
        return await measure(asks, options.rounds, options.levels)


def report(found: dict[str, dict[str, Round]], engine: Engine, tokens: int) -> None:
    print(f"{'at once':>12} {'way':>8} {'tokens/s':>10} {'first token':>12}")
    for name in next(iter(found.values())):
        for way, by in found.items():
            print(f"{name:>12} {way:>8} {by[name].rate:>10.1f} {by[name].first:>10.2f} s")
    print(
        json.dumps(
            figures(found) | {"tokens": tokens, "threads": engine.info.threads, "slots": engine.info.slots}
        )
    )


def figures(found: dict[str, dict[str, Round]]) -> dict[str, object]:
    out: dict[str, object] = {
        way: {name: {"rate": round(one.rate, 1), "first": round(one.first, 3)} for name, one in by.items()}
        for way, by in found.items()
    }
    if "8" in found["direct"]:
        eight = {way: by["8"].rate for way, by in found.items()}
        out["speedup_at_8"] = round(eight["direct"] / found["direct"]["sequential"].rate, 2)
        if "peer" in eight:
            out["of_peer_at_8"] = round(eight["direct"] / eight["peer"], 2)
        if "http" in eight:
            out["http_speedup_at_8"] = round(eight["http"] / found["http"]["sequential"].rate, 2)
            out["http_cost_at_8"] = round(1 - eight["http"] / eight["direct"], 3)
    return out


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", default="", help="a service that runs")
    parser.add_argument("--key", default="", help="a key of it")
    parser.add_argument("--direct", action="store_true", help="leave HTTP out")
    parser.add_argument("--peer", action="store_true", help="measure xllamacpp beside it")
    parser.add_argument("--tokens", type=int, default=128, help="tokens of each answer")
    parser.add_argument("--rounds", type=int, default=3, help="the median of so many is reported")
    parser.add_argument("--levels", type=int, nargs="+", default=list(LEVELS), help="questions at once")
    return parser.parse_args()


def main() -> None:
    chosen = options()
    with tempfile.TemporaryDirectory() as home, ExitStack() as running:
        settings = load(os.environ | {"PRIVITY_HOME": home})
        engine = open_engine(settings)
        running.callback(engine.close)
        url, key, rival = chosen.url, chosen.key, ""
        if not chosen.direct and not url:
            url, key = running.enter_context(service(home))
        if chosen.peer:
            from peer import peer

            model = prepare(settings.base.model, settings.home / "models").gguf
            assert model
            slots, threads = engine.info.slots, engine.info.threads
            rival = running.enter_context(peer(model, threads, slots, settings.engine.context))
        found = asyncio.run(compare(engine, url, key, rival, chosen))
        report(found, engine, chosen.tokens)


if __name__ == "__main__":
    main()
