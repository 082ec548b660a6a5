"""One matter's passages and document profiles as words: a SQLite file with FTS5 tables.

BM25 with FTS5's own k1 = 1.2 and b = 0.75."""

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from service.core import Passage
from service.retrieval.rank import Card, glued

SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (row INTEGER PRIMARY KEY, id TEXT UNIQUE, title TEXT, names TEXT);
CREATE TABLE IF NOT EXISTS passages
    (row INTEGER PRIMARY KEY, id TEXT UNIQUE, document TEXT, start INT, stop INT, page INT, path TEXT);
CREATE INDEX IF NOT EXISTS passages_document ON passages (document);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (headings, text, tokenize = "porter unicode61 remove_diacritics 2");
CREATE VIRTUAL TABLE IF NOT EXISTS profiles USING fts5 (grams, tokenize = "unicode61 tokenchars '_'");
"""


class Words:
    """Each call opens the file for itself, so calls from several threads never meet."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def put(
        self, document: str, title: str, names: Iterable[str], grams: str, passages: Sequence[Passage]
    ) -> None:
        """Write a document's profile and passages, all or nothing."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as rows:
            rows.executescript(SCHEMA)
            rows.execute("BEGIN")
            row = rows.execute(
                "INSERT INTO documents (id, title, names) VALUES (?, ?, ?)",
                (document, title, json.dumps(sorted(names))),
            ).lastrowid
            rows.execute("INSERT INTO profiles (rowid, grams) VALUES (?, ?)", (row, grams))
            for p in passages:
                row = rows.execute(
                    "INSERT INTO passages (id, document, start, stop, page, path) VALUES (?, ?, ?, ?, ?, ?)",
                    (p.id, document, p.start, p.end, p.page, json.dumps(p.path)),
                ).lastrowid
                rows.execute(
                    "INSERT INTO words (rowid, headings, text) VALUES (?, ?, ?)",
                    (row, " ".join(p.path), p.text),
                )
            rows.execute("COMMIT")

    def drop(self, document: str) -> None:
        """Take a document out; nothing happens when it is not there."""
        if not self._file.exists():
            return
        with self._open() as rows:
            rows.execute("BEGIN")
            for row in rows.execute("SELECT row FROM passages WHERE document = ?", (document,)).fetchall():
                rows.execute("DELETE FROM words WHERE rowid = ?", row)
            rows.execute("DELETE FROM passages WHERE document = ?", (document,))
            for row in rows.execute("SELECT row FROM documents WHERE id = ?", (document,)).fetchall():
                rows.execute("DELETE FROM profiles WHERE rowid = ?", row)
            rows.execute("DELETE FROM documents WHERE id = ?", (document,))
            rows.execute("COMMIT")

    def cards(self) -> dict[str, Card]:
        """What every document here is known by."""
        return {
            id: Card(glued(title), frozenset(json.loads(names)))
            for id, title, names in self._ask("SELECT id, title, names FROM documents")
        }

    def ids(self, documents: Iterable[str]) -> list[str]:
        """The ids of the documents' passages."""
        return [
            id
            for document in documents
            for (id,) in self._ask("SELECT id FROM passages WHERE document = ? ORDER BY row", (document,))
        ]

    def profiles(self, grams: Iterable[str], limit: int) -> dict[str, float]:
        """Documents by BM25 of their profiles, best first."""
        return dict(
            self._ask(
                "SELECT id, -bm25(profiles) AS score FROM profiles JOIN documents ON row = profiles.rowid"
                " WHERE profiles MATCH ? ORDER BY score DESC, id LIMIT ?",
                (_any(grams), limit),
            )
        )

    def passages(self, terms: Iterable[str], documents: Sequence[str] | None, limit: int) -> dict[str, float]:
        """Passage ids by BM25, best first; within `documents` when given."""
        inside = _inside(documents)
        return dict(
            self._ask(
                "SELECT id, -bm25(words) AS score FROM words JOIN passages ON row = words.rowid"
                f" WHERE words MATCH ?{inside} ORDER BY score DESC, id LIMIT ?",
                (_any(terms), *(documents or ()), limit),
            )
        )

    def together(self, terms: Iterable[str], documents: Sequence[str] | None) -> bool:
        """Whether one passage holds all the terms; within `documents` when given."""
        inside = _inside(documents)
        question = (
            f"SELECT 1 FROM words JOIN passages ON row = words.rowid WHERE words MATCH ?{inside} LIMIT 1"
        )
        every = " AND ".join(f'"{term}"' for term in dict.fromkeys(terms))
        return bool(every and self._ask(question, (every, *(documents or ()))))

    def common(self, word: str) -> bool:
        """Whether a passage has the word, in small letters, as a word of its own."""
        found = self._ask("SELECT text FROM words WHERE words MATCH ?", (_any([word]),))
        alone = re.compile(rf"\b{re.escape(word)}\b")
        return any(alone.search(text) for (text,) in found)

    def read(self, ids: Iterable[str]) -> list[Passage]:
        """The passages of these ids, in the order given; those that are gone are left out."""
        question = (
            "SELECT passages.id, passages.document, title, start, stop, text, path, page FROM passages"
            " JOIN words ON words.rowid = passages.row JOIN documents ON documents.id = passages.document"
            " WHERE passages.id = ?"
        )
        with self._open() as rows:
            found = [row for id in ids for row in rows.execute(question, (id,))]
        return [
            Passage(id, document, title, start, end, text, tuple(json.loads(path)), page)
            for id, document, title, start, end, text, path, page in found
        ]

    def _ask(self, question: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        if not self._file.exists():
            return []
        with self._open() as rows:
            return rows.execute(question, values).fetchall()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._file, timeout=30, isolation_level=None)) as rows:
            rows.execute("PRAGMA journal_mode=WAL")
            rows.execute("PRAGMA secure_delete=ON")
            yield rows


def _inside(documents: Sequence[str] | None) -> str:
    return "" if documents is None else f" AND document IN ({', '.join('?' * len(documents))})"


def _any(terms: Iterable[str]) -> str:
    """An FTS5 question that any of the terms answers."""
    return " OR ".join(f'"{term}"' for term in dict.fromkeys(terms)) or '""'
