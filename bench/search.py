"""How fast search is in a large house, and what it takes: one matter with many passages, and as many over many matters,
each asked alone, and all of them in one question.

    python bench/search.py --corpus DIR --benchmark FILE [--passages 100000] [--matters 200]

The documents are contracts of the corpus, over and over, with words changed so that no two are alike. They are put
straight into the places where the Library keeps them, and their vectors are made up: those of some hundred real
passages, with noise. Questions are those of
the benchmark (LegalBench-RAG form), half of them with the words that name a document, half without, and are embedded
for real. Cold are the first questions after a start, new the others when they are asked for the first time, warm all of
them once more. Wall clock and processor time are told apart: on a machine with other work to do the second is the
measure. At the end 1,000 documents are deleted, from a copy of the house where it is kept.
"""

import argparse
import json
import platform
import random
import re
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from service.access import Accounts, Walls
from service.config import Documents, Search, Settings
from service.core import Caller, Document, Filed, Passage, Role, Scope, State
from service.retrieval import Embedder, Library, filing
from service.retrieval.clauses import passages as passages_of
from service.retrieval.embed import Vectors, spoken
from service.retrieval.files import Files
from service.retrieval.generations import Generations
from service.retrieval.index import Index
from service.retrieval.loaders import document_id, load
from service.retrieval.records import Records
from service.storage import Database

CONTRACTS = 60
POOL = 300  # real vectors
READING = "bench"
NOISE = 0.03  # of each number of a vector, whose mean size is 0.05
CHANGED = 0.15  # of the words
COLD = 25  # questions
DELETED = 1000  # documents

_WORD = re.compile(r"[A-Za-z]{4,}")


class Copies:
    """Documents without end: real passages with words changed, and vectors that are made up."""

    def __init__(self, corpus: Path, embedder: Embedder) -> None:
        self._chance, self._numbers = random.Random(7), np.random.default_rng(7)
        self._read = [_document(file) for file in sorted(corpus.rglob("*.txt"))[:CONTRACTS]]
        self._words = sorted({word for document, _ in self._read for word in _WORD.findall(document.text)})
        texts = [spoken(passage) for _, passages in self._read for passage in passages]
        self._pool = embedder.embed(self._chance.sample(texts, min(POOL, len(texts))))
        self._made = 0

    def next(self, matter: str) -> tuple[Document, tuple[Passage, ...], Vectors]:
        document, passages = self._read[self._made % len(self._read)]
        self._made += 1
        title = f"{Path(document.title).stem} {self._made}.txt"
        id = document_id(matter, title)
        changed = tuple(
            replace(p, id=f"{id}.{n}", document=id, title=title, text=self._changed(p.text))
            for n, p in enumerate(passages)
        )
        text = "\n\n".join(passage.text for passage in changed)
        return (
            replace(document, id=id, matter=matter, title=title, text=text),
            changed,
            self._vectors(len(changed)),
        )

    def _changed(self, text: str) -> str:
        def other(match: re.Match[str]) -> str:
            return self._chance.choice(self._words) if self._chance.random() < CHANGED else match[0]

        return _WORD.sub(other, text)

    def _vectors(self, number: int) -> Vectors:
        made = self._pool[self._numbers.integers(0, len(self._pool), number)]
        made = made + NOISE * self._numbers.standard_normal(made.shape).astype(np.float32)
        return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)


def _document(file: Path) -> tuple[Document, tuple[Passage, ...]]:
    document = load(file.read_bytes(), file.name, "", Documents()).document
    return document, passages_of(document)


def fill(home: Path, embedder: Embedder, matters: Sequence[str], passages: int, corpus: Path) -> int:
    """Put documents in turn into these matters until there are so many passages; how many there are."""
    with closing(Database(home / "privity.db")) as database, closing(Index(home)) as index:
        records, files = Records(database), Files(home / "files")
        generation = Generations(records, embedder, (), Search().passage).wanted
        done, turn = sum(line.filed.passages for line in records.of(matters)), 0
        copies = Copies(corpus, embedder) if done < passages else None
        while copies is not None and done < passages:
            document, found, vectors = copies.next(matters[turn % len(matters)])
            files.keep(document.matter, document.id, document.text.encode())
            files.save(document, READING)
            index.put(f"{document.id}-{READING}", generation.name, document, found, vectors)
            filed = _filed(document, len(found))
            records.add(filed, "", due=False)
            records.change(filed, reading=READING)
            records.searched_by(document.matter, generation.name, generation.embedder, {})
            done, turn = done + len(found), turn + 1
            print(f"\r{done} passages", end="", file=sys.stderr)
    return done


def _filed(document: Document, passages: int) -> Filed:
    line = filing.line(document.matter, document.title, document.text.encode())
    return replace(
        line,
        id=document.id,
        family=document.id,
        state=State.READY,
        pages=1,
        passages=passages,
        characters=len(document.text),
    )


class House:
    """A library in a home of its own, and a person who may see all of it."""

    def __init__(self, home: Path, threads: int) -> None:
        self.database = Database(home / "privity.db")
        settings = Settings(home=home, search=Search(threads=threads))
        self.embedder = Embedder.configured(settings.search)
        self.library = Library(home, self.database, settings, self.embedder)
        self.walls = Walls(self.database)
        accounts = Accounts(self.database, 1)
        if not accounts.people():
            accounts.add("bench", Role.MEMBER)
        person = accounts.people()[0]
        self.caller = Caller(person.id, person.name, person.role)

    def matters(self, name: str, number: int) -> list[Scope]:
        known = {card.name: card.id for card in self.walls.cards(self.caller)}
        made = [f"{name} {n}" for n in range(number)]
        ids = [known.get(one) or self.walls.open_matter(self.caller, one).id for one in made]
        return [self.walls.scope(self.caller, [id]) for id in ids]

    def close(self) -> None:
        self.library.close()
        self.database.close()


def questions(benchmark: Path, number: int) -> list[str]:
    """Every other one without the words before its semicolon, which name the document."""
    asked = [test["query"] for test in json.loads(benchmark.read_text("utf-8"))["tests"]]
    random.Random(3).shuffle(asked)
    return [q if n % 2 else q.partition(";")[2].strip() or q for n, q in enumerate(asked[:number])]


def ask(house: House, asked: Sequence[str], scopes: Sequence[Scope]) -> list[tuple[float, float]]:
    """The milliseconds of each question by the clock and of the processor, put to the scopes in turn."""
    took = []
    for number, text in enumerate(asked):
        house.embedder.query.cache_clear()
        began, spent = time.perf_counter(), time.process_time()
        house.library.search(text, scopes[number % len(scopes)])
        took.append((1000 * (time.perf_counter() - began), 1000 * (time.process_time() - spent)))
    return took


def told(took: Sequence[tuple[float, float]]) -> dict[str, float]:
    shares = {"p50": 50, "p95": 95, "most": 100}
    wall, cpu = zip(*took, strict=True)
    return {name: round(float(np.percentile(wall, share)), 1) for name, share in shares.items()} | {
        f"cpu_{name}": round(float(np.percentile(cpu, share)), 1) for name, share in shares.items()
    }


def memory() -> int:
    """MiB of this process in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 2**20


def measure(
    home: Path, matters: tuple[str, int], together: bool, asked: Sequence[str], threads: int
) -> dict[str, Any]:
    """Search in a house that has just been opened; `together` puts each question to all the matters at once."""
    with closing(House(home, threads)) as house:
        before = memory()
        began = time.perf_counter()
        house.library.warm()
        house.library.wait()
        start = time.perf_counter() - began
        scopes = house.matters(*matters)
        if together:
            every = [matter for scope in scopes for matter in scope.matters]
            scopes = [house.walls.scope(house.caller, every)]
        cold = ask(house, asked[:COLD], scopes)
        house.library.settle()
        new = ask(house, asked[COLD:], scopes)
        warm = ask(house, asked, scopes)
        return {
            "matters": matters[1],
            "in_one_scope": len(scopes[0].matters),
            "start_seconds": round(start, 1),
            "cold_ms": told(cold),
            "new_ms": told(new),
            "warm_ms": told(warm),
            "naming_a_document_ms": told(warm[1::2]),
            "naming_none_ms": told(warm[::2]),
            "memory_before_mib": before,
            "memory_mib": memory(),
        }


def delete(home: Path, threads: int) -> dict[str, Any]:
    with copied(home) as here, closing(House(here, threads)) as house:
        house.library.wait()
        (scope,) = house.matters("one", 1)
        (matter,) = scope.matters
        ids = [filed.id for filed in house.library.documents(scope, matter)][:DELETED]
        before = sum(filed.passages for filed in house.library.documents(scope, matter))
        began, spent = time.perf_counter(), time.process_time()
        gone = house.library.remove_many(ids, scope)
        seconds, cpu = time.perf_counter() - began, time.process_time() - spent
        after = sum(filed.passages for filed in house.library.documents(scope, matter))
        house.library.check()
        return {
            "documents": gone,
            "passages": before - after,
            "seconds": round(seconds, 2),
            "cpu_seconds": round(cpu, 2),
        }


@contextmanager
def copied(home: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="privity-bench-") as folder:
        yield Path(shutil.copytree(home, Path(folder) / "home"))


@contextmanager
def place(home: Path | None) -> Iterator[Path]:
    if home is not None:
        yield home.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="privity-bench-") as folder:
        yield Path(folder)


def run(chosen: argparse.Namespace, home: Path) -> dict[str, Any]:
    asked = questions(chosen.benchmark, chosen.questions)
    groups = [("one", 1), *([("of many", chosen.matters)] if chosen.matters else [])]
    result: dict[str, Any] = {"questions": len(asked), "threads": chosen.threads}
    for name, number in groups:
        with closing(House(home, chosen.threads)) as house:
            matters = [matter for scope in house.matters(name, number) for matter in scope.matters]
        embedder = Embedder.configured(Search(threads=chosen.threads))
        passages = fill(home, embedder, matters, chosen.passages, chosen.corpus)
        for together in (False, True)[:number]:
            title = "all at once" if together else name
            result[title] = {"passages": passages}
            result[title] |= measure(home, (name, number), together, asked, chosen.threads)
    if chosen.delete:
        result["deleted"] = delete(home, chosen.threads)
    return result


KINDS = ("cold_ms", "new_ms", "warm_ms", "naming_a_document_ms", "naming_none_ms")


def show(result: dict[str, Any]) -> None:
    columns = ("p50", "p95", "most", "cpu_p50", "cpu_p95", "cpu_most")
    print(f"{'':<32}" + "".join(f"{one:>10}" for one in columns) + f"   ms, {result['questions']} questions")
    for name in ("one", "of many", "all at once"):
        if name not in result:
            continue
        for kind in KINDS:
            row = result[name][kind]
            print(f"{name + ' ' + kind[:-3]:<32}" + "".join(f"{row[one]:>10}" for one in columns))
        print(f"{result[name]['passages']} passages, {result[name]['memory_mib']} MiB in memory")
    if "deleted" in result:
        print("deleted: " + ", ".join(f"{name} {value}" for name, value in result["deleted"].items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--corpus", type=Path, required=True, help="folder of contracts as .txt")
    parser.add_argument("--benchmark", type=Path, required=True, help="JSON file of the LegalBench-RAG form")
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--matters", type=int, default=200, help="0 leaves the many matters out")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of the embedder")
    parser.add_argument("--home", type=Path, help="keep the house here and take it up again")
    parser.add_argument("--delete", action="store_true", help=f"then delete {DELETED} documents")
    parser.add_argument("--machine", default=platform.machine(), help="words that name this machine")
    parser.add_argument("--save", type=Path, help="write the result here as JSON")
    chosen = parser.parse_args()
    with place(chosen.home) as home:
        result = run(chosen, home)
    show(result)
    if chosen.save:
        facts = {"date": time.strftime("%Y-%m-%d"), "machine": chosen.machine}
        chosen.save.write_text(json.dumps(facts | result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
