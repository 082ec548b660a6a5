"""What the model says around the evidence, checked sentence by sentence as it streams.

The model frames; it never gets to invent. Its words come in as pieces and go out as whole sentences:

    pieces -> a whole sentence -> quotations checked -> markers checked -> support weighed -> Said, or nothing

- A quotation that stands in the evidence takes the source's own characters, and its marker; any other loses its marks.
- A marker that names no passage is taken out. A sentence that one passage bears out gets that passage's marker.
- A sentence that only repeats the evidence is left out, unless it is short: the evidence stands above it, verbatim.
- A sentence whose words are not all borne out is said, and known to be unsupported.
- A sentence with a figure, a name, a denial or a duty that the evidence does not hold is withheld, and so is one that
  is no more than a "yes", a "no" or the question said back, which no passage can bear out.
- At the second sentence that is not borne out, or when the model repeats itself, the framing ends.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from service.assistant.sentences import spans
from service.assistant.support import Support, echoes, own, repeats, support
from service.assistant.words import words
from service.core import Citation
from service.retrieval import CLOSE, OPEN, find_quote, markers, quotations, without_markers

STRIKES = 2  # sentences that are not borne out, after which the model is stopped
LONGEST = 8  # sentences
CRISP = 8  # words of the evidence that are an answer by themselves ("thirty days"), and not a repetition

_DRESS = re.compile(r"\*\*|__|`+")
_LEAD = re.compile(r"^\s*(?:[-*•#>–—]+\s+|\d{1,2}[.)]\s+|(?:answer|response)\s*:\s*)+", re.IGNORECASE)
_VERDICT = re.compile(r"^(?:yes|no|correct|incorrect)\b[\s,.;:–—-]*", re.IGNORECASE)
_STRAY = str.maketrans(dict.fromkeys('“”„«»"', ""))


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence as it goes out, with its markers. `borne_out` says whether they prove it."""

    text: str
    borne_out: bool


class Framing:
    """One answer's stream of model text. `done` turns true when no more of it is wanted."""

    def __init__(self, evidence: Sequence[Citation], asked: str) -> None:
        self.done = False
        self._evidence = {citation.n: citation for citation in evidence}
        self._asked = asked
        self._text = ""
        self._heard: list[str] = []
        self._strikes = 0

    def feed(self, text: str) -> list[Said]:
        """The sentences that `text` completes: one is complete when a word of the next has been heard."""
        self._text += text
        cut = _complete(self._text)
        whole, self._text = self._text[:cut], self._text[cut:]
        return self._take(whole)

    def close(self, whole: bool = True) -> list[Said]:
        """The rest. With `whole` false the model was cut off, and a sentence without an end is dropped."""
        rest, self._text = self._text, ""
        if not whole and not re.search(r"[.!?][\"”’)\]\s\d]*$", rest):
            ends = [end for _, end in spans(rest)[:-1]]
            rest = rest[: ends[-1]] if ends else ""
        said = self._take(rest)
        self.done = True
        return said

    def _take(self, text: str) -> list[Said]:
        said = []
        for start, end in _sentences(text):
            if self.done:
                break
            sentence = self._check(text[start:end])
            if sentence:
                said.append(sentence)
        return said

    def _check(self, raw: str) -> Said | None:
        sentence = _opened(_LEAD.sub("", _DRESS.sub("", raw)).strip())
        bare = without_markers(sentence)
        if not words(bare):
            return None
        if repeats(bare, self._heard):
            self.done = True
            return None
        self._heard.append(bare)
        self.done = len(self._heard) >= LONGEST
        named = {n for marker in markers(sentence) for n in marker.numbers if n in self._evidence}
        return self._judged(*self._quotations(bare), named)

    def _quotations(self, sentence: str) -> tuple[str, set[int]]:
        """The sentence with each quotation verbatim and marked, or plain, and the passages that it quotes."""
        made, at, quoted = "", 0, set()
        for quotation in quotations(sentence):
            made += sentence[at : quotation.start].translate(_STRAY)
            n, verbatim = self._source(quotation.words)
            made += f"{OPEN}{verbatim}{CLOSE} [{n}]" if n else quotation.words.translate(_STRAY)
            quoted |= {n} if n else set()
            at = quotation.end
        return made + sentence[at:].translate(_STRAY), quoted

    def _source(self, quote: str) -> tuple[int, str]:
        for n, citation in self._evidence.items():
            span = find_quote(quote, citation.quote)
            if span:
                return n, citation.quote[span[0] : span[1]]
        return 0, ""

    def _judged(self, sentence: str, quoted: set[int], named: set[int]) -> Said | None:
        bare = without_markers(sentence)
        source = next((n for n, citation in self._evidence.items() if echoes(bare, citation.quote)), None)
        if source is not None:
            crisp = len(words(bare)) <= CRISP and own(bare, self._asked)
            return Said(_marked(sentence, {source} - quoted), True) if crisp else None
        best, numbers = self._borne_out(bare, named, quoted)
        if best is not Support.FULL:
            self._strikes += 1
            self.done = self.done or self._strikes >= STRIKES
        if best is Support.NONE:
            return None
        if best is Support.LOOSE:
            return Said(bare.translate(_STRAY).strip(), False)
        return Said(_marked(sentence, numbers - quoted), True)

    def _borne_out(self, sentence: str, named: set[int], quoted: set[int]) -> tuple[Support, set[int]]:
        """The best support that can be had and the passages that give it: those named, or else a single one.

        The passages that the sentence quotes are always among them.
        """
        tried = [named | quoted] if named | quoted else []
        tried += [{n} for n in self._evidence if quoted <= {n} and {n} not in tried]
        weighed = [(self._weigh(sentence, numbers), numbers) for numbers in tried]
        return max(weighed, key=lambda pair: pair[0].value, default=(Support.NONE, set()))

    def _weigh(self, sentence: str, numbers: set[int]) -> Support:
        cited = [self._evidence[n] for n in sorted(numbers)]
        text = " ".join(citation.quote for citation in cited)
        place = " ".join(f"{citation.title} {citation.heading}" for citation in cited)
        return support(sentence, text, self._asked, place)


def _complete(text: str) -> int:
    """Up to where the text consists of whole sentences: the last one waits for a whole word after it."""
    starts = [start for start, _ in _sentences(text)]
    later = [s for s in starts[1:] if re.search(r"\w\S*\s", without_markers(text[s:]))]
    line = text.rfind("\n") + 1
    return max(later[-1] if later else 0, line)


def _sentences(text: str) -> list[tuple[int, int]]:
    """Sentences of the model's text, a line's end ending each; a marker after the full stop belongs before it."""
    found: list[tuple[int, int]] = []
    for line in re.finditer(r"[^\n]+", text):
        for start, end in spans(line[0]):
            start, end = line.start() + start, line.start() + end
            lead = re.match(r"(\[[\d,; ]+\]\s*)+", text[start:end])
            if lead and found and found[-1][1] >= line.start():
                found[-1] = (found[-1][0], start + len(lead[0].rstrip()))
                start += lead.end()
            if start < end:
                found.append((start, end))
    return found


def _opened(sentence: str) -> str:
    """The sentence without a "yes" or "no" before it."""
    bare = _VERDICT.sub("", sentence)
    return bare if bare == sentence else bare[:1].upper() + bare[1:]


def _marked(sentence: str, numbers: set[int]) -> str:
    """The sentence with the markers that it lacks before its full stop."""
    body = sentence.strip()
    stem = body.rstrip(".!?:; ")
    missing = "".join(f"[{n}]" for n in sorted(numbers))
    return f"{stem} {missing}".strip() + (body[len(stem) :].strip()[:1] or ".")
