"""The files behind a matter's documents: the original as it came, and what was read from it.

files/<matter>/<document>/original                the bytes, never changed
files/<matter>/<document>/<reading>/text.txt      the canonical text
files/<matter>/<document>/<reading>/layout.json   blocks, pages, ledger, marks; written last: where it stands, the
                                                  text is whole

A file that is read anew gets a new reading beside the old one; the document's line says which counts.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path

from service.core import Block, Document, Entry, Filed, Mark, Page, Word


class Files:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def original(self, matter: str, document: str) -> Path:
        return self._folder / matter / document / "original"

    def keep(self, matter: str, document: str, data: bytes) -> None:
        """Put the original in place, whole or not at all."""
        place = self.original(matter, document)
        if not place.exists():  # the name is the content's, so what stands there is the same
            _write(place, data)

    def save(self, document: Document, reading: str) -> None:
        folder = self._folder / document.matter / document.id / reading
        layout = {
            "kind": document.kind,
            "blocks": [astuple(block) for block in document.blocks],
            "pages": [astuple(page) for page in document.pages],
            "ledger": [astuple(entry) for entry in document.ledger],
            "marks": [astuple(mark) for mark in document.marks],
            "words": [(word.start, word.end, word.box) for word in document.words],
        }
        _write(folder / "text.txt", document.text.encode("utf-8", "surrogatepass"))
        _write(folder / "layout.json", json.dumps(layout).encode())

    def read(self, filed: Filed, reading: str) -> Document | None:
        """The document as it was read, or None when it never was."""
        if not reading:
            return None
        folder = self._folder / filed.matter / filed.id / reading
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
            ledger=tuple(Entry(e[0], e[1], e[2], tuple(e[3])) for e in layout["ledger"]),
            marks=tuple(Mark(*mark) for mark in layout["marks"]),
            words=tuple(Word(start, end, tuple(box)) for start, end, box in layout.get("words", ())),
            family=filed.family,
            version=filed.version,
        )

    def drop(self, matter: str, document: str) -> None:
        shutil.rmtree(self._folder / matter / document, ignore_errors=True)

    def drop_matter(self, matter: str) -> None:
        shutil.rmtree(self._folder / matter, ignore_errors=True)

    def tidy(self, matter: str, document: str, reading: str) -> None:
        """Leave nothing of a document but its original and this reading."""
        folder = self._folder / matter / document
        for place in folder.iterdir() if folder.is_dir() else ():
            if place.is_dir() and place.name != reading:
                shutil.rmtree(place, ignore_errors=True)
            elif place.is_file() and place.name != "original":
                place.unlink(missing_ok=True)

    def sweep(self, matter: str, readings: Mapping[str, str]) -> None:
        """Leave nothing of a matter but these documents, each in the reading that counts."""
        folder = self._folder / matter
        for document in {place.name for place in folder.iterdir()} if folder.is_dir() else ():
            if document in readings:
                self.tidy(matter, document, readings[document])
            else:
                self.drop(matter, document)

    def matters(self) -> set[str]:
        """The matters that have a folder."""
        return {matter.name for matter in self._folder.iterdir()} if self._folder.is_dir() else set()


def _write(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(file.name + ".part")
    with part.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(file)
