"""Files through the real loaders: how many of the gold words come out, in their order, and how every file ends.

    python -m bench.documents --data DIR [--only pdf|scan|docx|court] [--save FILE]

`--data` is a folder with a manifest.json ({file, gold_text, …}), the gold texts beside it, and folders pdf_cuad,
scan_derived, docx_derived, court_real and other_real. A word is a run of letters and digits without case, in Unicode's
compatibility form, so that quotation marks, dashes and hyphens at line ends do not count.

In order: the longest common subsequence of gold words and read words, as a share of the gold words. WER: word edit
distance (substitutions, insertions, deletions) over the gold words. Both are exact. Running headers, footers and page
numbers, which the loader leaves out of the text and the gold holds, are counted apart: "with furniture" reads the
same file with them left in, so that the difference between the two columns is what was left out on purpose.
"""

import argparse
import json
import platform
import re
import sys
import time
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from service.config import Documents
from service.core import Document, State
from service.retrieval.loaders import Unreadable, load
from service.retrieval.loaders.content import Content
from service.retrieval.loaders.pdf import read_both

LIMITS = Documents()
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Row:
    """One file against its gold text."""

    file: str
    pages: int
    seconds: float
    gold: int  # words
    read: int
    order: float  # share of the gold words that come in their order
    furnished: float  # the same with headers, footers and page numbers left in
    wer: float
    confidence: float | None


def words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text.replace("\xad", "-")).casefold())


def common(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest common subsequence: Hyyrö's bit-parallel rows, with integers as long as `a`."""
    places = _places(a)
    full = (1 << len(a)) - 1
    row = full
    for word in b:
        met = row & places.get(word, 0)
        row = ((row + met) | (row - met)) & full
    return len(a) - row.bit_count()


def distance(a: Sequence[str], b: Sequence[str]) -> int:
    """Edit distance of two sequences of words: Myers's bit-parallel columns, with integers as long as `a`."""
    if not a:
        return len(b)
    places = _places(a)
    full, top = (1 << len(a)) - 1, 1 << (len(a) - 1)
    up, down, score = full, 0, len(a)
    for word in b:
        met = places.get(word, 0)
        vertical = met | down
        level = (((met & up) + up) ^ up) | met
        more = down | (~(level | up) & full)
        less = up & level
        score += bool(more & top) - bool(less & top)
        more = (more << 1 | 1) & full
        up = ((less << 1) & full) | (~(vertical | more) & full)
        down = more & vertical
    return score


def _places(a: Sequence[str]) -> dict[str, int]:
    """For each word the bits of its positions."""
    bits: dict[str, bytearray] = {}
    size = len(a) // 8 + 1
    for i, word in enumerate(a):
        bits.setdefault(word, bytearray(size))[i >> 3] |= 1 << (i & 7)
    return {word: int.from_bytes(row, "little") for word, row in bits.items()}


def measured(file: Path, gold: str) -> Row:
    data = file.read_bytes()
    began = time.perf_counter()
    kept, whole = _read(data, file.name)
    seconds = time.perf_counter() - began
    expected, found = words(gold), words(kept.text)
    confident = [page.confidence for page in kept.pages if page.confidence is not None]
    return Row(
        file=file.name,
        pages=len(kept.pages),
        seconds=seconds,
        gold=len(expected),
        read=len(found),
        order=common(expected, found) / len(expected),
        furnished=common(expected, words(whole.text)) / len(expected),
        wer=distance(expected, found) / len(expected),
        confidence=sum(confident) / len(confident) if confident else None,
    )


def _read(data: bytes, name: str) -> tuple[Content | Document, Content | Document]:
    """The file as it is filed, and with headers and footers left in. A file that cannot be read has no words."""
    try:
        if name.endswith(".pdf"):
            return read_both(data, LIMITS)
        document = load(data, name, "bench", LIMITS).document
    except Unreadable:
        nothing = Content("", (), ())
        return nothing, nothing
    return document, document


def table(title: str, rows: Sequence[Row]) -> dict[str, Any]:
    print(
        f"\n{title}\n{'in order':>9} {'+furnit.':>9} {'WER':>6} {'pages':>5} {'s/page':>6} {'conf':>5}  file"
    )
    for row in sorted(rows, key=lambda row: row.furnished):
        sure = f"{row.confidence:5.2f}" if row.confidence is not None else "    –"
        print(
            f"{row.order:9.2%} {row.furnished:9.2%} {row.wer:6.2%} {row.pages:5} "
            f"{row.seconds / max(row.pages, 1):6.3f} {sure}  {row.file[:70]}"
        )
    total = sum(row.gold for row in rows) or 1
    summary = {
        "files": len(rows),
        "pages": sum(row.pages for row in rows),
        "gold_words": total,
        "in_order": sum(row.order * row.gold for row in rows) / total,
        "in_order_with_furniture": sum(row.furnished * row.gold for row in rows) / total,
        "in_order_with_furniture_worst": min((row.furnished for row in rows), default=0.0),
        "wer": sum(row.wer * row.gold for row in rows) / total,
        "seconds_a_page": sum(row.seconds for row in rows) / max(1, sum(row.pages for row in rows)),
    }
    print({key: round(value, 4) for key, value in summary.items()})
    return {key: round(value, 4) for key, value in summary.items()}


def paired(data: Path, folder: str) -> Iterator[Row]:
    """The files of a folder that the manifest gives a gold text."""
    for entry in json.loads((data / "manifest.json").read_text("utf-8")):
        if entry["file"].startswith(folder + "/"):
            near = [data / entry["gold_text"], data.parent / entry["gold_text"]]
            gold = next(file for file in near if file.exists())
            yield measured(data / entry["file"], gold.read_text("utf-8"))


def written(data: Path) -> Iterator[Row]:
    """Word files against the words of their own paragraphs, as another library reads them."""
    import docx

    for file in sorted((data / "docx_derived").glob("*.docx")):
        yield measured(file, "\n".join(p.text for p in docx.Document(str(file)).paragraphs))


def court(data: Path) -> list[dict[str, Any]]:
    found = []
    for folder in ("court_real", "other_real"):
        for file in sorted((data / folder).iterdir()):
            found.append(_ending(file))
            print(json.dumps(found[-1], ensure_ascii=False, indent=1))
    return found


def _ending(file: Path) -> dict[str, Any]:
    try:
        document = load(file.read_bytes(), file.name, "bench", LIMITS).document
    except Unreadable as error:
        return {"file": file.name, "state": error.state.value, "reason": error.reason}
    silent = [page.number for page in document.pages if page.empty]
    return {
        "file": file.name,
        "state": (State.PARTIAL if silent else State.READY).value,
        "pages": len(document.pages),
        "pages_without_text": silent,
        "characters": len(document.text),
        "ledger": [asdict(entry) for entry in document.ledger],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", choices=("pdf", "scan", "docx", "court"))
    parser.add_argument("--save", type=Path)
    given = parser.parse_args()
    parts = [given.only] if given.only else ["pdf", "scan", "docx", "court"]
    result: dict[str, Any] = {
        "bench": "documents",
        "date": time.strftime("%Y-%m-%d"),
        "cpu": platform.machine(),
    }
    if "pdf" in parts:
        result["pdf"] = table("Contracts as PDF", list(paired(given.data, "pdf_cuad")))
    if "scan" in parts:
        result["scan"] = table("Scans", list(paired(given.data, "scan_derived")))
    if "docx" in parts:
        result["docx"] = table("Word", list(written(given.data)))
    if "court" in parts:
        result["court"] = court(given.data)
    line = json.dumps(result, ensure_ascii=False)
    if given.save:
        given.save.write_text(line + "\n", "utf-8")
    print(line)


if __name__ == "__main__":
    main()
