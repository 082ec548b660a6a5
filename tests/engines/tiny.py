"""Small random models in transformers' form: seconds to make and load, every layer as in a large one."""

from pathlib import Path
from typing import Any

SIZES: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 256,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 2,
}


def model(folder: Path, kind: str = "LlamaConfig", words: int = 300, **more: Any) -> Path:
    """A model of a kind of transformers' in `folder`, its weights large enough for its answers to differ."""
    import torch
    import transformers

    torch.manual_seed(0)
    config = getattr(transformers, kind)(vocab_size=words, **SIZES | more)
    made = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for weights in made.parameters():
            if weights.dim() > 1:
                weights.mul_(4)
    made.save_pretrained(folder)
    return folder


def tokenizer(folder: Path, source: Path) -> Path:
    """Gives `folder` the tokenizer of another one."""
    for file in source.iterdir():
        if file.name.startswith("tokenizer") or file.name == "chat_template.jinja":
            (folder / file.name).write_bytes(file.read_bytes())
    return folder
