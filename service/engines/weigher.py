"""Weighs words: `python -m service.engines.weigher`, JSON on stdin and on stdout. See `weighing` for the other end."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.core import LoraFile, Message
from service.engines import llama_abi
from service.engines.llamacpp import encoded

STEP = 64  # tokens whose logits are held at once: one of a large vocabulary takes half a megabyte


def main() -> None:
    asked = json.load(sys.stdin)
    os.nice(asked["niceness"])
    print(json.dumps(_by_llama(asked) if asked["gguf"] else _by_torch(asked)))  # noqa: T201


def _by_llama(asked: dict[str, Any]) -> list[tuple[float, int]]:
    model = llama_abi.Model(Path(asked["gguf"]))
    pairs = [_split(*_llama_tokens(model, one)) for one in asked["words"]]
    cells = max((len(before) + len(said) for before, said in pairs), default=0)
    context = llama_abi.Context(model, 1, -(-(cells + 8) // 256) * 256, STEP * 8, asked["threads"])
    if asked["adapter"]:
        folder = Path(asked["adapter"])
        context.wear(llama_abi.Lora(model, folder / LoraFile.GGUF, folder.name[:12]))
    return [(_llama_nats(context, before, said), len(said)) for before, said in pairs]


def _llama_tokens(model: llama_abi.Model, one: dict[str, Any]) -> tuple[list[int], list[int]]:
    if "messages" in one:
        before = encoded(model, [Message(role, content) for role, content in one["messages"]])
    else:
        first = model.first_token()
        before = ([] if first is None else [first]) + model.tokenize(one["before"])
    return before, model.tokenize(one["said"])


def _llama_nats(context: llama_abi.Context, before: Sequence[int], said: Sequence[int]) -> float:
    """Reads all but the last token, and looks up each that is said in the logits after the one before it."""
    context.clear()
    at, nats = 0, 0.0
    for begin in range(0, len(before) - 1, STEP * 8):
        part = before[begin : min(begin + STEP * 8, len(before) - 1)]
        list(context.run([(0, at, part, 0)]))
        at += len(part)
    read = [before[-1], *said[:-1]]
    for begin in range(0, len(read), STEP):
        part = read[begin : begin + STEP]
        rows = context.run([(0, at, part, len(part))])
        nats += sum(_nats(row, token) for row, token in zip(rows, said[begin:], strict=False))
        at += len(part)
    return nats


def _nats(logits: NDArray[np.float32], token: int) -> float:
    most = float(logits.max())
    return most + float(np.log(np.exp(logits.astype(np.float64) - most).sum())) - float(logits[token])


def _by_torch(asked: dict[str, Any]) -> list[tuple[float, int]]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(asked["threads"])
    tokenizer: Any = AutoTokenizer.from_pretrained(asked["folder"], local_files_only=True)
    model: Any = AutoModelForCausalLM.from_pretrained(
        asked["folder"], dtype=torch.float32, local_files_only=True
    )
    if asked["adapter"]:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, asked["adapter"])
    model.eval()
    weighed = []
    with torch.inference_mode():
        for one in asked["words"]:
            before, said = _split(*_torch_tokens(tokenizer, one))
            logits = model(torch.tensor([[*before, *said]])).logits[0, len(before) - 1 : -1].double()
            chances = torch.log_softmax(logits, -1)
            weighed.append((-float(chances[range(len(said)), said].sum()), len(said)))
    return weighed


def _torch_tokens(tokenizer: Any, one: dict[str, Any]) -> tuple[list[int], list[int]]:
    if "messages" in one:
        turns = [{"role": role, "content": content} for role, content in one["messages"]]
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        before = tokenizer(text, add_special_tokens=False)["input_ids"]
    else:
        before = tokenizer(one["before"])["input_ids"]
    return before, tokenizer(one["said"], add_special_tokens=False)["input_ids"]


def _split(before: list[int], said: list[int]) -> tuple[list[int], list[int]]:
    """Something must stand before the first token that counts."""
    return (before, said) if before else (said[:1], said[1:])


if __name__ == "__main__":
    main()
