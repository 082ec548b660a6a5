"""The reader of evidence: what its folder must hold, what it reads, and how it is set."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from service.assistant import evidence
from service.config import Search
from service.core import Passage
from service.errors import BadRequest
from service.retrieval import Reader, evidence_reader, lora, model_folder
from service.retrieval.embed import SHELF
from service.retrieval.reader import FACTS, KNOWN, WEIGHTS

OURS = SHELF / "evidence"
QUESTION = "Which state's law applies?"
SENTENCES = [
    "14.2 Governing Law. This Agreement is governed by the laws of the State of Delaware.",
    "The Licensee shall pay the fees within thirty days.",
    "Notices. " + "Every notice is to be in writing and sent to the address of the other party. " * 20,
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(OURS, tmp_path / "mine"))


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(1, OURS)


def facts(folder: Path, **changes: Any) -> None:
    known = json.loads((folder / FACTS).read_text())
    (folder / FACTS).write_text(json.dumps(known | changes))


def layer(folder: Path, **arrays: Any) -> None:
    save_file(arrays, folder / WEIGHTS)


def test_what_ships_is_small_and_serves() -> None:
    found, told = evidence_reader(Search())
    assert found is not None
    assert told.startswith("read by evidence")
    assert sum(file.stat().st_size for file in OURS.iterdir()) < 12_000_000


def test_the_sentence_that_answers_is_read_as_likelier(reader: Reader) -> None:
    read = reader.read(QUESTION, SENTENCES)
    assert (read.shape, read.dtype) == ((3,), np.float32)
    assert read[0] > read[1:].max() + 2
    assert reader.read(QUESTION, []).shape == (0,)


def test_a_sentence_is_read_alike_alone_and_among_others(reader: Reader) -> None:
    many = reader.read(QUESTION, SENTENCES * 12)
    alone = np.array([reader.read(QUESTION, [sentence])[0] for sentence in SENTENCES])
    assert np.abs(many.reshape(12, 3) - alone).max() < 0.25, "padding and batches change what is read"


def test_it_reads_as_the_plain_model_does(reader: Reader) -> None:
    from transformers import AutoModel, AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(str(model_folder()))
    model: Any = AutoModel.from_pretrained(str(model_folder())).eval()
    lora.read(OURS).merge(model)
    plain = []
    for sentence in SENTENCES:
        pair = tokens(
            QUESTION, sentence, truncation=True, max_length=reader.layer.length, return_tensors="pt"
        )
        assert pair["token_type_ids"].any(), "question and sentence are told apart"
        with torch.inference_mode():
            mean = model(**pair).last_hidden_state[0].mean(0).numpy()
        plain.append(mean @ reader.layer.weight + reader.layer.bias)
    assert np.abs(reader.read(QUESTION, SENTENCES) - np.array(plain)).max() < 0.25


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda home: (home / FACTS).unlink(), "cannot be read"),
        (lambda home: (home / FACTS).write_text("[" * 9000), "does not say"),
        (lambda home: (home / FACTS).write_text("{}"), "does not say"),
        (lambda home: (home / FACTS).write_text(" " * 70_000), "larger than"),
        (lambda home: facts(home, lora="0" * 64), "another LoRA"),
        (lambda home: facts(home, length=4096), "up to 256 tokens"),
        (lambda home: facts(home, weights={"likeness": 1.0}), "does not weigh a reading"),
        (lambda home: facts(home, weights={"reading": 1.0, "mood": 1.0}), "not known"),
        (lambda home: facts(home, weights={"reading": float("nan")}), "no number"),
        (lambda home: facts(home, threshold=float("inf")), "no number"),
        (lambda home: facts(home, weights=[1.0]), "does not say"),
        (lambda home: (home / WEIGHTS).write_bytes(b"\x80\x04 no tensors"), "safetensors"),
        (lambda home: layer(home, weight=np.zeros(384, np.float16)), "just a weight"),
        (
            lambda home: layer(home, weight=np.zeros(12, np.float16), bias=np.zeros(1, np.float16)),
            "just a weight",
        ),
        (
            lambda home: layer(home, weight=np.zeros(384, np.int64), bias=np.zeros(1, np.int64)),
            "other numbers",
        ),
        (lambda home: layer(home, weight=np.full(384, np.nan), bias=np.zeros(1)), "other numbers|no number"),
        (lambda home: (home / lora.WEIGHTS).unlink(), "no LoRA"),
        (lambda home: (home / lora.CONFIG).write_text("{"), "no LoRA"),
    ],
)
def test_a_folder_that_does_not_fit_is_refused_with_the_reason_and_the_remedy(
    folder: Path, spoil: Callable[[Path], object], reason: str
) -> None:
    spoil(folder)
    with pytest.raises(BadRequest, match=f'"mine" cannot be used: .*({reason}).*search.evidence'):
        Reader(1, folder)
    found, told = evidence_reader(Search(evidence=str(folder)))
    assert found is None
    assert told.startswith("off: ")
    assert str(folder.parent) not in told, "a path of the machine"


def test_a_lora_of_another_model_is_refused_when_it_is_loaded(folder: Path) -> None:
    weights = {f"base_model.model.elsewhere.lora_{m}.weight": np.zeros((4, 4), np.float16) for m in "AB"}
    save_file(weights, folder / lora.WEIGHTS)
    facts(folder, lora=lora.read(folder).digest)
    with pytest.raises(BadRequest, match="shapes"):
        Reader(1, folder).warm()


def test_without_a_reader_sentences_are_compared() -> None:
    assert evidence_reader(Search(evidence="")) == (None, 'off: search.evidence is ""')
    assert evidence_reader(Search(evidence="nowhere"))[0] is None
    assert evidence.judge(None) is evidence.COMPARED


def test_what_can_be_weighed_is_what_evidence_knows() -> None:
    sentence = Passage("p", "d", "", 0, len(SENTENCES[0]), SENTENCES[0])
    assert evidence.facts(QUESTION, [sentence]).keys() | {"likeness", "reading"} == KNOWN
