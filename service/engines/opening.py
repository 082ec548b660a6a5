"""Which engine serves, and why; and the engine itself, opened."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from service.config import Settings
from service.core import EngineInfo
from service.engines.base_model import BaseFiles, prepare, prepare_folder
from service.errors import BadRequest

if TYPE_CHECKING:
    from service.engines.batching import BatchingEngine, ChatRunner
    from service.engines.upstream import UpstreamEngine

Kind = Literal["llama.cpp", "torch", "upstream"]


# What does not work as it does elsewhere, and why
LACKS: dict[Kind, str] = {
    "llama.cpp": "adapters take turns of some steps, for llama.cpp runs one adapter at a time; no 4-bit loading, for a "
    ".gguf file is quantised already",
    "torch": "no adapters uploaded as GGUF, for PEFT's form cannot be made from it; no .gguf bases",
    "upstream": "guesses are the server's own matter; adapters, exact token counts and prefixes kept apart by wall "
    "only with vLLM, for other servers have no way to be asked",
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """An engine and the reason for it, as the end of a sentence: "a CUDA GPU is there"."""

    kind: Kind
    why: str

    @property
    def lacks(self) -> str:
        """What does not work as on the other engines, and why."""
        return LACKS[self.kind]


def choose(settings: Settings) -> Chosen:
    """The engine that the settings ask for. Raises BadRequest when they contradict one another."""
    wanted = settings.engine.kind
    chosen = _auto(settings) if wanted == "auto" else Chosen(wanted, "`engine.kind` says so")
    if chosen.kind == "upstream" and not settings.engine.upstream:
        raise BadRequest(
            '`engine.kind` is "upstream", and `engine.upstream` is empty. Give the server\'s address.'
        )
    if chosen.kind == "llama.cpp" and _in_folder(settings):
        raise BadRequest(f'llama.cpp serves .gguf files, and `base.model` is "{settings.base.model}".')
    if chosen.kind == "torch" and settings.base.model.endswith(".gguf"):
        raise BadRequest(
            "The torch engine serves folders with safetensors, and `base.model` is a .gguf file."
        )
    if chosen.kind != "torch" and settings.engine.quantize:
        raise BadRequest(
            f"`engine.quantize` is for the torch engine, and {chosen.kind} serves ({chosen.why})."
        )
    return chosen


def _auto(settings: Settings) -> Chosen:
    if settings.engine.upstream:
        return Chosen("upstream", "`engine.upstream` names a server")
    if settings.base.model.endswith(".gguf"):
        return Chosen("llama.cpp", "`base.model` is a .gguf file")
    if _in_folder(settings):
        return Chosen("torch", "`base.model` is in transformers' form")
    return (
        Chosen("torch", "a CUDA GPU is there") if has_cuda() else Chosen("llama.cpp", "no CUDA GPU is there")
    )


def _in_folder(settings: Settings) -> bool:
    return settings.base.model != "embedded" and not settings.base.model.endswith(".gguf")


def has_cuda() -> bool:
    """Whether torch can compute on a GPU. Torch takes seconds to load, so the driver is looked for first."""
    if sys.platform == "linux" and not any(map(Path.exists, (Path("/dev/nvidiactl"), Path("/dev/dxg")))):
        return False
    import torch

    return torch.cuda.is_available()


def opened(settings: Settings) -> "BatchingEngine | UpstreamEngine":
    """The engine, its model loaded. Raises BadRequest when the settings or the model's files are at fault."""
    chosen = choose(settings)
    store = settings.home / "models"
    files = prepare(settings.base.model, store)
    if chosen.kind == "upstream":
        from service.engines.upstream import UpstreamEngine

        return UpstreamEngine(settings.engine, files.fingerprint)
    if chosen.kind == "torch":
        return _torch(files, store, settings)
    return _llama(files, settings)


def _llama(files: BaseFiles, settings: Settings) -> "BatchingEngine":
    from service.engines.llamacpp import LlamaRunner

    assert files.gguf is not None
    runner = LlamaRunner(files.gguf, settings.engine)
    return _batching(runner, runner.threads, "llama.cpp", files, settings)


def _torch(files: BaseFiles, store: Path, settings: Settings) -> "BatchingEngine":
    from service.engines.hf import HfRunner

    runner = HfRunner(prepare_folder(files, store), settings.engine)
    return _batching(runner, runner.threads, f"torch ({runner.device})", files, settings)


def _batching(
    runner: "ChatRunner", threads: int, name: str, files: BaseFiles, settings: Settings
) -> "BatchingEngine":
    from service.engines.batching import BatchingEngine

    limits = runner.limits
    info = EngineInfo(files.name, name, files.fingerprint, limits.context, threads, limits.slots)
    memory, guesses = settings.engine.adapter_memory * 2**20, settings.engine.speculation
    return BatchingEngine(runner, info, memory, guesses)
