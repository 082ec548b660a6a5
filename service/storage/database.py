"""One SQLite file, opened once by the house."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.orm import Session

MIGRATIONS = Path(__file__).parent / "migrations"
PATIENCE = 2.0  # seconds that readers are waited for


class Database:
    """`with database.write() as rows:` commits at the end, or rolls back when the block raises.

    Safe to use from several threads: each block has its own session, and SQLite puts writers in line.
    """

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._engine = create_engine(f"sqlite:///{file}", connect_args={"timeout": 30})
        event.listen(self._engine, "connect", _prepare)
        _migrate(self._engine)

    @contextmanager
    def read(self) -> Iterator[Session]:
        with Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    def empty_log(self) -> bool:
        """Write the log into the file, where what was deleted is gone, and cut it to nothing. False when somebody
        was still reading after a while: then the next time does it, at the latest when all is closed."""
        with self._engine.connect() as connection:
            return emptied(lambda asked: connection.exec_driver_sql(asked).scalar_one())

    def close(self) -> None:
        self._engine.dispose()


def emptied(ask: Callable[[str], Any]) -> bool:
    """Write a file's log into it and cut the log to nothing, once no reader needs it; False when that took too long.

    `ask` puts a PRAGMA to a connection and gives the first value of its answer.
    """
    until, wait = time.monotonic() + PATIENCE, ask("PRAGMA busy_timeout")
    ask(
        "PRAGMA busy_timeout = 0"
    )  # otherwise one that reads on and on would be waited for as long as a writer
    try:
        while ask("PRAGMA wal_checkpoint(TRUNCATE)"):
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        return True
    finally:
        ask(f"PRAGMA busy_timeout = {wait}")


def _prepare(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA secure_delete=ON")


def _migrate(engine: Any) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        # Python's driver begins by itself only where a row changes: what a crash cut off would stay half made.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
