"""What each piece of the search gives, one added after another, on a benchmark of the LegalBench-RAG form.

    python bench/ablation.py --benchmark cuad_dev.json --corpus corpus --adapter DIR --unseen-adapter DIR
        [--vectors DIR] [--save FILE]

The columns are those of retrieval.py: all questions, in one index; the same without the contract's name, in matters of
20; and by themselves the questions of the categories that `train_embedder.py --unseen` leaves out. These are asked
of `--unseen-adapter` wherever the row has an adapter. The rows rank by the service's own functions over exact cosines,
without its threshold; `--vectors` keeps the passages' vectors.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from retrieval import GROUP, Query, Remembering, Tally, read
from train_embedder import unseen

from service.config import Documents
from service.core import Document, Passage
from service.retrieval.clauses import passages
from service.retrieval.embed import spoken
from service.retrieval.likeness import Profile
from service.retrieval.loaders import load
from service.retrieval.rank import Card, contents, fuse, glued, grams, named, names, profile, terms
from service.retrieval.words import Words

CONTENTS = 0.5
SHOWN = ("precision 1", "precision 8", "recall 8", "recall 64")


@dataclass(frozen=True)
class Row:
    """A way to search: the pieces that it has."""

    name: str
    first: bool = True  # the document first
    out: bool = True  # its name taken out of the question
    words: bool = True  # BM25 beside cosines
    clauses: bool = True  # clause passages, with their headings; else windows of as many characters
    title: bool = False  # the document's title embedded with each passage
    trained: bool = False


ROWS = (
    Row("windows, cosines", first=False, out=False, words=False, clauses=False),
    Row("+ document first", out=False, words=False, clauses=False),
    Row("+ name taken out", words=False, clauses=False),
    Row("+ BM25", clauses=False),
    Row("+ clause passages, headings", clauses=True),
    Row("  (with the title as well)", title=True),
    Row("+ LoRA", trained=True),
    Row("  (LoRA without BM25)", words=False, trained=True),
)


class Shelf:
    """The passages of some documents, as words."""

    def __init__(
        self, file: Path, documents: Sequence[Document], cut: dict[str, tuple[Passage, ...]]
    ) -> None:
        self.words = Words(file)
        self.passages = {p.id: p for d in documents for p in cut[d.id]}
        self.ids = {d.id: [p.id for p in cut[d.id]] for d in documents}
        self.cards = {d.id: Card(glued(d.title), names(d.title, d.text)) for d in documents}
        for d in documents:
            like = Profile.of(profile(d.title, d.text).split())
            self.words.put(d.id, d.title, self.cards[d.id].words, like, cut[d.id])

    def find(self, row: Row, text: str, embedder: "Kept") -> list[Passage]:
        """The best 64 passages for a question."""
        scores = self.words.profiles(grams(text), limit=len(self.ids))
        asked = named(text, scores, self.cards, self.words.common)
        chosen = sorted(asked.documents) if row.first and asked.documents else None
        text = asked.text if row.out else text
        ids = [id for document in chosen or self.ids for id in self.ids[document]]
        cosines = dict(zip(ids, (embedder.rows(ids, row) @ embedder.query(text)).tolist(), strict=True))
        found = self.words.passages(terms(text), chosen, 256) if row.words else {}
        ranked = [(score - self._contents(id), id) for id, score in fuse(cosines, found)[:80]]
        return [self.passages[id] for _, id in sorted(ranked, key=lambda item: (-item[0], item[1]))[:64]]

    def _contents(self, id: str) -> float:
        return CONTENTS if contents(self.passages[id].text) else 0.0


class Kept:
    """The vectors of passages, as a row says them."""

    def __init__(self, adapter: Path | None, folder: Path | None) -> None:
        self._embedder = Remembering(1, adapter, folder)
        self._rows: dict[tuple[str, bool], Any] = {}
        self.query = self._embedder.query

    def take(self, all_passages: Sequence[Passage], row: Row) -> None:
        new = [p for p in all_passages if (p.id, row.title) not in self._rows]
        for at in range(0, len(new), 512):
            some = new[at : at + 512]
            found = self._embedder.embed([_said(p, row) for p in some])
            self._rows |= {(p.id, row.title): v for p, v in zip(some, found, strict=True)}
        self._embedder.keep()

    def rows(self, ids: Sequence[str], row: Row) -> Any:
        return np.stack([self._rows[id, row.title] for id in ids])


def _said(passage: Passage, row: Row) -> str:
    if not row.clauses:
        return passage.text
    return (
        f"{Path(passage.title).stem.replace('_', ' ')}. {spoken(passage)}" if row.title else spoken(passage)
    )


def windows(document: Document, size: int) -> tuple[Passage, ...]:
    text = document.text
    return tuple(
        Passage(
            f"{document.id}.w{at}",
            document.id,
            document.title,
            at,
            min(at + size, len(text)),
            text[at : at + size],
        )
        for at in range(0, len(text), size)
        if text[at : at + size].strip()
    )


def opened(corpus: Path, files: Sequence[str]) -> Iterator[Document]:
    for file in files:
        yield load((corpus / file).read_bytes(), Path(file).name, "", Documents()).document


class Ablation:
    def __init__(self, queries: Sequence[Query], corpus: Path, size: int, folder: Path) -> None:
        self._queries = queries
        self._left = unseen([query.category for query in queries])
        files = sorted({file for query in queries for file, _, _ in query.gold})
        documents = list(opened(corpus, files))
        self._id = {file: document.id for file, document in zip(files, documents, strict=True)}
        self._whole: dict[bool, Shelf] = {}
        self._small: dict[bool, dict[str, Shelf]] = {True: {}, False: {}}
        for clauses in (True, False):
            cut = {d.id: passages(d, size) if clauses else windows(d, size) for d in documents}
            self._whole[clauses] = Shelf(folder / f"whole-{clauses}.db", documents, cut)
            for at in range(0, len(documents), GROUP):
                group = documents[at : at + GROUP]
                shelf = Shelf(folder / f"{at}-{clauses}.db", group, cut)
                self._small[clauses] |= {d.id: shelf for d in group}

    def measure(self, row: Row, embedder: Kept, other: Kept) -> dict[str, Any]:
        """A row's figures; `other` embeds for the questions of the unseen categories."""
        whole = self._whole[row.clauses]
        full, small, new = Tally(), Tally(), Tally()
        embedder.take(list(whole.passages.values()), row)
        other.take(list(whole.passages.values()), row)
        for query in self._queries:
            gold = [(self._id[file], start, end) for file, start, end in query.gold]
            full.count(whole.find(row, query.text, embedder), gold)
            small.count(self._small[row.clauses][gold[0][0]].find(row, query.stripped, embedder), gold)
            if query.category in self._left:
                new.count(whole.find(row, query.text, other), gold)
        return {"row": row.name, "all": _short(full), "unseen": _short(new), "stripped": _short(small)}


def _short(tally: Tally) -> dict[str, float]:
    found = tally.report()
    figures = {name: found[name.split()[0]][name.split()[1]] for name in SHOWN}
    return figures | {"wrong documents 8": found["drm8"]}


def show(found: Sequence[dict[str, Any]]) -> None:
    print(f"{'':28} {'all: P@1':>8} {'P@8':>6} {'R@8':>6} {'R@64':>6} {'wrong':>6}", end=" | ")
    print(f"{'unseen: P@1':>11} {'R@8':>6} {'R@64':>6} | {'stripped: R@8':>13} {'R@64':>6}")
    for row in found:
        every, new, small = row["all"], row["unseen"], row["stripped"]
        print(f"{row['row']:28} {every['precision 1']:8.1%} {every['precision 8']:6.1%}", end=" ")
        print(
            f"{every['recall 8']:6.1%} {every['recall 64']:6.1%} {every['wrong documents 8']:6.1%}", end=" | "
        )
        print(f"{new['precision 1']:11.1%} {new['recall 8']:6.1%} {new['recall 64']:6.1%}", end=" | ")
        print(f"{small['recall 8']:13.1%} {small['recall 64']:6.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--benchmark", type=Path, required=True, help="JSON file of the LegalBench-RAG form")
    parser.add_argument("--corpus", type=Path, required=True, help="folder that its file paths start from")
    parser.add_argument("--adapter", type=Path, required=True, help="the adapter trained on all categories")
    parser.add_argument("--unseen-adapter", type=Path, required=True, help="the one trained with --unseen")
    parser.add_argument("--passage", type=int, default=400, help="characters a passage aims at")
    parser.add_argument("--vectors", type=Path, help="keep vectors in this folder")
    parser.add_argument("--save", type=Path, help="write the result here as JSON")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="privity-bench-") as home:
        ablation = Ablation(read(chosen.benchmark, None), chosen.corpus, chosen.passage, Path(home))
        bare = Kept(None, chosen.vectors)
        trained, new = Kept(chosen.adapter, chosen.vectors), Kept(chosen.unseen_adapter, chosen.vectors)
        found = [ablation.measure(row, *((trained, new) if row.trained else (bare, bare))) for row in ROWS]
    show(found)
    result = {"passage": chosen.passage, "rows": found}
    if chosen.save:
        chosen.save.write_text(json.dumps({"date": time.strftime("%Y-%m-%d")} | result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
