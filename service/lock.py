"""One process at a time owns a home folder; the others learn where it serves."""

import fcntl
import os
from pathlib import Path

from service.errors import Conflict


class HomeLock:
    """Held while the process lives, however it ends. The file's words are the owner's address."""

    def __init__(self, home: Path, address: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self._file = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise Conflict(
                "Another Privity uses this home folder. Stop it, or set PRIVITY_HOME to another folder."
            ) from None
        self.tell(address)

    def tell(self, address: str) -> None:
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, address.encode(), 0)

    def release(self) -> None:
        os.close(self._file)


def owner(home: Path) -> str | None:
    """The address of the process that owns this home, or None when nobody does."""
    try:
        HomeLock(home, "").release()
    except Conflict:
        return (home / "lock").read_text()
    return None
