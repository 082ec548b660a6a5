"""The documents' lines in the database: the truth about what is in the library and how far it has come.

Lines that have been asked for are remembered: this process alone writes them, and every write passes here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from threading import Lock, RLock
from typing import Any

from sqlalchemy import delete, select, update

from service.core import Entry, Facts, Filed, State
from service.retrieval import families
from service.storage import Database
from service.storage.tables import DocumentRow, IndexRow, Matter


@dataclass(frozen=True, slots=True)
class Line:
    """A document's line, and which reading of its file counts."""

    filed: Filed
    reading: str = ""  # "" before the first
    due: bool = False  # the file is to be read, or to be read anew

    @property
    def key(self) -> str:
        """Under which the index keeps it: another reading is another key."""
        return f"{self.filed.id}-{self.reading}"

    @property
    def searched(self) -> bool:
        return self.filed.current and self.filed.state.searchable and bool(self.reading)


class Records:
    """A line is known by id and by `added`: the same file, removed and added again, is another line."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writing, self._lock = RLock(), Lock()
        self._lines: dict[str, dict[str, Line]] = {}  # by matter, by document
        self._generations: dict[str, tuple[str, str]] | None = None
        self._turn = 0

    # --- reading

    @property
    def turn(self) -> int:
        """Rises whenever what is searched changes."""
        return self._turn

    def get(self, document: str) -> Line | None:
        with self._lock:
            for lines in self._lines.values():
                if document in lines:
                    return lines[document]
        with self._database.read() as rows:
            row = rows.get(DocumentRow, document)
            return None if row is None else _line(row)

    def stands(self, filed: Filed) -> bool:
        found = self.get(filed.id)
        return found is not None and found.filed.added == filed.added

    def of(self, matters: Iterable[str]) -> list[Line]:
        """The lines of these matters, newest first."""
        found = [line for matter in matters for line in self._of(matter)]
        return sorted(found, key=lambda line: (-line.filed.added, line.filed.id))

    def due(self) -> list[Line]:
        """The lines whose file is to be read, oldest first."""
        with self._database.read() as rows:
            found = rows.scalars(select(DocumentRow).where(DocumentRow.due).order_by(DocumentRow.added))
            return [_line(row) for row in found]

    def matters(self) -> set[str]:
        with self._database.read() as rows:
            return set(rows.scalars(select(Matter.id)))

    def versions(self, family: str) -> list[Line]:
        """Newest first."""
        with self._database.read() as rows:
            return [_line(row) for row in families.versions(rows, family)]

    def attached(self, parent: str) -> list[Line]:
        with self._database.read() as rows:
            return [_line(row) for row in families.children(rows, parent)]

    def depth(self, document: str) -> int:
        """In how many files, one in another, a document came."""
        deep, seen = 0, set[str]()
        with self._database.read() as rows:
            row = rows.get(DocumentRow, document)
            while row is not None and row.parent and row.id not in seen:
                seen.add(row.id)
                row, deep = rows.get(DocumentRow, row.parent), deep + 1
        return deep

    def takes_over(self, filed: Filed) -> bool:
        """Whether this version, once it has been read, is the one to be searched."""
        with self._database.read() as rows:
            row = rows.get(DocumentRow, filed.id)
            return row is not None and families.may_take_over(row, families.versions(rows, row.family))

    # --- writing

    def add(self, filed: Filed, by: str, due: bool = True) -> None:
        """Write a line, over one of the same id. What was read of it before stays readable."""
        with self._writing:
            with self._database.write() as rows:
                rows.merge(_row(filed, by, due))
            self._sync({filed.id})

    def change(self, filed: Filed, **values: Any) -> bool:
        """Change a line; False when it is gone or another has its place."""
        line = (DocumentRow.id == filed.id, DocumentRow.added == filed.added)
        with self._writing:
            with self._database.write() as rows:
                done = rows.execute(update(DocumentRow).where(*line).values(**values))
            self._sync({filed.id})
            return bool(done.rowcount)  # type: ignore[attr-defined]

    def progress(self, filed: Filed, done: int) -> None:
        """Remember how many passages are embedded; only memory, for a crash begins anew."""
        with self._lock:
            lines = self._lines.get(filed.matter, {})
            if filed.id in lines:
                line = lines[filed.id]
                lines[filed.id] = replace(line, filed=replace(line.filed, done=done))

    def finish(self, filed: Filed, values: Mapping[str, Any], inside: Sequence[Filed]) -> list[Line] | None:
        """The end of a file's reading in one transaction; the lines that are to be read next.

        Its line gets `values`, `inside` are filed as its attachments, and where it is a new version that has been
        read it takes the old one's place. None, and nothing is written, when the line is gone.
        """
        with self._writing:
            with self._database.write() as rows:
                row = rows.get(DocumentRow, filed.id)
                if row is None or row.added != filed.added:
                    return None
                for name, value in values.items():
                    setattr(row, name, value)
                row.due = False
                touched = {row.id} | self._attach(rows, row, inside)
                if State(row.state).searchable or row.state == State.UNPACKED:
                    touched |= families.take_over(rows, row)
            return [line for line in self._sync(touched) if line.due]

    def _attach(self, rows: Any, parent: DocumentRow, inside: Sequence[Filed]) -> set[str]:
        for filed in inside:
            if rows.get(DocumentRow, filed.id) is None:
                rows.add(_row(filed, parent.added_by, due=not filed.state.final))
                rows.flush()
            families.attach(rows, parent.id, filed.id)
        rows.flush()
        return {filed.id for filed in inside} | families.follow(rows, [parent.id])

    def renumber(self, filed: Filed, by: str) -> Filed:
        """Write `filed` as the newest version of its family, not yet current, to be read."""
        with self._writing, self._database.read() as rows:
            filed = replace(filed, version=families.newest(rows, filed.family) + 1, current=False)
            self.add(filed, by, due=not filed.state.final)
        return filed

    def remove(self, documents: Iterable[str]) -> set[str]:
        """Take lines out with their versions and attachments; the ids of all that went."""
        with self._writing:
            with self._database.write() as rows:
                gone = families.doomed(rows, documents)
                touched = gone | families.take_out(rows, gone)
            self._sync(touched)
        return gone

    def remove_matter(self, matter: str) -> None:
        with self._writing:
            with self._database.write() as rows:
                rows.execute(delete(DocumentRow).where(DocumentRow.matter == matter))
                rows.execute(delete(IndexRow).where(IndexRow.matter == matter))
            with self._lock:
                self._lines.pop(matter, None)
                self._generations = None
                self._turn += 1

    # --- generations of the index

    def generations(self) -> dict[str, tuple[str, str]]:
        """By which generation each matter is searched, and which embedder made it."""
        known = self._generations
        if known is None:
            with self._database.read() as rows:
                known = {row.matter: (row.generation, row.embedder) for row in rows.scalars(select(IndexRow))}
            self._generations = known
        return known

    def searched_by(self, matter: str, generation: str, embedder: str, passages: Mapping[str, int]) -> None:
        """From now on search the matter by this generation, in which its documents have so many passages."""
        with self._writing:
            with self._database.write() as rows:
                rows.merge(IndexRow(matter=matter, generation=generation, embedder=embedder))
                for id, number in passages.items():
                    row = rows.get(DocumentRow, id)
                    if row is not None:
                        row.passages = row.done = number
            self._generations = None
            self._sync(passages)
            with self._lock:
                self._turn += 1

    # --- remembering

    def _of(self, matter: str) -> list[Line]:
        with self._lock:
            if matter in self._lines:
                return list(self._lines[matter].values())
        with self._writing, self._database.read() as rows:
            found = rows.scalars(select(DocumentRow).where(DocumentRow.matter == matter))
            lines = {row.id: _line(row) for row in found}
            with self._lock:
                self._lines[matter] = lines
                return list(lines.values())

    def _sync(self, ids: Iterable[str]) -> list[Line]:
        """Take these lines into memory as they now stand in the database."""
        wanted, found = set(ids), dict[str, Line]()
        with self._database.read() as rows:
            for some in families.chunks(wanted):
                for row in rows.scalars(select(DocumentRow).where(DocumentRow.id.in_(some))):
                    found[row.id] = _line(row)
        with self._lock:
            for lines in self._lines.values():
                for id in wanted & lines.keys():
                    del lines[id]
            for id, line in found.items():
                if line.filed.matter in self._lines:
                    self._lines[line.filed.matter][id] = line
            self._turn += 1
        return list(found.values())


def _row(filed: Filed, by: str, due: bool) -> DocumentRow:
    values = {name: getattr(filed, name) for name in Filed.__slots__}
    ledger = [asdict(entry) for entry in filed.ledger]
    values |= {"state": filed.state.value, "facts": asdict(filed.facts), "ledger": ledger}
    return DocumentRow(**values, added_by=by, due=due)


def _line(row: DocumentRow) -> Line:
    values = {name: getattr(row, name) for name in Filed.__slots__}
    ledger = tuple(Entry(**_tuples(line)) for line in row.ledger)
    values |= {"state": State(row.state), "facts": Facts(**_tuples(row.facts)), "ledger": ledger}
    return Line(Filed(**values), row.reading, row.due)


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    """JSON's lists as the tuples that they were."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
