"""The documents' lines in the database: the truth about what is in the library and how far it has come."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from sqlalchemy import delete, select, update

from service.core import Entry, Facts, Filed, State
from service.storage import Database
from service.storage.tables import DocumentRow, Matter


class Records:
    """A line is known by id and by `added`: the same file, removed and added again, is another line."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, filed: Filed, by: str) -> None:
        """Write a line, over one of the same id."""
        values = {name: getattr(filed, name) for name in Filed.__slots__}
        ledger = [asdict(entry) for entry in filed.ledger]
        values |= {"state": filed.state.value, "facts": asdict(filed.facts), "ledger": ledger, "added_by": by}
        with self._database.write() as rows:
            rows.merge(DocumentRow(**values))

    def change(self, filed: Filed, **values: Any) -> bool:
        """Change a line; False when it is gone or another has its place."""
        line = (DocumentRow.id == filed.id, DocumentRow.added == filed.added)
        with self._database.write() as rows:
            done = rows.execute(update(DocumentRow).where(*line).values(**values))
            return bool(done.rowcount)  # type: ignore[attr-defined]

    def stands(self, filed: Filed) -> bool:
        found = self.get(filed.id)
        return found is not None and found.added == filed.added

    def get(self, document: str) -> Filed | None:
        with self._database.read() as rows:
            row = rows.get(DocumentRow, document)
            return None if row is None else _filed(row)

    def of(self, matters: Iterable[str]) -> list[Filed]:
        """The lines of these matters, newest first."""
        newest = (DocumentRow.added.desc(), DocumentRow.id)
        with self._database.read() as rows:
            found = rows.scalars(
                select(DocumentRow).where(DocumentRow.matter.in_(list(matters))).order_by(*newest)
            )
            return [_filed(row) for row in found]

    def unfinished(self) -> list[Filed]:
        """The lines whose file has not been read to its end, oldest first."""
        open_states = [state.value for state in State if not state.final]
        with self._database.read() as rows:
            found = rows.scalars(
                select(DocumentRow).where(DocumentRow.state.in_(open_states)).order_by(DocumentRow.added)
            )
            return [_filed(row) for row in found]

    def matters(self) -> set[str]:
        with self._database.read() as rows:
            return set(rows.scalars(select(Matter.id)))

    def remove(self, document: str) -> None:
        with self._database.write() as rows:
            rows.execute(delete(DocumentRow).where(DocumentRow.id == document))

    def remove_matter(self, matter: str) -> None:
        with self._database.write() as rows:
            rows.execute(delete(DocumentRow).where(DocumentRow.matter == matter))


def _filed(row: DocumentRow) -> Filed:
    values = {name: getattr(row, name) for name in Filed.__slots__}
    ledger = tuple(Entry(**_tuples(line)) for line in row.ledger)
    return Filed(
        **(values | {"state": State(row.state), "facts": Facts(**_tuples(row.facts)), "ledger": ledger})
    )


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    """JSON's lists as the tuples that they were."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
