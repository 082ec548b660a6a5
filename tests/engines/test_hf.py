"""The torch runner: rows under their own adapters beside one another, held to each alone and to llama.cpp."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from service.config import Engine as Settings
from service.core import Adapter, LoraFile
from service.engines import BaseFiles, prepare_folder
from service.engines.hf import HfRunner
from service.engines.hf_model import RowModel
from service.engines.llama_abi import Context, Lora, Model
from service.engines.prefix import Copy, Forget
from service.engines.scheduler import Choice, Plan, Slice
from service.errors import BadRequest
from tests.adapters import made
from tests.engines import loras, tiny

SMALL = Settings(threads=1, slots=4, context=512, chunk=64)
FACTS = made.llama_facts("tiny", 64, 96, 3, 4, 2)
DIGESTS = ["base", "d1", "d2", "d3"]
ROWS = 4


@pytest.fixture(scope="module")
def folder(files: BaseFiles) -> Path:
    assert files.gguf
    return prepare_folder(files, files.gguf.parent)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> RowModel:
    """A small random model in float32, with three adapters of different ranks and targets."""
    place = tmp_path_factory.mktemp("tiny")
    model = RowModel(tiny.model(place / "base"), ROWS, 128, kind="float32")
    for number, targets in enumerate([made.LINEAR, ("q_proj", "v_proj"), ("down_proj",)], 1):
        lora = made.lora(place / str(number), FACTS, 4 * number, number, targets, 0.5)
        model.lora.attach(Adapter(str(number), f"d{number}", folder=lora))
    return model


Logits = NDArray[np.float32]


def logits(model: RowModel, *slices: Slice) -> dict[int, Logits]:
    """By row, after the last token of each slice."""
    order, found = model.run(slices)
    return {part.row: row for part, row in zip(order, found, strict=True)}


def part(row: int, tokens: tuple[int, ...], start: int = 0, adapter: str = "base") -> Slice:
    return Slice(row, row, start, tokens, Choice(), adapter)


def near(one: Logits, other: Logits) -> bool:
    return bool(np.abs(one - other).max() < 1e-3)


def sentence(seed: int, count: int) -> tuple[int, ...]:
    return tuple(np.random.default_rng(seed).integers(3, 300, count).tolist())


def test_three_adapters_and_the_base_in_one_batch_are_each_as_alone(model: RowModel) -> None:
    texts = [sentence(row, 7 + 20 * (row % 2)) for row in range(4)]
    alone = [logits(model, part(0, text, 0, DIGESTS[row]))[0] for row, text in enumerate(texts)]
    mixed = logits(model, *(part(row, text, 0, DIGESTS[row]) for row, text in enumerate(texts)))
    assert all(near(mixed[row], alone[row]) for row in range(4))
    others = [logits(model, part(0, texts[0], 0, digest))[0] for digest in DIGESTS]
    assert all(np.abs(one - others[0]).max() > 0.05 for one in others[1:])


class Twin:
    """What rows hold, written down in words; the model must always answer as a cold run over them."""

    def __init__(self, model: RowModel) -> None:
        self.model = model
        self.held: dict[int, tuple[str, tuple[int, ...]]] = {}
        self.cold: dict[tuple[str, tuple[int, ...]], Logits] = {}

    def expect(self, digest: str, tokens: tuple[int, ...]) -> Logits:
        if (digest, tokens) not in self.cold:
            memory, self.model.memory = self.model.memory, type(self.model.memory)(ROWS, 128)
            self.cold[digest, tokens] = logits(self.model, part(0, tokens, 0, digest))[0]
            self.model.memory = memory
        return self.cold[digest, tokens]


Action = tuple[str, int, str, int, int]
actions: st.SearchStrategy[list[Action]] = st.lists(
    st.tuples(
        st.sampled_from(["begin", "go on", "forget", "copy"]),
        st.integers(0, ROWS - 1),
        st.sampled_from(DIGESTS),
        st.integers(1, 25),
        st.integers(0, 3),
    ),
    min_size=4,
    max_size=14,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(actions)
def test_any_course_of_rows_answers_as_a_cold_run_would(
    model: RowModel, steps: list[tuple[str, int, str, int, int]]
) -> None:
    """A-B-A: rows begin, go on, are cut and copied under changing adapters, several in a step."""
    twin, waiting = Twin(model), {}
    for action, row, digest, count, seed in steps:
        if action == "copy" and row in twin.held and (target := (row + 1) % ROWS) not in waiting:
            adapter, tokens = twin.held[row]
            if row not in waiting:
                model.memory.copy(row, target, min(count, len(tokens)))
                twin.held[target] = adapter, tokens[: min(count, len(tokens))]
        elif action == "forget" and row in twin.held and row not in waiting:
            adapter, tokens = twin.held[row]
            twin.held[row] = adapter, tokens[: max(1, len(tokens) - count)]
        elif row not in waiting:
            adapter, tokens = twin.held.get(row, (digest, ())) if action == "go on" else (digest, ())
            new = sentence(seed, min(count, 127 - len(tokens)))
            waiting[row] = part(row, new, len(tokens), adapter)
            twin.held[row] = adapter, tokens + new
        if len(waiting) > 2 or action == "forget":
            _settle(twin, waiting)
    _settle(twin, waiting)


def _settle(twin: Twin, waiting: dict[int, Slice]) -> None:
    if waiting:
        for row, found in logits(twin.model, *waiting.values()).items():
            assert near(found, twin.expect(*twin.held[row]))
        waiting.clear()


@pytest.fixture(scope="module")
def runner(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HfRunner]:
    place = tiny.model(tmp_path_factory.mktemp("runner"), words=49152)
    runner = HfRunner(tiny.tokenizer(place, folder), SMALL, "float32")
    yield runner
    runner.close()


def test_it_carries_moves_out_before_the_slices(runner: HfRunner) -> None:
    text = sentence(1, 30)
    cold = runner.run(Plan((), (part(0, text),)))[0]
    again = Plan((Copy(0, 2, 12), Forget(0, 20)), (part(2, text[12:], 12), part(0, text[20:], 20)))
    assert runner.run(again) == {0: cold, 2: cold}
    assert runner.run(Plan((), (Slice(7, 1, 0, text[:9], None),))) == {}


def test_guesses_that_hold_are_taken_and_others_leave_no_trace(runner: HfRunner) -> None:
    text = sentence(2, 20)
    truth: list[int] = []
    for index in range(6):  # one by one
        start, new = (0, text) if index == 0 else (len(text) + index - 1, (truth[-1],))
        truth += runner.run(Plan((), (Slice(0, 0, start, new, Choice(index=index)),)))[0]
    runner.run(Plan((), (Slice(1, 1, 0, text[:-1], None),)))
    wrong = (truth[2] + 1) % 300
    guessed = (text[-1], truth[0], truth[1], wrong, truth[3])
    drawn = runner.run(Plan((), (Slice(1, 1, len(text) - 1, guessed, Choice(), draft=4),)))[1]
    assert drawn == tuple(truth[:3])
    rest = (truth[2], truth[3], truth[4])
    part = Slice(1, 1, len(text) + 2, rest, Choice(index=3), draft=2)
    assert runner.run(Plan((), (part,)))[1] == tuple(truth[3:6])


def test_draws_at_a_temperature_do_not_depend_on_the_batch(runner: HfRunner) -> None:
    text = sentence(3, 11)
    choice = Choice(temperature=1.5, top_p=0.9, seed=5, index=2)
    alone = runner.run(Plan((), (Slice(0, 0, 0, text, choice),)))[0]
    beside = runner.run(Plan((), (Slice(3, 3, 0, text, choice), part(1, sentence(4, 40)))))[3]
    assert alone == beside


def test_memory_that_was_wiped_is_empty(runner: HfRunner) -> None:
    text = sentence(5, 9)
    first = runner.run(Plan((), (part(0, text),)))
    runner.reset()
    assert runner.run(Plan((), (part(0, text),))) == first


def test_the_context_ends_where_the_model_was_trained_to(runner: HfRunner) -> None:
    assert runner.limits.context == tiny.SIZES["max_position_embeddings"] < SMALL.context


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("Qwen2Config", {}),
        ("Qwen3Config", {}),
        ("MistralConfig", {"sliding_window": 8}),
        ("Phi3Config", {}),
        ("Olmo2Config", {}),
        ("MixtralConfig", {"num_local_experts": 4}),
    ],
)
def test_families_of_models_that_are_served(kind: str, more: dict[str, int], tmp_path: Path) -> None:
    """Opening a model compares it with its own attention, in pieces and beside another row."""
    model = RowModel(tiny.model(tmp_path, kind, **more), 2, 64, kind="float32")
    assert len(model.lora.layers) >= 12


@pytest.mark.parametrize(
    ("kind", "more", "said"),
    [
        ("Gemma2Config", {}, "softcap"),
        (
            "GptOssConfig",
            {"num_local_experts": 4, "sliding_window": 8, "max_position_embeddings": 131072},
            "s_aux",
        ),
        ("MambaConfig", {}, "does not know|cannot be served"),
    ],
)
def test_a_model_that_would_be_served_wrongly_is_refused(
    kind: str, more: dict[str, int], said: str, tmp_path: Path
) -> None:
    with pytest.raises(BadRequest, match=said):
        RowModel(tiny.model(tmp_path, kind, **more), 2, 64, kind="float32")


def test_what_is_no_model_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(BadRequest, match=tmp_path.name):
        RowModel(tmp_path, 2, 64)


def test_four_bits_need_a_gpu(folder: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(BadRequest, match=r"engine\.quantize.*CUDA"):
        RowModel(folder, 2, 64, quantize="4bit")


def test_both_engines_agree_on_the_base_and_under_an_adapter(
    files: BaseFiles, folder: Path, tmp_path: Path
) -> None:
    """Within what bfloat16 allows, and the adapter's change is told alike."""
    assert files.gguf
    made.lora(tmp_path, targets=made.LINEAR, strength=0.02)
    loras.write(tmp_path / LoraFile.GGUF)
    llama = Model(files.gguf)
    context = Context(llama, rows=1, cells=256, batch=256, threads=1)
    tokens = llama.tokenize("The tenant shall pay the rent on the first day of")
    base = next(context.run([(0, 0, tokens, 1)])).copy()
    context.clear()
    lora = Lora(llama, tmp_path / LoraFile.GGUF, "mine")
    context.wear(lora)
    worn = next(context.run([(0, 0, tokens, 1)])).copy()
    ours = RowModel(folder, 2, 256, kind="float32")
    ours.lora.attach(Adapter("mine", "d", folder=tmp_path))
    found = logits(ours, part(0, tuple(tokens)), part(1, tuple(tokens), 0, "d"))
    assert np.abs(found[0] - base).max() < 0.5
    assert np.abs(found[1] - worn).max() < 0.75
    assert np.abs(worn - base).max() > 1.5
    context.wear(None)
    lora.close()
    context.close()
    llama.close()


@pytest.mark.slow
@pytest.mark.gpu
def test_on_a_gpu_rows_and_adapters_agree_with_the_processor(folder: Path, tmp_path: Path) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA GPU is there")
    adapter = Adapter("mine", "d", folder=made.lora(tmp_path, targets=made.LINEAR))
    texts = [sentence(row, 40) for row in range(4)]
    slices = [part(row, text, 0, "d" if row % 2 else "base") for row, text in enumerate(texts)]
    on_gpu = RowModel(folder, ROWS, 256)
    on_gpu.lora.attach(adapter)
    assert on_gpu.device.type == "cuda"
    found = logits(on_gpu, *slices)
    on_gpu.close()
    exact = RowModel(folder, ROWS, 256, kind="float32")
    exact.lora.attach(adapter)
    expected = logits(exact, *slices)
    for row in range(4):
        assert np.abs(found[row] - expected[row]).max() < 1
