"""Fit what tells types of clause, in either of its forms.

    python bench/train_clause_types.py --data DATA --start adapters/contract-search --out adapters/clause-types
    python bench/train_clause_types.py --data DATA --adapter adapters/contract-search --out DIR

With `--start`, a LoRA of its own that goes on from another one: trained by the project's trainer (`kind: classify`),
half an hour and more on a core, or with `--trained` taken from what a run has left. Hashed words are then weighed in
beside it. With `--adapter`, a head over the vectors of that embedder and over hashed words: four minutes, anew
whenever the embedder changes.

Learned from the *train* splits alone: annotated clauses (clause_cls/train*.jsonl), and the passages of some training
contracts as ingestion cuts them, most of which are of no type (cuad/train.jsonl says which are not). The thresholds
are found on contracts of which nothing was learned till then, neither here nor by contract-search; after that the
linear weights are fitted once more, on all. The last line is JSON: the
scores on the *dev* splits, which no weight or threshold is fitted on.

The linear part's loss is cross entropy with a clause's types sharing its mass, rare types weighing more, and L2; it is
convex, so that L-BFGS finds the same weights each time.
"""

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from service.config import Documents
from service.retrieval import lora
from service.retrieval.clause_types import Head, hashed, weighed
from service.retrieval.clauses import passages
from service.retrieval.embed import NAME, WIDTH, Embedder, Vectors, model_folder, spoken
from service.retrieval.heads import FACTS, WEIGHTS, read
from service.retrieval.loaders import load
from service.training import classifier
from service.training.folder import JobFolder, Spec
from service.training.recipe import Recipe
from service.training.rendering import Labelled
from service.training.trackers import Following
from service.training.watch import Watch

Array = NDArray[np.float32]

NONE = "None"
BUCKETS, SEEN = 2**14, 3  # places of hashed words; in how many texts a word must stand
SIZE = 400  # characters a passage aims at
LEARNED, HELD_OUT = 24, 22  # contracts whose passages are learned from, and that thresholds are fitted on
QUIET = 0.25  # the weight of a passage of no type
RARE = 0.5  # the power of a type's rarity that its rows are weighed by
PULL_WORDS, PULL_VECTORS, STEPS = 3e-7, 3e-6, 60
ALONE = 1e-6  # the pull where words stand alone
RECIPE = Recipe(
    rate=1e-3, epochs=4, batch=32, length=256, schedule="linear", warmup=0.05, frozen=0.5, held_out_rows=2000, checks=1,
    patience=0,
)  # fmt: skip
LORA = 0.6  # what the LoRA's word counts for beside the words'
OWN = 10  # clauses that a threshold of one's own needs
FEW = 5  # clauses of a type whose score is worth averaging
GRID = np.arange(0.1, 0.91, 0.05)
NAMES = {
    "Rofr/Rofo/Rofn": "Right of first refusal, offer or negotiation",
    "Unlimited/All-You-Can-Eat-License": "Unlimited license",
    "Ip Ownership Assignment": "IP ownership assignment",
    "Joint Ip Ownership": "Joint IP ownership",
    "No-Solicit Of Customers": "No solicitation of customers",
    "No-Solicit Of Employees": "No solicitation of employees",
}


@dataclass(frozen=True)
class Rows:
    """Texts with their vectors, the share of each type in each, and what each weighs. The last column is none."""

    texts: list[str]
    vectors: Vectors
    shares: Array
    weights: Array

    def __add__(self, other: "Rows") -> "Rows":
        return Rows(
            self.texts + other.texts,
            np.concatenate([self.vectors, other.vectors]),
            np.concatenate([self.shares, other.shares]),
            np.concatenate([self.weights, other.weights]),
        )

    def only(self, texts: Collection[str]) -> "Rows":
        """Those of these texts."""
        kept = [at for at, text in enumerate(self.texts) if text in texts]
        return Rows(
            [self.texts[at] for at in kept], self.vectors[kept], self.shares[kept], self.weights[kept]
        )


def named(label: str) -> str:
    """A label of the data as a lawyer would write it: "Cap On Liability" as "Cap on liability"."""
    return NAMES.get(label) or label[0] + label[1:].lower()


def lines(file: Path) -> Iterator[dict[str, Any]]:
    for line in file.read_text("utf-8").splitlines():
        yield json.loads(line)


def labelled(data: Path, split: str, hidden: Collection[str] = ()) -> dict[str, list[str]]:
    """Each clause of a split with its labels, from both files; none that stands in a hidden document."""
    found: dict[str, list[str]] = {}
    out: set[str] = set()
    for name in (f"{split}.jsonl", f"{split}_multilabel.jsonl"):
        for row in lines(data / "clause_cls" / name):
            found[row["text"]] = row.get("labels") or [row["label"]]
            if row["doc"] in hidden:
                out.add(row["text"])
    return {text: some for text, some in found.items() if text not in out}


def shares(labels: Sequence[Sequence[str]], types: Sequence[str]) -> Array:
    at = {label: column for column, label in enumerate(types)}
    found = np.zeros((len(labels), len(types) + 1), np.float32)
    for row, some in zip(found, labels, strict=True):
        row[[at.get(label, len(types)) for label in some] or [-1]] = 1
    return np.asarray(found / found.sum(axis=1, keepdims=True), np.float32)


def rows(embedder: Embedder, texts: list[str], labels: Sequence[Sequence[str]], types: Sequence[str]) -> Rows:
    order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
    vectors = np.zeros((len(texts), WIDTH), np.float32)
    for first in range(0, len(order), 64):
        some = order[first : first + 64]
        vectors[some] = embedder.embed([texts[at] for at in some])
    return Rows(texts, vectors, shares(labels, types), np.ones(len(texts), np.float32))


def unread(texts: list[str], labels: Sequence[Sequence[str]], types: Sequence[str]) -> Rows:
    """The same without vectors, for what is told by words alone."""
    nothing = np.zeros((len(texts), 1), np.float32)
    return Rows(texts, nothing, shares(labels, types), np.ones(len(texts), np.float32))


def quiet(whole: Rows) -> Rows:
    """A passage of no type weighs less: there are many."""
    return replace(whole, weights=np.where(whole.shares[:, -1] == 1, QUIET, 1).astype(np.float32))


def contracts(
    data: Path, split: str, files: Sequence[str], types: Sequence[str]
) -> tuple[list[str], list[list[str]]]:
    """The passages of these contracts as the embedder is given them, and the types that each holds a good part of."""
    spans: dict[str, set[tuple[int, int, str]]] = defaultdict(set)
    for row in lines(data / f"cuad/{split}.jsonl"):
        if row["category"] in types:
            spans[row["doc"]] |= {(a["start"], a["end"], row["category"]) for a in row["answers"]}
    texts: list[str] = []
    labels: list[list[str]] = []
    for file in files:
        document = load((data / "corpus" / file).read_bytes(), Path(file).name, "", Documents()).document
        for p in passages(document, SIZE):
            held = {
                category
                for start, end, category in spans[file]
                if min(p.end, end) - max(p.start, start) >= min(100, (end - start) / 2)
            }
            texts.append(spoken(p))
            labels.append(sorted(held))
    return texts, labels


def sparse(texts: Sequence[str], idf: Array) -> Any:
    """The texts' weighed words as a sparse matrix of torch, shape (texts, buckets)."""
    import torch

    found = [weighed(text, idf) for text in texts]
    places = torch.tensor(np.concatenate([at for at, _ in found]))
    ends = torch.tensor(np.cumsum([0, *(len(at) for at, _ in found)]))
    weights = torch.tensor(np.concatenate([weight for _, weight in found]))
    return torch.sparse_csr_tensor(ends, places, weights, (len(texts), len(idf)), check_invariants=False)


def idf_of(texts: Sequence[str]) -> Array:
    counts = np.zeros(BUCKETS)
    for text in texts:
        counts[hashed(text, BUCKETS)] += 1
    return np.where(counts >= SEEN, np.log(len(texts) / np.maximum(counts, 1)) + 1, 0).astype(np.float32)


def fit(learned: Rows, pull_words: float = PULL_WORDS) -> dict[str, Array]:
    """The weights that the rows are likeliest under."""
    import torch

    idf = idf_of(learned.texts)
    words, vectors = sparse(learned.texts, idf), torch.tensor(learned.vectors)
    across, wanted = words.t().to_sparse_csr(), torch.tensor(learned.shares)
    rarity = (learned.shares * weight_of(learned)).sum(axis=1) * learned.weights
    weights = torch.tensor(rarity / rarity.sum())[:, None]
    columns = wanted.shape[1]
    w, v, b = (torch.zeros(size, columns) for size in (BUCKETS, vectors.shape[1], 1))
    search = torch.optim.LBFGS([w, v, b], max_iter=STEPS, history_size=8, line_search_fn="strong_wolfe")

    def closure() -> Any:
        said = torch.log_softmax(words @ w + vectors @ v + b, 1)
        slope = weights * (said.exp() - wanted)
        w.grad, v.grad = across @ slope + 2 * pull_words * w, vectors.T @ slope + 2 * PULL_VECTORS * v
        b.grad = slope.sum(0, keepdim=True)
        return -(weights * wanted * said).sum() + pull_words * (w**2).sum() + PULL_VECTORS * (v**2).sum()

    search.step(closure)  # type: ignore[no-untyped-call]
    return {"vectors": v.numpy(), "words": w.numpy(), "idf": idf, "bias": b[0].numpy()}


def weight_of(learned: Rows) -> Array:
    """What a row of each type weighs: more where there are few."""
    counts = (learned.shares * learned.weights[:, None]).sum(axis=0)
    return np.asarray((counts.max() / np.maximum(counts, 1)) ** RARE, np.float32)


def thresholds(found: Array, wanted: NDArray[np.bool_]) -> Array:
    """For each type the share from which on it is told with the best F1; where there are few of it, the one that is
    best for all types together."""
    pooled = [f1((found >= t).reshape(-1, 1), wanted.reshape(-1, 1))[0] for t in GRID]
    best = GRID[np.array([f1(found >= t, wanted) for t in GRID]).argmax(axis=0)]
    limits: Array = np.where(wanted.sum(axis=0) < OWN, GRID[np.argmax(pooled)], best).astype(np.float32)
    return limits


def f1(told: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Of each column."""
    right = (told & wanted).sum(axis=0)
    return np.asarray(2 * right / np.maximum(1, told.sum(axis=0) + wanted.sum(axis=0)))


def save(folder: Path, weights: dict[str, Array], types: Sequence[str], limits: Array, embedder: str) -> Head:
    """Write the head, its facts last, and read it back as the service will. `embedder` "" is a LoRA in the folder."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    (folder / FACTS).unlink(missing_ok=True)
    save_file({name: array.astype(np.float16) for name, array in weights.items()}, folder / WEIGHTS)
    (folder / WEIGHTS).chmod(0o644)
    least = [round(float(at), 3) for at in limits]
    listed = [{"type": named(t), "threshold": at} for t, at in zip(types, least, strict=True)]
    facts: dict[str, Any] = {"embedder": embedder, "types": listed}
    if not embedder:
        labels = [*map(named, types), NONE]
        read_as = {"over": "embedder", "pooling": "mean", "length": RECIPE.length}
        facts = {"labels": labels, "thresholds": [*least, 0.5], **read_as}
    (folder / FACTS).write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    return read(folder)


def trained(data: Path, hidden: Collection[str], start: Path, job: Path) -> Path:
    """The folder that the project's trainer leaves: LoRA and head, examined on the hidden documents' clauses."""
    folder = JobFolder(job)
    clauses = {text: sorted(some) for text, some in labelled(data, "train", hidden).items()}
    folder.write_rows("train", (_row(text, label) for text, some in clauses.items() for label in some))
    single = (row for row in lines(data / "clause_cls/train.jsonl") if row["doc"] in hidden)
    folder.write_rows("held_out", (_row(row["text"], row["label"]) for row in single))
    spec = Spec(
        1, "clause-types", "classify", RECIPE, str(model_folder()), NAME, "embedder", "cpu", start=str(start)
    )
    folder.write_spec(spec)
    classifier.train(folder, spec, Watch(folder, 0, Following(None)))
    return folder.adapter


def _row(text: str, label: str) -> Labelled:
    name = label if label == NONE else named(label)
    return Labelled(hashlib.sha256(f"{name}\n{text}".encode()).hexdigest()[:16], text, name)


def beside(left: Head, words: dict[str, Array]) -> dict[str, Array]:
    """The weights of a LoRA's head and of words in one: the mean of what the two say, as logarithms."""
    return {
        "vectors": LORA * left.vectors,
        "bias": LORA * left.bias + (1 - LORA) * words["bias"],
        "words": (1 - LORA) * words["words"],
        "idf": words["idf"],
    }


def single(head: Head, embedder: Embedder, data: Path, types: Sequence[str]) -> dict[str, Any]:
    """Scores on dev.jsonl, where every clause has one label or none: the greatest share is taken."""
    dev = list(lines(data / "clause_cls/dev.jsonl"))
    found = rows(embedder, [row["text"] for row in dev], [[row["label"]] for row in dev], types)
    told = head.shares(found.vectors, found.texts).argmax(axis=1)
    wanted = found.shares.argmax(axis=1)
    names = [*types, NONE]
    here = np.unique(wanted)
    each = np.array([[told == at, wanted == at] for at in here])
    scores = f1(each[:, 0].T, each[:, 1].T)
    often = each[:, 1].sum(axis=1) >= FEW
    wrong = Counter((names[w], names[t]) for w, t in zip(wanted, told, strict=True) if w != t)
    right: dict[str, list[bool]] = defaultdict(list)
    for row, w, t in zip(dev, wanted, told, strict=True):
        right[row["doc"]].append(bool(w == t))
    return {
        "accuracy": round(float((told == wanted).mean()), 4),
        "macro_f1": round(float(scores.mean()), 4),
        "macro_f1_types_of_5_or_more": round(float(scores[often].mean()), 4),
        "worst_pairs": [[*pair, number] for pair, number in wrong.most_common(8)],
        "accuracy_by_document": _quarters([sum(some) / len(some) for some in right.values()]),
        "f1": {names[at]: round(float(score), 2) for at, score in zip(here, scores, strict=True)},
    }


def _quarters(values: Sequence[float]) -> dict[str, float]:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return {"documents": len(values), "q1": round(low, 3), "median": round(middle, 3), "q3": round(high, 3)}


def many(head: Head, found: Rows) -> dict[str, float]:
    """Scores where a text may be of several types or of none, by the thresholds."""
    told = head.shares(found.vectors, found.texts)[:, :-1] >= head.thresholds
    wanted = found.shares[:, :-1] > 0
    right, here = (told & wanted).sum(), wanted.any(axis=0)
    return {
        "texts": len(told),
        "precision": round(float(right / max(1, told.sum())), 4),
        "recall": round(float(right / max(1, wanted.sum())), 4),
        "micro_f1": round(float(2 * right / max(1, told.sum() + wanted.sum())), 4),
        "macro_f1": round(float(f1(told, wanted)[here].mean()), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of clause_cls/, cuad/, corpus/ …")
    parser.add_argument("--adapter", type=Path, help="the embedder's adapter; the bare model without")
    parser.add_argument("--out", type=Path, required=True, help="folder the head is written to")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument(
        "--contracts", type=int, default=12, help="dev contracts to label as a whole, for the scores"
    )
    parser.add_argument("--start", type=Path, help="train a LoRA of its own, from this one on")
    parser.add_argument("--trained", type=Path, help="… or take the one that such a training has left here")
    chosen = parser.parse_args()
    began = time.monotonic()
    files = sorted({row["doc"] for row in lines(chosen.data / "cuad/train.jsonl")})
    hidden = files[::7]  # as train_embedder.py holds out
    clauses, known = labelled(chosen.data, "train"), labelled(chosen.data, "train", hidden)
    types = sorted({label for some in clauses.values() for label in some} - {NONE}, key=named)
    seen = [file for file in files if file not in hidden]
    several = contracts(chosen.data, "train", seen[:: len(seen) // LEARNED], types)
    flat = np.full(len(types), 0.5, np.float32)
    if chosen.start or chosen.trained:
        left = chosen.trained or trained(chosen.data, hidden, chosen.start, Path(tempfile.mkdtemp()))
        learned, whole = unread(list(clauses), list(clauses.values()), types), unread(*several, types)
        weights, final = (
            beside(read(left), fit(some + quiet(whole), ALONE)) for some in (learned.only(known), learned)
        )
        chosen.out.mkdir(parents=True, exist_ok=True)
        for name in (lora.CONFIG, lora.WEIGHTS):
            shutil.copyfile(left / name, chosen.out / name)
        head = save(chosen.out, weights, types, flat, "")
        assert head.own is not None
        embedder = head.own
    else:
        embedder = Embedder(chosen.threads, chosen.adapter)
        learned = rows(embedder, list(clauses), list(clauses.values()), types)
        whole = rows(embedder, *several, types)
        weights, final = (fit(some + quiet(whole)) for some in (learned.only(known), learned))
        head = save(chosen.out, weights, types, flat, embedder.identity)
    print(
        f"{len(learned.texts)} clauses, {len(whole.texts)} passages, {time.monotonic() - began:.0f} s",
        flush=True,
    )
    tuned = rows(embedder, *contracts(chosen.data, "train", hidden[:HELD_OUT], types), types)
    limits = thresholds(head.shares(tuned.vectors, tuned.texts)[:, :-1], tuned.shares[:, :-1] > 0)
    head = save(chosen.out, final, types, limits, head.embedder)
    seconds = round(time.monotonic() - began)
    print(f"fitted, {seconds} s", flush=True)
    dev = sorted({row["doc"] for row in lines(chosen.data / "cuad/dev.jsonl")})[: chosen.contracts]
    clauses = labelled(chosen.data, "dev")
    result = {
        "seconds": seconds,
        "dev": single(head, embedder, chosen.data, types),
        "dev_multilabel": many(head, rows(embedder, list(clauses), list(clauses.values()), types)),
    }
    if dev:
        cut = contracts(chosen.data, "dev", dev, types)
        result["dev_contracts"] = many(head, rows(embedder, *cut, types))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
