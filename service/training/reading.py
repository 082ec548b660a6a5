"""A document as the rules read it: its text with its sentences, and the passages that are cut around a place. Pure."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from service.core import Document
from service.retrieval import Structure

SIZE = 1600  # characters of a context, about
GAP = 300  # characters between two sentences that no context bridges: a table, a form

Span = tuple[int, int]


@dataclass(frozen=True)
class Reading:
    document: Document
    structure: Structure
    sentences: Sequence[Span]  # in reading order

    @cached_property
    def _starts(self) -> list[int]:
        return [start for start, _ in self.sentences]

    @cached_property
    def plain(self) -> list[str]:
        """The sentences with single blanks."""
        return [" ".join(self.document.text[start:end].split()) for start, end in self.sentences]

    @cached_property
    def lowered(self) -> list[str]:
        return [sentence.lower() for sentence in self.plain]

    def text(self, span: Span) -> str:
        return self.document.text[span[0] : span[1]]

    def at(self, offset: int) -> int:
        """The number of the sentence that holds a character, or the last one before it."""
        return max(0, bisect_right(self._starts, offset) - 1)

    def around(self, span: Span, lead: float = 0.5) -> Span:
        """About SIZE characters of whole sentences with the span in them; `lead` is the share of what is added that
        stands before it."""
        first, last = self.at(span[0]), self.at(max(span[0], span[1] - 1))
        start, end = min(span[0], self.sentences[first][0]), max(span[1], self.sentences[last][1])
        edge = start - max(0, SIZE - (end - start)) * lead
        while first and self.sentences[first - 1][0] >= edge and self._follows(first - 1):
            first -= 1
            start = self.sentences[first][0]
        while (
            last + 1 < len(self.sentences)
            and self.sentences[last + 1][1] - start <= SIZE
            and self._follows(last)
        ):
            last += 1
            end = self.sentences[last][1]
        return start, end

    def _follows(self, number: int) -> bool:
        return self.sentences[number + 1][0] - self.sentences[number][1] <= GAP
