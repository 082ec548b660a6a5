"""A file's first line in the library, before anything of it has been read. Pure."""

import hashlib
import time
from dataclasses import replace
from pathlib import PurePosixPath

from service.config import Documents
from service.core import Filed, State
from service.retrieval import loaders


def line(matter: str, name: str, data: bytes) -> Filed:
    """The line of a file of which no more is known than its bytes."""
    return _line(matter, title(name), hashlib.sha256(data).hexdigest(), len(data))


def refused(matter: str, name: str, size: int, limits: Documents) -> Filed:
    """The line of a file of `size` bytes that is too large to look into; its bytes are not kept."""
    allowed = limits.max_bytes / 2**20
    reason = f"The file has more than the {allowed:.0f} MiB allowed. Split it, or raise documents.max_bytes."
    shown = title(name)
    nothing = hashlib.sha256(f"{shown}:{size}".encode()).hexdigest()
    filed = _line(matter, shown, nothing, size)
    return replace(filed, digest="", state=State.TOO_LARGE, reason=reason)


def title(name: str) -> str:
    """The name as the person gave it, with forward slashes and nothing that leads out of a folder."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return "/".join(parts) or "unnamed"


def _line(matter: str, shown: str, digest: str, size: int) -> Filed:
    id = loaders.document_id(matter, digest)
    return Filed(
        id=id,
        family=id,
        matter=matter,
        title=shown,
        kind=PurePosixPath(shown).suffix.lstrip(".").lower(),
        digest=digest,
        state=State.QUEUED,
        reason="",
        size=size,
        pages=0,
        pages_without_text=0,
        passages=0,
        characters=0,
        added=time.time(),
    )
