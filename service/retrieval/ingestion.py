"""From a file that lies in its place to passages that can be searched, in a thread of its own, one file at a time.

    QUEUED -> READING -> EMBEDDING -> READY or PARTIAL; or, where a file cannot be read, the state that says why

What is read goes into a reading of its own: text, words and vectors that nobody knows. One transaction on the
document's line then makes it the one that counts, takes an older version's place and files what came inside. What is
replaced is taken out after that. Whatever stops the program before leaves a line that is due, and the next start takes
it up again; whatever no line knows is swept out. A document that is read anew answers by its old reading meanwhile.

When no file waits, the thread brings matters whose index is of an older generation up to the wanted one, draws the
graphs of neighbours, and tells the types of clauses that are not told yet.
"""

import logging
import secrets
import time
from collections.abc import Sequence
from dataclasses import asdict
from queue import Empty, SimpleQueue
from threading import Condition, RLock, Thread
from traceback import format_tb

from service.config import Documents
from service.core import Document, Entry, Facts, Filed, Passage, State
from service.retrieval.clause_types import Head
from service.retrieval.clauses import passages
from service.retrieval.embed import Embedder, Vectors
from service.retrieval.files import Files
from service.retrieval.generations import Generations
from service.retrieval.index import Index
from service.retrieval.labelling import Labelling
from service.retrieval.loaders import Attachment, Stopped, Unreadable, load, stop_reading
from service.retrieval.reading import Inside, embedded, inside, told, unpacked
from service.retrieval.records import Line, Records
from service.retrieval.renewal import Renewal
from service.retrieval.structure import read_structure
from service.retrieval.tidying import Tidying

log = logging.getLogger("privity.retrieval")


QUIET = 3.0  # seconds after a question, in which the graphs are drawn slowly and no clause is labelled
REST = 0.2  # seconds between two pieces then


class Withdrawn(Exception):
    """The document was removed while it was being read, or the program ends."""


class Ingestion:
    """`writing` is held around everything that changes files or index: hold it to remove a document."""

    def __init__(
        self,
        records: Records,
        files: Files,
        index: Index,
        generations: Generations,
        head: Head | None,
        limits: Documents,
        size: int,
    ) -> None:
        self.writing = RLock()
        self.tidying = Tidying(records, files, index, generations)
        self._records, self._files, self._index, self._generations = records, files, index, generations
        self._limits, self._size = limits, size
        self.labelling = Labelling(records, index, generations, head, self.writing)
        self._renewal = Renewal(
            records, files, index, generations, self.labelling, size, self.writing, self._going
        )
        self._waiting: SimpleQueue[str | None] = SimpleQueue()
        self._asked = 0.0
        self._left, self._idle, self._stopped = 1, Condition(), False  # the mending is waited for too
        self._thread = Thread(target=self._work, name="ingestion", daemon=True)

    def start(self) -> None:
        """Mend what a crash left, take up what was not finished, then wait for files."""
        for line in self._records.due():
            self.put(line.filed.id)
        self._thread.start()

    def put(self, document: str) -> None:
        with self._idle:
            self._left += 1
        self._waiting.put(document)

    def wake(self) -> None:
        """There is something to do in time in which no file waits."""
        self._waiting.put(None)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until every file is in a final state; False when time ran out."""
        with self._idle:
            return self._idle.wait_for(lambda: self._left == 0, timeout)

    @property
    def renewing(self) -> bool:
        """Whether a matter's index is still of an older generation."""
        return bool(self._generations.behind())

    @property
    def drawing(self) -> bool:
        """Whether a graph of neighbours lacks documents."""
        return self._index.behind

    def close(self) -> None:
        """Stop after the batch at hand, and in the middle of a file; what is left is taken up at the next start."""
        self._stopped = True
        stop_reading()
        self._waiting.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def _going(self) -> None:
        if self._stopped:
            raise Withdrawn

    def _work(self) -> None:
        with self.writing:
            for document in self.tidying.sweep():
                self.put(document)
        self._one_less()
        while not self._stopped:
            try:
                waiting = self._waiting.get(timeout=self._patience())
            except Empty:
                self._spend()
                continue
            if waiting is not None and not self._stopped:
                self._take(waiting)

    def _take(self, document: str) -> None:
        line = self._records.get(document)
        try:
            if line is not None and line.due:
                self._read(line)
        except (Withdrawn, Stopped):
            pass
        except Unreadable as error:
            self._end_unread(line, error.state, error.reason)
        except Exception as error:
            _report("ingestion", document, error)
            self._end_unread(line, State.FAILED, _FAILED)
        if not self._stopped:
            self._one_less()

    def _one_less(self) -> None:
        with self._idle:
            self._left -= 1
            self._idle.notify_all()

    def _patience(self) -> float | None:
        """For how many seconds to wait for a file before other work is done; None where there is none."""
        if self._renewal.due:
            return 0.0
        quiet = max(0.0, self._asked + QUIET - time.monotonic())
        if self._index.behind:
            return REST if quiet else 0.0
        return quiet if self.labelling.due else None

    def asked(self) -> None:
        """Somebody asks a question: what does not press goes slower for a while."""
        self._asked = time.monotonic()

    def _spend(self) -> None:
        """Use time in which no file waits: first for what searches need."""
        if self._renewal.due:
            self._renew()
        elif self._index.behind:
            self._draw()
        else:
            self._label()

    def _draw(self) -> None:
        try:
            with self.writing:
                self._index.draw()
        except Exception as error:
            _report("drawing of the graph", self._index.give_up(), error)

    def _label(self) -> None:
        try:
            self.labelling.step()
        except Exception as error:
            _report("labelling of clauses", self.labelling.give_up(), error)

    def _renew(self) -> None:
        try:
            self._renewal.step()
        except Withdrawn:
            pass
        except Exception as error:
            _report("renewal of the index", self._renewal.give_up(), error)

    def _read(self, line: Line) -> None:
        filed, fresh = line.filed, not line.filed.state.searchable
        if fresh:
            self._change(filed, state=State.READING.value, done=0)
        data = self._files.original(filed.matter, filed.id).read_bytes()
        loaded = load(data, filed.title, filed.matter, self._limits)
        inner = inside(filed, loaded.attachments, self._records.depth(filed.id), self._limits)
        if not loaded.document.text.strip():
            self._end_unpacked(filed, loaded.document, loaded.attachments, inner)
            return
        found, facts = passages(loaded.document, self._size), _facts(loaded.document)
        values = told(loaded.document, len(found), facts, inner.ledger)
        if fresh:
            self._change(filed, **values | {"state": State.EMBEDDING.value, "reason": "", "done": 0})
        vectors = self._embed(filed, found)
        self._end(filed, loaded.document, found, vectors, values, inner)

    def _embed(self, filed: Filed, found: Sequence[Passage]) -> Vectors | None:
        embedder: Embedder | None = self._generations.embedder(self._generations.live(filed.matter))
        if embedder is None or not self._records.takes_over(filed):
            return None

        def going() -> None:
            self._going()
            if not self._records.stands(filed):
                raise Withdrawn

        return embedded(found, embedder, going, lambda done: self._records.progress(filed, done))

    def _end(
        self,
        filed: Filed,
        document: Document,
        found: Sequence[Passage],
        vectors: Vectors | None,
        values: dict[str, object],
        inner: Inside,
    ) -> None:
        reading = secrets.token_hex(6)
        with self.writing:
            if not self._records.stands(filed):
                raise Withdrawn
            self._files.save(document, reading)
            if self._records.takes_over(filed):
                generation = self._generations.live(filed.matter)
                if filed.matter not in self._records.generations():
                    self._records.searched_by(filed.matter, generation.name, generation.embedder, {})
                labelled, head = self.labelling.at_once(generation, found, vectors)
                key = f"{filed.id}-{reading}"
                self._index.put(key, generation.name, document, labelled, vectors, head)
                self.labelling.look(filed.matter)
            self._finish(filed, values | {"reading": reading}, inner)

    def _end_unpacked(
        self, filed: Filed, document: Document, attachments: Sequence[Attachment], inner: Inside
    ) -> None:
        if not attachments:
            raise Unreadable(State.EMPTY, "The archive holds no file. Look whether it is the right one.")
        entries = [asdict(entry) for entry in (*document.ledger, *inner.ledger)]
        state, reason = unpacked(document)
        values = {"kind": document.kind, "state": state.value, "reason": reason}
        with self.writing:
            self._finish(filed, values | {"ledger": entries}, inner)

    def _finish(self, filed: Filed, values: dict[str, object], inner: Inside) -> None:
        """The one transaction, and after it what it made superfluous. `writing` is held."""
        for child, data in zip(inner.filed, inner.data, strict=True):
            if child.state is State.QUEUED and self._records.get(child.id) is None:
                self._files.keep(child.matter, child.id, data)
        following = self._records.finish(filed, values, inner.filed)
        if following is None:
            raise Withdrawn
        for line in following:
            self.put(line.filed.id)
        self.tidying.matter(filed.matter)
        self._files.tidy(filed.matter, filed.id, str(values.get("reading", "")))

    def _end_unread(self, line: Line | None, state: State, reason: str) -> None:
        """A file that could not be read, or not be read anew: then its earlier reading stands."""
        if line is None:
            return
        if not line.filed.state.searchable:
            self._records.change(line.filed, state=state.value, reason=reason, due=False)
            return
        note = Entry("odd", f"The file could not be read anew, so the earlier reading stands. {reason}")
        ledger = [asdict(entry) for entry in (*line.filed.ledger, note)]
        self._records.change(line.filed, ledger=ledger, due=False)

    def _change(self, filed: Filed, **values: object) -> None:
        if not self._records.change(filed, **values):
            raise Withdrawn


_FAILED = (
    "The file could not be taken in because of a fault in Privity. "
    "Add it again; if that fails, tell the administrator."
)


def _facts(document: Document) -> Facts:
    """What the document says of itself. A fault of ours here must not keep the document out."""
    try:
        return read_structure(document).facts
    except Exception as error:
        _report("reading of the structure", document.id, error)
        return Facts()


def _report(what: str, where: str, error: Exception) -> None:
    """The error's message may quote the file; the places in the code do not."""
    places = "".join(format_tb(error.__traceback__))
    log.error("%s failed: %s, %s\n%s", what, where, type(error).__name__, places)
