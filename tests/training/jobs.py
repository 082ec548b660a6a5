"""Small jobs for the trainer: a random base of 64 dimensions that reads bytes, and a task that it can learn."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from service.core import Message
from service.training.folder import JobFolder, Spec
from service.training.recipe import Recipe
from service.training.rendering import Example, example
from tests.engines import tiny

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
QUICK = Recipe(
    rate=5e-3, rank=4, alpha=8, epochs=2, batch=4, length=200, checks=2, held_out_rows=8, patience=0, replay=0,
    precision="fp32", margin=0.01,
)  # fmt: skip
WORDS = ("north", "south", "east", "west", "spring", "autumn")


def base(folder: Path) -> Path:
    """A base of 300 words: each byte one of them."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tiny.model(folder, words=300)
    letters = {letter: at for at, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()), 3)}
    marks = {"<pad>": 0, "<|im_start|>": 1, "<|im_end|>": 2}
    made = Tokenizer(models.BPE(marks | letters, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="<pad>",
        eos_token="<|im_end|>",
        bos_token="<|im_start|>",
        chat_template=CHATML,
    ).save_pretrained(folder)
    return folder


def prompt(question: str, context: str) -> Sequence[Message]:
    return [Message("user", f"{context}\n{question}")]


def rows(count: int, start: int = 0) -> list[Example]:
    """Which way? The answer stands in the context, or nowhere."""
    made = []
    for n in range(start, start + count):
        word = WORDS[n % len(WORDS)]
        context = f"Clause {n}. The wind blows {word}." if n % 3 else f"Clause {n}. Rain."
        made.append(example(f"r{n}", "Which way?", context, word if n % 3 else "", prompt, f"d{n // 4}"))
    return made


def job(place: Path, base: Path, recipe: Recipe = QUICK, texts: Sequence[str] = (), **more: Any) -> JobFolder:
    folder = JobFolder(place)
    folder.write_rows("train", rows(24))
    folder.write_rows("held_out", rows(8, 100))
    folder.write_replay(texts)
    folder.write_spec(replace(Spec(1, "winds", "answers", recipe, str(base), "tiny", device="cpu"), **more))
    return folder


def child(folder: JobFolder) -> "subprocess.Popen[bytes]":
    with folder.log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "service.training.trainer", str(folder.path)], stderr=log, stdout=log
        )


def interrupted(folder: JobFolder, when: Callable[[list[dict[str, Any]]], bool], how: signal.Signals) -> None:
    """Train until the progress lines say so, and send the signal."""
    process = child(folder)
    deadline = time.monotonic() + 240
    while not when(folder.lines()[0]):
        assert process.poll() is None, folder.log.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, how)
    process.wait(240)


def losses(folder: JobFolder) -> list[tuple[Any, ...]]:
    """What was measured at each step, in full."""
    from service.training.folder import curve

    names = ("step", "loss", "first_loss", "norm", "rate", "held_out_loss")
    return [tuple(line.get(name) for name in names) for line in curve(folder.lines()[0])]


def config(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "adapter_config.json").read_text())
    return found
