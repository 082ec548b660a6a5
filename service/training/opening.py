"""The base with a LoRA on it, ready to be trained: where it runs, in what precision, and which layers learn."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.errors import BadRequest
from service.training import swift
from service.training.recipe import Recipe

log = logging.getLogger("privity.training")

ATTENTION = (
    "q_proj",
    "k_proj",
    "v_proj",
    "o_proj",
    "qkv_proj",
    "query",
    "key",
    "value",
    "c_attn",
    "query_key_value",
)
FULL = 0.5  # of a GPU's memory, beyond which the base is held in 4 bits
CPU_BUDGET, CUDA_BUDGET = 1024, 16384  # tokens computed together


@dataclass(frozen=True, slots=True)
class Place:
    """Where and how a training computes."""

    device: str  # "cpu" or "cuda"
    bf16: bool
    four_bit: bool = False
    flat: bool = False  # rows in one line with no padding, kept apart by their positions

    @property
    def cuda(self) -> bool:
        return self.device == "cuda"

    @property
    def budget(self) -> int:
        return CUDA_BUDGET if self.cuda else CPU_BUDGET

    @property
    def attention(self) -> str:
        """SDPA's backward is slow in bf16 on CPUs, where the plain form is fast, and ours faster."""
        plain = swift.register() if self.bf16 else "eager"
        return "flash_attention_2" if self.flat else "sdpa" if self.cuda else plain

    def __str__(self) -> str:
        kind = "bf16" if self.bf16 else "fp32"
        return f"{self.device}, {kind}{', base in 4 bits' if self.four_bit else ''}{', packed' if self.flat else ''}"


def place(recipe: Recipe, device: str, base: Path) -> Place:
    """Raises BadRequest when what is asked for cannot be had on this machine."""
    import torch

    cuda = torch.cuda.is_available() if device == "auto" else device == "cuda"
    if cuda and not torch.cuda.is_available():
        raise BadRequest('This machine has no CUDA device. Set training.device to "auto" or "cpu".')
    if not cuda:
        if recipe.quantize == "4bit":
            raise BadRequest('A base in 4 bits (QLoRA) needs CUDA and bitsandbytes. Set quantize to "auto".')
        return Place("cpu", recipe.precision == "bf16" or (recipe.precision == "auto" and _native_bf16()))
    bf16 = recipe.precision != "fp32" and torch.cuda.is_bf16_supported()
    flat = recipe.packing == "auto" and bf16 and _installed("flash_attn")
    return Place("cuda", bf16, _four_bit(recipe, base), flat)


def opened(base: Path, recipe: Recipe, where: Place, start: str = "") -> Any:
    """A PEFT model; `start` is the folder of an adapter to go on from."""
    import torch
    from peft import LoraConfig, PeftModel, get_peft_model

    model = _base(base, where)
    torch.manual_seed(recipe.seed)
    if start:
        return _quick(PeftModel.from_pretrained(model, start, is_trainable=True), where)
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=recipe.rank,
        lora_alpha=recipe.alpha,  # PEFT says int, and multiplies by it
        lora_dropout=recipe.dropout,
        **targets(model, recipe),
    )
    return _quick(get_peft_model(model, config), where)


def _quick(model: Any, where: Place) -> Any:
    if where.bf16 and not where.cuda:
        swift.quicken(model)
    return model


def targets(model: Any, recipe: Recipe) -> dict[str, Any]:
    """Which layers learn, each by its whole name: those of the upper blocks, all or attention's."""
    blocks = int(model.config.num_hidden_layers)
    frozen = min(round(blocks * recipe.frozen), blocks - 1)
    named = [name for name in _linear(model) if _block(name) >= frozen]
    if recipe.layers == "attention":
        named = [name for name in named if name.rsplit(".", 1)[-1] in ATTENTION or ".attention." in name]
    return {"target_modules": named}


def _linear(model: Any) -> Iterable[str]:
    """The linear layers of the blocks. The head that makes logits, and what pools, belong to none."""
    for name, module in model.named_modules():
        if "Linear" in type(module).__name__ and _block(name) >= 0:
            yield name


def _block(name: str) -> int:
    """The number of the block that a layer belongs to, or -1."""
    return next((int(part) for part in name.split(".") if part.isdecimal()), -1)


def _base(folder: Path, where: Place) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    more: dict[str, Any] = {}
    if where.four_bit:
        import transformers

        quantized: Any = transformers.BitsAndBytesConfig
        more["quantization_config"] = quantized(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16 if where.bf16 else torch.float32,
        )
        more["device_map"] = {"": torch.cuda.current_device()}
    model = AutoModelForCausalLM.from_pretrained(
        str(folder),
        dtype=torch.bfloat16 if where.bf16 else torch.float32,
        attn_implementation=where.attention,
        local_files_only=True,
        **more,
    )
    if where.four_bit:
        from peft import prepare_model_for_kbit_training

        model = prepare_model_for_kbit_training(model)
    return model


def _four_bit(recipe: Recipe, base: Path) -> bool:
    import torch

    if recipe.quantize == "none":
        return False
    installed = _installed("bitsandbytes")
    if recipe.quantize == "4bit":
        if not installed:
            raise BadRequest(
                'A base in 4 bits needs bitsandbytes: pip install bitsandbytes, or set quantize to "none".'
            )
        return True
    size = sum(file.stat().st_size for file in base.glob("*.safetensors"))
    return installed and size > FULL * torch.cuda.get_device_properties(0).total_memory


def _installed(module: str) -> bool:
    from importlib.util import find_spec

    return find_spec(module) is not None


def _native_bf16() -> bool:
    """Whether this processor multiplies bfloat16 itself; where it only imitates it, float32 is faster."""
    import torch

    facts = torch.cpu.get_capabilities()
    return bool(facts.get("avx512_bf16") or facts.get("amx_bf16") or facts.get("bf16"))


def save(model: Any, folder: Path, base_name: str, half: bool) -> None:
    """PEFT's two files into `folder`. Nothing else goes in: PEFT's card would name a path of this machine."""
    import json

    import torch
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    kind = torch.float16 if half else torch.float32
    state = get_peft_model_state_dict(model, save_embedding_layers=False)
    weights = {name: value.detach().to("cpu", kind).contiguous() for name, value in state.items()}
    if not all(bool(value.isfinite().all()) for value in weights.values()):
        raise BadRequest("The adapter's weights are not all finite. Lower the learning rate and train again.")
    save_file(weights, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = model.peft_config[model.active_adapter]
    said = config.to_dict() | {"base_model_name_or_path": base_name, "inference_mode": True}
    said = {name: sorted(value) if isinstance(value, set) else value for name, value in said.items()}
    (folder / "adapter_config.json").write_text(
        json.dumps(said, indent=1, sort_keys=True, default=str) + "\n", "utf-8"
    )
