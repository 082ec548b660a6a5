"""Adapters by row, on a small model, held to PEFT's own computation."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core import Adapter, LoraFile
from service.engines.lora_rows import FEW, WIDE, RowLora
from service.engines.lora_weights import Scales
from service.errors import BadRequest
from tests.adapters import made
from tests.engines import tiny

# PEFT still asks transformers for a name that is to go.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
FACTS = made.llama_facts("tiny", 64, 96, 3, 4, 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.model(tmp_path_factory.mktemp("tiny"))


def load(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    return load(folder)


@pytest.fixture
def lora(folder: Path) -> tuple[Any, RowLora]:
    model = load(folder)
    return model, RowLora(model, model.get_output_embeddings())


ADAPTERS: list[dict[str, Any]] = [
    {"rank": 4, "targets": ("q_proj", "v_proj")},
    {"rank": 16, "targets": made.LINEAR, "use_rslora": True},
    {"rank": 1, "targets": ("down_proj",), "lora_alpha": 7},
]


def shelve(folder: Path, number: int, **more: Any) -> Adapter:
    place = made.lora(folder / str(number), FACTS, seed=number, strength=0.3, **ADAPTERS[number] | more)
    return Adapter(f"a{number}", f"digest{number}", folder=place)


def by_peft(folder: Path, adapter: Adapter, tokens: torch.Tensor) -> torch.Tensor:
    from peft import PeftModel

    with torch.inference_mode():
        return PeftModel.from_pretrained(load(folder), str(adapter.folder))(tokens[None]).logits[0]


def run(model: Any, tokens: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return model(tokens[None]).logits[0]


@pytest.mark.parametrize("count", [FEW // 2, FEW + 8])
@pytest.mark.parametrize("number", range(3))
def test_one_adapter_computes_what_peft_computes(
    number: int, count: int, folder: Path, lora: tuple[Any, RowLora], tmp_path: Path
) -> None:
    model, rows = lora
    tokens = torch.arange(3, 3 + count)
    bare = run(model, tokens)
    adapter = shelve(tmp_path, number)
    assert rows.attach(adapter) > 0
    rows.use([(adapter.digest, count)])
    found = run(model, tokens)
    assert torch.allclose(found, by_peft(folder, adapter, tokens), atol=1e-4)
    assert (found - bare).abs().max() > 0.1
    rows.use([("base", count)])
    assert torch.equal(run(model, tokens), bare)


def test_ranks_and_scales_by_layer_are_honoured(
    folder: Path, lora: tuple[Any, RowLora], tmp_path: Path
) -> None:
    """The same weights under patterns, with what PEFT makes of them."""
    model, rows = lora
    patterns = {"alpha_pattern": {"q_proj": 30, r"layers\.1\.self_attn\.v_proj": 1}}
    adapter = shelve(tmp_path, 0, **patterns, use_rslora=True, lora_alpha=3)
    rows.attach(adapter)
    tokens = torch.arange(20)
    rows.use([(adapter.digest, 20)])
    assert torch.allclose(run(model, tokens), by_peft(folder, adapter, tokens), atol=1e-4)


def test_a_layer_of_another_rank(folder: Path, lora: tuple[Any, RowLora], tmp_path: Path) -> None:
    low = made.tensors(FACTS, 2, 5, ("q_proj",), 0.3)
    high = made.tensors(FACTS, 6, 6, ("v_proj",), 0.3)
    (tmp_path / LoraFile.WEIGHTS).write_bytes(made.encode(low | high))
    config = made.config(FACTS, r=2, lora_alpha=8, rank_pattern={"v_proj": 6})
    (tmp_path / LoraFile.CONFIG).write_text(json.dumps(config))
    adapter = Adapter("mixed", "mixed", folder=tmp_path)
    model, rows = lora
    rows.attach(adapter)
    tokens = torch.arange(20)
    rows.use([("mixed", 20)])
    assert torch.allclose(run(model, tokens), by_peft(folder, adapter, tokens), atol=1e-4)


def test_tokens_of_one_pass_have_their_own_adapters(lora: tuple[Any, RowLora], tmp_path: Path) -> None:
    """In the first layer, where nothing has mixed yet: each token's output is that of its adapter alone."""
    model, rows = lora
    adapters = [shelve(tmp_path, number) for number in range(3)]
    for adapter in adapters:
        rows.attach(adapter)
    layer = model.model.layers[0].mlp.down_proj
    values = torch.randn(8, 96)
    spans = [("digest1", 2), ("base", 1), ("digest2", 3), ("digest1", 1), ("base", 1)]
    with torch.inference_mode():
        rows.use(spans)
        mixed, begin = layer(values[None])[0], 0
        for digest, count in spans:
            rows.use([(digest, 8)])
            alone = layer(values[None])[0]
            assert torch.allclose(mixed[begin : begin + count], alone[begin : begin + count], atol=1e-5)
            begin += count


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["digest0", "digest1", "digest2", "base"]), min_size=1), min_size=1))
def test_any_order_of_steps_gives_the_same(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, steps: Any
) -> None:
    """The wide adapter is kept, widened and narrowed: what it holds of earlier steps never shows."""
    model, rows, place = _shared(folder, tmp_path_factory)
    values = torch.linspace(-1, 1, 96).expand(1, 1, 96)
    layer = model.model.layers[0].mlp.down_proj
    with torch.inference_mode():
        for step in steps:
            rows.use([(digest, 1) for digest in step])
            found = layer(values.expand(1, len(step), 96))[0]
            for at, digest in enumerate(step):
                assert torch.allclose(found[at], place[digest], atol=1e-5)
            needed = {digest for digest in step if digest != "base"}
            ranks = sum(ADAPTERS[int(digest[-1])]["rank"] for digest in needed)
            assert not needed or (rows._wide is not None and rows._wide.rank <= WIDE * ranks)


_made: list[Any] = []


def _shared(folder: Path, factory: pytest.TempPathFactory) -> Any:
    if not _made:
        model, place = load(folder), factory.mktemp("adapters")
        rows = RowLora(model, model.get_output_embeddings())
        values, alone = torch.linspace(-1, 1, 96).expand(1, 1, 96), {}
        for number in range(3):
            rows.attach(shelve(place, number))
        with torch.inference_mode():
            for digest in ("base", "digest0", "digest1", "digest2"):
                rows.use([(digest, 1)])
                alone[digest] = model.model.layers[0].mlp.down_proj(values)[0, 0].clone()
        _made.extend([model, rows, alone])
    return _made


def test_detached_adapters_are_gone_and_others_stay(lora: tuple[Any, RowLora], tmp_path: Path) -> None:
    model, rows = lora
    for number in (0, 1):
        rows.attach(shelve(tmp_path, number))
    tokens = torch.arange(10)
    rows.use([("digest0", 5), ("digest1", 5)])
    run(model, tokens)
    rows.detach("digest0")
    with pytest.raises(KeyError):
        rows.use([("digest0", 10)])
    rows.use([("digest1", 10)])
    kept = run(model, tokens)
    rows.detach("digest1")
    rows.attach(shelve(tmp_path, 1))
    rows.use([("digest1", 10)])
    assert torch.allclose(run(model, tokens), kept, atol=1e-5)


def test_what_does_not_fit_is_refused_by_name(lora: tuple[Any, RowLora], tmp_path: Path) -> None:
    _, rows = lora
    wrong = made.llama_facts("other", 32, 48, 3, 4, 2)
    deep = made.llama_facts("deep", 64, 96, 9, 4, 2)
    cases = {
        "shapes": made.lora(tmp_path / "wrong", wrong),
        r"no layer model\.layers\.[3-8]": made.lora(tmp_path / "deep", deep),
        "cannot be read": made.lora(tmp_path / "torn", FACTS),
        "only form": tmp_path,
    }
    (cases["cannot be read"] / LoraFile.WEIGHTS).write_bytes(b"torn")
    for said, folder in cases.items():
        with pytest.raises(BadRequest, match=said) as caught:
            rows.attach(Adapter("mine", "d", folder=folder))
        assert '"mine"' in caught.value.message
    with pytest.raises(BadRequest):
        rows.attach(Adapter("nowhere", "d"))


def test_scales_are_those_of_the_configuration() -> None:
    plain = Scales({"r": 4, "lora_alpha": 8})
    assert (plain.rank("a.q_proj"), plain.scale("a.q_proj")) == (4, 2)
    rooted = Scales(
        {
            "r": 4,
            "lora_alpha": 8,
            "use_rslora": True,
            "rank_pattern": {"v_proj": 16},
            "alpha_pattern": {"b.*": 2},
        }
    )
    assert rooted.scale("a.q_proj") == 4
    assert (rooted.rank("a.v_proj"), rooted.scale("a.v_proj")) == (16, 2)
    assert rooted.scale("a.b.c") == 1
