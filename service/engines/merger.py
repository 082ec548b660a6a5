"""Merges: `python -m service.engines.merger BASE ADAPTER FORM TARGET THREADS NICENESS`. `merging` is the other end.

    W' = W + alpha / rank · B · A

A GGUF is merged in llama.cpp's own layout, with the adapter's GGUF, whose rows lie as the base's do. What was changed
is written in F32 first, and rounded once, into the form that was asked for.
"""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.core import LoraFile
from service.engines import llama_abi


def main(base: Path, adapter: Path, form: str, target: Path, threads: int) -> None:
    part = target.with_name(f"{target.name}.part")
    if form == "safetensors":
        _by_torch(base, adapter, part, threads)
    else:
        whole = target.with_name(f"{target.name}.f32")
        try:
            _by_gguf(base, adapter / LoraFile.GGUF, whole)
            llama_abi.quantize(whole, part, form, threads)
        finally:
            whole.unlink(missing_ok=True)
    part.rename(target)


def _by_gguf(base: Path, lora: Path, target: Path) -> None:
    import gguf

    read, added = gguf.GGUFReader(base), _changes(gguf.GGUFReader(lora))
    out = gguf.GGUFWriter(target, str(read.fields["general.architecture"].contents()))
    for field in read.fields.values():
        if field.name == "general.architecture" or field.name.startswith("GGUF."):
            continue  # the writer's own
        kind = field.types[0]
        inner = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        out.add_key_value(field.name, field.contents(), kind, sub_type=inner)
    whole = gguf.GGMLQuantizationType.F32
    for one in read.tensors:
        if one.name in added:
            shape = tuple(int(side) for side in reversed(one.shape))
            size = 4 * int(np.prod(shape))
            out.add_tensor_info(one.name, shape, np.dtype(np.float32), size, whole)
        else:
            out.add_tensor_info(one.name, one.data.shape, one.data.dtype, one.data.nbytes, one.tensor_type)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_ti_data_to_file()
    for one in read.tensors:
        data = one.data
        if one.name in added:
            down, up = added.pop(one.name)
            plain = gguf.quants.dequantize(data, one.tensor_type).astype(np.float32)
            data = plain.reshape(up.shape[0], down.shape[1]) + up @ down
        out.write_tensor_data(np.ascontiguousarray(data))
    out.close()
    assert not added, f"{len(added)} layers of the adapter have no place in the base"


def _changes(lora: Any) -> dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """By the base tensor's name: A, and B with the adapter's factor in it."""
    alpha = float(lora.fields["adapter.lora.alpha"].contents())
    halves = {one.name: np.asarray(one.data, np.float32) for one in lora.tensors}
    found = {}
    for name, down in halves.items():
        plain, _, side = name.rpartition(".")
        if side == "lora_a":
            rank = down.shape[0]
            factor = np.float32(alpha / rank if alpha else 1.0)
            found[plain] = down, halves[f"{plain}.lora_b"] * factor
    return found


def _by_torch(base: Path, adapter: Path, target: Path, threads: int) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(threads)
    plain: Any = AutoModelForCausalLM.from_pretrained(str(base), dtype="auto", local_files_only=True)
    kept = plain.dtype
    worn: Any = PeftModel.from_pretrained(plain.float(), str(adapter))
    worn.merge_and_unload().to(kept).save_pretrained(str(target))
    AutoTokenizer.from_pretrained(str(base), local_files_only=True).save_pretrained(str(target))


if __name__ == "__main__":
    os.nice(int(sys.argv[6]))
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]), int(sys.argv[5]))
