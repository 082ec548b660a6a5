"""A grounded answer, from a question to its proof.

    question -> search -> evidence ---- none --> refusal, without the model
                             |
                             |-> the evidence itself, verbatim, with markers, at once
                          engine -> sentences, each checked as it streams -> Answer

What is evidence is decided by a scorer over sentences, never by the model. The documents' own words come first, each
line a quotation with its marker and its place. Under them the model says in its own words what they mean; what it says
goes out only as far as the evidence bears it out (see `framing`), and is called the model's.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace

from service.assistant import evidence, prompt, refusal
from service.assistant.definitions import explain
from service.assistant.draft import Draft
from service.assistant.followup import search_text
from service.assistant.remarks import remark
from service.config import Settings
from service.core import (
    Answer,
    Citation,
    Coverage,
    Document,
    Found,
    Generation,
    Passage,
    Piece,
    Question,
    Scope,
    Usage,
)
from service.engines import Engine
from service.errors import Conflict, NotFound
from service.retrieval import Library, Reader, Structure, cite, path_at


@dataclass(frozen=True, slots=True)
class Searched:
    """What was searched and what was found in it, told before the model has said a word."""

    coverage: Coverage
    citations: tuple[Citation, ...]


Event = Searched | str | Answer


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the documents hold: what was searched, the spans that bear on the question, best first, and their terms."""

    found: Found
    cited: tuple[Citation, ...]
    defined: tuple[Citation, ...]  # definitions of terms that the evidence uses
    paged: frozenset[str]  # documents of more than one page

    @property
    def shown(self) -> tuple[Citation, ...]:
        return self.cited + self.defined


class Assistant:
    """Answers grounded questions. Holds nothing between two of them, so that one serves everybody."""

    def __init__(
        self, engine: Engine, library: Library, settings: Settings, reader: Reader | None = None
    ) -> None:
        self._engine, self._library = engine, library
        self._judge = evidence.judge(reader)
        self._results = settings.search.results

    async def ask(self, question: Question) -> AsyncGenerator[Event, None]:
        """One Searched, then quotations and whole sentences as they are verified, then the Answer.

        The Answer's text is the sentences joined. What search and a full queue raise (Busy) is raised before the
        first event. Closing the iterator cancels the generation.
        """
        began = time.perf_counter()
        asked = search_text(question.messages)
        gathered = await asyncio.to_thread(self._gather, asked, question)
        coverage = gathered.found.coverage
        if not gathered.cited:
            yield Searched(coverage, ())
            answer = _refused(question, gathered.found, time.perf_counter() - began)
            yield answer.text
            yield answer
            return
        pieces = await self._frame(question, gathered.cited)
        note = refusal.unmentioned(gathered.found.strange)
        draft = Draft(gathered.cited, asked, gathered.paged, gathered.defined, note)
        async with aclosing(pieces):  # type: ignore[type-var]
            yield Searched(coverage, gathered.shown)
            for text in draft.open():
                yield text
            async for piece in pieces:
                for text in draft.hear(piece):
                    yield text
                if draft.done:
                    break
        for text in draft.close():
            yield text
        yield _answered(question, gathered, draft, time.perf_counter() - began)

    def _gather(self, asked: str, question: Question) -> Gathered:
        """Search, choose the evidence, and take it from the canonical text. Blocks."""
        found = self._library.search(asked, question.scope, self._results)
        asked, embed = found.asked or asked, self._library.embedder.embed
        chosen = evidence.choose(asked, found.passages, embed, self._judge)
        whole = self._documents({passage.document for passage in chosen}, question.scope)
        standing = [p for p in chosen if p.document in whole and _stands(p, whole[p.document])]
        cited = tuple(_cite(n, whole[p.document], p) for n, p in enumerate(standing, 1))
        defined = explain(cited, whole, self._structures(whole, question.scope))
        paged = frozenset(id for id, document in whole.items() if _paged(document))
        return Gathered(found, cited, defined, paged)

    def _structures(self, ids: Iterable[str], scope: Scope) -> dict[str, Structure]:
        found = {}
        for id in ids:
            with suppress(NotFound, Conflict):
                found[id] = self._library.structure(id, scope)
        return found

    def _documents(self, ids: set[str], scope: Scope) -> dict[str, Document]:
        """The documents in whole; one that was removed since the search is missing, and answers nothing."""
        found = {}
        for id in ids:
            with suppress(NotFound, Conflict):
                found[id] = self._library.read(id, scope)
        return found

    async def _frame(self, question: Question, cited: tuple[Citation, ...]) -> AsyncIterator[Piece]:
        """The model's stream, from the moment that the engine has taken the question in."""
        sampling, engine = question.sampling, self._engine
        room = engine.info.context - sampling.max_tokens
        messages = await asyncio.to_thread(prompt.messages, question.messages, cited, engine.count, room)
        scope = question.scope
        return await engine.submit(
            Generation(messages, question.adapter, sampling, salt=scope.salt, owner=scope.caller.id)
        )


def _cite(n: int, document: Document, span: Passage) -> Citation:
    """A passage's path is that of its beginning; a sentence further on may stand in a later clause."""
    cited = cite(n, document, span.start, span.end, " › ".join(path_at(document, span.start)))
    return replace(cited, remark=remark(document.marks, span.start, span.end))


def _stands(passage: Passage, document: Document) -> bool:
    """Whether a passage says what its document says at that place."""
    return document.text[passage.start : passage.end].split() == passage.text.split()


def _paged(document: Document) -> bool:
    return len(document.pages) > 1


def _refused(question: Question, found: Found, seconds: float) -> Answer:
    reason = refusal.reason(found)
    return Answer(
        id=_id(),
        text=refusal.words(reason, found.coverage, found.strange),
        citations=(),
        refused=reason,
        coverage=found.coverage,
        adapter=question.adapter,
        usage=Usage(),
        seconds=seconds,
    )


def _answered(question: Question, gathered: Gathered, draft: Draft, seconds: float) -> Answer:
    return Answer(
        id=_id(),
        text=draft.text,
        citations=gathered.shown,
        refused=None,
        coverage=gathered.found.coverage,
        adapter=question.adapter,
        usage=draft.usage,
        unsupported=tuple(draft.unsupported),
        finish=draft.finish,
        seconds=seconds,
    )


def _id() -> str:
    return "a" + secrets.token_hex(8)
