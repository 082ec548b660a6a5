"""Every call into llama.cpp: a model, a context and a quantiser, over llama-cpp-python's low-level names.

Those names drift between versions; when they do, this is the file to mend (written for 0.3.36).
"""

import ctypes
import functools
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import BadRequest

log = logging.getLogger("privity.engine")
_ERROR = 4  # ggml's log level, GGML_LOG_LEVEL_ERROR


@functools.cache
def _library() -> Any:
    """llama_cpp, its chatter silenced. The logger belongs to the process, so this is done once and stays."""
    import llama_cpp

    hear = llama_cpp.llama_log_callback(_hear)
    llama_cpp.llama_log_set(hear, ctypes.c_void_p(0))
    llama_cpp.privity_log = hear  # llama.cpp holds no reference that Python would count
    llama_cpp.llama_backend_init()
    return llama_cpp


@functools.cache
def _tiles() -> bool:
    """Whether the processor multiplies tiles of bytes (AMX).

    ggml would lay quantised weights out for them, but GCC 12 drops the stores that configure the tiles before they are
    loaded, and the process dies of SIGILL at the first step. Laid out plainly, these weights are slower and right.
    """
    facts = Path("/proc/cpuinfo")
    return facts.is_file() and "amx_int8" in facts.read_text("utf-8", "replace")


def _hear(level: int, text: bytes, _: Any) -> None:
    if level == _ERROR:
        log.error("llama.cpp: %s", text.decode("utf-8", "replace").strip())


def quantize(source: Path, target: Path, form: str, threads: int) -> None:
    """Write `source` anew with weights of another form, "BF16", "Q8_0" or "Q4_0" (norms stay F32)."""
    lib = _library()
    how = lib.llama_model_quantize_default_params()
    how.ftype = getattr(lib, f"LLAMA_FTYPE_MOSTLY_{form}")
    how.allow_requantize = True
    how.nthread = threads
    if lib.llama_model_quantize(bytes(source), bytes(target), ctypes.byref(how)):
        raise BadRequest(
            f"{source.name} cannot be converted to {form}. Install the package it comes from again."
        )


class Model:
    """The weights and the vocabulary. Reading the vocabulary is safe from any thread."""

    def __init__(self, file: Path, gpu_layers: int = 0) -> None:
        self._lib = lib = _library()
        how = lib.llama_model_default_params()
        how.use_extra_bufts = not _tiles()
        how.n_gpu_layers = gpu_layers if gpu_layers >= 0 else 2**30
        self.pointer = lib.llama_model_load_from_file(bytes(file), how)
        if not self.pointer:  # a NULL pointer object is not None
            raise BadRequest(f"{file.name} is not a model that llama.cpp can load. Check `base.model`.")
        self._vocabulary = lib.llama_model_get_vocab(self.pointer)
        self.size = int(lib.llama_vocab_n_tokens(self._vocabulary))
        self.trained_context = int(lib.llama_model_n_ctx_train(self.pointer))

    def close(self) -> None:
        if self.pointer:
            self._lib.llama_model_free(self.pointer)
            self.pointer = None

    @property
    def forgets_in_part(self) -> bool:
        """Whether the end of a sequence can be dropped: not so for recurrent and sliding-window models."""
        recurrent = self._lib.llama_model_is_recurrent(self.pointer)
        hybrid = self._lib.llama_model_is_hybrid(self.pointer)
        return not (recurrent or hybrid or self._lib.llama_model_n_swa(self.pointer))

    def meta(self, key: str) -> str:
        """A line of the GGUF's metadata, or an empty string."""
        room = ctypes.create_string_buffer(4096)
        length = self._lib.llama_model_meta_val_str(self.pointer, key.encode(), room, len(room))
        return room.value.decode("utf-8", "replace") if length > 0 else ""

    def end_tokens(self) -> frozenset[int]:
        """Every token that ends an answer: end of sequence, end of turn, and their like."""
        ends = self._lib.llama_vocab_is_eog
        return frozenset(token for token in range(self.size) if ends(self._vocabulary, token))

    def first_token(self) -> int | None:
        """The token that every prompt must begin with, if the model wants one."""
        if not self._lib.llama_vocab_get_add_bos(self._vocabulary):
            return None
        return int(self._lib.llama_vocab_bos(self._vocabulary))

    def tokenize(self, text: str, special: bool = False) -> list[int]:
        """Tokens of `text`; names of special tokens are read as such only if `special`."""
        data = text.encode("utf-8", "replace")
        room = (ctypes.c_int32 * (len(data) + 8))()
        count = self._lib.llama_tokenize(self._vocabulary, data, len(data), room, len(room), False, special)
        assert count >= 0, f"{-count} tokens from {len(data)} bytes"
        return room[:count]

    def piece(self, token: int) -> bytes:
        """The bytes of a token: often a part of a character. Special tokens have none."""
        room = ctypes.create_string_buffer(64)
        length = self._lib.llama_token_to_piece(self._vocabulary, token, room, len(room), 0, False)
        if length < 0:
            room = ctypes.create_string_buffer(-length)
            length = self._lib.llama_token_to_piece(self._vocabulary, token, room, len(room), 0, False)
        return room.raw[:length]

    def render(self, messages: Sequence[tuple[str, str]]) -> str | None:
        """(role, content) pairs in the model's chat format, open for the answer; None if it has no known one."""
        template = self._lib.llama_model_chat_template(self.pointer, None)
        if template is None:
            return None
        chat = (self._lib.llama_chat_message * len(messages))()
        for line, (role, content) in zip(chat, messages, strict=True):
            line.role, line.content = role.encode(), content.encode()
        room = ctypes.create_string_buffer(
            256 + 2 * sum(64 + len(content.encode()) for _, content in messages)
        )
        length = self._lib.llama_chat_apply_template(template, chat, len(chat), True, room, len(room))
        return room.raw[:length].decode("utf-8") if 0 <= length <= len(room) else None


class Lora:
    """An adapter's weights, to be closed before their model. `name` is for the error."""

    def __init__(self, model: Model, file: Path, name: str) -> None:
        self._lib = lib = _library()
        self.pointer = lib.llama_adapter_lora_init(model.pointer, bytes(file))
        if not self.pointer:  # a NULL pointer object is not None
            raise BadRequest(f'llama.cpp cannot load the adapter "{name}" for this base model.')

    def close(self) -> None:
        if self.pointer:
            self._lib.llama_adapter_lora_free(self.pointer)
            self.pointer = None


class Context:
    """The memory of a model, `rows` sequences of `cells` tokens each. One thread at a time.

    Each row has a stream of its own: in one shared buffer every row would look through the cells of all others,
    which at 8 rows of 220 tokens costs a fifth of the speed, and more with every token that is kept.
    """

    def __init__(
        self, model: Model, rows: int, cells: int, batch: int, threads: int, flash: bool = False
    ) -> None:
        """`flash` is for GPUs. On a CPU flash attention is slow below 64 tokens: at 800 kept tokens, guesses of 8 take
        2.6 times as long with it, a second question of 32 tokens 4 times; a whole chunk takes a tenth less.
        """
        self._lib = lib = _library()
        self._size = model.size
        how = lib.llama_context_default_params()
        how.n_ctx = cells * rows
        how.n_seq_max = rows
        how.kv_unified = False
        auto, off = lib.LLAMA_FLASH_ATTN_TYPE_AUTO, lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
        how.flash_attn_type = auto if flash else off
        how.n_batch = how.n_ubatch = batch
        how.n_threads = how.n_threads_batch = threads
        self.pointer = lib.llama_init_from_model(model.pointer, how)
        if not self.pointer:
            raise BadRequest(
                f"There is no memory for {rows} times {cells} tokens. Lower `engine.slots` or `engine.context`."
            )
        self._memory = lib.llama_get_memory(self.pointer)
        self._batch = _Batch(lib, batch)

    def close(self) -> None:
        if self.pointer:
            self._lib.llama_free(self.pointer)
            self.pointer = None

    def wear(self, adapter: Lora | None) -> None:
        """Run the next steps under an adapter, or under none. It must not be closed while it is worn."""
        worn = [adapter.pointer] if adapter else []
        pointers = (self._lib.llama_adapter_lora_p_ctypes * len(worn))(*worn)
        scales = (ctypes.c_float * len(worn))(*(1.0 for _ in worn))
        if self._lib.llama_set_adapters_lora(self.pointer, pointers, len(worn), scales):
            raise RuntimeError("llama.cpp did not take the adapter")

    def run(self, slices: Sequence[tuple[int, int, Sequence[int], int]]) -> Iterator[NDArray[np.float32]]:
        """Run (row, start, tokens, wanted) slices as one batch; rows must come in ascending order.

        Yields the logits after each of the last `wanted` tokens of every slice, in order, one float per word; each
        array is valid until the next run.
        """
        wanted = self._batch.fill(slices)
        status = self._lib.llama_decode(self.pointer, self._batch.raw)
        if status:
            raise RuntimeError(f"llama_decode returned {status}")
        return (self._logits(index) for index in wanted)

    def copy(self, source: int, target: int, length: int) -> None:
        """Let `target` begin as `source` does. Between streams llama.cpp copies all or nothing."""
        self._lib.llama_memory_seq_cp(self._memory, source, target, -1, -1)
        self.forget(target, length)

    def forget(self, row: int, start: int) -> None:
        if not self._lib.llama_memory_seq_rm(self._memory, row, start, -1):
            raise RuntimeError("the model cannot forget a part of a sequence")

    def clear(self) -> None:
        self._lib.llama_memory_clear(self._memory, True)

    def length(self, row: int) -> int:
        """Tokens that a row holds."""
        return int(self._lib.llama_memory_seq_pos_max(self._memory, row)) + 1

    def _logits(self, index: int) -> NDArray[np.float32]:
        pointer = self._lib.llama_get_logits_ith(self.pointer, index)
        return np.ctypeslib.as_array(pointer, shape=(self._size,))


class _Batch:
    """A llama_batch over arrays of our own; each token belongs to one row."""

    def __init__(self, lib: Any, size: int) -> None:
        self._token = np.zeros(size, np.int32)
        self._position = np.zeros(size, np.int32)
        self._row = np.zeros(size, np.int32)
        self._logits = np.zeros(size, np.int8)
        self._one = np.ones(size, np.int32)
        integer = ctypes.POINTER(ctypes.c_int32)
        first = self._row.ctypes.data
        self._rows = (integer * size)(*(ctypes.cast(first + 4 * at, integer) for at in range(size)))
        self.raw = lib.llama_batch(
            0,
            self._token.ctypes.data_as(integer),
            None,
            self._position.ctypes.data_as(integer),
            self._one.ctypes.data_as(integer),
            ctypes.cast(self._rows, ctypes.POINTER(integer)),
            self._logits.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        )

    def fill(self, slices: Sequence[tuple[int, int, Sequence[int], int]]) -> list[int]:
        """Lay the slices out one after another; returns where logits were asked for."""
        end = 0
        wanted: list[int] = []
        for row, start, tokens, wants in slices:
            begin, end = end, end + len(tokens)
            self._token[begin:end] = tokens
            self._position[begin:end] = range(start, start + len(tokens))
            self._row[begin:end] = row
            self._logits[begin:end] = 0
            self._logits[end - wants : end] = 1
            wanted += range(end - wants, end)
        self.raw.n_tokens = end
        return wanted
