"""A document's passages as bags of terms: which term stands in which passage, and how often.

Words are cut and stemmed by FTS5 itself, in a table that is emptied again, and each term is known by a number. Beside
stems a bag holds two kinds of terms more. *Pairs*: two words next to one another, one of which is short, for that is
what "tenant's" and "O'Brien" are to FTS5. And words as they are *written* where that is in small letters, at the first
place in the document: what is written so is not only a name.
"""

import re
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHORT = frozenset({"ll", "re", "ve"})  # beside single letters and digits
MOST_TIMES = 65535
PASSAGE, COLUMN = (
    2**40,
    2**39,
)  # where a word stands: its passage, its column and its place there in one number
REMEMBERED = 4096  # words of questions

_SCRATCH = """
CREATE VIRTUAL TABLE said USING fts5
    (headings, text, content = "", tokenize = "porter unicode61 remove_diacritics 2");
CREATE VIRTUAL TABLE instances USING fts5vocab (said, "instance");
"""
_EVERY = f"SELECT term, doc * {PASSAGE} + (col = 'text') * {COLUMN} + offset FROM instances"
_WRITTEN = re.compile(r"\w+(?:['’]\w+)*")
_PART = re.compile(r"\w+")

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Bag:
    """`terms` are sorted, each once, and `shares` of the places are each one's: the number of a passage in `passages`,
    and how often the term stands there in `times`. `lengths` are the words of every passage."""

    terms: NDArray[np.uint64]
    shares: NDArray[np.uint32]
    passages: NDArray[np.uint32]
    times: NDArray[np.uint16]
    lengths: NDArray[np.uint32]

    @classmethod
    def of(cls, passages: Sequence[tuple[str, str]]) -> "Bag":
        """Of passages, each with its headings and its text."""
        stems, which, at = _stems(passages)
        pairs, joined, after = _pairs(stems, which, at)
        words, first = _written(text for _, text in passages)
        names = [*stems, *pairs, *words]
        numbers = np.fromiter(map(_number, names), np.uint64, len(names))
        ranks = np.empty(len(names), np.int64)
        ranks[np.argsort(numbers)] = np.arange(len(names))
        ends = np.arange(len(stems) + len(pairs), len(names))
        every = ranks[np.concatenate([which, joined + len(stems), ends])]
        places = np.concatenate([at // PASSAGE, after // PASSAGE, first])
        size = max(1, len(passages))
        keys, times = np.unique(every * size + places, return_counts=True)
        return cls(
            np.sort(numbers),
            np.bincount(keys // size, minlength=len(names)).astype(np.uint32),
            (keys % size).astype(np.uint32),
            np.minimum(times, MOST_TIMES).astype(np.uint16),
            np.bincount(at // PASSAGE, minlength=len(passages)).astype(np.uint32),
        )

    @classmethod
    def read(cls, data: bytes) -> "Bag":
        sizes = np.frombuffer(data, np.uint32, 3)
        at, arrays = sizes.nbytes, list[Any]()
        for size, kind in zip(sizes[[0, 0, 1, 1, 2]].tolist(), _KINDS, strict=True):
            arrays.append(np.frombuffer(data, kind, size, at))
            at += arrays[-1].nbytes
        return cls(*arrays)

    def __bytes__(self) -> bytes:
        sizes = np.array([len(self.terms), len(self.passages), len(self.lengths)], np.uint32)
        arrays = (self.terms, self.shares, self.passages, self.times, self.lengths)
        return b"".join(array.tobytes() for array in (sizes, *arrays))


_KINDS = (np.uint64, np.uint32, np.uint32, np.uint16, np.uint32)


def _stems(passages: Iterable[tuple[str, str]]) -> tuple[list[str], Places, Places]:
    """The stems, each once, and of every word in its order which of them it is and where it stands."""
    found = _instances(passages)
    known = {stem: number for number, stem in enumerate(dict.fromkeys(stem for stem, _ in found))}
    at = np.fromiter((at for _, at in found), np.int64, len(found))
    which = np.fromiter((known[stem] for stem, _ in found), np.int64, len(found))
    order = np.argsort(at)
    return list(known), which[order], at[order]


def _pairs(stems: Sequence[str], which: Places, at: Places) -> tuple[list[str], Places, Places]:
    """The same of the pairs."""
    short = np.fromiter(map(_short, stems), bool, len(stems))[which]
    ends = np.flatnonzero((short[1:] | short[:-1]) & (np.diff(at) == 1)) + 1
    keys, found = np.unique(which[ends - 1] * len(stems) + which[ends], return_inverse=True)
    names = [
        f"{stems[one]} {stems[other]}" for one, other in zip(*divmod(keys, max(1, len(stems))), strict=True)
    ]
    return names, found, at[ends]


def _short(stem: str) -> bool:
    return len(stem) == 1 or stem in SHORT


def _written(texts: Iterable[str]) -> tuple[list[str], Places]:
    """The words that are written in small letters, and in which passage each is first."""
    first, seen = dict[str, int](), set[str]()
    for place, text in enumerate(texts):
        new = set(_WRITTEN.findall(text)) - seen
        seen |= new
        for found in new:
            for word in {found, *(() if found.isalnum() else _PART.findall(found))}:
                if word == word.lower():
                    first.setdefault(f"={word}", place)
    return list(first), np.fromiter(first.values(), np.int64, len(first))


@lru_cache(maxsize=REMEMBERED)
def terms(word: str) -> tuple[int, ...]:
    """What must stand in a passage for a question's word to stand there: its stem, or its pairs, and of two parts that
    make no pair for both are long, each."""
    known, which, _ = _stems([("", word)])
    stems = [known[one] for one in which]
    pairs = [[" ".join(pair)] if any(map(_short, pair)) else pair for pair in pairwise(stems)]
    names = dict.fromkeys(name for pair in pairs for name in pair) if pairs else stems
    return tuple(map(_number, names))


def written(word: str) -> tuple[int, ...]:
    """What must stand in a passage for the word to be written there just so, in small letters."""
    return (_number(f"={word}"),)


def _number(term: str) -> int:
    return int.from_bytes(blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


class _Reader:
    """FTS5's way to cut and stem, lent to one caller after another."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._rows = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._rows.executescript(_SCRATCH)

    def __call__(self, passages: Iterable[tuple[str, str]]) -> list[tuple[str, int]]:
        with self._lock:
            self._rows.execute("BEGIN")
            self._rows.executemany(
                "INSERT INTO said (rowid, headings, text) VALUES (?, ?, ?)",
                ((number, *said) for number, said in enumerate(passages)),
            )
            found = self._rows.execute(_EVERY).fetchall()
            self._rows.execute("INSERT INTO said (said) VALUES ('delete-all')")
            self._rows.execute("COMMIT")
            return found


_instances = _Reader()
