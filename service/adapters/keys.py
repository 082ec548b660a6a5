"""One check for each key of PEFT's adapter_config.json: honoured, harmless, or refused by name."""

import json
import re
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from service.adapters.refused import shown

RANK = 256
ALPHA = 1e6
KEYS = 1024  # of a pattern, or targets: more than the layers of any model that one machine serves
LETTERS = 256  # of a name
_AGAIN = "Save the adapter anew with PEFT 0.21."
_PLAIN = "Train with plain LoRA or rsLoRA."

# Keys that must say nothing: the values that are nothing, and what it would mean if they said something.
EMPTY: dict[str, tuple[tuple[Any, ...], str]] = {
    "use_dora": ((False,), f"Uses DoRA, which cannot share a batch. {_PLAIN}"),
    "bias": (("none",), 'Trains biases, which have no place in a LoRA. Train with bias "none".'),
    "lora_bias": ((False,), "Trains a bias within the LoRA, which llama.cpp cannot add. Set lora_bias to false."),
    "modules_to_save": (
        (None, []), "Carries whole layers (modules_to_save), which cannot be swapped. Train without them.",
    ),
    "trainable_token_indices": ((None, [], {}), "Trains tokens of the embedding. Train without them."),
    "layer_replication": ((None, []), f"Replicates layers (layer_replication): another base. {_PLAIN}"),
    "exclude_modules": ((None, []), "Excludes layers (exclude_modules). Name those to train in target_modules."),
    "target_parameters": ((None, []), "Trains bare parameters (target_parameters). Target linear layers."),
    "fan_in_fan_out": ((False,), "Is for a base with transposed weights (fan_in_fan_out). Train on this base."),
    "loftq_config": ((None, {}), f"Uses LoftQ, which changes the base's weights. {_PLAIN}"),
    "megatron_config": ((None, {}), f"Is for Megatron's layers (megatron_config). {_PLAIN}"),
    "megatron_core": (("megatron.core", None), f"Is for Megatron's layers (megatron_core). {_PLAIN}"),
    "use_qalora": ((False,), f"Uses QALoRA, which pools the inputs. {_PLAIN}"),
    "alora_invocation_tokens": ((None,), f"Uses aLoRA, which acts from a word on. {_PLAIN}"),
    "arrow_config": ((None,), f"Uses Arrow, which routes between adapters. {_PLAIN}"),
    "corda_config": ((None,), f"Uses CorDA, which changes the base's weights. {_PLAIN}"),
    "eva_config": ((None,), "Carries eva_config, which only says how training began. Set it to null."),
    "lora_ga_config": ((None,), f"Uses LoRA-GA, which changes the base's weights. {_PLAIN}"),
    "kasa_config": ((None,), f"Uses KaSA, which changes the base's weights. {_PLAIN}"),
    "velora_config": ((None,), "Carries velora_config, which only says how it was trained. Set it to null."),
    "monteclora_config": ((None,), f"Uses MonteCLoRA, which draws at random. {_PLAIN}"),
    "use_bdlora": ((None, False), f"Uses block-diagonal LoRA (use_bdlora). {_PLAIN}"),
    "ensure_weight_tying": ((False,), "Ties trained embeddings (ensure_weight_tying). Train without them."),
}  # fmt: skip
# Ways to begin that leave the base's weights as they are.
_STARTS = (True, False, "gaussian", "orthogonal", "mica")
_TASKS = (None, "CAUSAL_LM", "FEATURE_EXTRACTION")
_EMBEDDINGS = frozenset(
    ("embed_tokens", "lm_head", "wte", "wpe", "word_embeddings", "embed_in", "embed_out", "output", "tok_embeddings")
)  # fmt: skip
# Patterns' keys are regular expressions to PEFT. One that only spells a name cannot run wild, and means the same here.
_NAME = re.compile(r"\^?(?:[A-Za-z0-9_-]|\\?\.)+\$?")


def reasons(said: Mapping[str, Any]) -> list[str]:
    """Every reason why a configuration is refused."""
    found = [
        f"{shown(key)} is no key that PEFT 0.21 knows. {_AGAIN}"
        for key in said
        if key not in EMPTY and key not in KNOWN
    ]
    for key, (empty, reason) in EMPTY.items():
        if not any(_same(said.get(key, empty[0]), value) for value in empty):
            found.append(reason)
    for key, check in KNOWN.items():
        if key in said and (wrong := check(said[key])):
            found.append(f"{key} {wrong}")
    found += [
        f"{key} is missing. {_AGAIN}"
        for key in ("peft_type", "r", "lora_alpha", "target_modules")
        if key not in said
    ]
    if isinstance(said.get("target_modules"), str) and said.get("layers_to_transform") is not None:
        found.append("layers_to_transform goes with a list of target_modules only. Name them in a list.")
    if said.get("layers_pattern") and said.get("layers_to_transform") is None:
        found.append("layers_pattern goes with layers_to_transform only. Give both or none.")
    return found


def is_embedding(layer: str) -> bool:
    """Embeddings and the output head, which the engines do not swap."""
    return layer.rsplit(".", 1)[-1] in _EMBEDDINGS


def _same(value: Any, other: Any) -> bool:
    """Equal, and of one type: 0 is not False here."""
    return type(value) is type(other) and value == other


# --- one check a key: None, or what is wrong ----------------------------------------------------------------


def _type(value: Any) -> str | None:
    return None if value == "LORA" else f"is {_quoted(value)}. Train with LoRA."


def _rank(value: Any) -> str | None:
    return (
        None if type(value) is int and 1 <= value <= RANK else f"is {_quoted(value)}; 1 to {RANK} is served."
    )


def _alpha(value: Any) -> str | None:
    right = type(value) in (int, float) and isfinite(value) and 0 < value <= ALPHA
    return None if right else f"is {_quoted(value)} and must be a number above 0. {_AGAIN}"


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else f"is {_quoted(value)} and must be true or false. {_AGAIN}"


def _text(value: Any) -> str | None:
    right = value is None or (isinstance(value, str) and len(value) <= 1024)
    return None if right else f"is {_quoted(value)} and must be a short text. {_AGAIN}"


def _targets(value: Any) -> str | None:
    if isinstance(value, str):
        return (
            None
            if 0 < len(value) <= 4096
            else "is no pattern of at most 4,096 characters. Name layers in a list."
        )
    if not isinstance(value, list) or not 1 <= len(value) <= KEYS * 2:
        return f"is {_quoted(value)} and must list the layers that were trained. {_AGAIN}"
    for name in value:
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_.-]{1,256}", name):
            return f"names {_quoted(name)}, which is no layer. {_AGAIN}"
        if is_embedding(name):
            return f"names {shown(name)}: embeddings and the output head cannot be swapped. Train without it."
    return "names a layer twice. Leave one." if len(set(value)) != len(value) else None


def _blocks(value: Any) -> str | None:
    numbers = [value] if type(value) is int else value
    right = value is None or (
        isinstance(numbers, list)
        and len(numbers) <= KEYS
        and all(type(block) is int and 0 <= block < KEYS for block in numbers)
    )
    return None if right else f"is {_quoted(value)} and must list numbers of blocks. {_AGAIN}"


def _stacks(value: Any) -> str | None:
    names = [value] if isinstance(value, str) else value
    right = value is None or (
        isinstance(names, list)
        and len(names) <= 8
        and all(isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9_]{1,64}", name) for name in names)
    )
    return (
        None
        if right
        else f"is {_quoted(value)}; only plain names are served. Leave it out if it is `layers`."
    )


def _pattern(check: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
    def checked(value: Any) -> str | None:
        if value is None:
            return None
        if not isinstance(value, dict) or len(value) > KEYS:
            return f"is {_quoted(value)} and must map at most {KEYS} names. {_AGAIN}"
        for key, number in value.items():
            if len(key) > LETTERS or not _NAME.fullmatch(key):
                return f"has the key {shown(key)}, a regular expression. Name the layers outright."
            if reason := check(number):
                return f"for {shown(key)} {reason}"
        return None

    return checked


def _start(value: Any) -> str | None:
    if any(_same(value, way) for way in _STARTS):
        return None
    return (
        f"is {_quoted(value)}, which may change the base's weights. Save it as plain LoRA with "
        "path_initial_model_for_weight_conversion, or set it to true if the base is unchanged."
    )


def _task(value: Any) -> str | None:
    return None if value in _TASKS else f"is {_quoted(value)}; adapters for CAUSAL_LM are served."


def _mapping(value: Any) -> str | None:
    """The class of the base, which only PEFT's own search for one would use."""
    right = value is None or (
        isinstance(value, dict)
        and value.keys() <= {"base_model_class", "parent_library", "unsloth_fixed"}
        and not any(_text(word) and not isinstance(word, bool) for word in value.values())
    )
    return None if right else f"is {_quoted(value)} and must be null. {_AGAIN}"


def _dropout(value: Any) -> str | None:
    right = type(value) in (int, float) and 0 <= value <= 1
    return None if right else f"is {_quoted(value)} and must be between 0 and 1. {_AGAIN}"


def _group(value: Any) -> str | None:
    return None if type(value) is int and 0 <= value <= 4096 else f"is {_quoted(value)}. {_AGAIN}"


def _quoted(value: Any) -> str:
    return shown(value) if isinstance(value, str) else shown(json.dumps(value))


KNOWN: dict[str, Callable[[Any], str | None]] = {
    "peft_type": _type,
    "task_type": _task,
    "r": _rank,
    "lora_alpha": _alpha,
    "use_rslora": _flag,
    "target_modules": _targets,
    "layers_to_transform": _blocks,
    "layers_pattern": _stacks,
    "rank_pattern": _pattern(_rank),
    "alpha_pattern": _pattern(_alpha),
    "init_lora_weights": _start,
    # Harmless: what they say ends with training, and the canonical configuration does not repeat it.
    "auto_mapping": _mapping,
    "base_model_name_or_path": _text,
    "inference_mode": _flag,
    "lora_dropout": _dropout,
    "peft_version": _text,
    "qalora_group_size": _group,
    "revision": _text,
}
