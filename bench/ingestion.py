"""Taking documents in against the bare embedder, on the same core in the same run, in passages per second.

    python bench/ingestion.py --corpus DIR [--documents 12]

Each document goes through the real Library alone, from its bytes until it can be searched; then its passages go
through the embedder alone, all in one call. The two take turns, so that a neighbour on the machine slows both.
"""

import argparse
import json
import platform
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from service.access import Accounts, Walls
from service.config import Documents, Search, Settings
from service.core import Caller, Role
from service.retrieval import Embedder, Library
from service.retrieval.clauses import passages
from service.retrieval.embed import spoken
from service.retrieval.loaders import load
from service.storage import Database


def measure(home: Path, files: list[Path], threads: int) -> dict[str, Any]:
    settings = Settings(home=home, search=Search(threads=threads))
    embedder = Embedder(threads)
    embedder.warm()
    embedder.embed(["The rent is 900 pounds."] * 16)
    with closing(Database(home / "privity.db")) as database:
        accounts = Accounts(database, 1)
        accounts.add("bench", Role.MEMBER)
        person, walls = accounts.people()[0], Walls(database)
        caller = Caller(person.id, person.name, person.role)
        matter = walls.open_matter(caller, "bench").id
        scope = walls.scope(caller, [matter])
        number, took, alone = 0, 0.0, 0.0
        cpu, cpu_alone = 0.0, 0.0
        with closing(Library(home, database, settings, embedder)) as library:
            library.add(b"1. Rent. The rent is 900 pounds.", "first.txt", scope, matter)  # opens the index
            library.wait()
            for file in files:
                began, spent = time.perf_counter(), time.process_time()
                library.add(file, file.name, scope, matter)
                library.wait()
                took, cpu = took + time.perf_counter() - began, cpu + time.process_time() - spent
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
        "threads": threads,
        "passages_per_second": round(number / took, 1),
        "embedder_alone": round(number / alone, 1),
        "share": round(alone / took, 3),
        "share_of_processor_time": round(cpu_alone / cpu, 3),
    }


def spoken_of(file: Path) -> list[str]:
    document = load(file.read_bytes(), file.name, "", Documents()).document
    return [spoken(passage) for passage in passages(document)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--corpus", type=Path, required=True, help="folder of documents as .txt")
    parser.add_argument("--documents", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of the embedder")
    parser.add_argument("--machine", default=platform.machine(), help="words that name this machine")
    parser.add_argument("--save", type=Path, help="write the result here as JSON")
    chosen = parser.parse_args()
    files = sorted(chosen.corpus.rglob("*.txt"))[: chosen.documents]
    with tempfile.TemporaryDirectory(prefix="privity-bench-") as folder:
        result = measure(Path(folder), files, chosen.threads)
    for name, value in result.items():
        print(f"{name.replace('_', ' '):<26} {value:>10}")
    if chosen.save:
        facts = {"date": time.strftime("%Y-%m-%d"), "machine": chosen.machine}
        chosen.save.write_text(json.dumps(facts | result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
