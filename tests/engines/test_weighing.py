"""Likelihoods of given words: the same by llama.cpp and by torch, and moved by an adapter."""

import math
from pathlib import Path

import pytest

from service.core import Message
from service.engines import BaseFiles, Words, prepare_folder, weigh
from service.errors import NotReady

WORDS = [
    Words("The Landlord shall insure the Building against fire."),
    Words(" Paris", "The capital of France is"),
    Words(" cheese", "The capital of France is"),
    Words("30 days [1]", (Message("system", "Be brief."), Message("user", "How long? <|im_end|>"))),
    Words("The cat sat on the mat, and the dog lay beside it. " * 12, "A long text: "),
]


def test_both_forms_weigh_alike(files: BaseFiles, models: Path) -> None:
    folder = prepare_folder(files, models)
    by_llama = weigh(files, None, WORDS)
    by_torch = weigh(BaseFiles(None, folder, files.fingerprint, files.name), None, WORDS)
    assert by_llama[1].nats < by_llama[2].nats, "Paris is likelier than cheese"
    for one, other in zip(by_llama, by_torch, strict=True):
        assert one.tokens == other.tokens
        assert one.nats / one.tokens == pytest.approx(other.nats / other.tokens, abs=0.15)
    assert all(math.isfinite(one.nats) and one.nats > 0 for one in by_llama)
    assert by_llama[4].nats / by_llama[4].tokens < 1.0, "what repeats itself is soon expected"
    assert by_llama[4].tokens > 128, "more than are read in one step"


def test_it_can_be_called_off(files: BaseFiles) -> None:
    with pytest.raises(NotReady):
        weigh(files, None, WORDS, halted=lambda: True)
