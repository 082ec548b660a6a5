"""The database: SQLite in the home folder, its schema kept by Alembic."""

from service.storage.database import Database, emptied

__all__ = ["Database", "emptied"]
