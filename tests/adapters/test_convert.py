"""The converter against the truth: llama.cpp under the GGUF and PEFT under the original give the same logits.

The base itself differs between the two by up to 0.4 (BF16 against float32), which bounds what can be asked. Two
controls show that the test can fail: the rows of q and k left as they are, and the layers' own scales left out.
"""

import dataclasses
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from service.adapters import convert as converter
from service.adapters.archive import unpack
from service.adapters.checks import examine
from service.adapters.convert import convert, decoded, encoded, interleaved, write
from service.adapters.digest import write as put_in_order
from service.core import BaseFacts, LoraFile
from service.engines import BaseFiles, prepare_folder
from service.engines.llama_abi import Context, Lora, Model
from service.errors import BadRequest
from tests.adapters import made

pytestmark = pytest.mark.filterwarnings(
    "ignore:`is_gradient_checkpointing` is deprecated"
)  # by PEFT, of transformers
TEXT = "The tenant shall pay the rent of 500 pounds on the first day of each month. The rent is"
TOLERANCE = 0.5
Logits = NDArray[np.float32]
Ask = Callable[[Path], Logits]


@pytest.fixture(scope="module")
def model(files: BaseFiles) -> Iterator[Model]:
    model = Model(files.gguf)
    yield model
    model.close()


@pytest.fixture(scope="module")
def llama(model: Model) -> Iterator[Callable[[Path | None], Logits]]:
    context = Context(model, rows=1, cells=64, batch=64, threads=2)
    tokens = model.tokenize(TEXT)

    def ask(file: Path | None) -> Logits:
        lora = Lora(model, file, "made") if file else None
        context.wear(lora)
        context.clear()
        (found,) = [np.array(row) for row in context.run([(0, 0, tokens, 1)])]
        context.wear(None)
        if lora:
            lora.close()
        return found

    yield ask
    context.close()


@pytest.fixture(scope="module")
def peft(files: BaseFiles, models: Path, model: Model) -> Ask:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base: Any = AutoModelForCausalLM.from_pretrained(prepare_folder(files, models), dtype=torch.float32)
    tokens = torch.tensor([model.tokenize(TEXT)])

    def ask(folder: Path) -> Logits:
        wrapped = PeftModel.from_pretrained(base, folder)
        with torch.inference_mode():
            found: Logits = wrapped(tokens).logits[0, -1].numpy().copy()
        wrapped.unload()
        return found

    return ask


def admitted(source: Path, base: BaseFacts) -> Path:
    """The canonical folder of an adapter, beside it."""
    quarantine, target = source.with_name("quarantine"), source.with_name("ordered")
    assert unpack(source, quarantine).ok
    findings = examine(quarantine, [base])
    assert findings.facts, findings.reasons
    put_in_order(quarantine, findings.facts, target)
    return target


def apart(left: Logits, right: Logits) -> float:
    return float(np.abs(left - right).max())


PLAIN = {"rank": 8, "targets": made.LINEAR}
STABLE = {"rank": 16, "targets": ("q_proj", "k_proj"), "strength": 0.1, "use_rslora": True, "lora_alpha": 6}
UNEVEN = {
    "rank": 8,
    "targets": made.LINEAR,
    "alpha_pattern": {"q_proj": 48, r"model.layers.3.mlp.up_proj": 3},
}


@pytest.mark.parametrize(
    "how", [PLAIN, PLAIN | {"dtype": "BF16"}, STABLE, UNEVEN], ids=["plain", "bf16", "rslora", "alphas"]
)
def test_both_engines_say_the_same(
    tmp_path: Path, base: BaseFacts, llama: Ask, peft: Ask, how: dict[str, Any]
) -> None:
    source = made.lora(tmp_path / "made", base, **how)
    ordered = admitted(source, base)
    convert(ordered, base, ordered / LoraFile.GGUF)
    here, there = llama(ordered / LoraFile.GGUF), peft(ordered)
    assert apart(here, there) <= TOLERANCE
    assert apart(peft(source), there) < 1e-3  # the canonical form means what the original means
    assert apart(llama(None), here) > 2 * TOLERANCE  # type: ignore[arg-type]


@pytest.mark.parametrize("step", ["interleaved", "scaled"])
def test_without_a_step_they_disagree(
    tmp_path: Path, base: BaseFacts, llama: Ask, peft: Ask, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    strong = {"rank": 8, "targets": ("q_proj", "k_proj"), "strength": 0.2, "alpha_pattern": {"k_proj": 64}}
    ordered = admitted(made.lora(tmp_path / "made", base, **strong), base)
    right, wrong = tmp_path / "right.gguf", tmp_path / "wrong.gguf"
    write(ordered, right, base)
    monkeypatch.setattr(converter, step, lambda up, _: up)
    write(ordered, wrong, base)
    truth = peft(ordered)
    assert apart(llama(right), truth) <= TOLERANCE
    assert apart(llama(wrong), truth) > 2 * TOLERANCE


def test_rows_of_a_head_are_interleaved() -> None:
    rows = np.arange(12, dtype=np.float32)[:, None]
    assert interleaved(rows, 2).ravel().tolist() == [0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11]
    assert interleaved(rows, 0) is rows


def test_facts_survive_the_way_to_the_child(base: BaseFacts) -> None:
    assert decoded(encoded(base)) == base


@pytest.fixture
def ordered(tmp_path: Path) -> Path:
    return admitted(made.lora(tmp_path / "made", made.SMALL), made.SMALL)


def test_an_architecture_that_is_not_known_is_refused_by_name(ordered: Path) -> None:
    strange = dataclasses.replace(made.SMALL, architecture="mamba")
    with pytest.raises(BadRequest, match="Adapters of mamba models are not converted"):
        convert(ordered, strange, ordered / LoraFile.GGUF)
    assert not (ordered / LoraFile.GGUF).exists()


def test_what_is_not_canonical_is_refused_by_the_child_too(ordered: Path) -> None:
    (ordered / LoraFile.WEIGHTS).write_bytes(b"x" * 100)
    with pytest.raises(BadRequest, match="no safetensors"):
        convert(ordered, made.SMALL, ordered / LoraFile.GGUF)
    assert {file.name for file in ordered.iterdir()} == {LoraFile.CONFIG, LoraFile.WEIGHTS}


def test_a_child_that_takes_too_long_is_ended(ordered: Path) -> None:
    with pytest.raises(BadRequest, match="longer than"):
        convert(ordered, made.SMALL, ordered / LoraFile.GGUF, seconds=0.01)
    assert not (ordered / LoraFile.GGUF).exists()


def test_the_child_limits_its_memory_and_leaves_no_core() -> None:
    """In a process of its own, for limits do not go up again."""
    told = subprocess.run(
        [sys.executable, "-c", LIMITED],
        cwd=Path(__file__).parents[2],
        check=True,
        capture_output=True,
        text=True,
    )
    assert told.stdout.split() == [str(converter.MEMORY), "0", str(int(converter.SECONDS))]


LIMITED = """
import resource
from service.adapters import convert
convert.write = lambda *words: print(*(resource.getrlimit(kind)[0] for kind in KINDS))
KINDS = (resource.RLIMIT_AS, resource.RLIMIT_CORE, resource.RLIMIT_CPU)
convert.decoded = lambda text: None
convert.main(["a", "b", convert.__file__])
"""


def test_small_values_survive_half_precision(tmp_path: Path) -> None:
    """B of a few training steps lies where F16 has three bits; A and B meet in the middle instead."""
    import gguf

    ordered = admitted(made.lora(tmp_path / "made", made.SMALL, strength=1e-6), made.SMALL)
    write(ordered, tmp_path / "small.gguf", made.SMALL)
    found = {tensor.name: tensor.data for tensor in gguf.GGUFReader(tmp_path / "small.gguf").tensors}
    weights = made.tensors(made.SMALL, 8, strength=1e-6)
    layer = f"{made.PREFIX}model.layers.0.self_attn.v_proj.lora_"
    want = weights[f"{layer}B.weight"][1] @ weights[f"{layer}A.weight"][1]
    name = "blk.0.attn_v.weight.lora_"
    got = found[f"{name}b"].astype(np.float32) @ found[f"{name}a"].astype(np.float32)
    assert np.abs(got - want).max() < 2e-3 * np.abs(want).max()
