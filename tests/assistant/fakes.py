"""A scripted engine and a library of paper, for what must hold whatever a model says."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.assistant import Assistant
from service.assistant.words import content
from service.config import Settings
from service.core import (
    Answer,
    Caller,
    Citation,
    Coverage,
    Document,
    Found,
    Generation,
    Message,
    Page,
    Passage,
    Piece,
    Question,
    Role,
    Sampling,
    Scope,
    Usage,
)
from service.errors import NotFound
from service.retrieval import Structure, read_structure

SCOPE = Scope(Caller("u1", "Ada", Role.MEMBER), frozenset({"m1"}), "salt")


def hashed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Unit vectors in which texts that share words are near."""
    rows = np.full((len(texts), 512), 1e-6, np.float32)
    for row, text in zip(rows, texts, strict=True):
        for word in content(text):
            row[sum(map(ord, word)) * 7919 % 512] += 1
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class PaperLibrary:
    """Each paragraph is a passage; all of them are always found."""

    def __init__(self, **texts: str) -> None:
        self.embedder = SimpleNamespace(embed=hashed)
        self.documents = {
            id: Document(id, "m1", f"{id}.txt", "txt", id, text, (), (Page(1, 0, len(text)),))
            for id, text in texts.items()
        }
        self.searched: list[str] = []
        self.strange: tuple[str, ...] = ()

    def search(self, text: str, scope: Scope, k: int = 8) -> Found:
        self.searched.append(text)
        passages = [passage for document in self.documents.values() for passage in _paragraphs(document)]
        coverage = Coverage(len(self.documents), len(passages), seconds=0.01)
        return Found(tuple(passages[:k]), coverage, strange=self.strange)

    def read(self, document: str, scope: Scope) -> Document:
        if document not in self.documents:
            raise NotFound("There is no such document.")
        return self.documents[document]

    def structure(self, document: str, scope: Scope) -> Structure:
        return read_structure(self.read(document, scope))


def _paragraphs(document: Document) -> list[Passage]:
    found, at = [], 0
    for text in document.text.split("\n\n"):
        end = at + len(text)
        found.append(Passage(f"{document.id}.{at}", document.id, document.title, at, end, text))
        at = end + 2
    return [passage for passage in found if passage.text.strip()]


class ScriptedEngine:
    """Says what it is told to say, some characters at a time, and remembers what it was asked."""

    def __init__(self, text: str = "", bite: int = 3, failure: Exception | None = None) -> None:
        self.info = SimpleNamespace(context=2048)
        self.asked: list[Generation] = []
        self.closed = 0
        self.spoken = 0
        self._text, self._bite, self._failure = text, bite, failure

    def count(self, messages: Sequence[Message]) -> int:
        return sum(len(message.content) for message in messages) // 4

    async def submit(self, generation: Generation) -> AsyncIterator[Piece]:
        self.asked.append(generation)
        if self._failure:
            raise self._failure
        return self._pieces(generation.sampling)

    async def _pieces(self, sampling: Sampling) -> AsyncIterator[Piece]:
        text, room = self._text, sampling.max_tokens * self._bite
        try:
            for at in range(0, min(len(text), room), self._bite):
                self.spoken += 1
                yield Piece(text[at : min(at + self._bite, room)])
                await asyncio.sleep(0)
            yield Piece("", "stop" if len(text) <= room else "length", Usage(100, self.spoken))
        finally:
            self.closed += 1


def assistant(engine: Any, library: Any) -> Assistant:
    return Assistant(engine, library, Settings())


def question(*asked: str, max_tokens: int = 256) -> Question:
    messages = tuple(Message("user", text) for text in asked)
    return Question(messages, SCOPE, sampling=Sampling(max_tokens=max_tokens))


def events(engine: Any, library: Any, asked: Question) -> list[Any]:
    async def all_of() -> list[Any]:
        return [event async for event in assistant(engine, library).ask(asked)]

    return asyncio.run(all_of())


def answer(engine: Any, library: Any, *asked: str) -> Answer:
    last = events(engine, library, question(*asked))[-1]
    assert isinstance(last, Answer)
    return last


def evidence(*quotes: str) -> list[Citation]:
    return [
        Citation(n, f"d{n}", "Lease.txt", 0, len(quote), 1, "12 Break", quote, True)
        for n, quote in enumerate(quotes, 1)
    ]


Says = Callable[[str], list[str]]
