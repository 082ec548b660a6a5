"""The shapes that an adapter must fit, against those that the embedded model is known to have."""

from dataclasses import replace
from pathlib import Path

import pytest

from service.engines import BaseFiles, base_facts
from service.errors import BadRequest
from tests.adapters.made import SMOLLM


def test_the_embedded_base_tells_its_shapes_as_peft_names_them(files: BaseFiles) -> None:
    facts = base_facts(files)
    assert facts.layers == SMOLLM.layers
    assert (facts.architecture, facts.heads, facts.kv_heads) == ("llama", 9, 3)
    assert facts.fingerprint == files.fingerprint


@pytest.mark.parametrize("cut", [3, 40, 5000])
def test_a_file_that_is_cut_short_is_refused(files: BaseFiles, tmp_path: Path, cut: int) -> None:
    torn = tmp_path / "torn.gguf"
    torn.write_bytes(files.gguf.read_bytes()[:cut])
    with pytest.raises(BadRequest, match=r"torn\.gguf"):
        base_facts(replace(files, gguf=torn))
