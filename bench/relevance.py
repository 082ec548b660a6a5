"""Whether search tells questions that contracts answer from those that none does: what `rank.relevant` was fitted by.

    python bench/relevance.py --data ../shared/data [--adapter adapters/contract-search] [--contracts 20]

Twenty of the training contracts that `train_embedder.py` holds out, each in a matter of its own and all in one. Asked
are, of each contract, the questions of qa_passages/train.jsonl that it answers, and the questions of general knowledge
of wordings.json. Told are the shares for which search finds anything: of the first it should be all, of the others
none.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from retrieval import Bench, Remembering
from train_embedder import held_out, spans

from service.core import Scope


def outside() -> list[str]:
    frames = json.loads(Path(__file__).with_name("wordings.json").read_text("utf-8"))["outside"]
    return [frame.replace("{}", word) for frame, words in sorted(frames.items()) for word in words]


def answered(data: Path, files: list[str]) -> dict[str, list[str]]:
    """By contract, the questions that it answers."""
    found: dict[str, list[str]] = {file: [] for file in files}
    for line in (data / "qa_passages/train.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        if row["doc"] in found and row["answers"] and row["question"] not in found[row["doc"]]:
            found[row["doc"]].append(row["question"])
    return found


def measure(bench: Bench, data: Path, files: list[str]) -> dict[str, Any]:
    asked = answered(data, files)
    together, _ = bench.fill("all", data / "corpus", files)
    alone = {file: bench.fill(file[:60], data / "corpus", [file])[0] for file in files}
    strange = outside()

    def share(questions: list[tuple[str, Scope]]) -> float:
        return round(sum(bool(bench.first(text, scope)) for text, scope in questions) / len(questions), 4)

    return {
        "contracts": len(files),
        "answered": sum(map(len, asked.values())),
        "outside": len(strange),
        "answered_found": share([(text, alone[file]) for file in files for text in asked[file]]),
        "answered_found_among_all": share([(text, together) for file in files for text in asked[file]]),
        "outside_found": share([(text, scope) for scope in alone.values() for text in strange]),
        "outside_found_among_all": share([(text, together) for text in strange]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of qa_passages/, corpus/ …")
    parser.add_argument("--adapter", type=Path, help="folder of the embedder's LoRA; none: the bare model")
    parser.add_argument("--contracts", type=int, default=20)
    parser.add_argument("--vectors", type=Path, help="keep the passages' vectors in this folder")
    chosen = parser.parse_args()
    files = held_out(sorted(spans(chosen.data)))[: chosen.contracts]
    with tempfile.TemporaryDirectory(prefix="privity-bench-") as home:
        bench = Bench(Path(home), 400, Remembering(1, chosen.adapter, chosen.vectors))
        try:
            result = measure(bench, chosen.data, files)
        finally:
            bench.close()
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
