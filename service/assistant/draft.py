"""An answer while it is being written: its text, which spans of it nothing bears out, and what it has cost."""

from collections.abc import Collection, Iterator, Sequence

from service.assistant import prompt
from service.assistant.framing import Framing, Said
from service.core import Citation, Finish, Piece, Usage
from service.retrieval import CLOSE, OPEN

LEAD = "The documents say:"
TERMS = "Terms in these words:"
OWN_WORDS = "In the model's words:"
MARK = " [not in the documents]"


class Draft:
    """The evidence first, then what the model makes of it. `done` turns true when the model may stop.

    What `open`, `hear` and `close` yield, joined, is `text`. The model's sentences stand under the documents' own
    words and are called the model's: word for word they may be borne out and still draw the wrong conclusion.
    """

    def __init__(
        self,
        cited: Sequence[Citation],
        asked: str,
        paged: Collection[str] = (),
        defined: Sequence[Citation] = (),
        note: str = "",
    ) -> None:
        self.text = ""
        self.unsupported: list[tuple[int, int]] = []
        self.usage = Usage()
        self.finish: Finish = "stop"
        self._cited, self._paged, self._defined = cited, paged, defined
        self._note = note
        self._framing = Framing(cited, asked)
        self._spoke = False

    @property
    def done(self) -> bool:
        return self._framing.done

    def open(self) -> Iterator[str]:
        """The note, if there is one; the evidence, a line a quotation, and under it the definitions of its terms."""
        if self._note:
            yield self._add(self._note, "")
        yield self._add(LEAD, "\n" if self._note else "")
        for citation in self._cited:
            yield self._line(citation)
        if self._defined:
            yield self._add(TERMS, "\n")
        for citation in self._defined:
            yield self._line(citation)

    def hear(self, piece: Piece) -> Iterator[str]:
        """The sentences that `piece` completes and that may be said."""
        self.usage = piece.usage or Usage(self.usage.prompt, self.usage.completion + 1, self.usage.cached)
        self.finish = piece.finish or self.finish
        for said in self._framing.feed(piece.text):
            yield self._say(said)

    def close(self) -> Iterator[str]:
        """The last sentence."""
        for said in self._framing.close(whole=self.finish != "length"):
            yield self._say(said)

    def _say(self, said: Said) -> str:
        words = said.text if said.borne_out else said.text + MARK
        lead = " " if self._spoke else f"\n{OWN_WORDS} "
        self._spoke = True
        text = self._add(words, lead)
        if not said.borne_out:
            self.unsupported.append((len(self.text) - len(words), len(self.text)))
        return text

    def _line(self, citation: Citation) -> str:
        return self._add(line(citation, citation.document in self._paged), "\n")

    def _add(self, text: str, between: str) -> str:
        added = between + text
        self.text += added
        return added


def line(citation: Citation, paged: bool = False) -> str:
    """A piece of evidence as the answer shows it: the document's words to the letter, the marker, the place, and what
    a reader must know of them."""
    quote = f"{OPEN}{citation.quote}{CLOSE} [{citation.n}]"
    warning = f". {citation.remark}" if citation.remark else ""
    return f"{quote} — {prompt.place(citation, paged)}{warning}"
