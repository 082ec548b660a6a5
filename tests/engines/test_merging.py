"""A base and an adapter merged into one model weigh words as the two do together, in every form; the base does not."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from service.core import LoraFile
from service.engines import BaseFiles, Form, Weight, Words, merge, prepare_folder, weigh
from service.errors import BadRequest
from tests.adapters.made import SMOLLM, lora
from tests.engines import loras

WORDS = [
    Words("The Landlord shall insure the Building against fire and storm."),
    Words(" within thirty days of the date of this notice", "The Tenant shall pay the arrears"),
    Words("Bread is baked in an oven, and the dough must rise before."),
]


def apart(some: Sequence[Weight], others: Sequence[Weight]) -> float:
    each = [abs(one.nats - other.nats) / one.tokens for one, other in zip(some, others, strict=True)]
    return sum(each) / len(each)


@pytest.mark.parametrize(
    "form", ["BF16", *(pytest.param(form, marks=pytest.mark.slow) for form in ("Q8_0", "Q4_0"))]
)
def test_a_merged_gguf_is_the_two_together(files: BaseFiles, tmp_path: Path, form: Form) -> None:
    adapter = loras.adapter(tmp_path, "made", seed=3, strength=0.06)
    assert adapter.folder
    together, base = weigh(files, adapter.folder, WORDS), weigh(files, None, WORDS)
    target = tmp_path / f"merged.{form}.gguf"
    merge(files, adapter.folder, form, target)
    merged = weigh(BaseFiles(target, None, "", "merged"), None, WORDS)
    assert apart(merged, together) < 0.5 * apart(base, together)
    assert not list(tmp_path.glob("*.f32"))
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.slow
def test_a_merged_folder_is_the_two_together(files: BaseFiles, models: Path, tmp_path: Path) -> None:
    folder = replace(files, gguf=None, folder=prepare_folder(files, models))
    made = lora(tmp_path / "made", SMOLLM, rank=4, seed=3, strength=0.1)
    assert (made / LoraFile.WEIGHTS).is_file()
    together, base = weigh(folder, made, WORDS), weigh(folder, None, WORDS)
    merge(folder, made, "safetensors", tmp_path / "merged")
    merged = weigh(BaseFiles(None, tmp_path / "merged", "", "merged"), None, WORDS)
    assert apart(merged, together) < 0.5 * apart(base, together)


def test_a_form_that_the_base_has_not_is_refused(files: BaseFiles, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="without a GGUF file"):
        merge(replace(files, gguf=None), tmp_path, "Q8_0", tmp_path / "out")
