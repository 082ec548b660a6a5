"""The library: documents in, passages out, always inside a Scope."""

import hashlib
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from service.config import Settings
from service.core import Coverage, Document, Filed, Found, Scope, State
from service.errors import Conflict, NotFound
from service.retrieval import loaders
from service.retrieval.clauses import Heading, outline
from service.retrieval.embed import Embedder
from service.retrieval.files import Files
from service.retrieval.index import Index
from service.retrieval.ingestion import Ingestion
from service.retrieval.records import Records
from service.retrieval.search import Search
from service.storage import Database


class Library:
    """Every method refuses, as if it were not there (NotFound), what its Scope does not cover.

    Opening starts the ingestion thread, which first mends what a crash left behind. `close` stops it.
    """

    def __init__(
        self, home: Path, database: Database, settings: Settings, embedder: Embedder | None = None
    ) -> None:
        self._limits = settings.documents
        self._records, self._files, self._index = Records(database), Files(home / "files"), Index(home)
        self.embedder = embedder or Embedder(settings.search.threads)
        self._search = Search(self._index, self.embedder)
        self._ingestion = Ingestion(
            self._records, self._files, self._index, self.embedder, self._limits, settings.search.passage
        )
        self._ingestion.start()

    @property
    def ready(self) -> bool:
        return self.embedder.ready

    def warm(self) -> None:
        """Load the embedder and open the index; takes some seconds."""
        self.embedder.warm()
        self._index.vectors.matters()

    def add(self, data: bytes | Path, name: str, scope: Scope, matter: str, by: str = "") -> Filed:
        """Take a file in and return its line at once; reading goes on in the background (see `wait`).

        `name` may hold a relative path. The same bytes in the same matter are not taken twice: the line returned
        is DUPLICATE and not kept, and its reason names the first. A file that could not be read before is read anew.
        """
        _allow(scope, matter)
        title = _title(name)
        size = data.stat().st_size if isinstance(data, Path) else len(data)
        if size > self._limits.max_bytes:
            return self._refuse(matter, title, size, by)
        content = data.read_bytes() if isinstance(data, Path) else data
        filed = _line(matter, title, hashlib.sha256(content).hexdigest(), size)
        with self._ingestion.writing:
            first = self._records.get(filed.id)
            if first is not None and (first.state.searchable or not first.state.final):
                reason = f"The same file is here already as “{first.title}”."
                return replace(first, title=title, state=State.DUPLICATE, reason=reason)
            self._files.keep(matter, filed.id, content)
            self._records.add(filed, by)
        self._ingestion.put(filed)
        return filed

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until every file is in its final state; False when `timeout` seconds were not enough."""
        return self._ingestion.wait(timeout)

    def documents(self, scope: Scope, matter: str) -> list[Filed]:
        """The matter's documents, newest first."""
        _allow(scope, matter)
        return self._records.of([matter])

    def get(self, document: str, scope: Scope) -> Filed:
        filed = self._records.get(document)
        if filed is None or not scope.covers(frozenset({filed.matter})):
            raise NotFound("There is no such document. It may have been removed.")
        return filed

    def read(self, document: str, scope: Scope) -> Document:
        """The document's canonical text with blocks and pages. Conflict when it has none (yet)."""
        filed = self.get(document, scope)
        found = self._files.read(filed)
        if found is None:
            raise Conflict(filed.reason or "The document is still being read. Try again in a moment.")
        return found

    def original(self, document: str, scope: Scope) -> tuple[Path, Filed]:
        """The file as it came."""
        filed = self.get(document, scope)
        file = self._files.original(filed.matter, filed.id)
        if not file.exists():
            raise NotFound("The original of this document was not kept, for it was too large.")
        return file, filed

    def outline(self, document: str, scope: Scope) -> list[Heading]:
        return outline(self.read(document, scope))

    def picture(self, document: str, page: int, width: int, scope: Scope) -> bytes:
        """A PDF's page (from 1) as PNG, `width` pixels wide. NotFound for other kinds and other pages."""
        file, filed = self.original(document, scope)
        if filed.kind != "pdf" or not 1 <= page <= filed.pages:
            raise NotFound("There is no picture of this page: only pages of PDF files have one.")
        try:
            return loaders.page_picture(file.read_bytes(), page, width)
        except loaders.Unreadable as error:
            raise NotFound(error.reason) from None

    def rectangles(
        self, document: str, start: int, end: int, scope: Scope
    ) -> list[tuple[int, list[tuple[float, float, float, float]]]]:
        """Where [start, end) of a PDF's text stands: (page, boxes in fractions of the page, origin top left).

        Empty for other kinds.
        """
        whole = self.read(document, scope)
        if whole.kind != "pdf":
            return []
        file, _ = self.original(document, scope)
        return loaders.rectangles(file.read_bytes(), whole.text, whole.pages, start, end)

    def search(self, text: str, scope: Scope, k: int = 8, documents: Iterable[str] | None = None) -> Found:
        """The `k` passages of the scope's matters, or of `documents` among them, that answer best.

        Passages come best first and scores fall; none come when nothing stands above the threshold.
        """
        began = time.perf_counter()
        filed = self._records.of(scope.matters)
        if documents is not None:
            wanted = set(documents)
            filed = [f for f in filed if f.id in wanted]
        whole = [f for f in filed if f.state.searchable]
        found, searched = self._search(text, whole, k, whole=documents is None)
        coverage = Coverage(
            documents=len(searched),
            passages=sum(f.passages for f in searched),
            pages=sum(f.pages for f in searched),
            pages_without_text=sum(f.pages_without_text for f in searched),
            not_searched=len(filed) - len(whole),
            seconds=time.perf_counter() - began,
        )
        return Found(tuple(found), coverage)

    def remove(self, document: str, scope: Scope) -> None:
        """Take a document out with its files and index entries; from now on it answers nothing."""
        filed = self.get(document, scope)
        with self._ingestion.writing:
            self._records.remove(filed.id)
            self._index.drop(filed.matter, filed.id)
            self._files.drop(filed.matter, filed.id)

    def remove_matter(self, matter: str, scope: Scope) -> None:
        """Take out all documents of a matter; the matter itself is left to whoever made it."""
        _allow(scope, matter)
        with self._ingestion.writing:
            self._records.remove_matter(matter)
            self._index.drop_matter(matter)
            self._files.drop_matter(matter)

    def close(self) -> None:
        self._ingestion.close()
        self._index.close()

    def _refuse(self, matter: str, title: str, size: int, by: str) -> Filed:
        """A line for a file that is too large to look into; its bytes are not kept."""
        allowed = self._limits.max_bytes / 2**20
        reason = (
            f"The file has more than the {allowed:.0f} MiB allowed. Split it, or raise documents.max_bytes."
        )
        nothing = hashlib.sha256(f"{title}:{size}".encode()).hexdigest()
        filed = replace(_line(matter, title, nothing, size), digest="", state=State.TOO_LARGE, reason=reason)
        self._records.add(filed, by)
        return filed


def _line(matter: str, title: str, digest: str, size: int) -> Filed:
    """The line of a file of which no more is known than its bytes."""
    id = loaders.document_id(matter, digest)
    return Filed(
        id=id,
        family=id,
        matter=matter,
        title=title,
        kind=PurePosixPath(title).suffix.lstrip(".").lower(),
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


def _allow(scope: Scope, matter: str) -> None:
    if not scope.covers(frozenset({matter})):
        raise NotFound("There is no such matter. It may have been removed.")


def _title(name: str) -> str:
    """The name as the person gave it, with forward slashes and nothing that leads out of a folder."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return "/".join(parts) or "unnamed"
