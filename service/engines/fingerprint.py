"""Digests of large files, remembered."""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path


def fingerprint(file: Path, store: Path) -> str:
    """sha256 of a file, remembered in `store` for as long as its size and time stay the same."""
    facts = file.stat()
    mark = [str(file.resolve()), facts.st_size, facts.st_mtime_ns]
    memory = store / f"{file.name}.sha256.json"
    try:
        kept = json.loads(memory.read_text("utf-8"))
        if kept["file"] == mark:
            return str(kept["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not yet made, or torn: made anew
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    part = memory.with_name(f".{memory.name}.{os.getpid()}.part")
    part.write_text(json.dumps({"file": mark, "sha256": digest}), "utf-8")
    part.rename(memory)
    return digest


def joint_fingerprint(files: Sequence[Path], store: Path) -> str:
    """One sha256 of several files, by their names and contents."""
    store.mkdir(parents=True, exist_ok=True)
    lines = sorted(f"{file.name} {fingerprint(file, store)}" for file in files)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
