"""What llama.cpp calls a base's layers, and which of them it stores in another order of rows."""

from collections.abc import Mapping

from service.core import BaseFacts
from service.errors import BadRequest

# Architectures whose adapters are known to mean the same on both sides (tests/adapters/test_architectures.py).
# llama.cpp turns pairs of neighbouring values where transformers turns one half against the other; for "llama" its
# converter interleaves the rows of q and k instead.
INTERLEAVED = {"llama": True} | dict.fromkeys(("qwen2", "qwen3", "gemma", "gemma2", "gemma3", "phi3"), False)


def convertible(base: BaseFacts) -> bool:
    """Whether adapters of this base have a form for llama.cpp."""
    return base.architecture in INTERLEAVED


def stored_names(base: BaseFacts) -> Mapping[str, str]:
    """Layer -> the name of its weights in a GGUF: "model.layers.0.self_attn.q_proj" -> "blk.0.attn_q.weight".

    Raises BadRequest for an architecture that is not known.
    """
    import gguf

    if not convertible(base):
        known = ", ".join(INTERLEAVED)
        raise BadRequest(
            f"Adapters of {base.architecture} models are not converted for llama.cpp, only those of {known}. "
            "Serve this base with the torch engine."
        )
    kinds = {name: kind for kind, name in gguf.MODEL_ARCH_NAMES.items()}
    blocks = 1 + max(
        (int(part) for layer in base.layers for part in layer.split(".") if part.isdigit()), default=0
    )
    known = gguf.get_tensor_name_map(kinds[base.architecture], blocks)
    found = {layer: known.get_name(layer) for layer in base.layers}
    return {layer: f"{name}.weight" for layer, name in found.items() if name}


def turned_heads(base: BaseFacts, layer: str) -> int:
    """Heads whose rows are interleaved in this layer; 0 where the rows stand as transformers has them."""
    if not INTERLEAVED[base.architecture]:
        return 0
    return {"q_proj": base.heads, "k_proj": base.kv_heads}.get(layer.rsplit(".", 1)[-1], 0)
