"""An embedder's adapter is tried in a process of its own."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from service.errors import BadRequest
from service.retrieval.probe import judged
from service.retrieval.probing import try_out
from tests.adapters.made import MINILM, lora

SHIPPED = Path(__file__).parents[2] / "adapters" / "contract-search"


def test_what_ships_turns_the_vectors_and_keeps_texts_apart() -> None:
    report = try_out(SHIPPED)
    assert 0.1 < report.moved < 1
    assert report.parity is None
    assert report.milliseconds > 0


def test_one_that_changes_no_vector_is_refused(tmp_path: Path) -> None:
    only = {"pooler.dense": MINILM.layers["pooler.dense"]}  # which the embedder has, and never asks
    lora(tmp_path / "one", replace(MINILM, layers=only), 4, targets=("dense",))
    with pytest.raises(BadRequest, match="changes nothing in the vectors"):
        try_out(tmp_path / "one")


def test_one_that_cannot_be_merged_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "adapter_model.safetensors").write_bytes(b"x")
    with pytest.raises(BadRequest, match=r"trial run.*peft_type"):
        try_out(tmp_path)


def test_one_that_takes_too_long_is_refused() -> None:
    with pytest.raises(BadRequest, match="longer than 0 seconds"):
        try_out(SHIPPED, seconds=0.01)


def test_vectors_are_judged() -> None:
    plain = np.eye(6, 384, dtype=np.float32)
    assert judged(plain, np.roll(plain, 1, axis=1)) == 1
    with pytest.raises(BadRequest, match="nothing"):
        judged(plain, plain)
    with pytest.raises(BadRequest, match="alike"):
        judged(plain, np.tile(plain[5], (6, 1)))
    with pytest.raises(BadRequest, match="finite"):
        judged(plain, np.full_like(plain, np.nan))
