"""Near-copies of a contract with other parties and figures: is the one that the question names found first?

    python bench/lookalikes.py --data ../shared/data [--contracts 6] [--copies 20] [--adapter DIR] [--save FILE]

Each matter holds one contract of the training split, copied with invented parties in place of its own and other
amounts, percentages and periods, under file names that say nothing. The questions name the parties of one copy: both
in full, one in full, or one without its legal form. Counted is whether the first passage comes from that copy.
"""

import argparse
import json
import random
import re
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from retrieval import Bench, Remembering

FIRST = [
    stem + end
    for stem in ("Ash", "Bex", "Cal", "Dun", "Far", "Gal", "Kel", "Mar")
    for end in ("down", "ley", "more", "wick", "ton")
]
SECOND = (
    "Foods",
    "Energy",
    "Logistics",
    "Pharma",
    "Optics",
    "Networks",
    "Textiles",
    "Marine",
    "Foundry",
    "Media",
)
FORMS = ("Inc.", "LLC", "Ltd.", "Corp.")
FIGURE = re.compile(r"(?<=\$)\d[\d,]*\d|\b\d+(?=\)?\s?(?:%|percent|days|months|years))")
ASKED = {
    "both in full": "Under the agreement between {a} and {b}, {q}",
    "one in full": "In the contract with {a}, {q}",
    "one, short": "{q} This is about the {s} contract.",
}
QUESTIONS = {
    "Governing Law": "which law governs?",
    "Anti-Assignment": "can it be assigned without consent?",
    "Expiration Date": "how long does the term last?",
    "Cap On Liability": "is liability limited?",
    "Termination For Convenience": "can it be ended without cause?",
    "Insurance": "what insurance must be kept?",
    "Audit Rights": "who may inspect the books?",
}


@dataclass(frozen=True)
class Original:
    """A contract, the names of its parties, and the questions that it answers."""

    text: str
    parties: tuple[str, ...]
    questions: tuple[str, ...]


@dataclass(frozen=True)
class Copy:
    text: str
    parties: tuple[str, ...]

    def asked(self, kind: str, question: str) -> str:
        a, b = self.parties[0], self.parties[-1]
        lower = question if kind != "one, short" else question[0].upper() + question[1:]
        return ASKED[kind].format(a=a, b=b, s=" ".join(a.split()[:2]), q=lower)


def originals(data: Path, most: int) -> Iterator[Original]:
    """Contracts of middling length that name two or more parties and answer two or more of the questions."""
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in (data / "cuad/train.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        rows[row["doc"]].append(row)
    for doc in sorted(rows):
        text = (data / "corpus" / doc).read_text("utf-8")
        found = [a["text"] for row in rows[doc] if row["category"] == "Parties" for a in row["answers"]]
        parties = tuple(dict.fromkeys(p for p in found if len(p.split()) > 1 and p in text[:1500]))[:2]
        asked = tuple(QUESTIONS[row["category"]] for row in rows[doc] if row["category"] in QUESTIONS)
        if 8_000 < len(text) < 40_000 and len(parties) == 2 and len(asked) > 1 and most:
            most -= 1
            yield Original(text, parties, asked)


def copied(original: Original, copies: int, draw: random.Random) -> list[Copy]:
    names = draw.sample(FIRST, 2 * copies) if 2 * copies <= len(FIRST) else draw.choices(FIRST, k=2 * copies)
    return [_copy(original, names[2 * at : 2 * at + 2], draw) for at in range(copies)]


def _copy(original: Original, names: list[str], draw: random.Random) -> Copy:
    parties = tuple(f"{name} {draw.choice(SECOND)} {draw.choice(FORMS)}" for name in names)
    text = original.text
    for old, new in zip(original.parties, parties, strict=True):
        text = re.sub(re.escape(old), new, text, flags=re.IGNORECASE)
        lead = old.split()[0].strip(",.")
        if len(lead) > 4:
            text = re.sub(rf"\b{re.escape(lead)}\b", new.split()[0], text)
    return Copy(FIGURE.sub(lambda found: _other(found[0], draw), text), parties)


def _other(figure: str, draw: random.Random) -> str:
    digits = iter([draw.choice("123456789"), *draw.choices("0123456789", k=len(figure))])
    return "".join(next(digits) if sign.isdigit() else sign for sign in figure)


def measure(made: list[Original], copies: int, bench: Bench, folder: Path) -> dict[str, Any]:
    right: dict[str, list[bool]] = defaultdict(list)
    draw = random.Random(3)
    for number, original in enumerate(made):
        row = copied(original, copies, draw)
        files = [f"{number}-{at:02}.txt" for at in range(len(row))]
        for file, copy in zip(files, row, strict=True):
            (folder / file).write_text(copy.text, "utf-8")
        scope, ids = bench.fill(f"copies of {number}", folder, files)
        for file, copy in zip(files, row, strict=True):
            for kind in ASKED:
                found = bench.first(copy.asked(kind, draw.choice(original.questions)), scope)
                right[kind].append(found == ids[file])
    shares = {kind: round(sum(hits) / len(hits), 4) for kind, hits in right.items()}
    every = [hit for hits in right.values() for hit in hits]
    return {"contracts": len(made), "copies": copies, "queries": len(every)} | {
        "right_first": round(sum(every) / len(every), 4),
        "by_naming": shares,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of cuad/ and corpus/")
    parser.add_argument("--contracts", type=int, default=6, help="contracts that are copied")
    parser.add_argument("--copies", type=int, default=20, help="copies of each in one matter")
    parser.add_argument("--adapter", type=Path, help="folder of the embedder's LoRA; none: the bare model")
    parser.add_argument("--save", type=Path, help="write the result here as JSON")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="privity-bench-") as home:
        folder = Path(home) / "copies"
        folder.mkdir()
        bench = Bench(Path(home), 400, Remembering(1, chosen.adapter))
        try:
            result = measure(list(originals(chosen.data, chosen.contracts)), chosen.copies, bench, folder)
        finally:
            bench.close()
    for kind, share in result["by_naming"].items():
        print(f"{kind:>14}: {share:.1%} right first")
    if chosen.save:
        chosen.save.write_text(json.dumps({"date": time.strftime("%Y-%m-%d")} | result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
