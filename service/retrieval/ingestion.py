"""From a file that lies in its place to passages that can be searched, in a thread of its own, one file at a time.

    QUEUED -> READING -> EMBEDDING -> READY or PARTIAL; or, where a file cannot be read, the state that says why

READY is written last. Whatever stops the program before leaves a line that the next start takes up again. Before
each thing that it writes the thread looks whether the document still stands: a delete during ingestion wins.
"""

import logging
from dataclasses import asdict
from queue import SimpleQueue
from threading import Condition, Lock, Thread
from traceback import format_tb

from service.config import Documents
from service.core import Document, Filed, Passage, State
from service.retrieval.clauses import passages
from service.retrieval.embed import Embedder, spoken
from service.retrieval.files import Files
from service.retrieval.index import Index
from service.retrieval.loaders import Unreadable, load
from service.retrieval.records import Records

BATCH = 16  # passages embedded at once: a question waits for no more than these

log = logging.getLogger("privity.retrieval")


class Withdrawn(Exception):
    """The document was removed while it was being read."""


class Ingestion:
    """`writing` is held around everything that changes files or index: hold it to remove a document."""

    def __init__(
        self, records: Records, files: Files, index: Index, embedder: Embedder, limits: Documents, size: int
    ) -> None:
        self.writing = Lock()
        self._records, self._files, self._index, self._embedder = records, files, index, embedder
        self._limits, self._size = limits, size
        self._waiting: SimpleQueue[Filed | None] = SimpleQueue()
        self._left, self._idle, self._stopped = 0, Condition(), False
        self._thread = Thread(target=self._work, name="ingestion", daemon=True)

    def start(self) -> None:
        """Mend what a crash left, take up what was not finished, then wait for files."""
        for filed in self._records.unfinished():
            self.put(filed)
        self._thread.start()

    def put(self, filed: Filed) -> None:
        with self._idle:
            self._left += 1
        self._waiting.put(filed)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until every file is in a final state; False when time ran out."""
        with self._idle:
            return self._idle.wait_for(lambda: self._left == 0, timeout)

    def close(self) -> None:
        """Stop after the batch at hand; what is left is taken up at the next start."""
        self._stopped = True
        self._waiting.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        self._sweep()
        while (filed := self._waiting.get()) is not None and not self._stopped:
            try:
                self._ingest(filed)
            except Withdrawn:
                pass
            except Unreadable as error:
                self._records.change(filed, state=error.state.value, reason=error.reason)
            except Exception as error:
                # The message may quote the file; the places in the code do not.
                places = "".join(format_tb(error.__traceback__))
                log.error("ingestion failed: document %s, %s\n%s", filed.id, type(error).__name__, places)
                self._records.change(filed, state=State.FAILED.value, reason=_FAILED)
            with self._idle:
                self._left -= 1
                self._idle.notify_all()

    def _sweep(self) -> None:
        """Take out files and index entries that no line in the database owns."""
        with self.writing:
            matters = self._records.matters()
            self._index.sweep(lambda matter: {f.id for f in self._records.of([matter])}, matters)
            for matter, documents in self._files.here().items():
                if matter not in matters:
                    self._files.drop_matter(matter)
                    continue
                for document in documents - {f.id for f in self._records.of([matter])}:
                    self._files.drop(matter, document)

    def _ingest(self, filed: Filed) -> None:
        self._change(filed, state=State.READING, done=0)
        data = self._files.original(filed.matter, filed.id).read_bytes()
        document = load(data, filed.title, filed.matter, self._limits)
        found = passages(document, self._size)
        with self.writing:
            self._change(filed, state=State.EMBEDDING, **_facts(document, len(found)))
            self._files.save(document)
            self._index.put(document, found)
        for at in range(0, len(found), BATCH):
            self._embed(filed, found[at : at + BATCH], at)
        state, reason = _end(document)
        with self.writing:
            self._change(filed, state=state, reason=reason, done=len(found))

    def _embed(self, filed: Filed, batch: tuple[Passage, ...], done: int) -> None:
        if self._stopped:
            raise Withdrawn
        vectors = self._embedder.embed([spoken(passage) for passage in batch])
        with self.writing:
            self._change(filed, done=done + len(batch))
            self._index.add(filed.matter, batch, vectors)

    def _change(self, filed: Filed, **values: object) -> None:
        if not self._records.change(filed, **values):
            raise Withdrawn


_FAILED = (
    "The file could not be taken in because of a fault in Privity. "
    "Add it again; if that fails, tell the administrator."
)


def _facts(document: Document, passages: int) -> dict[str, object]:
    return {
        "kind": document.kind,
        "pages": len(document.pages),
        "pages_without_text": sum(page.empty for page in document.pages),
        "passages": passages,
        "characters": len(document.text),
        "ledger": [asdict(entry) for entry in document.ledger],
    }


def _end(document: Document) -> tuple[State, str]:
    empty = [page.number for page in document.pages if page.empty]
    if not empty:
        return State.READY, ""
    shown = ", ".join(map(str, empty[:10])) + (" and more" if len(empty) > 10 else "")
    return State.PARTIAL, f"No text on page {shown}: a scan or a picture, and not searched."
