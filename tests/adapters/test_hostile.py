"""Nothing hostile gets in: each file of the table is refused with its reason, and fuzzed ones are refused too."""

import random
import tracemalloc
from pathlib import Path

import pytest

from service.adapters.archive import unpack
from service.adapters.checks import examine, vet
from service.adapters.digest import write as put_in_order
from service.core import LoraFile
from tests.adapters import ggufs, hostile, made, zips


@pytest.mark.parametrize("case", hostile.CASES)
def test_a_hostile_file_is_refused_with_its_reason(tmp_path: Path, case: str) -> None:
    word, build = hostile.CASES[case]
    place = tmp_path / "sent"
    place.mkdir()
    findings = vet(build(place), tmp_path / "quarantine", [made.SMALL])
    assert not findings.ok
    assert any(word in reason for reason in findings.reasons), findings.reasons
    assert all(reason.endswith(".") and reason.isprintable() for reason in findings.reasons)


def test_there_are_enough_of_them() -> None:
    assert len(hostile.CASES) >= 200


# --- fuzzing ------------------------------------------------------------------------------------------------
# A good file's header with a few bytes changed, put in or taken out. Where every byte means something none is accepted;
# in the others (a zip's dates, a GGUF's padding) one is accepted only if the very same adapter comes out.

Q = {"targets": ("q_proj",), "rank": 2}


def mutated(draw: random.Random, raw: bytes, end: int) -> bytes:
    """`raw` with one to four changes within its first `end` bytes; never `raw` itself."""
    found = bytearray(raw)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(min(end, len(found) - 8))
        match draw.randrange(6):
            case 0:
                found[at] ^= 1 << draw.randrange(8)
            case 1:
                found[at] = draw.choice(b'\0\xff 0919"\\{}[],:-.eEAB')
            case 2:
                del found[at : at + draw.randint(1, 8)]
            case 3:
                found[at:at] = draw.randbytes(draw.randint(1, 8))
            case 4:
                found[at : at + 8] = draw.choice(
                    (b"\xff" * 8, bytes(8), bytes(7) + b"\x80", b"\1" + bytes(7))
                )
            case _:
                found[at:at] = found[at : at + draw.randint(1, 40)]
    return bytes(found) if found != raw else mutated(draw, raw, end)


def accepted(place: Path, folder: Path) -> str:
    """The digest of what comes out, or nothing."""
    findings = examine(folder, [made.SMALL])
    return put_in_order(folder, findings.facts, place) if findings.facts else ""


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    return made.lora(tmp_path / "sent", made.SMALL, **Q)


def put(file: Path, raw: bytes) -> None:
    """Write anew: some file systems take ten milliseconds to cut a file short."""
    file.unlink(missing_ok=True)
    file.write_bytes(raw)


@pytest.mark.parametrize("seed", range(4))
def test_no_fuzzed_header_of_weights_is_accepted(sent: Path, seed: int) -> None:
    draw, file = random.Random(seed), sent / LoraFile.WEIGHTS
    raw = made.encode(made.tensors(made.SMALL, **Q), metadata=None)
    end = 8 + int.from_bytes(raw[:8], "little")
    put(file, raw)
    assert examine(sent, [made.SMALL]).ok
    for _ in range(1000):
        put(file, mutated(draw, raw, end))
        assert not examine(sent, [made.SMALL]).ok


@pytest.mark.parametrize("seed", range(3))
def test_a_fuzzed_gguf_is_refused_or_the_same(tmp_path: Path, seed: int) -> None:
    draw, file = random.Random(seed), tmp_path / LoraFile.GGUF
    said = [*ggufs.PLAIN[3:], *ggufs.PLAIN[:3]]
    raw = ggufs.packed(said, ggufs.tensors(**Q))
    start = (
        raw.index(b"adapter.lora.alpha") + 26
    )  # what comes before it is the magic, two counts and alpha itself
    end = raw.rindex(b".lora_b") + 7 + 28
    put(file, raw)
    whole = accepted(tmp_path / "whole", tmp_path)
    assert whole
    for number in range(1000):
        put(file, raw[:start] + mutated(draw, raw[start:], end - start))
        assert accepted(tmp_path / str(number), tmp_path) in ("", whole)


@pytest.mark.parametrize("seed", range(2))
def test_a_fuzzed_zip_is_refused_or_the_same(tmp_path: Path, sent: Path, seed: int) -> None:
    draw, file = random.Random(seed), tmp_path / "adapter.zip"
    whole = accepted(tmp_path / "whole", sent)
    parts = [
        zips.Part(name.encode(), (sent / name).read_bytes()) for name in (LoraFile.CONFIG, LoraFile.WEIGHTS)
    ]
    raw = zips.packed(parts)[::-1]  # turned round, so that the directory and the ends of the data come first
    for number in range(1000):
        put(file, mutated(draw, raw, 400)[::-1])
        folder = tmp_path / f"quarantine {number}"
        if unpack(file, folder).ok:
            assert accepted(tmp_path / str(number), folder) == whole


def test_a_fuzzed_configuration_is_refused_or_plain(sent: Path) -> None:
    draw, file = random.Random(0), sent / LoraFile.CONFIG
    raw = file.read_bytes()
    for _ in range(1000):
        put(file, mutated(draw, raw, len(raw)))
        findings = examine(sent, [made.SMALL])
        if findings.facts:
            said = dict(findings.facts.config)
            assert 0 < said.pop("lora_alpha") < 1e7
            assert said.pop("task_type") in (None, "CAUSAL_LM", "FEATURE_EXTRACTION")
            assert said == ORDERED


ORDERED = {
    "alpha_pattern": {},
    "base_model_name_or_path": made.SMALL.name,
    "bias": "none",
    "inference_mode": True,
    "lora_dropout": 0.0,
    "peft_type": "LORA",
    "r": 2,
    "rank_pattern": {},
    "target_modules": [f"model.layers.{block}.self_attn.q_proj" for block in (0, 1)],
    "use_dora": False,
    "use_rslora": False,
}


@pytest.mark.parametrize("case", [case for case in hostile.CASES if "beyond" in case or "bomb" in case])
def test_what_a_file_claims_takes_no_memory(tmp_path: Path, case: str) -> None:
    place = tmp_path / "sent"
    place.mkdir()
    source = hostile.CASES[case][1](place)
    tracemalloc.start()
    try:
        assert not vet(source, tmp_path / "quarantine", [made.SMALL]).ok
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
