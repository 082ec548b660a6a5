"""What there is of adapters, told from the outside: nothing is opened for writing, so it can run beside the house."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from service.adapters.books import SHIPPED
from service.adapters.checks import vet
from service.adapters.versions import all_named
from service.core import BaseFacts, LoraFile
from service.storage import Database
from service.storage.tables import AdmissionRow

HEAD = "head.json"  # beside a LoRA: it serves that head, and nothing else


@dataclass(frozen=True, slots=True)
class Survey:
    names: int
    versions: int  # in use
    published: int  # names
    uploads_refused: int  # in the last 30 days
    missing: tuple[str, ...]  # versions whose files are gone: "contract-qa v2"
    misfits: tuple[str, ...]  # versions for none of these bases
    gguf_only: tuple[str, ...]  # versions without PEFT's form
    kept: int  # bytes on the shelf
    converted: int  # bytes of these that are llama.cpp's form


def survey(home: Path, database: Database, bases: Sequence[BaseFacts]) -> Survey:
    with database.read() as rows:
        cards = all_named(rows)
        refused = select(AdmissionRow.id).where(
            AdmissionRow.state == "refused", AdmissionRow.origin != SHIPPED
        )
        uploads = len(rows.scalars(refused).all())
    versions = [version for card in cards for version in card.versions if not version.retired]
    fitting = {base.fingerprint for base in bases}
    shelf = home / "adapters"
    sizes = dict(_sizes(shelf))
    told = {f"{version.name} v{version.version}": version for version in versions}
    return Survey(
        names=len(cards),
        versions=len(versions),
        published=sum(card.published is not None for card in cards),
        uploads_refused=uploads,
        missing=tuple(n for n, one in told.items() if not (shelf / one.digest / LoraFile.MANIFEST).is_file()),
        misfits=tuple(name for name, one in told.items() if one.base not in fitting),
        gguf_only=tuple(name for name, one in told.items() if one.form == "gguf"),
        kept=sum(sizes.values()),
        converted=sum(size for file, size in sizes.items() if file.name == LoraFile.GGUF),
    )


def _sizes(shelf: Path) -> Iterator[tuple[Path, int]]:
    """The shelf's files with their bytes; what the house removes meanwhile is gone, and no error."""
    for folder, _, names in os.walk(shelf):
        for file in (Path(folder) / name for name in names):
            with suppress(FileNotFoundError):
                yield file, file.stat().st_size


def refusals(folder: Path, bases: Sequence[BaseFacts]) -> dict[str, tuple[str, ...]]:
    """The folders of `folder` that are adapters and would be refused at a start, by name with every reason."""
    found = {}
    for place in adapters_in(folder):
        with tempfile.TemporaryDirectory() as room:
            findings = vet(place, Path(room) / "files", bases)
        if not findings.ok:
            found[place.name] = findings.reasons
    return found


def adapters_in(folder: Path) -> list[Path]:
    """The folders that hold an adapter, by name; what is none is left alone, as is a LoRA that belongs to a head."""
    places = sorted(place for place in folder.iterdir() if place.is_dir()) if folder.is_dir() else []
    return [place for place in places if _adapter(place)]


def _adapter(folder: Path) -> bool:
    found = (folder / LoraFile.CONFIG).is_file() or any(folder.glob("*.gguf"))
    return found and not (folder / HEAD).is_file()
