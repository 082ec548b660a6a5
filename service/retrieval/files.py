"""The files behind a matter's documents: the original as it came, and what was read from it.

files/<matter>/<document>/original      the bytes, never changed
files/<matter>/<document>/text.txt      the canonical text
files/<matter>/<document>/layout.json   blocks, pages, ledger, marks; written last: where it stands, the text is whole
"""

import json
import os
import shutil
from dataclasses import astuple
from pathlib import Path

from service.core import Block, Document, Entry, Filed, Mark, Page


class Files:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def original(self, matter: str, document: str) -> Path:
        return self._folder / matter / document / "original"

    def keep(self, matter: str, document: str, data: bytes) -> None:
        """Put the original in place, whole or not at all."""
        _write(self.original(matter, document), data)

    def save(self, document: Document) -> None:
        folder = self._folder / document.matter / document.id
        layout = {
            "kind": document.kind,
            "blocks": [astuple(block) for block in document.blocks],
            "pages": [astuple(page) for page in document.pages],
            "ledger": [astuple(entry) for entry in document.ledger],
            "marks": [astuple(mark) for mark in document.marks],
        }
        _write(folder / "text.txt", document.text.encode("utf-8", "surrogatepass"))
        _write(folder / "layout.json", json.dumps(layout).encode())

    def read(self, filed: Filed) -> Document | None:
        """The document as it was read, or None when it never was."""
        folder = self._folder / filed.matter / filed.id
        try:
            layout = json.loads((folder / "layout.json").read_bytes())
            text = (folder / "text.txt").read_bytes().decode("utf-8", "surrogatepass")
        except FileNotFoundError:
            return None
        return Document(
            id=filed.id,
            matter=filed.matter,
            title=filed.title,
            kind=layout["kind"],
            digest=filed.digest,
            text=text,
            blocks=tuple(Block(*block) for block in layout["blocks"]),
            pages=tuple(Page(*page) for page in layout["pages"]),
            ledger=tuple(Entry(*entry) for entry in layout["ledger"]),
            marks=tuple(Mark(*mark) for mark in layout["marks"]),
        )

    def drop(self, matter: str, document: str) -> None:
        shutil.rmtree(self._folder / matter / document, ignore_errors=True)

    def drop_matter(self, matter: str) -> None:
        shutil.rmtree(self._folder / matter, ignore_errors=True)

    def here(self) -> dict[str, set[str]]:
        """The matters and documents that have a folder."""
        if not self._folder.is_dir():
            return {}
        return {matter.name: {f.name for f in matter.iterdir()} for matter in self._folder.iterdir()}


def _write(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(file.name + ".part")
    with part.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(file)
