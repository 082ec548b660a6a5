"""The library: documents in, passages out, always inside a Scope."""

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from service.config import Settings
from service.core import Coverage, Document, Filed, Filter, Found, Scope, Silent, State
from service.errors import BadRequest, Conflict, NotFound
from service.retrieval import filing, loaders
from service.retrieval.clause_types import Head
from service.retrieval.clauses import Heading, outline
from service.retrieval.embed import Embedder
from service.retrieval.files import Files
from service.retrieval.filters import clause_types, passes
from service.retrieval.generations import Generations
from service.retrieval.heads import clause_head
from service.retrieval.index import Index
from service.retrieval.ingestion import Ingestion
from service.retrieval.older import bring_up
from service.retrieval.records import Line, Records
from service.retrieval.search import Search
from service.retrieval.structure import Structure, read_structure
from service.storage import Database

TRIES = 3  # of a search while what is searched changes under it
STRUCTURES = 64  # documents whose structure is remembered


class Library:
    """Every method refuses, as if it were not there (NotFound), what its Scope does not cover.

    Opening starts the ingestion thread, which first mends what a crash left behind. `close` stops it.

    `earlier` are embedders that may have been in use before `embedder`, to answer by an old index while a new one is
    being built (see `renewing`). The model without an adapter is always one of them. `head` tells the types of
    clauses: unless given the one that the settings lead to, where it can be used.
    """

    def __init__(
        self,
        home: Path,
        database: Database,
        settings: Settings,
        embedder: Embedder | None = None,
        earlier: Sequence[Embedder] = (),
        head: Head | None = None,
    ) -> None:
        self._limits, self._settings = settings.documents, settings
        self._database = database
        self._records, self._files, self._index = Records(database), Files(home / "files"), Index(home)
        self.embedder = embedder or Embedder.configured(settings.search)
        size = settings.search.passage
        earlier = (Embedder(settings.search.threads), *earlier)
        head = head or clause_head(self.embedder, settings)[0]
        bring_up(home, self._index)
        self._generations = Generations(self._records, self.embedder, earlier, size)
        self._search = Search(self._index, self._generations)
        self._ingestion = Ingestion(
            self._records, self._files, self._index, self._generations, head, self._limits, size
        )
        self._structure = lru_cache(maxsize=STRUCTURES)(self._read_structure)
        self._ingestion.start()

    @property
    def ready(self) -> bool:
        return self.embedder.ready

    @property
    def renewing(self) -> bool:
        """Whether the index of a matter is being built anew; the old one answers meanwhile."""
        return self._ingestion.renewing

    @property
    def labelling(self) -> bool:
        """Whether clauses are still to be told their types; the filter does not find those."""
        return self._ingestion.labelling.due

    def relabel(self) -> None:
        """Take up the head that the settings lead to now, and tell all clauses their types anew, in the background."""
        self._ingestion.labelling.take(clause_head(self.embedder, self._settings)[0])
        self._ingestion.wake()

    @property
    def drawing(self) -> bool:
        """Whether Chroma's graphs still lack documents; searches compare all vectors meanwhile."""
        return self._ingestion.drawing

    def warm(self) -> None:
        """Load the embedder, and bring the vectors and words of the matters into memory."""
        self.embedder.warm()
        for matter in self._records.matters():
            self._index.load(matter, self._generations.live(matter).name)

    @property
    def memory(self) -> tuple[int, int]:
        """Bytes of vectors, and of which words stand where, that are kept in memory."""
        return self._index.memory

    def add(
        self, data: bytes | Path, name: str, scope: Scope, matter: str, by: str = "", replaces: str = ""
    ) -> Filed:
        """Take a file in and return its line at once; reading goes on in the background (see `wait`).

        `name` may hold a relative path. The same bytes in the same matter are not taken twice: the line returned
        is DUPLICATE and not kept, and its reason names the first. A file that could not be read before is read anew.

        With `replaces`, the id of a document of the matter, the file becomes that document's next version: current
        once it has been read, and until then, and if it cannot be read, the old one answers. The bytes of an older
        version become the newest one again.
        """
        _allow(scope, matter)
        size = data.stat().st_size if isinstance(data, Path) else len(data)
        if size > self._limits.max_bytes:
            content, filed = b"", filing.refused(matter, name, size, self._limits)
        else:
            content = data.read_bytes() if isinstance(data, Path) else data
            filed = filing.line(matter, name, content)
        with self._ingestion.writing:
            family = self._family(replaces, scope, matter)
            filed, told = self._placed(filed, family)
            if told:
                return told
            if not filed.state.final:
                self._files.keep(matter, filed.id, content)
            if family:
                filed = self._records.renumber(filed, by)
            else:
                self._records.add(filed, by, due=not filed.state.final)
        if not filed.state.final:
            self._ingestion.put(filed.id)
        return filed

    def _family(self, replaces: str, scope: Scope, matter: str) -> str:
        """The family of the document to be replaced; "" when none is."""
        if not replaces:
            return ""
        old = self.get(replaces, scope)
        if old.matter != matter:
            raise BadRequest(
                "The document to be replaced is in another matter. Add the file without replacing."
            )
        return old.family

    def _placed(self, filed: Filed, family: str) -> tuple[Filed, Filed | None]:
        """The line in its family, and when the file is here already, the line that says so."""
        first = self._records.get(filed.id)
        if first is None:
            return replace(filed, family=family or filed.id), None
        here = first.filed
        kept = here.state.searchable or here.state is State.UNPACKED
        back = kept and family == here.family and not here.current
        if (kept and not back) or not here.state.final:
            return filed, replace(here, title=filed.title, state=State.DUPLICATE, reason=_same(here))
        if family:
            return replace(filed, family=family, parent=here.parent), None
        return (
            replace(
                filed, family=here.family, parent=here.parent, version=here.version, current=here.current
            ),
            None,
        )

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until every file is in its final state; False when `timeout` seconds were not enough."""
        return self._ingestion.wait(timeout)

    def documents(self, scope: Scope, matter: str) -> list[Filed]:
        """The matter's documents, newest first: of versions the current one, and those that are being read or could
        not be read since."""
        _allow(scope, matter)
        lines = [line.filed for line in self._records.of([matter])]
        counts = {filed.family: filed.version for filed in lines if filed.current}
        return [f for f in lines if f.current or counts.get(f.family, f.version) < f.version]

    def get(self, document: str, scope: Scope) -> Filed:
        return self._line(document, scope).filed

    def _line(self, document: str, scope: Scope) -> Line:
        line = self._records.get(document)
        if line is None or not scope.covers(frozenset({line.filed.matter})):
            raise NotFound("There is no such document. It may have been removed.")
        return line

    def versions(self, document: str, scope: Scope) -> list[Filed]:
        """The document's versions, itself among them, newest first. Old ones can be read and are not searched."""
        return [line.filed for line in self._records.versions(self.get(document, scope).family)]

    def current(self, family: str, scope: Scope) -> Filed | None:
        """Of a family of versions the one that is searched; None when there is none, or it lies behind a wall."""
        lines = (line.filed for line in self._records.versions(family))
        return next((f for f in lines if f.current and scope.covers(frozenset({f.matter}))), None)

    def attached(self, document: str, scope: Scope) -> list[Filed]:
        """What came inside a document: an e-mail's attachments, an archive's files."""
        return [line.filed for line in self._records.attached(self.get(document, scope).id)]

    def read(self, document: str, scope: Scope) -> Document:
        """The document's canonical text with blocks and pages. Conflict when it has none (yet)."""
        for _ in range(TRIES):  # it may be read anew just now, and the old reading taken away
            line = self._line(document, scope)
            found = self._files.read(line.filed, line.reading)
            if found is not None:
                return found
        raise Conflict(line.filed.reason or "The document is still being read. Try again in a moment.")

    def structure(self, document: str, scope: Scope) -> Structure:
        """Its defined terms, cross-references and facts. Conflict when it has no text (yet)."""
        line = self._line(document, scope)
        return self._structure(document, line.reading, scope)

    def _read_structure(self, document: str, reading: str, scope: Scope) -> Structure:
        return read_structure(self.read(document, scope))

    def reread(self, document: str, scope: Scope) -> Filed:
        """Read a file anew: after a program that was missing has been installed, say. Its line, as QUEUED.

        What was read before answers until then, and for good if the file cannot be read now. Positions in the text
        may change, and so old citations of the document may no longer open at their place.
        """
        line = self._line(document, scope)
        if not self._files.original(line.filed.matter, line.filed.id).exists():
            raise Conflict("The file itself was not kept, for it was too large. Add it again.")
        with self._ingestion.writing:
            values = {} if line.filed.state.searchable else {"state": State.QUEUED.value, "reason": ""}
            self._records.change(line.filed, due=True, **values)
        self._ingestion.put(line.filed.id)
        return replace(line.filed, state=State.QUEUED, reason="")

    def original(self, document: str, scope: Scope) -> tuple[Path, Filed]:
        """The file as it came."""
        filed = self.get(document, scope)
        file = self._files.original(filed.matter, filed.id)
        if not file.exists():
            raise NotFound("The original of this document was not kept, for it was too large.")
        return file, filed

    def outline(self, document: str, scope: Scope) -> list[Heading]:
        return outline(self.read(document, scope))

    def clause_types(self, scope: Scope, matter: str) -> dict[str, int]:
        """How many passages of the matter are of each type of clause, types without any among them. Empty where
        clauses get no types."""
        _allow(scope, matter)
        keys = [line.key for line in self._records.of([matter]) if line.searched]
        found = self._index.words(matter, self._generations.live(matter).name).types(keys)
        return {type: found[type] for type in self._types}

    def clauses(self, document: str, scope: Scope) -> list[tuple[int, int, str]]:
        """Which types of clause stand where in the document, in its order: (start, end, type)."""
        line = self._line(document, scope)
        matter = line.filed.matter
        return self._index.words(matter, self._generations.live(matter).name).typed(line.key)

    def unlabelled(self, scope: Scope, matter: str) -> int:
        """How many of the matter's documents have not been told their types of clause yet."""
        _allow(scope, matter)
        words = self._index.words(matter, self._generations.live(matter).name)
        waiting = set(words.unlabelled(self._ingestion.labelling.digest))
        return sum(line.searched and line.key in waiting for line in self._records.of([matter]))

    @property
    def _types(self) -> tuple[str, ...]:
        return self._ingestion.labelling.types

    def picture(self, document: str, page: int, width: int, scope: Scope) -> bytes:
        """A PDF's page (from 1) as PNG, `width` pixels wide. NotFound for other kinds and other pages."""
        file, filed = self.original(document, scope)
        if filed.kind not in loaders.PICTURED or not 1 <= page <= filed.pages:
            raise NotFound(
                "There is no picture of this page: only pages of PDF files and of pictures have one."
            )
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
        if whole.kind not in loaders.PICTURED:
            return []
        file, _ = self.original(document, scope)
        return loaders.rectangles(file.read_bytes(), whole, start, end)

    def search(
        self, text: str, scope: Scope, k: int = 8, filter: Filter | None = None, exact: bool = False
    ) -> Found:
        """The `k` passages of the scope's matters that answer best, or of the documents that pass the filter.

        Passages come best first and scores fall; none come when nothing stands above the threshold. With `exact` the
        text is words, "phrases", AND, OR, NOT and brackets (BadRequest when it makes no sense), and every passage
        that comes holds them.
        """
        began, types = time.perf_counter(), clause_types(filter or Filter(), self._types)
        self._ingestion.asked()
        for _ in range(TRIES):
            turn = self._records.turn
            lines = [line for line in self._records.of(scope.matters) if line.filed.current]
            chosen = lines if filter is None else [x for x in lines if passes(x.filed, filter)]
            able = [line for line in chosen if line.searched]
            ready = sum(line.searched for line in lines) if chosen is not lines else len(able)
            whole = len(chosen) == len(lines)
            if exact:
                found = self._search.exact(text, able, k, whole=whole, types=types)
                searched, asked = able, text
            else:
                found, searched, asked = self._search(text, able, k, whole=whole, types=types)
            passages = self._search.passages(searched, types)
            if turn == self._records.turn:
                break  # otherwise a document came or went meanwhile, and its index with it
        index = self._generations.told({line.filed.matter for line in searched})
        coverage = _coverage([line.filed for line in searched], index)
        return Found(
            tuple(found),
            replace(
                coverage,
                passages=passages,
                not_searched=sum(not x.searched and x.filed.state is not State.UNPACKED for x in chosen),
                left_out=ready - len(searched),
                seconds=time.perf_counter() - began,
            ),
            asked,
            () if exact else self._search.strange(text, able),
        )

    def remove(self, document: str, scope: Scope) -> int:
        """Take a document out with its files and index entries; from now on it answers nothing. See `remove_many`."""
        return self.remove_many([self.get(document, scope).id], scope)

    def remove_many(self, documents: list[str], scope: Scope) -> int:
        """Take documents out, and say how many went: with the current one its other versions, and with a document
        what came inside it and in no other. Nothing goes when one of them is not there."""
        chosen = [self.get(document, scope) for document in documents]
        with self._ingestion.writing:
            gone = self._records.remove(filed.id for filed in chosen)
            homes = {filed.matter for filed in chosen}
            for matter in homes:
                self._ingestion.tidying.matter(matter, scrub=True)
                for document in gone:
                    self._files.drop(matter, document)
            self._database.empty_log()
        self._ingestion.wake()
        self._structure.cache_clear()
        return len(gone)

    def remove_matter(self, matter: str, scope: Scope) -> None:
        """Take out all documents of a matter; the matter itself is left to whoever made it."""
        _allow(scope, matter)
        with self._ingestion.writing:
            self._records.remove_matter(matter)
            self._index.delete(matter, self._index.generations(matter))
            self._files.drop_matter(matter)
            self._database.empty_log()
        self._structure.cache_clear()

    def check(self) -> None:
        """Raise AssertionError, with the numbers, unless all is whole; to be called when nothing is being read.

        Every document that should answer is in the words and vectors of its matter's index with all its passages, and
        nothing else is; its text is there; one version at most of a family is current.
        """
        with self._ingestion.writing:
            self._ingestion.tidying.check(self._records.matters())

    def close(self) -> None:
        self._ingestion.close()
        self._index.close()


def _coverage(searched: list[Filed], index: str) -> Coverage:
    pages = {f.id: sorted({n for e in f.ledger if e.fate == "unread" for n in e.pages}) for f in searched}
    return Coverage(
        documents=len(searched),
        passages=sum(filed.passages for filed in searched),
        pages=sum(filed.pages for filed in searched),
        pages_without_text=sum(filed.pages_without_text for filed in searched),
        index=index,
        silent=tuple(Silent(f.id, f.title, tuple(pages[f.id])) for f in searched if pages[f.id]),
    )


def _same(here: Filed) -> str:
    if here.current or not here.state.final:
        return f"The same file is here already as “{here.title}”."
    return (
        f"The same file is here already as version {here.version} of a document, “{here.title}”. "
        "To search it again, add it as a new version of that document."
    )


def _allow(scope: Scope, matter: str) -> None:
    if not scope.covers(frozenset({matter})):
        raise NotFound("There is no such matter. It may have been removed.")
