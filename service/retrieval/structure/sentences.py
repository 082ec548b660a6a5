"""The sentence around a character, within its block and clause. Pure."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

from service.core import Document
from service.retrieval.structure.tree import Node, blocks


class Sentences:
    """A document's sentences, none across a block or the start of a clause; a stretch is split when it is asked for."""

    def __init__(self, document: Document, nodes: Sequence[Node]) -> None:
        self._text = document.text
        edges = {0, len(document.text), *(node.start for node in nodes)}
        for block in blocks(document):
            edges |= {block.start, block.end}
        self._edges = sorted(edge for edge in edges if 0 <= edge <= len(document.text))
        self._known: dict[int, list[tuple[int, int]]] = {}

    def stretch(self, offset: int) -> tuple[int, int]:
        """What lies between the edges around `offset`: a block, or the piece of one that belongs to one clause."""
        at = max(0, bisect_right(self._edges, offset) - 1)
        return self._edges[at], self._edges[min(at + 1, len(self._edges) - 1)]

    def at(self, offset: int) -> tuple[int, int]:
        """The sentence that holds the character at `offset`, without blanks at its ends."""
        start, end = self.stretch(offset)
        if start not in self._known:
            self._known[start] = _split(self._text, start, end)
        spans = self._known[start]
        at = max(0, bisect_right(spans, (offset, len(self._text))) - 1)
        return spans[at] if spans else (start, end)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Every sentence in reading order, without blanks at its ends."""
        for start, end in pairwise(self._edges):
            yield from _split(self._text, start, end)


def _split(text: str, start: int, end: int) -> list[tuple[int, int]]:
    from nupunkt import sent_spans

    found = []
    for first, last in sent_spans(text[start:end]):
        body = text[start + first : start + last]
        lead = len(body) - len(body.lstrip())
        if body.strip():
            found.append((start + first + lead, start + first + len(body.rstrip())))
    return found
