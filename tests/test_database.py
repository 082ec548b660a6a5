"""The database's file: whatever cuts its making off, the next start makes it whole."""

import subprocess
import sys
from pathlib import Path

import pytest

from service.storage import Database
from service.storage.tables import Matter
from tests.conftest import ROOT

CUT = """
import os, pathlib, sys
from alembic.ddl.impl import DefaultImpl
from service.storage import Database

make, left = DefaultImpl.create_table, [int(sys.argv[2])]

def cut(self, table, **more):
    if not left[0]:
        os.kill(os.getpid(), 9)
    left[0] -= 1
    make(self, table, **more)

DefaultImpl.create_table = cut
Database(pathlib.Path(sys.argv[1]))
"""


@pytest.mark.parametrize("tables", [1, 9])
def test_one_that_was_cut_off_in_the_making_is_made_whole(tmp_path: Path, tables: int) -> None:
    file = tmp_path / "privity.db"
    ended = subprocess.run([sys.executable, "-c", CUT, str(file), str(tables)], cwd=ROOT, check=False)
    assert ended.returncode == -9
    assert file.stat().st_size, "it was begun"
    made = Database(file)
    with made.write() as rows:
        rows.add(Matter(id="m1", name="Harrow", created=0.0))
    made.close()
