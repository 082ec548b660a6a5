"""Retrieval on a benchmark of the LegalBench-RAG form, through the real Library: add, then search.

    python bench/retrieval.py --benchmark cuad_dev.json --corpus corpus [--adapter DIR] [--unseen] [--limit N]
        [--passage N] [--home DIR] [--save FILE]

Precision and recall are the benchmark's own: at each k, the characters of the first k passages that lie in a gold
snippet, as a share of the characters retrieved and of the gold characters, averaged over the questions. `drm8` is
the share of passages among the first eight that come from another document than the gold one.

"Stripped" asks the same without the clause before the first semicolon, which names the contract, inside matters of
20 documents. Only the benchmark is taken apart there: the Library sees each question as a person would type it.
`--unseen` also counts by themselves the questions of the categories that `train_embedder.py --unseen` leaves out: give
it the adapter that was trained so.

The search is as the service runs it, threshold and all; a question that finds nothing counts as 0 everywhere.
"""

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from train_embedder import unseen

from service.access import Accounts, Walls
from service.config import Search, Settings
from service.core import Caller, Passage, Role, Scope, State
from service.retrieval import Embedder, Library
from service.storage import Database

KS = (1, 2, 4, 8, 16, 32, 64)
GROUP = 20  # documents of a matter, for the stripped questions


class Remembering(Embedder):
    """Each document lies in two matters; its passages are embedded once, and no more when `folder` keeps them."""

    def __init__(self, threads: int, adapter: Path | None, folder: Path | None = None) -> None:
        super().__init__(threads, adapter)
        self._known: dict[str, Any] = {}
        self._file = folder / f"{self.identity}.npz" if folder else None
        self.kept = bool(self._file and self._file.exists())
        if self._file and self.kept:
            kept = np.load(self._file)
            self._known = dict(zip(kept["texts"].tolist(), kept["vectors"], strict=True))

    def embed(self, texts: Sequence[str]) -> Any:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known |= dict(zip(new, super().embed(new), strict=True))
        return np.stack([self._known[text] for text in texts])

    def keep(self) -> None:
        if self._file and self._known:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            np.savez(self._file, texts=list(self._known), vectors=np.stack(list(self._known.values())))


@dataclass(frozen=True)
class Query:
    text: str
    category: str
    gold: tuple[tuple[str, int, int], ...]  # file, start, end

    @property
    def stripped(self) -> str:
        return self.text.partition(";")[2].strip() or self.text


@dataclass
class Tally:
    """Sums over questions; `report` divides."""

    questions: int = 0
    silent: int = 0
    shown: int = 0
    foreign: int = 0
    precision: dict[int, float] = field(default_factory=lambda: dict.fromkeys(KS, 0.0))
    recall: dict[int, float] = field(default_factory=lambda: dict.fromkeys(KS, 0.0))
    seconds: list[float] = field(default_factory=list)

    def count(self, found: Sequence[Passage], gold: Sequence[tuple[str, int, int]]) -> None:
        """`gold` names documents by their id."""
        self.questions += 1
        self.silent += not found
        own = {document for document, _, _ in gold}
        self.shown += len(found[:8])
        self.foreign += sum(passage.document not in own for passage in found[:8])
        hits = [sum(_overlap(passage, snippet) for snippet in gold) for passage in found]
        wanted = sum(end - start for _, start, end in gold)
        for k in KS:
            retrieved = sum(passage.end - passage.start for passage in found[:k])
            self.precision[k] += sum(hits[:k]) / retrieved if retrieved else 0.0
            self.recall[k] += sum(hits[:k]) / wanted

    def report(self) -> dict[str, Any]:
        n = max(1, self.questions)
        return {
            "precision": {str(k): round(value / n, 4) for k, value in self.precision.items()},
            "recall": {str(k): round(value / n, 4) for k, value in self.recall.items()},
            "drm8": round(self.foreign / max(1, self.shown), 4),
            "silent": self.silent,
            "seconds_median": round(float(np.median(self.seconds)), 4) if self.seconds else None,
        }


def _overlap(passage: Passage, snippet: tuple[str, int, int]) -> int:
    document, start, end = snippet
    return max(0, min(passage.end, end) - max(passage.start, start)) if passage.document == document else 0


class Bench:
    """A library with every document in one matter, and again in matters of 20."""

    def __init__(self, home: Path, passage: int, embedder: Remembering) -> None:
        self._database = Database(home / "privity.db")
        settings = Settings(home=home, search=Search(passage=passage))
        self.embedder = embedder
        self._library = Library(home, self._database, settings, embedder)
        self._walls = Walls(self._database)
        self._caller = self._person()

    def _person(self) -> Caller:
        accounts = Accounts(self._database, 1)
        if not accounts.people():
            accounts.add("bench", Role.MEMBER)
        person = accounts.people()[0]
        return Caller(person.id, person.name, person.role)

    def fill(self, name: str, corpus: Path, files: Sequence[str]) -> tuple[Scope, dict[str, str]]:
        """A matter of this name with these files: its scope, and the document id of each file."""
        cards = {card.name: card for card in self._walls.cards(self._caller)}
        card = cards.get(name) or self._walls.open_matter(self._caller, name)
        scope = self._walls.scope(self._caller, [card.id])
        ids = {file: self._library.add(corpus / file, Path(file).name, scope, card.id).id for file in files}
        while not self._library.wait(timeout=5):
            self._progress(scope, card.id)
        for filed in self._library.documents(scope, card.id):
            if filed.state is not State.READY:
                sys.exit(f"{filed.title}: {filed.state}. {filed.reason}")
        return scope, ids

    def _progress(self, scope: Scope, matter: str) -> None:
        filed = self._library.documents(scope, matter)
        done = sum(f.state.final for f in filed)
        print(
            f"\r{done} of {len(filed)} documents, {sum(f.done for f in filed)} passages",
            end="",
            file=sys.stderr,
        )

    def passages(self, scope: Scope, matter: str) -> int:
        return sum(filed.passages for filed in self._library.documents(scope, matter))

    def ask(self, text: str, query: Query, scope: Scope, ids: dict[str, str], *tallies: Tally) -> None:
        began = time.perf_counter()
        found = self._library.search(text, scope, k=KS[-1]).passages
        took = time.perf_counter() - began
        for tally in tallies:
            tally.seconds.append(took)
            tally.count(found, [(ids[file], start, end) for file, start, end in query.gold])

    def first(self, text: str, scope: Scope) -> str:
        """The document of the first passage, "" when nothing is found."""
        found = self._library.search(text, scope, k=1).passages
        return found[0].document if found else ""

    def close(self) -> None:
        self._library.close()
        self.embedder.keep()
        self._database.close()


def read(benchmark: Path, limit: int | None) -> list[Query]:
    tests = json.loads(benchmark.read_text("utf-8"))["tests"][:limit]
    return [
        Query(test["query"], test["category"], tuple((s["file_path"], *s["span"]) for s in test["snippets"]))
        for test in tests
    ]


def measure(queries: Sequence[Query], corpus: Path, bench: Bench, left: set[str]) -> dict[str, Any]:
    """`left` are the categories to count by themselves as well."""
    files = sorted({file for query in queries for file, _, _ in query.gold})
    began = time.perf_counter()
    scope, ids = bench.fill("whole", corpus, files)
    ingestion = time.perf_counter() - began
    full, stripped, new = Tally(), Tally(), Tally()
    for query in queries:
        bench.ask(query.text, query, scope, ids, full, *[new] * (query.category in left))
    for at in range(0, len(files), GROUP):
        group = files[at : at + GROUP]
        small, some = bench.fill(f"files {at} and on", corpus, group)
        for query in queries:
            if query.gold[0][0] in some:
                known = {file: some.get(file, "") for file, _, _ in query.gold}
                bench.ask(query.stripped, query, small, known, stripped)
    (matter,) = scope.matters
    return {
        "queries": len(queries),
        "documents": len(files),
        "passages": bench.passages(scope, matter),
        "ingestion_seconds": None if bench.embedder.kept else round(ingestion, 1),
        **full.report(),
        "stripped": stripped.report(),
    } | ({"unseen": {"queries": new.questions, **new.report()}} if new.questions else {})


def show(result: dict[str, Any]) -> None:
    print(f"{result['queries']} questions, {result['documents']} documents, {result['passages']} passages")
    print(f"{'k':>4} {'precision':>10} {'recall':>8} | stripped {'precision':>10} {'recall':>8}")
    small = result["stripped"]
    for k in map(str, KS):
        row = (result["precision"][k], result["recall"][k], small["precision"][k], small["recall"][k])
        print("{:>4} {:>10.1%} {:>8.1%} |          {:>10.1%} {:>8.1%}".format(k, *row))
    if new := result.get("unseen"):
        few = "  ".join(
            f"P@{k} {new['precision'][k]:.1%} R@{k} {new['recall'][k]:.1%}" for k in ("1", "8", "64")
        )
        print(f"{new['queries']} questions of unseen categories: {few}")
    print(f"wrong documents in the first 8: {result['drm8']:.2%}; found nothing: {result['silent']}")


@contextmanager
def place(home: Path | None) -> Iterator[Path]:
    if home is not None:
        yield home.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="privity-bench-") as folder:
        yield Path(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--benchmark", type=Path, required=True, help="JSON file of the LegalBench-RAG form")
    parser.add_argument("--corpus", type=Path, required=True, help="folder that its file paths start from")
    parser.add_argument("--limit", type=int, help="only the first N questions and the documents they name")
    parser.add_argument("--home", type=Path, help="keep the library here and take it up again")
    parser.add_argument("--vectors", type=Path, help="keep the passages' vectors in this folder")
    parser.add_argument("--passage", type=int, default=400, help="characters a passage aims at")
    parser.add_argument("--adapter", type=Path, help="folder of the embedder's LoRA; none: the bare model")
    parser.add_argument(
        "--unseen", action="store_true", help="count the left-out categories by themselves too"
    )
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of the embedder")
    parser.add_argument(
        "--machine", default=platform.machine(), help="words that name this machine in the result"
    )
    parser.add_argument("--save", type=Path, help="write the result here as JSON")
    chosen = parser.parse_args()
    with place(chosen.home) as home:
        queries = read(chosen.benchmark, chosen.limit)
        left = unseen([query.category for query in queries]) if chosen.unseen else set()
        embedder = Remembering(chosen.threads, chosen.adapter, chosen.vectors)
        bench = Bench(home, chosen.passage, embedder)
        try:
            result = measure(queries, chosen.corpus, bench, left)
        finally:
            bench.close()
    show(result)
    if chosen.save:
        adapter = chosen.adapter.resolve().name if chosen.adapter else ""
        facts = {"date": time.strftime("%Y-%m-%d"), "machine": chosen.machine, "passage": chosen.passage}
        facts["adapter"] = adapter
        chosen.save.write_text(json.dumps(facts | result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
