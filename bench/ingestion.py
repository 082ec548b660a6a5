"""Taking documents in against the bare embedder, on the same core in the same run, in passages per second.

    python bench/ingestion.py --corpus DIR [--documents 12] [--benchmark FILE] [--clauses DIR]

Each document goes through the real Library alone, from its bytes until it can be searched; then its passages go
through the embedder alone, all in one call. The two take turns, so that a neighbour on the machine slows both. What
Chroma's graph of neighbours costs, which is drawn when no file waits, is told apart; so is what a classifier with a
LoRA of its own costs (`--clauses`), which labels documents after that.

Both in bfloat16 and in float32, where the processor has both; and with a benchmark of the LegalBench-RAG form, how well
each finds what the questions about these documents ask for, by likeness alone among all of their passages.
"""

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from service.access import Accounts, Walls
from service.config import Documents, Search, Settings
from service.core import Caller, Passage, Role
from service.retrieval import Embedder, Library, embed
from service.retrieval.clauses import passages
from service.retrieval.embed import Vectors, spoken
from service.retrieval.loaders import load
from service.storage import Database

PRECISIONS = {"bfloat16": True, "float32": False}


def embedders(threads: int) -> Iterator[tuple[str, Embedder]]:
    """The embedder as it is set up, in each precision that is worth it here."""
    import torch

    able = embed._native_bf16(torch)
    for precision, narrow in PRECISIONS.items():
        if able or not narrow:
            with patch.object(embed, "_native_bf16", lambda _, narrow=narrow: narrow):
                embedder = Embedder.configured(Search(threads=threads))
                embedder.warm()
            embedder.embed(["The rent is 900 pounds."] * 16)
            yield precision, embedder


def measure(home: Path, files: list[Path], embedder: Embedder, search: Search) -> dict[str, Any]:
    settings = Settings(home=home, search=search)
    with closing(Database(home / "privity.db")) as database:
        accounts = Accounts(database, 1)
        accounts.add("bench", Role.MEMBER)
        person, walls = accounts.people()[0], Walls(database)
        caller = Caller(person.id, person.name, person.role)
        matter = walls.open_matter(caller, "bench").id
        scope = walls.scope(caller, [matter])
        number, took, alone, graph, types = 0, 0.0, 0.0, 0.0, 0.0
        cpu, cpu_alone = 0.0, 0.0
        with closing(Library(home, database, settings, embedder)) as library:
            library.add(b"1. Rent. The rent is 900 pounds.", "first.txt", scope, matter)  # opens the index
            library.wait()
            done(lambda: library.drawing)
            done(lambda: library.labelling)
            for file in files:
                began, spent = time.perf_counter(), time.process_time()
                library.add(file, file.name, scope, matter)
                library.wait()
                took, cpu = took + time.perf_counter() - began, cpu + time.process_time() - spent
                graph += done(lambda: library.drawing)
                types += done(lambda: library.labelling)
                texts = spoken_of(file)
                began, spent = time.perf_counter(), time.process_time()
                embedder.embed(texts)
                alone, cpu_alone = (
                    alone + time.perf_counter() - began,
                    cpu_alone + time.process_time() - spent,
                )
                number += len(texts)
    return {
        "documents": len(files),
        "passages": number,
        "passages_per_second": round(number / took, 1),
        "embedder_alone": round(number / alone, 1),
        "share": round(alone / took, 3),
        "share_of_processor_time": round(cpu_alone / cpu, 3),
        "share_with_the_graph": round(alone / (took + graph), 3),
        "share_with_the_types": round(alone / (took + graph + types), 3),
    }


def done(going: Callable[[], bool]) -> float:
    """Wait until what goes on in the background is done, and say for how many seconds."""
    began = time.perf_counter()
    while going():
        time.sleep(0.01)
    return time.perf_counter() - began


@dataclass(frozen=True, slots=True)
class Quality:
    """The passages of some documents, each with its file's name, and the questions that ask for parts of them."""

    passages: list[tuple[str, Passage]]
    questions: list[dict[str, Any]]

    @classmethod
    def of(cls, files: list[Path], benchmark: Path) -> "Quality":
        found = [(file.name, passage) for file in files for passage in _passages(file)]
        names, tests = {file.name for file in files}, json.loads(benchmark.read_text("utf-8"))["tests"]
        return cls(
            found,
            [test for test in tests if all(Path(s["file_path"]).name in names for s in test["snippets"])],
        )

    def vectors(self, embedder: Embedder) -> Vectors:
        return embedder.embed([spoken(passage) for _, passage in self.passages])

    def told(self, embedder: Embedder, vectors: Vectors) -> dict[str, Any]:
        """For how many questions the nearest passage, or one of the nearest eight, holds a part of the answer."""
        first = eight = 0
        for test in self.questions:
            nearest = np.argsort(-(vectors @ embedder.query(test["query"])))[:8]
            hits = [self._holds(test, *self.passages[at]) for at in nearest]
            first, eight = first + hits[0], eight + any(hits)
        number = max(1, len(self.questions))
        return {
            "questions": len(self.questions),
            "hit_at_1": round(first / number, 4),
            "hit_at_8": round(eight / number, 4),
        }

    def _holds(self, test: dict[str, Any], name: str, passage: Passage) -> bool:
        return any(
            Path(one["file_path"]).name == name
            and one["span"][0] < passage.end
            and passage.start < one["span"][1]
            for one in test["snippets"]
        )


def spoken_of(file: Path) -> list[str]:
    return [spoken(passage) for passage in _passages(file)]


def _passages(file: Path) -> tuple[Passage, ...]:
    return passages(load(file.read_bytes(), file.name, "", Documents()).document)


def asked_of(benchmark: Path) -> frozenset[str]:
    """The names of the files that a benchmark asks about."""
    tests = json.loads(benchmark.read_text("utf-8"))["tests"]
    return frozenset(Path(one["file_path"]).name for test in tests for one in test["snippets"])


def run(chosen: argparse.Namespace) -> dict[str, Any]:
    files = sorted(chosen.corpus.rglob("*.txt"))
    if chosen.benchmark:
        asked = asked_of(chosen.benchmark)
        files = [file for file in files if file.name in asked]
    files = files[: chosen.documents]
    quality = Quality.of(files, chosen.benchmark) if chosen.benchmark else None
    result: dict[str, Any] = {"threads": chosen.threads}
    known: list[Vectors] = []
    for precision, embedder in embedders(chosen.threads):
        with tempfile.TemporaryDirectory(prefix="privity-bench-") as folder:
            search = Search(threads=chosen.threads, clauses=chosen.clauses)
            result[precision] = measure(Path(folder), files, embedder, search)
        if quality:
            known.append(quality.vectors(embedder))
            result[precision] |= quality.told(embedder, known[-1])
    if len(known) == 2:
        one, other = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in known)
        cosines = np.sum(one * other, axis=1)
        result["cosine_between_both"] = {
            "least": round(float(cosines.min()), 5),
            "mean": round(float(cosines.mean()), 5),
        }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--corpus", type=Path, required=True, help="folder of documents as .txt")
    parser.add_argument(
        "--benchmark", type=Path, help="JSON file of the LegalBench-RAG form, for the quality"
    )
    parser.add_argument("--documents", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of the embedder")
    parser.add_argument("--clauses", default="clause-types", help="what labels clauses, as in search.clauses")
    parser.add_argument("--machine", default=platform.machine(), help="words that name this machine")
    parser.add_argument("--save", type=Path, help="write the result here as JSON")
    chosen = parser.parse_args()
    result = run(chosen)
    for precision in (name for name in PRECISIONS if name in result):
        for name, value in result[precision].items():
            print(f"{precision + ' ' + name.replace('_', ' '):<42} {value:>10}")
    if chosen.save:
        facts = {"date": time.strftime("%Y-%m-%d"), "machine": chosen.machine}
        chosen.save.write_text(json.dumps(facts | result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
