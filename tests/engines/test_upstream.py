"""The engine over another server: a scripted vLLM on loopback, and our own service over its real HTTP face."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from service.config import Engine as Settings
from service.core import Adapter, Generation, Message, Piece, Sampling, Usage
from service.engines.estimate import FRAME, estimate, text_tokens
from service.engines.upstream import UpstreamEngine
from service.errors import BadRequest, Busy, NotReady, PrivityError
from tests.adapters import made
from tests.conftest import RunningHouse
from tests.engines.vllm import ScriptedVllm

SECRET = "the client's secret"


@pytest.fixture
def vllm() -> Iterator[ScriptedVllm]:
    server = ScriptedVllm().start()
    yield server
    server.stop()


def engine(url: str, **more: Any) -> UpstreamEngine:
    return UpstreamEngine(
        Settings(upstream=url, **{"slots": 2, "queue": 1, "per_person": 2} | more), "f" * 64
    )


def ask(adapter: Adapter | None = None, owner: str = "ann", salt: str = "", **sampling: Any) -> Generation:
    messages = (Message("system", "Be brief."), Message("user", SECRET))
    more = {"adapter": adapter} if adapter else {}
    return Generation(messages, sampling=Sampling(**sampling), owner=owner, salt=salt, **more)


@pytest.fixture
def adapter(tmp_path: Path) -> Adapter:
    folder = made.lora(tmp_path / "shelf" / "d1", rank=2)
    return Adapter("leases", "d1", folder=folder)


async def read(engine: UpstreamEngine, generation: Generation) -> list[Piece]:
    return [piece async for piece in engine.generate(generation)]


def play(scene: Awaitable[Any], seconds: float = 240) -> Any:
    async def bounded() -> Any:
        return await asyncio.wait_for(scene, seconds)

    return asyncio.run(bounded())


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110 (it happens elsewhere)
        await asyncio.sleep(0.01)


def test_pieces_come_in_order_and_the_last_alone_tells_the_end(vllm: ScriptedVllm) -> None:
    upstream = engine(vllm.url)
    pieces = play(read(upstream, ask(max_tokens=7, temperature=0.5, top_p=0.9, seed=3, stop=("END",))))
    assert "".join(piece.text for piece in pieces) == "The tenant pays the rent "
    assert pieces[-1] == Piece("", "length", Usage(9, 5, 4))
    assert all(piece.finish is None for piece in pieces[:-1])
    (body,) = vllm.asked
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": SECRET},
    ]
    sent = {key: body[key] for key in ("model", "max_tokens", "temperature", "top_p", "seed", "stop")}
    assert sent == {
        "model": "law-8b", "max_tokens": 7, "temperature": 0.5, "top_p": 0.9, "seed": 3, "stop": ["END"]
    }  # fmt: skip
    upstream.check()
    assert upstream.load().running == 0
    assert upstream.load().tokens_per_second > 0


def test_it_says_what_the_server_serves(vllm: ScriptedVllm) -> None:
    info = engine(vllm.url).info
    assert (info.model, info.engine, info.context) == ("law-8b", "upstream (vLLM)", 512)
    assert engine(f"{vllm.url}/v1/", context=600).info.context == 512
    with pytest.raises(BadRequest, match=r"law-9b.*upstream_model"):
        engine(vllm.url, upstream_model="law-9b")
    with pytest.raises(BadRequest, match=r"engine\.upstream"):
        engine("10.0.0.5:8000")


def test_the_key_goes_with_every_call_and_is_shown_nowhere(vllm: ScriptedVllm) -> None:
    settings = Settings(upstream=vllm.url, upstream_key="sesame")  # type: ignore[arg-type]
    UpstreamEngine(settings, "f")
    assert vllm.keys == ["Bearer sesame"]
    assert "sesame" not in repr(settings)


def test_tokens_are_counted_by_vllm_and_a_prompt_that_does_not_fit_is_refused(vllm: ScriptedVllm) -> None:
    upstream = engine(vllm.url)
    assert upstream.count([Message("user", "one two three")]) == 3
    with pytest.raises(BadRequest) as caught:
        play(upstream.submit(Generation((Message("user", "word " * 512),))))
    assert caught.value.details == {"tokens": 512, "limit": 512}
    play(read(upstream, Generation((Message("user", "word " * 500),), sampling=Sampling(max_tokens=100))))
    assert vllm.asked[-1]["max_tokens"] == 16
    upstream.check()


def test_walls_share_no_prefix(vllm: ScriptedVllm) -> None:
    upstream = engine(vllm.url)
    for salt in ("wall", "wall", "", ""):
        play(read(upstream, ask(salt=salt)))
    salts = [body["cache_salt"] for body in vllm.asked]
    assert salts[:2] == ["wall", "wall"]
    assert len(set(salts)) == 3


def test_an_adapter_is_loaded_under_its_digest_and_unloaded_after_its_last_answer(
    vllm: ScriptedVllm, adapter: Adapter
) -> None:
    upstream = engine(vllm.url)

    async def scene() -> None:
        play_on = await upstream.submit(ask(adapter))
        assert vllm.asked[0]["model"] == "privity-d1"
        assert list(vllm.adapters) == ["privity-d1"]
        upstream.release("d1")
        await asyncio.sleep(0.1)
        assert list(vllm.adapters) == ["privity-d1"]
        async for _ in play_on:
            pass
        await until(lambda: not vllm.adapters)

    play(scene())
    upstream.prepare(adapter)
    assert list(vllm.adapters) == ["privity-d1"]
    upstream.release("d1")
    assert not vllm.adapters


def test_a_server_that_was_started_anew_gets_its_adapters_again(vllm: ScriptedVllm, adapter: Adapter) -> None:
    upstream = engine(vllm.url)
    play(read(upstream, ask(adapter)))
    vllm.adapters.clear()
    play(read(upstream, ask(adapter)))
    assert list(vllm.adapters) == ["privity-d1"]
    assert vllm.calls.count("load") == 2


def test_one_that_the_server_has_already_is_taken_as_loaded(vllm: ScriptedVllm, adapter: Adapter) -> None:
    vllm.adapters["privity-d1"] = "from before"
    engine(vllm.url).prepare(adapter)


def test_the_folder_is_named_as_the_server_sees_it(
    vllm: ScriptedVllm, adapter: Adapter, tmp_path: Path
) -> None:
    (tmp_path / "mounted").symlink_to(tmp_path / "shelf")
    engine(vllm.url, upstream_adapters=f"{tmp_path}/mounted/").prepare(adapter)
    assert vllm.adapters["privity-d1"] == f"{tmp_path}/mounted/d1"
    vllm.adapters.clear()
    with pytest.raises(BadRequest, match="upstream_adapters"):
        engine(vllm.url, upstream_adapters="/elsewhere").prepare(adapter)


def test_adapters_that_cannot_be_served_are_refused_by_name(
    vllm: ScriptedVllm, adapter: Adapter, tmp_path: Path
) -> None:
    upstream = engine(vllm.url)
    high = made.lora(tmp_path / "shelf" / "d3", rank=64)
    with pytest.raises(BadRequest, match="max-lora-rank"):
        upstream.prepare(Adapter("high", "d3", folder=high))
    with pytest.raises(BadRequest, match=r"bare.*safetensors"):
        upstream.prepare(Adapter("bare", "d2", folder=adapter.folder and adapter.folder.parent))
    vllm.owner = "somebody"
    other = engine(vllm.url)
    with pytest.raises(BadRequest, match=r"leases.*only vLLM"):
        play(other.submit(ask(adapter)))
    play(read(other, ask()))
    assert "cache_salt" not in vllm.asked[-1]
    assert other.count([Message("user", "one two")]) == estimate([Message("user", "one two")])
    other.check()


@pytest.mark.parametrize(
    ("status", "kind", "after"),
    [
        ("429", Busy, 7),
        ("503", NotReady, 7),
        ("400", BadRequest, None),
        ("401", PrivityError, None),
        ("500", PrivityError, None),
    ],
)
def test_errors_are_told_in_our_words_before_any_piece(
    vllm: ScriptedVllm, status: str, kind: type[PrivityError], after: int | None
) -> None:
    vllm.answer, vllm.headers = status, {"retry-after": "7"}
    upstream = engine(vllm.url)
    with pytest.raises(PrivityError) as caught:
        play(upstream.submit(ask()))
    assert type(caught.value) is kind
    assert caught.value.details.get("retry_after") == after
    assert SECRET not in caught.value.message
    assert upstream.load().running == 0


@pytest.mark.parametrize("way", ["broken", "error"])
def test_an_answer_that_breaks_off_is_told_so(vllm: ScriptedVllm, way: str) -> None:
    vllm.answer = way
    upstream = engine(vllm.url)

    heard: list[str] = []

    async def scene() -> None:
        async for piece in await upstream.submit(ask()):
            heard.append(piece.text)

    with pytest.raises(PrivityError, match="broke off"):
        play(scene())
    assert "".join(heard) == "The tenant "
    upstream.check()
    assert upstream.load().running == 0


def test_a_server_that_is_down_is_met_when_it_is_up(vllm: ScriptedVllm) -> None:
    vllm.stop()
    upstream = engine(vllm.url, upstream_model="law-8b")
    assert upstream.info.model == "law-8b"
    with pytest.raises(NotReady) as caught:
        play(upstream.submit(ask()))
    assert caught.value.details["retry_after"] >= 1
    assert upstream.count([Message("user", "one")]) > 0
    vllm.start()
    play(read(upstream, ask()))
    assert upstream.info.engine == "upstream (vLLM)"
    vllm.stop()
    with pytest.raises(NotReady):
        play(upstream.submit(ask()))
    assert upstream.load().running == 0


@pytest.mark.parametrize("way", ["close", "drop", "cancel"])
def test_a_reader_that_leaves_is_told_to_the_server(vllm: ScriptedVllm, way: str) -> None:
    vllm.answer = "endless"
    upstream = engine(vllm.url)

    async def scene() -> None:
        stream = await upstream.submit(ask())
        await anext(stream)
        if way == "close":
            await stream.aclose()
        elif way == "cancel":
            waiting = asyncio.create_task(_exhaust(stream))
            await asyncio.sleep(0.05)
            waiting.cancel()
        del stream
        gc.collect()
        await until(lambda: vllm.left.is_set() and upstream.load().running == 0)

    play(scene())
    upstream.check()


async def _exhaust(stream: Any) -> None:
    async for _ in stream:
        pass


def test_people_and_the_house_have_their_limits(vllm: ScriptedVllm) -> None:
    vllm.answer = "endless"
    upstream = engine(vllm.url)

    async def scene() -> None:
        streams = [await upstream.submit(ask()) for _ in range(2)]
        with pytest.raises(Busy, match="2 questions"):
            await upstream.submit(ask())
        streams.append(await upstream.submit(ask(owner="bob")))
        with pytest.raises(Busy, match="full"):
            await upstream.submit(ask(owner="eve"))
        upstream.check()
        for stream in streams:
            await stream.aclose()

    play(scene())
    assert upstream.load().running == 0


def test_closing_ends_what_is_open_and_takes_no_more(
    vllm: ScriptedVllm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.engines.upstream.PATIENCE", 0.2)
    vllm.answer = "endless"
    upstream = engine(vllm.url)

    async def scene() -> None:
        stream = await upstream.submit(ask())
        closing = asyncio.create_task(asyncio.to_thread(upstream.close))
        with pytest.raises(NotReady):
            await _exhaust(stream)
        await closing
        with pytest.raises(NotReady):
            await upstream.submit(ask())

    play(scene())


def test_our_own_service_is_such_a_server(house: RunningHouse) -> None:
    """The llama.cpp engine's own HTTP face: streams, usage, stop strings, and errors."""
    settings = Settings(upstream=house.url, upstream_key=house.key, upstream_model="base")  # type: ignore[arg-type]
    upstream = UpstreamEngine(settings, "f")
    assert upstream.info.engine == "upstream"
    question = (Message("user", "What is the capital of France?"),)
    pieces = play(read(upstream, Generation(question, sampling=Sampling(max_tokens=24))), 120)
    assert "Paris" in "".join(piece.text for piece in pieces)
    usage = pieces[-1].usage
    assert usage
    assert usage.prompt <= upstream.count(question)
    cut = play(read(upstream, Generation(question, sampling=Sampling(max_tokens=24, stop=("Paris",)))), 120)
    assert "Paris" not in "".join(piece.text for piece in cut)
    with pytest.raises(BadRequest, match="refused"):
        play(upstream.submit(Generation((Message("user", "word " * 9000),))), 120)
    with pytest.raises(PrivityError, match="UPSTREAM_KEY"):
        UpstreamEngine(settings.model_copy(update={"upstream_key": SecretStr("wrong")}), "f")
    upstream.close()


@given(st.text(), st.text())
def test_estimates_grow_with_the_text(one: str, other: str) -> None:
    assert 0 <= text_tokens(one) <= 4 * len(one) + 2
    together = estimate([Message("user", one), Message("user", other)])
    assert together == 3 * FRAME + text_tokens(one) + text_tokens(other)


def test_estimates_are_rather_too_many(models: Path) -> None:
    """On our own samples, with a tokenizer that splits more than most."""
    from service.engines.llama_abi import Model

    model = Model(next(models.glob("*.gguf")))
    samples = sorted((Path(__file__).parents[2] / "samples").rglob("*.txt"))
    assert samples
    for file in samples:
        text = file.read_text("utf-8")
        for begin in range(0, max(1, len(text) - 1200), 1200):
            piece = text[begin : begin + 1200]
            assert 0.9 < text_tokens(piece) / len(model.tokenize(piece)) < 2
    model.close()
