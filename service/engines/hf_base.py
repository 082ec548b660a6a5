"""A base model in transformers' form: a folder of this machine, or a name on the hub, fetched once."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from service.core import BaseFacts
from service.engines.fingerprint import joint_fingerprint
from service.errors import BadRequest

_ROOT = Path(__file__).parents[2]
_NAME = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")  # owner/name, and perhaps @revision


def given_folder(model: str, store: Path) -> Path:
    """The folder that `base.model` names. Fetches a hub model the first time: minutes, and the only dialling there is.

    Raises BadRequest when nothing is there, or the hub does not give it.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir() and _NAME.fullmatch(model):
        folder = _fetched(model, store)
    if not (folder / "config.json").is_file() or not _weights(folder):
        raise BadRequest(
            f'`base.model` is "{model}", and no model is there: give a .gguf file, a folder with config.json and '
            '.safetensors weights, the name of a hub model, or "embedded".'
        )
    return folder


def folder_fingerprint(folder: Path, store: Path) -> str:
    """One digest of all that decides what the model says."""
    said = [folder / name for name in ("config.json", "tokenizer.json") if (folder / name).is_file()]
    place = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
    return joint_fingerprint([*said, *_weights(folder)], store / "fingerprints" / place)


def folder_facts(folder: Path, name: str, fingerprint: str) -> BaseFacts:
    """The shapes of the base's linear layers, without its weights; some seconds, for transformers is loaded.

    Raises BadRequest when transformers does not know the model.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        with torch.device("meta"):
            auto: Any = AutoModelForCausalLM
            model = auto.from_config(config, trust_remote_code=False)
    except Exception as error:  # whatever the files make of transformers
        raise BadRequest(
            f"{folder.name} is not a model that transformers knows ({type(error).__name__})."
        ) from None
    head, text = model.get_output_embeddings(), config.get_text_config()
    layers = {
        layer: (module.out_features, module.in_features)
        for layer, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not head
    }
    heads = int(getattr(text, "num_attention_heads", 0))
    kv_heads = int(getattr(text, "num_key_value_heads", None) or heads)
    return BaseFacts(name, fingerprint, str(text.model_type), heads, kv_heads, layers)


def _weights(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"))


def _fetched(model: str, store: Path) -> Path:
    """The hub model's folder in `store`, renamed into place when it is whole. A fetch that broke off goes on."""
    folder = store / f"hub.{model.replace('/', '.').replace('@', '.')}"
    if folder.is_dir():
        return folder
    part = store / f".{folder.name}.part"
    online = os.environ | {"HF_HUB_OFFLINE": "0", "TRANSFORMERS_OFFLINE": "0"}
    command = [sys.executable, "-m", "service.engines.hub", model, str(part.resolve())]
    done = subprocess.run(command, cwd=_ROOT, env=online, capture_output=True, check=False)
    if done.returncode:
        reason = done.stdout.decode("utf-8", "replace").strip() or "the download failed"
        raise BadRequest(f'`base.model` "{model}" was not fetched from the hub: {reason}.')
    part.rename(folder)
    return folder
