"""Texts cut once: what the training programs learn from, as ingestion makes it.

Reading all training contracts and finding their sentences takes a minute; kept in a file, it is done in a second, and
without what ingestion stands on. Kept is where passages and sentences begin and end, and the headings above them.
"""

import gzip
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from service.assistant.evidence import sentences_of
from service.config import Documents
from service.core import Passage
from service.retrieval.clauses import passages
from service.retrieval.loaders import load

SIZE = 400  # characters a passage aims at


class Cutting:
    """`file` keeps what was cut between runs, when `keep` has been called."""

    def __init__(self, file: Path | None = None) -> None:
        self._file, self._more = file, False
        self._passages: dict[str, list[Any]] = {}
        self._sentences: dict[str, list[list[int]]] = {}
        if file and file.exists():
            kept = json.loads(gzip.decompress(file.read_bytes()))
            self._passages, self._sentences = kept["passages"], kept["sentences"]

    def passages(self, text: str, name: str = "Passage.txt") -> tuple[Passage, ...]:
        """The passages of a document, their spans those of the text."""
        key = _digest(f"{name}\n{text}")
        if key not in self._passages:
            document = load(text.encode(), name, "", Documents()).document
            self._more = True
            self._passages[key] = [[p.start, p.end, *p.path] for p in passages(document, SIZE)]
        return tuple(
            Passage(f"{key}.{at}", key, name, start, end, text[start:end], tuple(path))
            for at, (start, end, *path) in enumerate(self._passages[key])
        )

    def sentences(self, passage: Passage) -> list[Passage]:
        key = _digest(passage.text)
        if key not in self._sentences:
            found, self._more = sentences_of(passage), True
            self._sentences[key] = [[s.start - passage.start, s.end - passage.start] for s in found]
        return [
            replace(
                passage,
                start=passage.start + start,
                end=passage.start + end,
                text=passage.text[start:end],
            )
            for start, end in self._sentences[key]
        ]

    def keep(self) -> None:
        """Write the file, where there is more to keep; programs that run side by side find it whole."""
        if self._file and self._more:
            kept = {"passages": self._passages, "sentences": self._sentences}
            self._file.parent.mkdir(parents=True, exist_ok=True)
            new = self._file.with_suffix(f".{os.getpid()}")
            new.write_bytes(gzip.compress(json.dumps(kept).encode(), mtime=0))
            new.replace(self._file)
            self._more = False


def spread(passages: Sequence[Passage], by: int) -> list[Passage]:
    """The same, their text beginning that much later."""
    return [replace(p, start=p.start + by, end=p.end + by) for p in passages]


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:12]
