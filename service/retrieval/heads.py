"""Heads that tell types of clause, read from their folders; nothing in one is ever run.

    head.json head.safetensors                                   over the vectors of search: the shelf's form
    the same, adapter_config.json, adapter_model.safetensors     with a model of its own: what `kind: classify` leaves

The first names the embedder that it was fitted on, types and thresholds. The second has labels, of which one may mean
"none of the others", thresholds, and how a text is read.
"""

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from service.config import Settings
from service.errors import BadRequest
from service.retrieval import lora
from service.retrieval.bounded import bounded
from service.retrieval.clause_types import NAME, TYPES, Head, Shares
from service.retrieval.embed import WIDTH, WINDOW, Embedder, shelved

FACTS, WEIGHTS = "head.json", "head.safetensors"
MOST = 2**20, 2**25  # bytes of the two files
NOTHING = ("none", "no type", "no clause", "nothing")  # what a label is called that means: none of the others


def clause_head(embedder: Embedder, settings: Settings) -> tuple[Head | None, str]:
    """The head that the setting search.clauses leads to, and a line that says so, or why there is none."""
    name = settings.search.clauses
    if not name:
        return None, 'off: search.clauses is ""'
    own = classifiers(settings.home, name) / "current"
    folder = own.resolve() if own.exists() else shelved(name)
    assert folder is not None
    return usable(embedder, folder, settings.search.threads)


def classifiers(home: Path, name: str) -> Path:
    """Where the classifiers that were approved under a name lie, by their runs' numbers; `current` leads to one."""
    return home / "classifiers" / name


def usable(embedder: Embedder, folder: Path, threads: int = 1) -> tuple[Head | None, str]:
    """The head in the folder if it can be used with this embedder, and a line that says so, or why not."""
    if not folder.exists():
        return None, f"off: there is no {folder.name} on the shelf"
    try:
        head = read(folder, threads)
    except BadRequest as error:
        return None, f"off: {error.message}"
    if not head.own and head.embedder != embedder.identity:
        return None, (
            f"off: fitted on the embedder {head.embedder}, and {embedder.identity} is in use; "
            "fit them anew with bench/train_clause_types.py"
        )
    return head, f"{len(head.types)} types, {head.digest[:8]}{', with a LoRA of its own' if head.own else ''}"


def read(folder: Path, threads: int = 1) -> Head:
    """The head in a folder; BadRequest says what is wrong with it. `threads` are those of a model of its own."""
    facts, weights = bounded(folder, FACTS, MOST[0], _unfit), bounded(folder, WEIGHTS, MOST[1], _unfit)
    said, arrays = _facts(folder, facts), _arrays(folder, weights)
    words, columns = arrays.get("words"), (said.columns,)
    shapes = {"vectors": (WIDTH, *columns), "bias": columns}
    if words is not None:
        shapes |= {"words": (*words.shape[:1], *columns), "idf": words.shape[:1]}
    if not all(map(all, shapes.values())) or {n: array.shape for n, array in arrays.items()} != shapes:
        raise _unfit(folder, f"the shapes in {WEIGHTS} do not belong together")
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise _unfit(folder, f"{WEIGHTS} holds what is no number")
    digest, own = sha256(facts + weights), _own(folder, said, threads)
    if own:
        digest.update(own.identity.encode())
    return Head(said.types, said.thresholds, said.embedder, **arrays, digest=digest.hexdigest(), own=own)


@dataclass(frozen=True, slots=True)
class _Said:
    """What `head.json` says. `length` are the tokens that a model of its own reads; 0 where there is none."""

    types: tuple[str, ...]
    thresholds: Shares
    columns: int  # of the weights
    embedder: str = ""
    length: int = 0


def _facts(folder: Path, data: bytes) -> _Said:
    try:
        facts: dict[str, Any] = json.loads(data)
        found = _trained(folder, facts) if "labels" in facts else _fitted(facts)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _unfit(folder, f"{FACTS} does not say embedder, types and thresholds") from None
    names = found.types
    if not 0 < len(names) <= TYPES or len({name.casefold() for name in names}) < len(names):
        raise _unfit(folder, f"{FACTS} does not name its types, each once")
    if not all(NAME.fullmatch(name) for name in names) or not isinstance(found.embedder, str):
        raise _unfit(folder, f"{FACTS} does not name its types in plain words")
    if not ((found.thresholds > 0) & (found.thresholds <= 1)).all():
        raise _unfit(folder, "a threshold is not between 0 and 1")
    return found


def _fitted(facts: dict[str, Any]) -> _Said:
    types = tuple(str(one["type"]) for one in facts["types"])
    least = np.array([float(one["threshold"]) for one in facts["types"]], np.float32)
    return _Said(types, least, len(types) + 1, facts["embedder"])


def _trained(folder: Path, facts: dict[str, Any]) -> _Said:
    labels, least = [str(label) for label in facts["labels"]], [float(one) for one in facts["thresholds"]]
    length = int(facts["length"])
    if (facts["over"], facts["pooling"]) != ("embedder", "mean") or not 2 < length <= WINDOW:
        raise _unfit(folder, "it stands on another model than the embedder")
    if len(labels) != len(least):
        raise ValueError
    types = labels[:-1] if labels[-1:] and labels[-1].casefold() in NOTHING else labels
    return _Said(tuple(types), np.array(least[: len(types)], np.float32), len(labels), length=length)


def _arrays(folder: Path, data: bytes) -> dict[str, Shares]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        found = load(data)
    except (SafetensorError, ValueError, KeyError, TypeError):
        raise _unfit(folder, f"{WEIGHTS} cannot be read as safetensors") from None
    needed, more = {"vectors", "bias"}, {"words", "idf"}
    if found.keys() not in (needed, needed | more) or ("words" in found and found["words"].ndim != 2):
        raise _unfit(folder, f"{WEIGHTS} does not hold just vectors and bias, or words and idf beside them")
    if any(array.dtype not in (np.float16, np.float32) for array in found.values()):
        raise _unfit(folder, f"{WEIGHTS} holds other numbers than float16 and float32")
    return {name: array.astype(np.float32) for name, array in found.items()}


def _own(folder: Path, said: _Said, threads: int) -> Embedder | None:
    """The embedder under the head's LoRA; it loads when it is first used."""
    if not said.length:
        return None
    try:
        return Embedder(threads, folder, said.length)
    except BadRequest:
        raise _unfit(folder, f"{lora.CONFIG} and {lora.WEIGHTS} are no LoRA of the embedder") from None


def _unfit(folder: Path, reason: str) -> BadRequest:
    return BadRequest(
        f'The clause types in "{folder.name}" cannot be used: {reason}. '
        "Train them anew, name others in search.clauses, or leave it empty to go without."
    )
