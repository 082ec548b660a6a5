"""One matter's documents as words and vectors: a SQLite file, which has the truth about both.

Of every passage its text, of every document its bag of terms (see `bags`) and its vectors: what searches read into
memory. An FTS5 table answers exact searches. A document stands here under a key (see `records.Line`), which holds its
id and which reading of its file it is; it comes and goes as a whole. `drawn` are those whose vectors Chroma's graph of
neighbours has too; `labelled` says by which head the passages got their types of clause.
"""

import json
import sqlite3
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from service.core import Passage
from service.retrieval.bags import Bag, terms, written
from service.retrieval.embed import WIDTH, Vectors
from service.retrieval.likeness import Likeness, Profile
from service.retrieval.postings import Numbers, Places, Postings, Spans
from service.retrieval.rank import Card, glued
from service.storage import emptied

SCHEMA = """
CREATE TABLE IF NOT EXISTS documents
    (row INTEGER PRIMARY KEY, key TEXT UNIQUE, title TEXT, names TEXT, profile BLOB,
    first INT, last INT, drawn INT DEFAULT 0, labelled TEXT DEFAULT '');
CREATE TABLE IF NOT EXISTS arrays (row INTEGER PRIMARY KEY, bag BLOB, vectors BLOB);
CREATE TABLE IF NOT EXISTS passages
    (row INTEGER PRIMARY KEY, id TEXT UNIQUE, document TEXT, start INT, stop INT, page INT, path TEXT,
    headings TEXT, text TEXT);
CREATE INDEX IF NOT EXISTS passages_document ON passages (document);
CREATE TABLE IF NOT EXISTS clauses (type TEXT, row INT, nth INT, PRIMARY KEY (type, row)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS clauses_row ON clauses (row, nth);
CREATE TABLE IF NOT EXISTS traces (left INT);
CREATE VIRTUAL TABLE IF NOT EXISTS exact USING fts5 (text, content = "passages", content_rowid = "row",
    tokenize = "unicode61 remove_diacritics 2");
"""
_SPANS = "SELECT key, first, last FROM documents WHERE last IS NOT NULL"
_TEXTS = "SELECT row, text FROM passages WHERE row BETWEEN ? AND ?"
BYTES = 4 * WIDTH  # of a vector
IDLE = 4  # open connections kept for the next call
AT_ONCE = 500  # values in one question to SQLite


class Words:
    """Safe to call from several threads: each call has a connection to itself."""

    def __init__(self, file: Path, grown: Callable[[], None] = lambda: None) -> None:
        """`grown` is told when there is more in memory than before."""
        self._file, self._grown = file, grown
        self._idle: deque[sqlite3.Connection] = deque()
        self._closed = False
        self._lock = Lock()
        self._turn = 0  # rises with each write
        self._cards: dict[str, Card] | None = None
        self._likeness: Likeness | None = None
        self._places: Places | None = None
        self._postings: Postings | None = None
        self._late: list[
            tuple[Spans, list[tuple[int, Bag]]]
        ] = []  # gone and come since the postings were made

    # --- writing

    def put(
        self,
        key: str,
        title: str,
        names: Iterable[str],
        profile: Profile,
        passages: Sequence[Passage],
        vectors: Vectors | None = None,
        labelled: str = "",
    ) -> None:
        """Write a document, all or nothing. `labelled` is the head that the passages have their types from."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        bag = Bag.of([(" ".join(p.path), p.text) for p in passages])
        with self._open(make=True) as rows, _transaction(rows):
            first = rows.execute("SELECT coalesce(max(row), 0) + 1 FROM passages").fetchone()[0]
            span = (first, first + len(passages) - 1)
            row = rows.execute(
                "INSERT INTO documents (key, title, names, profile, first, last, labelled)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (key, title, json.dumps(sorted(names)), bytes(profile), *span, labelled),
            ).lastrowid
            rows.execute("INSERT INTO arrays VALUES (?, ?, ?)", (row, bytes(bag), _blob(vectors)))
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
            _clauses(rows, first, [p.types for p in passages])
            rows.execute(f"INSERT INTO exact (rowid, text) {_TEXTS}", span)
        self._remember({key: Card(glued(title), frozenset(names))}, [(key, profile)], (), [], [(first, bag)])

    def fill(self, key: str, vectors: Vectors | None) -> None:
        """Give a document of an older make its bag and these vectors."""
        with self._open() as rows:
            said = rows.execute(
                "SELECT headings, text FROM passages WHERE document = ? ORDER BY row", (key,)
            ).fetchall()
            values = (bytes(Bag.of(said)), _blob(vectors), key)
            rows.execute(
                "INSERT OR REPLACE INTO arrays SELECT row, ?, ? FROM documents WHERE key = ?", values
            )

    def draw(self, keys: Iterable[str], drawn: int) -> None:
        """How much Chroma's graph has of these documents: 0 nothing, 1 all, 2 perhaps a part."""
        with self._open() as rows, _transaction(rows):
            rows.executemany("UPDATE documents SET drawn = ? WHERE key = ?", [(drawn, key) for key in keys])

    def label(self, key: str, types: Sequence[Sequence[str]], head: str) -> None:
        """Give a document's passages, in its order, these types of clause in place of those that they have."""
        with self._open() as rows, _transaction(rows):
            span = rows.execute("SELECT first, last FROM documents WHERE key = ?", (key,)).fetchone()
            if span is None:
                return
            rows.execute("DELETE FROM clauses WHERE row BETWEEN ? AND ?", span)
            _clauses(rows, span[0], types)
            rows.execute("UPDATE documents SET labelled = ? WHERE key = ?", (head, key))

    def drop(self, keys: Sequence[str], scrub: bool = False) -> None:
        """Take documents out; nothing happens with those that are not here. Traces of their words are left until
        `scrubbed`; `scrub` says that they are not to be left, nor the graph that was drawn with them."""
        if not self._file.exists():
            return
        with self._open() as rows, _transaction(rows):
            sizes = {key: (first, last) for key, first, last in rows.execute(_SPANS)}
            gone = [sizes[key] for key in keys if key in sizes]
            anew = 2 * sum(map(_length, gone)) > sum(map(_length, sizes.values()))
            for key in keys:
                self._drop(rows, key, word_by_word=not anew)
            if anew:  # cheaper than to take most of it out word by word
                rows.execute("INSERT INTO exact (exact) VALUES ('rebuild')")
            _leave(rows, 2 if scrub else 1)
        self._remember({}, (), keys, gone, [])

    def _drop(self, rows: sqlite3.Connection, key: str, word_by_word: bool) -> None:
        found = rows.execute("SELECT row, first, last FROM documents WHERE key = ?", (key,)).fetchone()
        if found is None:
            return
        row, *span = found
        if word_by_word:
            gone = _TEXTS.replace("SELECT", "SELECT 'delete',")
            rows.execute(f"INSERT INTO exact (exact, rowid, text) {gone}", span)
        rows.execute("DELETE FROM clauses WHERE row BETWEEN ? AND ?", span)
        rows.execute("DELETE FROM passages WHERE document = ?", (key,))
        rows.execute("DELETE FROM arrays WHERE row = ?", (row,))
        rows.execute("DELETE FROM documents WHERE row = ?", (row,))

    @property
    def traces(self) -> int:
        """Whether the file may hold words of what was taken out: 0 no, 1 yes, 2 yes, and they are to go."""
        return int(next((left for (left,) in self._ask("SELECT max(left) FROM traces")), 0) or 0)

    def scrub(self) -> bool:
        """Rewrite the word index, so that it no longer holds what was taken out. The graph must be gone before:
        nothing is drawn afterwards. False when a reader was in the way for too long; it is to be done again then."""
        with self._open() as rows:
            rows.execute("INSERT INTO exact (exact) VALUES ('optimize')")
            rows.execute("UPDATE documents SET drawn = 0")
            if not emptied(lambda asked: rows.execute(asked).fetchone()[0]):
                return False
            rows.execute("DELETE FROM traces")
        return True

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
        """The documents here, and whether the vectors of all their passages are too."""
        asked = (
            "SELECT key, last - first + 1, coalesce(length(vectors), 0)"
            " FROM documents LEFT JOIN arrays ON arrays.row = documents.row"
        )
        return {key: size == number * BYTES for key, number, size in self._ask(asked)}

    def undrawn(self) -> list[str]:
        """The documents whose vectors Chroma's graph does not have."""
        asked = "SELECT key FROM documents JOIN arrays USING (row) WHERE drawn != 1 AND length(vectors) > 0"
        return [key for (key,) in self._ask(asked)]

    def drawn(self) -> dict[str, bool]:
        """The documents that the graph has something of, and whether it has all."""
        return {key: drawn == 1 for key, drawn in self._ask("SELECT key, drawn FROM documents WHERE drawn")}

    def unlabelled(self, head: str) -> list[str]:
        """The documents whose types of clause are not from this head."""
        return [
            key for (key,) in self._ask("SELECT key FROM documents WHERE labelled != ? ORDER BY row", (head,))
        ]

    def unfilled(self) -> list[str]:
        """The documents of an older make, without bags."""
        asked = "SELECT key FROM documents WHERE row NOT IN (SELECT row FROM arrays)"
        return [key for (key,) in self._ask(asked)]

    def vectors(self, keys: Iterable[str] | None = None) -> Iterator[tuple[str, Vectors]]:
        """Of every document, or of these, the vectors of its passages in their order; of some they are not here."""
        asked = "SELECT key, vectors FROM documents JOIN arrays USING (row) WHERE length(vectors) > 0"
        each: Iterable[tuple[str, tuple[str, ...]]] = [("", ())]
        if keys is not None:
            each = ((" AND key = ?", (key,)) for key in keys)
        with self._open() as rows:
            for which, values in each:
                # Closed before the connection goes back, however early the caller leaves: the next one to have it
                # could not empty the log while a read stands open on it.
                with closing(rows.execute(asked + which, values)) as found:
                    for key, data in found:
                        yield key, np.frombuffer(data, np.float32).reshape(-1, WIDTH)

    @property
    def number(self) -> int:
        """How many vectors are here."""
        asked = "SELECT coalesce(sum(length(vectors)), 0) FROM arrays"
        return int(self._ask(asked)[0][0]) // BYTES

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
        best = self.postings.best(terms, self._spans(keys, types), limit)
        with self._open() as rows:
            found = rows.execute(
                "SELECT row, id FROM passages WHERE row IN (SELECT value FROM json_each(?))",
                (json.dumps([row for row, _ in best]),),
            )
            ids = dict(found.fetchall())
        return {ids[row]: score for row, score in best if row in ids}

    def places(self) -> Places:
        """The rows of each document's passages; of a document that has none the last comes before the first."""
        known, turn = self._places, self._turn
        if known is None:
            known = {key: (first, last) for key, first, last in self._ask(_SPANS)}
            if turn == self._turn:
                self._places = known
        return known

    @property
    def postings(self) -> Postings:
        """The bags of all documents, as they stand now."""
        with self._lock:
            found, fresh = self._postings, self._postings is None
            if found is None:
                asked = "SELECT first, bag FROM documents JOIN arrays USING (row)"
                found = Postings.of((first, Bag.read(data)) for first, data in self._ask(asked))
            while self._late:
                gone, came = self._late.pop(0)
                found = found.changed(came, gone)
            self._postings = found
        if fresh:
            self._grown()
        return found

    def warm(self) -> None:
        """Bring what searches read into memory."""
        for read in (self.cards, self.places, lambda: self.profiles([], 0), lambda: self.postings):
            read()

    @property
    def weight(self) -> int:
        """Bytes of the postings in memory."""
        return self._postings.size if self._postings else 0

    def lighten(self) -> None:
        """Forget the postings; they are made anew when they are needed."""
        with self._lock:
            self._postings, self._late = None, []

    def sums(self, terms: Iterable[str], spans: Spans) -> Numbers:
        """The BM25 of every passage in these spans, one span after the other; 0 where no term stands."""
        return self.postings.sums(terms, spans)

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

    def common(self, word: str) -> bool:
        """Whether a passage has the word, in small letters, as a word of its own."""
        return self.postings.stands(written(word))

    def holds(self, word: str) -> bool:
        """Whether any passage has the word, in whatever form."""
        return self.postings.stands(terms(word.lower()))

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
        self,
        came: dict[str, Card],
        profiles: Sequence[tuple[str, Profile]],
        gone: Sequence[str],
        left: Spans,
        bags: list[tuple[int, Bag]],
    ) -> None:
        """Bring what is remembered up to date after a write."""
        with self._lock:
            self._turn += 1
            if self._cards is not None:
                out = set(gone)
                self._cards = {key: card for key, card in self._cards.items() if key not in out} | came
            if self._likeness is not None:
                self._likeness = self._likeness.changed(profiles, gone)
            came_to = [(first, first + len(bag.lengths) - 1) for first, bag in bags]
            if self._postings is not None:  # which were perhaps made just now, with what came in them
                self._late.append(([*left, *came_to], bags))
            self._places = None

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
    here = {name for _, name, *_ in rows.execute("PRAGMA table_info(documents)")}
    if "drawn" not in here:
        _renew(rows)
    if "labelled" not in here:
        with suppress(sqlite3.OperationalError):  # another connection may have been quicker
            rows.execute("ALTER TABLE documents ADD COLUMN labelled TEXT DEFAULT ''")
    return rows


def _renew(rows: sqlite3.Connection) -> None:
    """A file of an older make, with word counts in FTS5 and without bags and vectors: see `fill`."""
    with suppress(sqlite3.OperationalError), _transaction(rows):  # another connection may have been quicker
        rows.execute("ALTER TABLE documents ADD COLUMN drawn INT DEFAULT 0")
        rows.execute("DROP TABLE IF EXISTS words")


def _clauses(rows: sqlite3.Connection, first: int, types: Sequence[Sequence[str]]) -> None:
    """The types of passages that lie one after another, from a row on."""
    found = [(type, at, nth) for at, of in enumerate(types, first) for nth, type in enumerate(of)]
    rows.executemany("INSERT INTO clauses VALUES (?, ?, ?)", found)


def _leave(rows: sqlite3.Connection, traces: int) -> None:
    rows.execute("INSERT INTO traces VALUES (?)", (traces,))


def _blob(vectors: Vectors | None) -> bytes | None:
    return None if vectors is None else np.ascontiguousarray(vectors, np.float32).tobytes()


def _length(span: tuple[int, int]) -> int:
    return span[1] - span[0] + 1


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


@contextmanager
def _transaction(rows: sqlite3.Connection) -> Iterator[None]:
    rows.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        rows.execute("ROLLBACK")
        raise
    rows.execute("COMMIT")
