"""A question and a sentence read together: how likely the sentence is (a part of) the answer.

The embedder makes a vector of each alone and compares them; here both go through the same model as one text, so that
each word of the one is seen beside each word of the other. That is a copy of the embedder's model under a LoRA of its
own, and a linear layer over the mean of the pair's tokens:

    log-odds = mean(model([CLS] question [SEP] heading. sentence [SEP])) · w + b

A reader's folder holds the LoRA (`adapter_config.json`, `adapter_model.safetensors`), the layer (`head.safetensors`)
and what was fitted for the two of them (`head.json`). Nothing in it is ever run.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.config import Search
from service.errors import BadRequest
from service.retrieval import lora
from service.retrieval.bounded import bounded
from service.retrieval.embed import WIDTH, WINDOW, device, model_folder, shelved

FACTS, WEIGHTS = "head.json", "head.safetensors"
MOST = 2**16, 2**20  # bytes of the two files
KNOWN = {"reading", "likeness", "cover", "length", "operative", "whole"}  # what evidence can weigh
TOKENS = 1024  # of the pairs that go through the model together

LogOdds = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """The layer over the pairs, and what was fitted for it."""

    weight: LogOdds  # (384,)
    bias: float
    length: int  # tokens of a pair that are read
    weights: Mapping[str, float]  # of the reading, and of the plain facts beside it
    threshold: float  # of their sum: below it a sentence is no evidence
    margin: float  # a sentence so much below the best one is no evidence beside it


class Reader:
    """Loads on first use; safe to call from several threads, which take turns. See `Embedder` for `threads`."""

    def __init__(self, threads: int, folder: Path) -> None:
        self._threads = threads
        try:
            self._lora = lora.read(folder)
        except BadRequest:
            raise _unfit(folder, f"{lora.CONFIG} and {lora.WEIGHTS} are no LoRA of the embedder") from None
        self.layer = _layer(folder, self._lora.digest)
        self.digest = self._lora.digest
        self._folder = folder
        self._model: Any = None
        self._tokens: Any = None
        self._lock = Lock()

    def read(self, question: str, sentences: Sequence[str]) -> LogOdds:
        """The log-odds that each sentence answers, float32 of shape (len(sentences),)."""
        if not sentences:
            return np.zeros(0, np.float32)
        with self._lock:
            self._load()
            return self._read(question, sentences)

    def warm(self) -> None:
        """Load the model now; takes a second or two."""
        with self._lock:
            self._load()

    def _read(self, question: str, sentences: Sequence[str]) -> LogOdds:
        import torch

        rows = self._tokens(
            [question] * len(sentences),
            list(sentences),
            truncation="longest_first",
            max_length=self.layer.length,
        )
        lengths = [len(ids) for ids in rows["input_ids"]]
        found = np.zeros(len(lengths), np.float32)
        with torch.inference_mode():
            for some in _batches(lengths):
                pairs = {name: [values[at] for at in some] for name, values in rows.items()}
                padded = self._tokens.pad(pairs, return_tensors="pt").to(self._model.device)
                hidden = self._model(**padded).last_hidden_state.float()
                mask = padded["attention_mask"].unsqueeze(-1)
                found[some] = ((hidden * mask).sum(1) / mask.sum(1)).cpu().numpy() @ self.layer.weight
        return np.asarray(found + self.layer.bias, np.float32)

    def _load(self) -> None:
        if self._model is not None:
            return
        import torch
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()  # type: ignore[no-untyped-call]
        torch.set_num_threads(self._threads)
        self._tokens = AutoTokenizer.from_pretrained(str(model_folder()), local_files_only=True)
        model: Any = AutoModel.from_pretrained(str(model_folder()), local_files_only=True).eval().float()
        try:
            self._lora.merge(model)
        except BadRequest:
            raise _unfit(
                self._folder, f"the LoRA in {lora.WEIGHTS} is not of the embedder's shapes"
            ) from None
        place, kind = device()
        self._model = model.to(device=place, dtype=kind)


def evidence_reader(search: Search) -> tuple[Reader | None, str]:
    """The reader that the setting search.evidence leads to, and a line that says so, or why there is none."""
    folder = shelved(search.evidence)
    if folder is None:
        return None, 'off: search.evidence is ""'
    if not folder.is_dir():
        return None, f"off: there is no {folder.name} on the shelf"
    try:
        reader = Reader(search.threads, folder)
    except BadRequest as error:
        return None, f"off: {error.message}"
    return reader, f"read by {folder.name} {reader.digest[:8]}"


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """The pairs in parts of about as many tokens, those of like length together."""
    some: list[int] = []
    for at in sorted(range(len(lengths)), key=lambda at: lengths[at]):
        if some and (len(some) + 1) * lengths[at] > TOKENS:
            yield some
            some = []
        some.append(at)
    yield some


def _layer(folder: Path, digest: str) -> Layer:
    """The layer in a folder; BadRequest says what is wrong with it."""
    weight, bias = _arrays(folder, bounded(folder, WEIGHTS, MOST[1], _unfit))
    try:
        facts: dict[str, Any] = json.loads(bounded(folder, FACTS, MOST[0], _unfit))
        theirs, length = str(facts["lora"]), int(facts["length"])
        weights = {str(name): float(value) for name, value in facts["weights"].items()}
        threshold, margin = float(facts["threshold"]), float(facts["margin"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _unfit(folder, f"{FACTS} does not say lora, length, weights, threshold and margin") from None
    if theirs != digest:
        raise _unfit(folder, f"{FACTS} was fitted for another LoRA than the one beside it")
    if not 16 <= length <= WINDOW or "reading" not in weights or weights.keys() - KNOWN:
        raise _unfit(
            folder, f"{FACTS} does not weigh a reading of up to {WINDOW} tokens, or weighs what is not known"
        )
    if not all(map(math.isfinite, [*weights.values(), threshold, margin])) or margin < 0:
        raise _unfit(folder, f"{FACTS} holds what is no number")
    return Layer(weight, bias, length, weights, threshold, margin)


def _arrays(folder: Path, data: bytes) -> tuple[LogOdds, float]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        found = load(data)
    except (SafetensorError, ValueError, KeyError, TypeError):
        raise _unfit(folder, f"{WEIGHTS} cannot be read as safetensors") from None
    if {name: array.shape for name, array in found.items()} != {"weight": (WIDTH,), "bias": (1,)}:
        raise _unfit(folder, f"{WEIGHTS} does not hold just a weight for each of {WIDTH} places, and a bias")
    if any(array.dtype not in (np.float16, np.float32) for array in found.values()):
        raise _unfit(folder, f"{WEIGHTS} holds other numbers than float16 and float32")
    if not all(np.isfinite(array).all() for array in found.values()):
        raise _unfit(folder, f"{WEIGHTS} holds what is no number")
    return found["weight"].astype(np.float32), float(found["bias"][0])


def _unfit(folder: Path, reason: str) -> BadRequest:
    return BadRequest(
        f'The reader of evidence in "{folder.name}" cannot be used: {reason}. '
        'Train it anew with bench/train_evidence.py, name another in search.evidence, or put "" to go without.'
    )
