"""How fast search is in a large house, and what it takes: one matter with many passages, and as many over many matters,
each asked alone, and all of them in one question; and what deleting takes and leaves.

    python bench/search.py --corpus DIR --benchmark FILE [--passages 100000] [--matters 200] [--parts one deleted]

The documents are contracts of the corpus, over and over, with words changed so that no two are alike. They are put
straight into the places where the Library keeps them, and their vectors are made up: those of some hundred real
passages, with noise. Questions are those of
the benchmark (LegalBench-RAG form), half of them with the words that name a document, half without, and are embedded
for real. First are the first questions after a start, new the others when they are asked for the first time, warm all
of them once more. Wall clock and processor time are told apart: on a machine with other work to do the second is the
measure. At the end 1,000 documents of 1,400 short ones are deleted, once the graph of neighbours has them all, and
every file of the house is searched for their words and vectors.
"""

import argparse
import json
import platform
import random
import re
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
from service.retrieval.heads import clause_head
from service.retrieval.index import Index
from service.retrieval.labelling import NOBODY
from service.retrieval.loaders import document_id, load
from service.retrieval.records import Records
from service.storage import Database

CONTRACTS = 60
POOL = 300  # real vectors
READING = "bench"
NOISE = 0.03  # of each number of a vector, whose mean size is 0.05
CHANGED = 0.15  # of the words
FIRST = 25  # questions
KEPT, DELETED = 400, 1000  # documents, of
SHORT = 12  # passages
PARTS = ("one", "of many", "all at once", "deleted")

_WORD = re.compile(r"[A-Za-z]{4,}")


class Copies:
    """Documents without end: real passages with words changed, and vectors that are made up. A document's first passage
    holds a word that no other has."""

    def __init__(self, corpus: Path, embedder: Embedder, made: int, most: int | None = None) -> None:
        """`made` have been made before; `most` limits a document's passages."""
        self._chance, self._numbers = random.Random(made), np.random.default_rng(made)
        self._read = [_document(file) for file in sorted(corpus.rglob("*.txt"))[:CONTRACTS]]
        self._words = sorted({word for document, _ in self._read for word in _WORD.findall(document.text)})
        texts = [spoken(passage) for _, passages in self._read for passage in passages]
        self._pool = embedder.embed(self._chance.sample(texts, min(POOL, len(texts))))
        self._made, self._most = made, most

    def next(self, matter: str) -> tuple[Document, tuple[Passage, ...], Vectors]:
        document, passages = self._read[self._made % len(self._read)]
        self._made += 1
        title = f"{Path(document.title).stem} {self._made}.txt"
        id = document_id(matter, title)
        changed = tuple(
            replace(p, id=f"{id}.{n}", document=id, title=title, text=self._changed(p.text))
            for n, p in enumerate(passages[: self._most])
        )
        changed = (replace(changed[0], text=f"{changed[0].text} {mark(id)}"), *changed[1:])
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


def mark(document: str) -> str:
    return f"only{document[1:]}"


def _document(file: Path) -> tuple[Document, tuple[Passage, ...]]:
    document = load(file.read_bytes(), file.name, "", Documents()).document
    return document, passages_of(document)


def fill(
    home: Path,
    embedder: Embedder,
    matters: Sequence[str],
    passages: int,
    corpus: Path,
    most: int | None = None,
) -> int:
    """Put documents in turn into these matters until there are so many passages; how many there are."""
    with closing(Database(home / "privity.db")) as database, closing(Index(home)) as index:
        records, files = Records(database), Files(home / "files")
        head = clause_head(embedder, Settings())[0]
        labelled = head.digest if head else NOBODY  # or the house would label while we measure
        generation = Generations(records, embedder, (), Search().passage).wanted
        here = records.of(matters)
        done, turn = sum(line.filed.passages for line in here), len(here)
        copies = Copies(corpus, embedder, len(here), most) if done < passages else None
        while copies is not None and done < passages:
            document, found, vectors = copies.next(matters[turn % len(matters)])
            files.keep(document.matter, document.id, document.text.encode())
            files.save(document, READING)
            index.put(f"{document.id}-{READING}", generation.name, document, found, vectors, labelled)
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
    """MiB of this process in memory now that are no pages of files, which the system may take back."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) // 1024


def measure(
    home: Path, matters: tuple[str, int], together: bool, asked: Sequence[str], threads: int
) -> dict[str, Any]:
    """Search in a house that has just been opened; `together` puts each question to all the matters at once."""
    with closing(House(home, threads)) as house:
        house.embedder.embed(["The rent is 900 pounds."])
        before, began = memory(), time.perf_counter()
        house.library.warm()
        start = time.perf_counter() - began
        scopes = house.matters(*matters)
        if together:
            every = [matter for scope in scopes for matter in scope.matters]
            scopes = [house.walls.scope(house.caller, every)]
        first = ask(house, asked[:FIRST], scopes)
        new = ask(house, asked[FIRST:], scopes)
        warm = ask(house, asked, scopes)
        return {
            "matters": matters[1],
            "in_one_scope": len(scopes[0].matters),
            "loading_seconds": round(start, 2),
            "first_ms": told(first),
            "new_ms": told(new),
            "warm_ms": told(warm),
            "naming_a_document_ms": told(warm[1::2]),
            "naming_none_ms": told(warm[::2]),
            "memory_before_mib": before,
            "memory_mib": memory(),
            "vectors_mib": house.library.memory[0] // 2**20,
            "postings_mib": house.library.memory[1] // 2**20,
        }


def delete(home: Path, threads: int) -> dict[str, Any]:
    """Delete most of a matter's documents, and look for them in all files before and after."""
    with closing(House(home, threads)) as house:
        (scope,) = house.matters("short", 1)
        (matter,) = scope.matters
        house.library.wait()
        began = time.perf_counter()
        while house.library.drawing:
            time.sleep(0.1)
        drawn = time.perf_counter() - began
        documents = house.library.documents(scope, matter)
        ids = [filed.id for filed in documents][:DELETED]
        traces = _traces(house.library, ids, scope)
        before = found(home, traces)
        began, spent = time.perf_counter(), time.process_time()
        gone = house.library.remove_many(ids, scope)
        seconds, cpu = time.perf_counter() - began, time.process_time() - spent
        after = found(home, traces)
        house.library.check()
        return {
            "documents": gone,
            "of": len(documents),
            "passages": sum(filed.passages for filed in documents[:DELETED]),
            "graph_drawn_in_seconds": round(drawn, 1),
            "seconds": round(seconds, 2),
            "cpu_seconds": round(cpu, 2),
            "words_and_vectors_looked_for": len(traces),
            "found_before": before,
            "found_after": after,
        }


def _traces(library: Library, ids: Sequence[str], scope: Scope) -> list[bytes]:
    """Of every document its own word, and a piece of the vector of its first passage."""
    (matter,) = scope.matters
    words = library._index.words(matter, library._generations.live(matter).name)
    vectors = {key.rpartition("-")[0]: found[0] for key, found in words.vectors()}
    return [piece for id in ids for piece in (mark(id).encode(), vectors[id][:3].tobytes())]


def found(home: Path, traces: Sequence[bytes]) -> dict[str, int]:
    """How many of these traces stand in the files of each folder of the house."""
    seen: dict[str, set[bytes]] = {}
    for file in (file for file in home.rglob("*") if file.is_file()):
        folder = file.relative_to(home).parts[0]
        seen.setdefault(folder, set()).update(_there(file.read_bytes(), set(traces)))
    return {folder: len(some) for folder, some in sorted(seen.items())}


def _there(data: bytes, traces: set[bytes]) -> set[bytes]:
    """Which of them stand in the data: all in one pass by their first four bytes, for a pass for each takes minutes."""
    heads = np.unique(np.frombuffer(b"".join(trace[:4] for trace in traces), np.uint32))
    sizes, seen = {len(trace) for trace in traces}, set[bytes]()
    for first in range(min(4, len(data) - 3)):
        words = np.frombuffer(data, np.uint32, (len(data) - first) // 4, first)
        near = heads[np.minimum(heads.searchsorted(words), len(heads) - 1)] == words
        for at in (4 * np.flatnonzero(near) + first).tolist():
            seen |= traces & {data[at : at + size] for size in sizes}
    return seen


@contextmanager
def place(home: Path | None) -> Iterator[Path]:
    if home is not None:
        yield home.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="privity-bench-") as folder:
        yield Path(folder)


def measured(
    part: str, home: Path, embedder: Embedder, asked: Sequence[str], chosen: argparse.Namespace
) -> dict[str, Any]:
    name = {"all at once": "of many", "deleted": "short"}.get(part, part)
    number = chosen.matters if name == "of many" else 1
    most, passages = (SHORT, SHORT * (KEPT + DELETED)) if name == "short" else (None, chosen.passages)
    with closing(House(home, chosen.threads)) as house:
        matters = [matter for scope in house.matters(name, number) for matter in scope.matters]
    filled = fill(home, embedder, matters, passages, chosen.corpus, most)
    if part == "deleted":
        return delete(home, chosen.threads)
    return {"passages": filled} | measure(home, (name, number), part == "all at once", asked, chosen.threads)


def run(chosen: argparse.Namespace, home: Path) -> dict[str, Any]:
    asked = questions(chosen.benchmark, chosen.questions)
    result: dict[str, Any] = {"questions": len(asked), "threads": chosen.threads}
    embedder = Embedder.configured(Search(threads=chosen.threads))
    for part in chosen.parts:
        with place(None if part == "deleted" else home) as here:
            result[part] = measured(part, here, embedder, asked, chosen)
    return result


KINDS = ("first_ms", "new_ms", "warm_ms", "naming_a_document_ms", "naming_none_ms")


def show(result: dict[str, Any]) -> None:
    columns = ("p50", "p95", "most", "cpu_p50", "cpu_p95", "cpu_most")
    print(f"{'':<32}" + "".join(f"{one:>10}" for one in columns) + f"   ms, {result['questions']} questions")
    for name in (part for part in PARTS[:3] if part in result):
        for kind in KINDS:
            row = result[name][kind]
            print(f"{name + ' ' + kind[:-3]:<32}" + "".join(f"{row[one]:>10}" for one in columns))
        row = result[name]
        print(
            f"{row['passages']} passages, {row['memory_mib']} MiB in memory, {row['memory_before_mib']} before;"
        )
        print(
            f"vectors {row['vectors_mib']}, postings {row['postings_mib']}; loaded in {row['loading_seconds']} s"
        )
    if "deleted" in result:
        print("deleted: " + ", ".join(f"{name} {value}" for name, value in result["deleted"].items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--corpus", type=Path, required=True, help="folder of contracts as .txt")
    parser.add_argument("--benchmark", type=Path, required=True, help="JSON file of the LegalBench-RAG form")
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--matters", type=int, default=200)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="measure only these")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of the embedder")
    parser.add_argument("--home", type=Path, help="keep the house here and take it up again")
    parser.add_argument("--machine", default=platform.machine(), help="words that name this machine")
    parser.add_argument("--save", type=Path, help="write the result here as JSON, into what is there")
    chosen = parser.parse_args()
    with place(chosen.home) as home:
        result = run(chosen, home)
    show(result)
    if chosen.save:
        facts = {"date": time.strftime("%Y-%m-%d"), "machine": chosen.machine}
        earlier = json.loads(chosen.save.read_text()) if chosen.save.exists() else {}
        chosen.save.write_text(json.dumps(earlier | facts | result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
