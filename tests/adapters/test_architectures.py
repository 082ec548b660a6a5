"""The converter on each architecture that it knows: a tiny random model, as transformers and as llama.cpp have it.

The model's GGUF is written here, so both sides hold the same float32 weights and must agree closely.
"""

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from service.adapters.checks import vet
from service.adapters.convert import write
from service.adapters.digest import write as put_in_order
from service.adapters.naming import INTERLEAVED
from service.core import BaseFacts, LoraFile
from service.engines import BaseFiles, base_facts
from service.engines.llama_abi import Context, Lora, Model
from tests.adapters import made

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")
HIDDEN, INNER, BLOCKS, HEADS, KV, WIDTH, WORDS = 64, 96, 2, 4, 2, 32, 128
TOKENS = [5, 9, 2, 77, 31, 8, 8, 120, 64, 3]
SAME = {
    "hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": BLOCKS, "num_attention_heads": HEADS,
    "num_key_value_heads": KV, "vocab_size": WORDS, "head_dim": WIDTH, "max_position_embeddings": 64,
    "tie_word_embeddings": True, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip
KINDS: dict[str, tuple[str, dict[str, Any]]] = {  # transformers' names, and what differs
    "llama": ("Llama", {}),
    "mistral": ("Mistral", {"sliding_window": None}),
    "qwen2": ("Qwen2", {"head_dim": HIDDEN // HEADS}),
    "qwen3": ("Qwen3", {}),
    "gemma": ("Gemma", {}),
    "gemma2": ("Gemma2", {"query_pre_attn_scalar": WIDTH, "sliding_window": 64}),
    "gemma3": ("Gemma3Text:Gemma3", {"query_pre_attn_scalar": WIDTH, "sliding_window": 64}),
    "phi3": ("Phi3", {"head_dim": HIDDEN // HEADS}),
}


def built(kind: str) -> Any:
    import torch
    import transformers

    name, more = KINDS[kind]
    config, model = name.split(":") if ":" in name else (name, name)
    torch.manual_seed(0)
    found = getattr(transformers, f"{model}ForCausalLM")(
        getattr(transformers, f"{config}Config")(**SAME | more)
    )
    with torch.no_grad():  # norms of one hide a norm that is read wrongly
        for weight in found.parameters():
            weight.normal_(0, 0.15) if weight.ndim > 1 else weight.uniform_(0.5, 1.5)
    return found.eval()


def saved(model: Any, kind: str, path: Path) -> Path:
    """The model as GGUF, with no vocabulary but its size."""
    config = model.config
    architecture = {"mistral": "llama"}.get(kind, kind)
    codes = {name: code for code, name in gguf.MODEL_ARCH_NAMES.items()}
    names = gguf.get_tensor_name_map(codes[architecture], BLOCKS)
    width = SAME["head_dim"] if kind not in ("qwen2", "phi3") else HIDDEN // HEADS
    writer = gguf.GGUFWriter(path, architecture)
    for key, value in {
        "block_count": BLOCKS, "context_length": 64, "embedding_length": HIDDEN, "feed_forward_length": INNER,
        "attention.head_count": HEADS, "attention.head_count_kv": KV, "attention.key_length": width,
        "attention.value_length": width, "rope.dimension_count": width, "vocab_size": WORDS,
    }.items():  # fmt: skip
        writer.add_uint32(f"{architecture}.{key}", int(value))
    writer.add_float32(f"{architecture}.attention.layer_norm_rms_epsilon", config.rms_norm_eps)
    writer.add_float32(f"{architecture}.rope.freq_base", 10000.0)
    if kind in ("gemma2", "gemma3", "phi3"):
        writer.add_uint32(f"{architecture}.attention.sliding_window", 64)
    if kind == "gemma2":
        writer.add_float32(f"{architecture}.attn_logit_softcapping", config.attn_logit_softcapping)
        writer.add_float32(f"{architecture}.final_logit_softcapping", config.final_logit_softcapping)
    writer.add_string("tokenizer.ggml.model", "none")
    for name, weight in model.state_dict().items():
        stored = names.get_name(name, (".weight", ".bias"))
        if stored is None or name == "lm_head.weight":
            continue
        values = weight.numpy().astype(np.float32)
        if kind.startswith("gemma") and name.endswith("norm.weight"):
            values = values + 1
        heads = HEADS if "q_proj" in name else KV if "k_proj" in name else 0
        if INTERLEAVED[architecture] and heads:
            values = values.reshape(heads, 2, width // 2, HIDDEN).swapaxes(1, 2).reshape(values.shape)
        writer.add_tensor(stored, np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(params=KINDS)
def tiny(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Any, Path]:
    model = built(request.param)
    return model, saved(model, request.param, tmp_path / "tiny.gguf")


def asked(path: Path, lora: Path | None) -> np.ndarray[Any, Any]:
    """llama.cpp's logits after each token."""
    model = Model(path)
    context = Context(model, rows=1, cells=64, batch=64, threads=1)
    adapter = Lora(model, lora, "tiny") if lora else None
    context.wear(adapter)
    found = np.stack([np.array(row) for row in context.run([(0, 0, TOKENS, len(TOKENS))])])
    context.wear(None)
    if adapter:
        adapter.close()
    context.close()
    model.close()
    return found


def test_an_adapter_says_the_same_on_every_architecture(tmp_path: Path, tiny: tuple[Any, Path]) -> None:
    import torch
    from peft import PeftModel

    model, path = tiny
    facts: BaseFacts = base_facts(BaseFiles(path, None, "f" * 64, "tiny"))
    kinds = {layer.rsplit(".", 1)[-1] for layer in facts.layers}
    source = made.lora(tmp_path / "sent", facts, 8, targets=sorted(kinds), strength=0.1)
    findings = vet(source, tmp_path / "quarantine", [facts])
    assert findings.facts, findings.reasons
    assert len(facts.layers) == BLOCKS * len(kinds)
    put_in_order(tmp_path / "quarantine", findings.facts, tmp_path / "ordered")
    write(tmp_path / "ordered", tmp_path / "ordered" / LoraFile.GGUF, facts)
    tokens = torch.tensor([TOKENS])
    with torch.inference_mode():
        bare = model(tokens).logits[0].numpy()
        worn = PeftModel.from_pretrained(model, str(tmp_path / "ordered"))(tokens).logits[0].numpy()
    spread = float(np.std(worn))
    assert np.abs(asked(path, None) - bare).max() < 0.02 * spread  # the model itself is the same
    assert np.abs(worn - bare).max() > 0.5 * spread
    assert np.abs(asked(path, tmp_path / "ordered" / LoraFile.GGUF) - worn).max() < 0.02 * spread
