"""Rows that a matter's documents give, put into a data set for somebody to look through."""

from dataclasses import dataclass

from service.core import Document, Filed, Scope
from service.errors import BadRequest, Conflict, NotFound
from service.retrieval import Library
from service.training.datasets import Added, Datasets
from service.training.masking import Finder, find, masked
from service.training.rows import Row
from service.training.rulebook import BY_NAME
from service.training.rules import read
from service.training.rules import rows as ruled
from service.training.written import Ask, Finds, Tally, written

AT_ONCE = 40  # documents whose rows are kept in one go
FIRST = 8  # results of a search
WRITTEN = 5  # questions of the model's for one document


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be proposed. No rules: all of them."""

    matter: str
    rules: tuple[str, ...] = ()
    unanswerable: bool = True
    written: bool = False
    masked: bool = False


@dataclass(frozen=True, slots=True)
class Proposed:
    added: Added
    documents: int
    unread: int  # documents without a text
    tally: Tally  # what became of the model's questions


class Proposing:
    def __init__(self, datasets: Datasets, library: Library, finds: Finder = find) -> None:
        """`finds` is what finds personal data, where it is to be masked."""
        self._datasets, self._library, self._finds = datasets, library, finds

    def propose(
        self, dataset: str, wish: Wish, scope: Scope, within: Scope, ask: Ask | None = None
    ) -> Proposed:
        """Reads every document of a matter and keeps the rows that it gives; `ask` is the model, for its questions.

        `scope` is all that the person may see, and so the data set; `within` is the matter alone.
        """
        self._require(dataset, wish, scope)
        total, tally, batch = Added(), Tally(), list[Row]()
        seen = unread = 0
        for filed in self._library.documents(within, wish.matter):
            document = self._read(filed, within)
            if document is None:
                unread += 1
                continue
            seen += 1
            reading = read(document)
            batch += ruled(reading, wish.rules, unanswerable=wish.unanswerable)
            if wish.written and ask is not None:
                more, told = written(reading, ask, self._finder(within, document), WRITTEN)
                batch, tally = batch + more, tally + told
            if seen % AT_ONCE == 0:
                total, batch = total + self._keep(dataset, batch, wish, scope), []
        return Proposed(total + self._keep(dataset, batch, wish, scope), seen, unread, tally)

    def _require(self, dataset: str, wish: Wish, scope: Scope) -> None:
        if self._datasets.card(dataset, scope).kind != "answers":
            raise BadRequest("Documents give questions and answers. Choose a data set of that kind.")
        unknown = [name for name in wish.rules if name not in BY_NAME]
        if unknown:
            raise BadRequest("There is no rule of one of these names. GET /api/datasets/rules lists them.")

    def _read(self, filed: Filed, scope: Scope) -> Document | None:
        """None where there is no text: the document could not be read, is still being read, or has gone meanwhile."""
        if not filed.state.searchable:
            return None
        try:
            return self._library.read(filed.id, scope)
        except (Conflict, NotFound):
            return None

    def _keep(self, dataset: str, batch: list[Row], wish: Wish, scope: Scope) -> Added:
        made = [masked(row, self._finds) for row in batch] if wish.masked else batch
        return self._datasets.add(dataset, made, "proposed", scope, [wish.matter])

    def _finder(self, within: Scope, document: Document) -> Finds:
        """Whether the search, asked a question in the matter, has a place of the document among its first results."""

        def finds(question: str, start: int, end: int) -> bool:
            found = self._library.search(question, within, FIRST)
            return any(p.document == document.id and p.start < end and p.end > start for p in found.passages)

        return finds
