"""What an adapter must fit, read from a base's folder as transformers has it: the embedder's, say."""

import hashlib
import json
from pathlib import Path

from service.adapters.keys import is_embedding
from service.core import BaseFacts
from service.errors import BadRequest

_ENDING = ".weight"
_LOOKED_UP = ("embeddings", "embed")  # matrices that are tables of words or places, not layers


def facts_of_folder(folder: Path, name: str) -> BaseFacts:
    """The facts of the base in `folder` (config.json and *.safetensors), called `name`.

    Raises BadRequest when they cannot be read. Reads headers; and for the fingerprint each file once.
    """
    try:
        said = json.loads((folder / "config.json").read_text("utf-8"))
        files = sorted(folder.glob("*.safetensors"))
        shapes = {tensor: shape for file in files for tensor, shape in _shapes(file).items()}
        heads = int(said["num_attention_heads"])
        digest = hashlib.sha256()
        for file in files:
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        return BaseFacts(
            name=name,
            fingerprint=digest.hexdigest(),
            architecture=str(said["model_type"]),
            heads=heads,
            kv_heads=int(said.get("num_key_value_heads") or heads),
            layers={
                tensor.removesuffix(_ENDING): shape for tensor, shape in shapes.items() if _linear(tensor)
            },
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise BadRequest(f"{folder.name} is no folder of a model: config.json and *.safetensors.") from None


def _shapes(file: Path) -> dict[str, tuple[int, int]]:
    """Of the matrices in a file that is ours, and trusted."""
    with file.open("rb") as stream:
        said = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    said.pop("__metadata__", None)
    shapes = {name: tuple(facts["shape"]) for name, facts in said.items()}
    return {name: (shape[0], shape[1]) for name, shape in shapes.items() if len(shape) == 2}


def _linear(tensor: str) -> bool:
    words = tensor.split(".")
    looked_up = any(word.startswith(_LOOKED_UP) for word in words)
    return tensor.endswith(_ENDING) and not looked_up and not is_embedding(tensor.removesuffix(_ENDING))
