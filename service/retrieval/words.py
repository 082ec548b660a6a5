"""One matter's passages and document profiles as words: a SQLite file with FTS5 tables.

`words` is for questions (stemmed), `exact` for exact search.

BM25 with FTS5's own k1 = 1.2 and b = 0.75. A document stands here under a key (see `records.Line`), which holds its id
and which reading of its file it is. It is `whole` when its vectors are in place too.
"""

import json
import re
import sqlite3
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.core import Passage
from service.retrieval.likeness import Likeness, Profile
from service.retrieval.postings import Places, Postings
from service.retrieval.rank import Card, glued

SCHEMA = """
CREATE TABLE IF NOT EXISTS documents
    (row INTEGER PRIMARY KEY, key TEXT UNIQUE, title TEXT, names TEXT, profile BLOB, whole INT DEFAULT 0,
    first INT, last INT);
CREATE TABLE IF NOT EXISTS passages
    (row INTEGER PRIMARY KEY, id TEXT UNIQUE, document TEXT, start INT, stop INT, page INT, path TEXT,
    headings TEXT, text TEXT);
CREATE INDEX IF NOT EXISTS passages_document ON passages (document);
CREATE TABLE IF NOT EXISTS clauses (type TEXT, row INT, nth INT, PRIMARY KEY (type, row)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS clauses_row ON clauses (row, nth);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (headings, text, content = "passages", content_rowid = "row",
    tokenize = "porter unicode61 remove_diacritics 2");
CREATE VIRTUAL TABLE IF NOT EXISTS exact USING fts5 (text, content = "passages", content_rowid = "row",
    tokenize = "unicode61 remove_diacritics 2");
"""
INDEXED = (("words", "headings, text"), ("exact", "text"))  # tables and their columns
_TEXTS = " SELECT row, {} FROM passages WHERE row BETWEEN ? AND ?"
IDLE = 4  # open connections kept for the next call
REMEMBERED = 2000  # words of which it is known whether they are common
AT_ONCE = 500  # values in one question to SQLite


class Words:
    """Safe to call from several threads: each call has a connection to itself."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._idle: deque[sqlite3.Connection] = deque()
        self._closed = False
        self._cards: dict[str, Card] | None = None
        self._likeness: Likeness | None = None
        self._turn = 0  # rises with each write
        self._postings = Postings(self._part, self._places)
        self.common = lru_cache(maxsize=REMEMBERED)(self._common)

    # --- writing

    def put(
        self, key: str, title: str, names: Iterable[str], profile: Profile, passages: Sequence[Passage]
    ) -> None:
        """Write a document's profile and passages, all or nothing. It is not whole before `seal`."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._open(make=True) as rows, _transaction(rows):
            row = rows.execute(
                "INSERT INTO documents (key, title, names, profile) VALUES (?, ?, ?, ?)",
                (key, title, json.dumps(sorted(names)), bytes(profile)),
            ).lastrowid
            first = rows.execute("SELECT coalesce(max(row), 0) + 1 FROM passages").fetchone()[0]
            rows.executemany(
                "INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        at,
                        stored(key, p.id),
                        key,
                        p.start,
                        p.end,
                        p.page,
                        json.dumps(p.path),
                        " ".join(p.path),
                        p.text,
                    )
                    for at, p in enumerate(passages, first)
                ],
            )
            rows.executemany(
                "INSERT INTO clauses VALUES (?, ?, ?)",
                [(type, at, nth) for at, p in enumerate(passages, first) for nth, type in enumerate(p.types)],
            )
            span = (first, first + len(passages) - 1)
            rows.execute("INSERT INTO words (rowid, headings, text)" + _TEXTS.format("headings, text"), span)
            rows.execute("INSERT INTO exact (rowid, text)" + _TEXTS.format("text"), span)
            rows.execute("UPDATE documents SET first = ?, last = ? WHERE row = ?", (*span, row))
        self._remember({key: Card(glued(title), frozenset(names))}, [(key, profile)], ())

    def seal(self, key: str) -> None:
        """Its vectors are in place: the document is whole."""
        with self._open() as rows:
            rows.execute("UPDATE documents SET whole = 1 WHERE key = ?", (key,))

    def drop(self, keys: Sequence[str]) -> None:
        """Take documents out; nothing happens with those that are not here."""
        if not self._file.exists():
            return
        with self._open() as rows, _transaction(rows):
            sizes = dict(rows.execute("SELECT key, coalesce(last - first + 1, 0) FROM documents"))
            anew = 2 * sum(sizes.get(key, 0) for key in keys) > sum(sizes.values())
            for key in keys:
                self._drop(rows, key, () if anew else INDEXED)
            for table, _ in INDEXED if anew else ():  # cheaper than to take most of it out word by word
                rows.execute(f"INSERT INTO {table} ({table}) VALUES ('rebuild')")
        self._remember({}, (), keys)

    def _drop(self, rows: sqlite3.Connection, key: str, indexed: Iterable[tuple[str, str]]) -> None:
        found = rows.execute("SELECT row, first, last FROM documents WHERE key = ?", (key,)).fetchone()
        if found is None:
            return
        row, first, last = found
        for table, columns in indexed:
            gone = f"SELECT 'delete', row, {columns} FROM passages WHERE row BETWEEN ? AND ?"
            rows.execute(f"INSERT INTO {table} ({table}, rowid, {columns}) {gone}", (first, last))
        rows.execute("DELETE FROM clauses WHERE row BETWEEN ? AND ?", (first, last))
        rows.execute("DELETE FROM passages WHERE document = ?", (key,))
        rows.execute("DELETE FROM documents WHERE row = ?", (row,))

    def scrub(self) -> None:
        """Rewrite the word index, so that it no longer holds what was taken out."""
        with self._open() as rows:
            for table, _ in INDEXED:
                rows.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")
            rows.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    # --- reading

    def cards(self) -> dict[str, Card]:
        """What every document here is known by."""
        known, turn = self._cards, self._turn
        if known is None:
            asked = "SELECT key, title, names FROM documents"
            known = {
                key: Card(glued(title), frozenset(json.loads(names)))
                for key, title, names in self._ask(asked)
            }
            if turn == self._turn:  # nothing was written meanwhile
                self._cards = known
        return known

    def keys(self) -> dict[str, bool]:
        """The documents here, and whether each is whole."""
        return {key: bool(whole) for key, whole in self._ask("SELECT key, whole FROM documents")}

    def counts(self) -> dict[str, int]:
        """How many passages each document has."""
        return dict(
            self._ask(
                "SELECT key, count(passages.row) FROM documents LEFT JOIN passages ON document = key GROUP BY key"
            )
        )

    def ids(self, keys: Iterable[str], types: Sequence[str] = ()) -> list[str]:
        """The ids of the documents' passages; only of these types of clause if given."""
        only, values = _typed(types, "row")
        asked = f"SELECT id FROM passages WHERE document = ?{only} ORDER BY row"
        with self._open() as rows:
            return [id for key in keys for (id,) in rows.execute(asked, (key, *values))]

    def types(self, keys: Iterable[str]) -> Counter[str]:
        """How many of the documents' passages are of each type of clause."""
        asked = (
            "SELECT type, count(*) FROM passages JOIN clauses USING (row) WHERE document = ? GROUP BY type"
        )
        found = Counter[str]()
        with self._open() as rows:
            for key in keys:
                found.update(dict(rows.execute(asked, (key,)).fetchall()))
        return found

    def typed(self, key: str) -> list[tuple[int, int, str]]:
        """Where in a document which types of clause stand: (start, end, type), in its order."""
        asked = "SELECT start, stop, type FROM passages JOIN clauses USING (row) WHERE document = ? ORDER BY row, nth"
        return self._ask(asked, (key,))

    def spans(self, key: str) -> list[tuple[int, int, str]]:
        """Where a document's passages stand, in its order: (start, end, path as JSON)."""
        return self._ask("SELECT start, stop, path FROM passages WHERE document = ? ORDER BY row", (key,))

    def profiles(self, grams: Iterable[str] | Profile, limit: int) -> dict[str, float]:
        """Documents by BM25 of their profiles, best first."""
        known, turn = self._likeness, self._turn
        if known is None:
            found = self._ask("SELECT key, profile FROM documents ORDER BY row")
            known = Likeness.of([(key, Profile.read(data)) for key, data in found])
            if turn == self._turn:
                self._likeness = known
        return known.scores(grams, limit)

    def passages(
        self, terms: Iterable[str], keys: Sequence[str] | None, limit: int, types: Sequence[str] = ()
    ) -> dict[str, float]:
        """Passage ids by BM25, best first; within these documents and of these types of clause when given."""
        best = self._postings.best(terms, self._spans(keys, types), limit)
        asked = "SELECT id FROM passages WHERE row = ?"
        with self._open() as rows:
            found = [(rows.execute(asked, (row,)).fetchone(), score) for row, score in best]
        return {hit[0]: score for hit, score in found if hit is not None}

    def places(self) -> Places:
        """The rows of each document's passages; of a document that has none the last comes before the first."""
        return self._postings.places()

    def sums(self, terms: Iterable[str], spans: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
        """The BM25 of every passage in these spans, one span after the other; 0 where no term stands."""
        return self._postings.sums(terms, spans)

    def _places(self) -> Places:
        found = self._ask("SELECT key, first, last FROM documents WHERE last IS NOT NULL")
        return {key: (first, last) for key, first, last in found}

    def _part(self, word: str) -> list[tuple[int, float]]:
        return self._ask("SELECT rowid, -rank FROM words WHERE words MATCH ? ORDER BY rowid", (_any([word]),))

    def exact(
        self, expression: str, keys: Sequence[str] | None, limit: int, types: Sequence[str] = ()
    ) -> dict[str, float]:
        """The same for an FTS5 expression over the passages' own words, as they are written but for case."""
        only, names = _typed(types, "rowid")
        found = [
            hit
            for inside, values in _spans(self._spans(keys))
            for hit in self._ask(
                "SELECT id, -score FROM (SELECT rowid AS at, rank AS score FROM exact"
                f" WHERE exact MATCH ?{inside}{only} ORDER BY rank, rowid LIMIT ?) JOIN passages ON row = at",
                (expression, *values, *names, limit),
            )
        ]
        return dict(sorted(found, key=lambda hit: (-hit[1], hit[0]))[:limit])

    def _common(self, word: str) -> bool:
        """Whether a passage has the word, in small letters, as a word of its own."""
        alone = re.compile(rf"\b{re.escape(word)}\b")
        with self._open() as rows:
            found = rows.execute("SELECT text FROM words WHERE words MATCH ?", (_any([word]),))
            return any(alone.search(text) for (text,) in found)

    def holds(self, word: str) -> bool:
        """Whether any passage has the word, in whatever form."""
        return self._postings.stands(word.lower())

    def read(self, ids: Iterable[str]) -> list[Passage]:
        """The passages of these ids, in the order given; those that are gone are left out."""
        question = (
            "SELECT passages.id, passages.document, title, start, stop, text, path, page,"
            " (SELECT json_group_array(type) FROM (SELECT type FROM clauses WHERE row = passages.row ORDER BY nth))"
            " FROM passages"
            " JOIN documents ON documents.key = passages.document"
            " WHERE passages.id = ?"
        )
        with self._open() as rows:
            found = [row for id in ids for row in rows.execute(question, (id,))]
        return [
            Passage(
                id,
                key.rpartition("-")[0],
                title,
                start,
                end,
                text,
                tuple(json.loads(path)),
                page,
                types=tuple(json.loads(types)),
            )
            for id, key, title, start, end, text, path, page, types in found
        ]

    def rest(self) -> None:
        """Close the connections that nobody uses; what is remembered stays."""
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def close(self) -> None:
        self._closed = True
        self.rest()

    def delete(self) -> None:
        """Take the whole file away."""
        self.close()
        for tail in ("", "-wal", "-shm"):
            self._file.with_name(self._file.name + tail).unlink(missing_ok=True)

    def _remember(
        self, came: dict[str, Card], profiles: Sequence[tuple[str, Profile]], gone: Sequence[str]
    ) -> None:
        """Bring what is remembered up to date after a write."""
        self._turn += 1
        if self._cards is not None:
            left = set(gone)
            self._cards = {key: card for key, card in self._cards.items() if key not in left} | came
        if self._likeness is not None:
            self._likeness = self._likeness.changed(profiles, gone)
        self._postings.forget()
        self.common.cache_clear()

    def _spans(self, keys: Sequence[str] | None, types: Sequence[str] = ()) -> list[tuple[int, int]] | None:
        """The rows that the documents' passages take up, run together where they touch; only those of the types of
        clause if given."""
        if types:
            only = {row for key in (self.keys() if keys is None else keys) for row in self._rows(key, types)}
            return _run_together((row, row) for row in only)
        if keys is None:
            return None
        found: list[tuple[int, int]] = []
        with self._open() as rows:
            for at in range(0, len(keys), AT_ONCE):
                some = keys[at : at + AT_ONCE]
                asked = f"SELECT first, last FROM documents WHERE key IN ({', '.join('?' * len(some))})"
                found += rows.execute(asked, tuple(some)).fetchall()
        return _run_together(found)

    def _rows(self, key: str, types: Sequence[str]) -> list[int]:
        only, values = _typed(types, "row")
        return [
            row for (row,) in self._ask(f"SELECT row FROM passages WHERE document = ?{only}", (key, *values))
        ]

    def _ask(self, question: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._open() as rows:
            return rows.execute(question, values).fetchall()

    @contextmanager
    def _open(self, make: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection of one's own. Where there is no file, one to an empty database; `make` puts a file there."""
        there = make or self._file.exists()
        try:
            rows = self._idle.pop()
        except IndexError:
            rows = _connect(self._file if there else ":memory:")
        try:
            yield rows
        finally:
            if there and not self._closed and len(self._idle) < IDLE:
                self._idle.append(rows)
            else:
                rows.close()


def _connect(place: Path | str) -> sqlite3.Connection:
    rows = sqlite3.connect(place, timeout=30, isolation_level=None, check_same_thread=False)
    rows.execute("PRAGMA journal_mode=WAL")
    # Enough against a crash of the program; what a power cut takes, the next start finds missing and reads anew.
    rows.execute("PRAGMA synchronous=NORMAL")
    rows.execute("PRAGMA secure_delete=ON")
    rows.execute("PRAGMA mmap_size=1073741824")
    rows.executescript(SCHEMA)
    return rows


def stored(key: str, passage: str) -> str:
    """The id of a passage in the index: the document's key and the passage's number."""
    return f"{key}.{passage.rpartition('.')[2]}"


def _run_together(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if joined and joined[-1][1] + 1 == first:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined


def _typed(types: Sequence[str], row: str) -> tuple[str, tuple[str, ...]]:
    """A condition on a passage's row, that it is of one of these types of clause, and its values; none for none."""
    if not types:
        return "", ()
    return f" AND {row} IN (SELECT row FROM clauses WHERE type IN ({', '.join('?' * len(types))}))", tuple(
        types
    )


def _spans(spans: list[tuple[int, int]] | None) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Conditions on the row, one for each question to be put."""
    if spans is None:
        yield "", ()
        return
    for first, last in spans:
        yield " AND rowid BETWEEN ? AND ?", (first, last)


def _any(terms: Iterable[str]) -> str:
    """An FTS5 question that any of the terms answers."""
    return " OR ".join(f'"{term}"' for term in dict.fromkeys(terms)) or '""'


@contextmanager
def _transaction(rows: sqlite3.Connection) -> Iterator[None]:
    rows.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        rows.execute("ROLLBACK")
        raise
    rows.execute("COMMIT")
