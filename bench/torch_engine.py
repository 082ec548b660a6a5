"""The torch engine's speed: tokens per second at 1, 4 and 8 at once, under one adapter and under four, on CUDA or CPU.

    python bench/torch_engine.py                          # the embedded model
    python bench/torch_engine.py --model DIR              # another one, in transformers' form

    ours         the engine: answers in one batch, each under its own adapter
    peft         one batch of transformers' generate, each row under its own adapter by PEFT's `adapter_names`
    in turn      transformers' generate, one question after another, PEFT's adapter set before each

All take turns on the same prompts, in the same number format, and every answer has the same number of tokens. The
adapters are made at random, for speed does not depend on what was learned. Last line: one JSON object.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from loras import made
from serve import prompt

from service.config import Engine as Settings
from service.core import Adapter, EngineInfo, Generation, Message, Sampling
from service.engines import base_facts, prepare, prepare_folder
from service.engines.batching import BatchingEngine
from service.engines.hf import HfRunner

LEVELS = (1, 4, 8)
KINDS = (1, 4)  # adapters in use at once

Way = Callable[[Sequence[str], int], float]  # prompts and how many adapters -> tokens per second


@dataclass(frozen=True, slots=True)
class Bench:
    """Both engines over the same weights and adapters."""

    runner: HfRunner
    model: Any  # PEFT's
    tokenizer: Any
    adapters: Sequence[Adapter]
    tokens: int

    def ours(self, prompts: Sequence[str], kinds: int) -> float:
        """A new engine each time: its worker's thread ends with it, the model stays."""
        info = EngineInfo("bench", "torch", "", self.runner.limits.context, 1, self.runner.limits.slots)
        engine = BatchingEngine(Unclosed(self.runner), info, 2**40)
        try:
            for adapter in self.adapters[:kinds]:
                engine.prepare(adapter)
            begin = time.perf_counter()
            told = asyncio.run(self._answers(engine, prompts, kinds))
            return told / (time.perf_counter() - begin)
        finally:
            engine.close()

    async def _answers(self, engine: BatchingEngine, prompts: Sequence[str], kinds: int) -> int:
        async def ask(at: int, text: str) -> int:
            sampling = Sampling(max_tokens=self.tokens)
            adapter = self.adapters[at % kinds]
            question = Generation((Message("user", text),), adapter, sampling)
            usage = [piece.usage async for piece in await engine.submit(question)][-1]
            return usage.completion if usage else 0

        return sum(await asyncio.gather(*(ask(at, text) for at, text in enumerate(prompts))))

    def peft(self, prompts: Sequence[str], kinds: int) -> float:
        names = [self.adapters[at % kinds].digest for at in range(len(prompts))]
        return self._timed(lambda: self._generate(prompts, adapter_names=names), len(prompts))

    def in_turn(self, prompts: Sequence[str], kinds: int) -> float:
        def run() -> None:
            for at, text in enumerate(prompts):
                self.model.set_adapter(self.adapters[at % kinds].digest)
                self._generate([text])

        return self._timed(run, len(prompts))

    def _timed(self, run: Callable[[], None], count: int) -> float:
        begin = time.perf_counter()
        run()
        return count * self.tokens / (time.perf_counter() - begin)

    def _generate(self, prompts: Sequence[str], **more: Any) -> None:
        import torch

        chats = [[{"role": "user", "content": text}] for text in prompts]
        inputs = self.tokenizer.apply_chat_template(
            chats, add_generation_prompt=True, return_tensors="pt", return_dict=True, padding=True
        ).to(self.model.device)
        length = {"max_new_tokens": self.tokens, "min_new_tokens": self.tokens}
        with torch.inference_mode():
            self.model.generate(**inputs, **length, do_sample=False, **more)


class Unclosed:
    """A runner that outlives its engines, which attach the adapters anew and end no answer early."""

    def __init__(self, runner: HfRunner) -> None:
        self._runner = runner
        self.end_tokens: frozenset[int] = frozenset()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runner, name)

    def close(self) -> None:
        """The model stays."""


def opened(options: argparse.Namespace, place: Path) -> Bench:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    files = prepare(options.model, options.store)
    folder = prepare_folder(files, options.store)
    runner = HfRunner(folder, Settings(threads=options.threads, slots=max(LEVELS), context=1024))
    facts = base_facts(files)
    adapters = []
    for seed in range(max(KINDS)):
        shelf = made(place / str(seed), facts, seed, options.rank)
        adapters.append(Adapter(f"a{seed}", f"d{seed}", folder=shelf))
    kind = getattr(torch, runner.device.rpartition(" ")[2])
    base: Any = AutoModelForCausalLM.from_pretrained(str(folder), dtype=kind, local_files_only=True)
    base = base.to(runner.device.partition(",")[0])
    model: Any = PeftModel.from_pretrained(base, str(adapters[0].folder), adapter_name=adapters[0].digest)
    for adapter in adapters[1:]:
        model.load_adapter(str(adapter.folder), adapter_name=adapter.digest)
    tokenizer = AutoTokenizer.from_pretrained(str(folder), padding_side="left", local_files_only=True)
    return Bench(runner, model.eval(), tokenizer, adapters, options.tokens)


def measure(bench: Bench, rounds: int) -> list[dict[str, Any]]:
    """A line for each number of questions and of adapters. The ways take turns, so that all meet the same noise."""
    ways: dict[str, Way] = {"ours": bench.ours, "peft": bench.peft, "in turn": bench.in_turn}
    for way in ways.values():
        way([prompt(0)], 1)
    lines, number = [], 1
    for level in LEVELS:
        for kinds in KINDS if level > 1 else KINDS[:1]:
            rates: dict[str, list[float]] = {name: [] for name in ways}
            for _ in range(rounds):
                prompts = [prompt(number + at) for at in range(level)]
                number += level
                for name, way in ways.items():
                    rates[name].append(way(prompts, kinds))
            lines.append(line(level, kinds, {name: median(found) for name, found in rates.items()}))
    return lines


def line(level: int, kinds: int, rates: dict[str, float]) -> dict[str, Any]:
    found: dict[str, Any] = {"at_once": level, "adapters": kinds}
    found |= {name.replace(" ", "_"): round(rate, 1) for name, rate in rates.items()}
    found["over_peft"] = round(rates["ours"] / rates["peft"], 2)
    found["over_in_turn"] = round(rates["ours"] / rates["in turn"], 2)
    print("  ".join(f"{name} {value:>6}" for name, value in found.items()), flush=True)
    return found


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="embedded", help="as in `base.model`")
    parser.add_argument("--store", type=Path, default=Path("var/models"), help="prepared models")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 takes all cores")
    parser.add_argument("--tokens", type=int, default=64, help="tokens of each answer")
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3, help="the median of so many is reported")
    return parser.parse_args()


def main() -> None:
    chosen = options()
    with tempfile.TemporaryDirectory() as place:
        bench = opened(chosen, Path(place))
        found = measure(bench, chosen.rounds)
    facts = {"device": bench.runner.device, "threads": bench.runner.threads, "model": chosen.model}
    print(json.dumps(facts | {"tokens": chosen.tokens, "rank": chosen.rank, "lines": found}))


if __name__ == "__main__":
    main()
