"""A transformers model that runs flat batches of rows (see `row_attention`), each row under its own adapter."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from service.engines import row_attention
from service.engines.lora_rows import RowLora
from service.engines.row_attention import RowMemory, Step
from service.engines.scheduler import Choice, Slice
from service.errors import BadRequest

if TYPE_CHECKING:
    import torch

log = logging.getLogger("privity.engine")
NOISE = (
    0.25  # of the logits' standard deviation: what two right ways to compute them may differ by, in bfloat16
)

Kind = Literal["", "bfloat16", "float32"]


class RowModel:
    """Weights, the rows' memory and the adapters. One thread at a time."""

    def __init__(self, folder: Path, rows: int, cells: int, quantize: str = "", kind: Kind = "") -> None:
        """`kind` is the number format; by itself what the device computes fastest.

        Raises BadRequest when the folder holds no model that can be served so, or there is no memory for it.
        """
        import torch

        row_attention.register()
        self._torch = torch
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.kind = getattr(torch, kind) if kind else _kind(self.device)
        self._model = _load(folder, self.device, self.kind, quantize)
        config = self._model.config.get_text_config()
        self.cells = min(cells, getattr(config, "max_position_embeddings", None) or cells)
        self.words = int(self._model.get_output_embeddings().weight.shape[0])
        self.memory = RowMemory(rows, self.cells)
        self.lora = RowLora(self._model, self._model.get_output_embeddings())
        self._check(folder.name)

    def run(self, slices: Sequence[Slice]) -> tuple[list[Slice], NDArray[np.float32]]:
        """One pass. The slices in the order of the batch, and the logits that they ask for, in that order.

        A slice with a choice asks for those after each of its last `draft + 1` tokens, one float per word.
        """
        with self._torch.inference_mode():
            step = Step(self.memory, slices, self.device)
            self.lora.use([(part.adapter, len(part.tokens)) for part in step.slices])
            wanted = _wanted(step.slices)
            logits = self._pass(step, wanted or [len(step.tokens) - 1])
            return step.slices, logits[: len(wanted)]

    def wipe(self) -> None:
        self.memory.wipe()

    def close(self) -> None:
        del self._model, self.memory, self.lora
        if self.device.type == "cuda":
            self._torch.cuda.empty_cache()

    def _pass(self, step: Step, wanted: Sequence[int]) -> NDArray[np.float32]:
        keep = self._torch.tensor(wanted, device=self.device)
        found = self._model(
            input_ids=step.tokens[None],
            position_ids=step.positions[None],
            use_cache=False,
            logits_to_keep=keep,
            rows=step,
        )
        logits: NDArray[np.float32] = found.logits[0].float().cpu().numpy()
        return logits

    def _check(self, name: str) -> None:
        """Two sequences side by side, in pieces, give what the model's own attention gives; or the model is refused.

        So a model whose layers remember, or weigh, or hide in ways that `row_attention` does not know fails here and
        not in an answer.
        """
        one, other = self._sample(0, 24), self._sample(1, 12)
        try:
            expected = np.stack([self._plain(one), self._plain(other)])
            self.run([_slice(0, 0, one[:10]), _slice(self.memory.rows - 1, 0, other)])
            parts = [_slice(0, 10, one[10:]), _slice(self.memory.rows - 1, len(other) - 1, other[-1:])]
            order, found = self.run(parts)
        except BadRequest:
            raise
        except self._torch.OutOfMemoryError:
            raise BadRequest(
                f"There is no memory for {self.memory.rows} times {self.cells} tokens. "
                "Lower `engine.slots` or `engine.context`."
            ) from None
        except Exception as error:
            log.exception("the model's first step failed")
            raise BadRequest(
                f"{name} cannot be served by the torch engine ({type(error).__name__})."
            ) from None
        if order[0] is not parts[0]:
            found = found[::-1]
        if np.abs(found - expected).max() > NOISE * expected.std():
            raise BadRequest(f"{name} computes attention in a way that the torch engine does not know.")

    def _plain(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """The logits after the last token, with the model's own attention."""
        self._model.set_attn_implementation("eager")
        try:
            with self._torch.inference_mode():
                found = self._model(self._torch.tensor([tokens], device=self.device), use_cache=False)
            logits: NDArray[np.float32] = found.logits[0, -1].float().cpu().numpy()
        finally:
            self._model.set_attn_implementation(row_attention.NAME)
        return logits

    def _sample(self, seed: int, count: int) -> tuple[int, ...]:
        return tuple(np.random.default_rng(seed).integers(0, min(self.words, 10_000), count).tolist())


def _slice(row: int, start: int, tokens: Sequence[int]) -> Slice:
    return Slice(row, row, start, tuple(tokens), Choice())


def _wanted(slices: Sequence[Slice]) -> list[int]:
    """The places in the batch whose logits are asked for."""
    wanted: list[int] = []
    end = 0
    for part in slices:
        end += len(part.tokens)
        wanted += range(end - part.draft - 1, end) if part.choice is not None else ()
    return wanted


def _kind(device: "torch.device") -> Any:
    """bfloat16 where it is native; a processor that only imitates it is three times faster in float32."""
    import torch

    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(False) else torch.float16
    facts: Any = torch.cpu.get_capabilities()
    native = facts.get("avx512_bf16") or facts.get("amx_bf16") or facts.get("bf16")
    return torch.bfloat16 if native else torch.float32


def _load(folder: Path, device: "torch.device", kind: Any, quantize: str) -> Any:
    from transformers import AutoModelForCausalLM

    more: dict[str, Any] = {"quantization_config": _four_bits(device, kind)} if quantize else {}
    if device.type == "cuda":
        more["device_map"] = {"": 0}
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(
            str(folder),
            dtype=kind,
            attn_implementation=row_attention.NAME,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            **more,
        )
    except Exception as error:  # whatever the files make of transformers
        log.exception("the model was not loaded")
        raise BadRequest(
            f"{folder.name} is not a model that transformers can load ({type(error).__name__}). Check `base.model`."
        ) from None
    return model.eval()


def _four_bits(device: "torch.device", kind: Any) -> Any:
    """How bitsandbytes holds weights in four bits. Raises BadRequest where it cannot."""
    from importlib.util import find_spec

    import transformers

    if device.type != "cuda":
        raise BadRequest('`engine.quantize` = "4bit" needs a CUDA GPU, and none is there. Set it to "".')
    if find_spec("bitsandbytes") is None:
        raise BadRequest(
            '`engine.quantize` = "4bit" needs bitsandbytes: `pip install bitsandbytes`, or set it to "".'
        )
    settings: Any = transformers.BitsAndBytesConfig
    return settings(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=kind)
