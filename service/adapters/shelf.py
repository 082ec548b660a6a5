"""The shelf: an adapter's files under its digest, and the quarantine where they wait until they have passed.

adapters/<digest>/manifest.json     the files' sizes and digests; written last, then the folder is renamed into place
quarantine/<room>/                  what has come in; nothing in it is ever served

Both lie in one file system, so that a rename is whole or nothing.
"""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from service.core import LoraFile


class Shelf:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def folder(self, digest: str) -> Path:
        return self._folder / digest

    def holds(self, digest: str) -> bool:
        return (self.folder(digest) / LoraFile.MANIFEST).is_file()

    def manifest(self, digest: str) -> dict[str, Any] | None:
        """What was noted when the files were placed, or None when they are not there."""
        try:
            found: dict[str, Any] = json.loads((self.folder(digest) / LoraFile.MANIFEST).read_bytes())
        except (OSError, ValueError):
            return None
        return found

    def place(self, digest: str, made: Path, facts: Mapping[str, Any]) -> Path:
        """Moves the folder `made` into place as a whole, with a manifest that also holds `facts`."""
        files = {file.name: _described(file) for file in sorted(made.iterdir())}
        _write(made / LoraFile.MANIFEST, json.dumps({**facts, "digest": digest, "files": files}).encode())
        _sync(made)
        self.remove(digest)
        made.rename(self.folder(digest))
        _sync(self._folder)
        return self.folder(digest)

    def remove(self, digest: str) -> None:
        leave(self.hide(digest))

    def hide(self, digest: str) -> Path:
        """Takes the folder out of sight, to be deleted at leisure: a half deleted one is never taken for an adapter."""
        gone = self._folder / f".{secrets.token_hex(4)}.gone"
        with contextlib.suppress(FileNotFoundError):
            self.folder(digest).rename(gone)
        return gone

    def whole(self, digest: str, *, deep: bool = False) -> bool:
        """Whether every file is there in its size and, with `deep`, in its bytes."""
        manifest, folder = self.manifest(digest), self.folder(digest)
        if manifest is None:
            return False
        for name, told in manifest["files"].items():
            file = folder / name
            if not file.is_file() or file.stat().st_size != told["size"]:
                return False
            if deep and _described(file) != told:
                return False
        return True

    def sweep(self, wanted: Collection[str]) -> int:
        """Leaves nothing but the folders of these digests; how many others there were."""
        others = [place for place in self._folder.iterdir() if place.name not in wanted]
        for place in others:
            shutil.rmtree(place, ignore_errors=True) if place.is_dir() else place.unlink()
        return len(others)


class Quarantine:
    """Rooms for what comes in. A room's maker removes it; what a crash leaves goes at the next start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def room(self) -> Path:
        room = self._folder / secrets.token_hex(8)
        room.mkdir(mode=0o700)
        return room


def leave(room: Path) -> None:
    """Deletes a room of the quarantine, or what the shelf has hidden."""
    shutil.rmtree(room, ignore_errors=True)


def _described(file: Path) -> dict[str, Any]:
    with file.open("rb") as stream:
        return {
            "size": file.stat().st_size,
            "sha256": hashlib.file_digest(stream, "sha256").hexdigest(),
        }


def _write(file: Path, data: bytes) -> None:
    with file.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _sync(folder: Path) -> None:
    """Every file in the folder, and then the folder itself, on the disk."""
    for place in [*(file for file in folder.iterdir() if file.is_file()), folder]:
        number = os.open(place, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
