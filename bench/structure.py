"""What documents say of themselves, on contracts with gold answers: names, parties, dates and governing law.

    python -m bench.structure --data DIR [--split train dev] [--save FILE]

DIR holds the contracts and the CUAD annotations: corpus/cuad/*.txt, cuad/train.jsonl, cuad/dev.jsonl, splits.json.
Each fact is compared with what the annotators wrote down. A party counts when three quarters of the words of the
shorter name are in the other; a date when the day is the same as that of the agreement or of its taking effect; a law
when the place is the same but for "the State of". Definitions and references have no gold: their numbers are counts,
and the share of references whose clause was found among those that do not point into another document.
"""

import argparse
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from service.config import Documents
from service.core import Document, Facts
from service.retrieval import Structure, read_structure
from service.retrieval.loaders import load

NAME, PARTIES, AGREED, EFFECTIVE, LAW = (
    "Document Name",
    "Parties",
    "Agreement Date",
    "Effective Date",
    "Governing Law",
)


@dataclass
class Score:
    """Counts of one fact over the contracts."""

    right: int = 0
    given: int = 0
    gold: int = 0
    missed: list[str] = field(default_factory=list)

    def count(self, right: int, given: int, gold: int, words: str) -> None:
        self.right, self.given, self.gold = self.right + right, self.given + given, self.gold + gold
        if right < max(given, gold):
            self.missed.append(words)

    def report(self) -> dict[str, float | int]:
        return {
            "precision": round(self.right / max(1, self.given), 4),
            "recall": round(self.right / max(1, self.gold), 4),
            "given": self.given,
            "gold": self.gold,
        }


def gold(data: Path, split: str) -> dict[str, dict[str, list[str]]]:
    """Contract -> category -> what the annotators wrote: the answer in short, then the spans."""
    found: dict[str, dict[str, list[str]]] = {}
    for line in (data / "cuad" / f"{split}.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        answers = [answer["text"] for answer in row["answers"]]
        said = found.setdefault(row["doc"].removeprefix("cuad/"), {})
        if answers:
            said[row["category"]] = [row.get("human_answer") or "", *answers]
    return found


def _words(text: str) -> set[str]:
    return {
        w
        for w in re.findall(r"[a-z0-9]+", text.lower())
        if w not in ("the", "of", "and", "inc", "llc", "ltd")
    }


def alike(one: str, other: str) -> bool:
    """Whether two names share three quarters of the words of the shorter."""
    mine, theirs = _words(one), _words(other)
    return bool(mine and theirs) and len(mine & theirs) >= 0.75 * min(len(mine), len(theirs))


def gold_parties(said: list[str]) -> list[str]:
    """The full names: what stands outside the brackets of "Alder, Inc. ("Alder"); Birch LLC ("Birch")"."""
    bare = said[0]
    for _ in range(3):
        bare = re.sub(r"\([^()]*\)", "", bare)
    names = [name.strip(" ()[]\"'") for name in bare.split(";")]
    return [name for name in names if len(name) > 2] or said[1:2]


def gold_dates(said: Iterable[str]) -> set[str]:
    found = set()
    for text in said:
        for month, day, year in re.findall(r"\b(\d{1,2})/(\d{1,2})/(\d{2,4})\b", text):
            full = int(year) + (0 if len(year) == 4 else 1900 if int(year) > 60 else 2000)
            found.add(f"{full}-{int(month):02}-{int(day):02}")
    return found


def gold_law(said: list[str]) -> str:
    return re.sub(
        r"\b(?:state|commonwealth|province|federal|republic|kingdom|people['’]?s|united|states|america|canada|uk|usa|of|the|laws?|"
        r"australia)\b|[^a-z ]",
        " ",
        (said[0] or said[1]).lower(),
    )


class Tally:
    def __init__(self) -> None:
        self.scores = {name: Score() for name in ("type", "parties", "dated", "law")}
        self.counts: Counter[str] = Counter()

    def count(self, document: Document, found: Structure, said: dict[str, list[str]]) -> None:
        self._type(found.facts, said, document.title)
        self._parties(found.facts, said, document.title)
        self._dated(found.facts, said, document.title)
        self._law(found.facts, said, document.title)
        inside = [reference for reference in found.references if not reference.document]
        self.counts["definitions"] += len(found.definitions)
        self.counts["references"] += len(found.references)
        self.counts["references_inside"] += len(inside)
        self.counts["references_found"] += sum(reference.target is not None for reference in inside)
        self.counts["characters"] += len(document.text)

    def _type(self, facts: Facts, said: dict[str, list[str]], title: str) -> None:
        wanted = said.get(NAME)
        given = bool(facts.type)
        right = bool(wanted and given and any(_words(facts.type) <= _words(text) for text in wanted))
        self.scores["type"].count(right, given, wanted is not None, f"{title}: {facts.type!r} for {wanted}")

    def _parties(self, facts: Facts, said: dict[str, list[str]], title: str) -> None:
        if PARTIES not in said:
            return
        wanted = gold_parties(said[PARTIES])
        right = sum(any(alike(name, other) for other in facts.parties) for name in wanted)
        true = sum(
            any(alike(name, other) for other in [*wanted, *said[PARTIES][1:]]) for name in facts.parties
        )
        score = self.scores["parties"]
        score.count(right, len(facts.parties), len(wanted), f"{title}: {facts.parties} for {wanted}")
        self.counts["parties_true"] += true

    def _dated(self, facts: Facts, said: dict[str, list[str]], title: str) -> None:
        wanted = gold_dates([*said.get(AGREED, [])[:1], *said.get(EFFECTIVE, [])[:1]])
        given = bool(facts.dated)
        self.scores["dated"].count(
            facts.dated in wanted, given, bool(wanted), f"{title}: {facts.dated} for {wanted}"
        )

    def _law(self, facts: Facts, said: dict[str, list[str]], title: str) -> None:
        wanted = gold_law(said[LAW]) if LAW in said else ""
        given = _words(gold_law([facts.law]) if facts.law else "")
        right = bool(given) and given <= _words(wanted)
        self.scores["law"].count(
            right, bool(facts.law), bool(wanted.strip()), f"{title}: {facts.law!r} for {wanted!r}"
        )

    def report(self) -> dict[str, Any]:
        result: dict[str, Any] = {name: score.report() for name, score in self.scores.items()}
        given = max(1, self.scores["parties"].given)
        result["parties"]["precision"] = round(self.counts["parties_true"] / given, 4)
        inside = max(1, self.counts["references_inside"])
        result["references_found_share"] = round(self.counts["references_found"] / inside, 4)
        return result | dict(self.counts)


def contracts(data: Path, split: str) -> Iterator[Document]:
    names = json.loads((data / "splits.json").read_text("utf-8"))[split]
    for name in sorted(Path(name).name for name in names):
        file = data / "corpus" / "cuad" / name
        yield load(file.read_bytes(), name, "bench", Documents()).document


def measure(data: Path, split: str, missed: bool) -> dict[str, Any]:
    said, tally, number, seconds = gold(data, split), Tally(), 0, 0.0
    for document in contracts(data, split):
        began = time.perf_counter()
        found = read_structure(document)
        seconds += time.perf_counter() - began
        tally.count(document, found, said.get(document.title, {}))
        number += 1
    result = {"contracts": number, "seconds": round(seconds, 1), **tally.report()}
    print(f"{split}: {number} contracts\n{'fact':<10} {'precision':>10} {'recall':>8}")
    for name, score in tally.scores.items():
        print(f"{name:<10} {result[name]['precision']:>10.1%} {result[name]['recall']:>8.1%}")
        for words in score.missed if missed else ():
            print("   ", words[:400])
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder with corpus/, cuad/ and splits.json")
    parser.add_argument("--split", choices=("train", "dev"), nargs="+", default=["dev"])
    parser.add_argument("--missed", action="store_true", help="show what was missed or wrong")
    parser.add_argument("--save", type=Path, help="write the result here as JSON")
    chosen = parser.parse_args()
    result = {split: measure(chosen.data, split, chosen.missed) for split in chosen.split}
    if chosen.save:
        chosen.save.write_text(json.dumps({"date": time.strftime("%Y-%m-%d")} | result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
