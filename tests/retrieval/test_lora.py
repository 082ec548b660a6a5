import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from service.errors import BadRequest
from service.retrieval.lora import read

LAYER = "base_model.model.first"
CONFIG = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "bias": "none"}


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 5)
        self.second = nn.Linear(5, 3)


def pair(into: int = 3, out: int = 5, rank: int = 2) -> dict[str, torch.Tensor]:
    return {
        f"{LAYER}.lora_A.weight": torch.ones(rank, into, dtype=torch.float16),
        f"{LAYER}.lora_B.weight": torch.full((out, rank), 0.5, dtype=torch.float16),
    }


def folder(home: Path, weights: dict[str, torch.Tensor] | None = None, **config: Any) -> Path:
    (home / "adapter_config.json").write_text(json.dumps(CONFIG | config))
    save_file(pair() if weights is None else weights, home / "adapter_model.safetensors")
    return home


def test_the_product_is_added_to_the_weights_of_its_layer_alone(tmp_path: Path) -> None:
    net = Net()
    first, second = net.first.weight.clone(), net.second.weight.clone()
    read(folder(tmp_path)).merge(net)
    assert torch.allclose(net.first.weight, first + 2.0)  # alpha / rank = 2, and B·A = 1 everywhere
    assert torch.equal(net.second.weight, second)


def test_rslora_divides_by_the_root_of_the_rank(tmp_path: Path) -> None:
    assert read(folder(tmp_path, r=4, lora_alpha=6, use_rslora=True)).scale("first", 4) == 3.0


def test_a_layer_may_have_an_alpha_of_its_own(tmp_path: Path) -> None:
    net = Net()
    first = net.first.weight.clone()
    read(folder(tmp_path, alpha_pattern={"first": 8})).merge(net)
    assert torch.allclose(net.first.weight, first + 4.0)
    assert read(folder(tmp_path, alpha_pattern={r"a\\.first": 8})).alphas == {"a.first": 8.0}
    with pytest.raises(BadRequest, match="alpha_pattern"):
        read(folder(tmp_path, alpha_pattern={"fir.*": 8})).merge(net)


def test_another_adapter_has_another_digest(tmp_path: Path) -> None:
    first = read(folder(tmp_path)).digest
    assert read(folder(tmp_path)).digest == first
    assert read(folder(tmp_path, lora_alpha=8)).digest != first


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        (pair(into=4), "shapes"),
        (pair(out=6), "shapes"),
        ({name.replace("first", "third"): w for name, w in pair().items()}, "no layer third"),
        ({name: w for name, w in pair().items() if "lora_A" in name}, "not pairs"),
        (pair() | {"base_model.model.first.bias": torch.ones(5)}, "not pairs"),
    ],
)
def test_what_does_not_fit_is_said_and_changes_nothing(
    tmp_path: Path, weights: dict[str, torch.Tensor], reason: str
) -> None:
    net = Net()
    before = net.first.weight.clone()
    with pytest.raises(BadRequest, match=reason):
        read(folder(tmp_path, {name: w.contiguous() for name, w in weights.items()})).merge(net)
    assert torch.equal(net.first.weight, before)


@pytest.mark.parametrize(
    "config", [{"peft_type": "IA3"}, {"use_dora": True}, {"bias": "all"}, {"modules_to_save": ["first"]}]
)
def test_only_plain_lora_is_read(tmp_path: Path, config: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match="only plain LoRA"):
        read(folder(tmp_path, **config))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda home: (home / "adapter_model.safetensors").unlink(),
        lambda home: (home / "adapter_config.json").write_text("{"),
        lambda home: (home / "adapter_config.json").write_text("[]"),
        lambda home: (home / "adapter_model.safetensors").write_bytes(b"\x80\x04 no tensors"),
    ],
)
def test_a_broken_folder_is_told_by_name_and_with_the_remedy(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    spoil(folder(tmp_path))
    with pytest.raises(BadRequest, match=f'"{tmp_path.name}".*search.adapter'):
        read(tmp_path).merge(Net())
