"""Whether the evidence bears a sentence out. Pure.

Words, not meaning, are compared, so the rules are strict where a wrong word is a wrong answer (figures, dates,
names, "not", "may" for "must") and lenient about the rest. A sentence that passes may still be clumsy; one that
says a number, a name or a denial that its evidence does not hold does not pass. What these rules do not know is
whether the sentence answers the question.
"""

import re
from collections.abc import Sequence
from enum import Enum

from service.assistant.words import content, figures, names, words

SHARE = 0.75  # of the content words that the question did not bring, at least so many must be in the evidence
OWN = 2  # of them at least; a sentence with fewer says the question back, with a "yes" or a "no"

_HEADING = 8  # words, at the most
_DENIAL = {
    "not",
    "no",
    "never",
    "neither",
    "nor",
    "none",
    "nothing",
    "nobody",
    "cannot",
    "without",
    "unless",
    "except",
}
_DUTY = re.compile(
    r"\b(shall|must|will|agrees?|undertakes?|required?|requires|obliged|covenants?|has to|have to)\b"
)
_LEAVE = re.compile(
    r"\b(may|can|could|might|right|rights|option|entitled|permit\w*|allow\w*|elect\w*|discretion)\b"
)
_DENIED = re.compile(r"\b(shall|may|must|will|can|could|do|does) not\b|\b(cannot|neither|never)\b")
_SILENCE = re.compile(  # that a document does not say a thing, no passage of it can show
    r"\bthere (is|are|was|were) (no|not|none)\b"
    r"|\b(do|does|did) not (\w+ )?(contain|include|provide|specify|mention|have|state|say|address|exist)\b"
)
_MODAL = re.compile(r"\b(shall|may|must|will|can|could)\b")


class Support(Enum):
    """How far a sentence is borne out: FULL; LOOSE, its words are not all there; NONE, it says a thing of its own."""

    FULL = 2
    LOOSE = 1
    NONE = 0


def support(sentence: str, evidence: str, asked: str = "", place: str = "") -> Support:
    """How far `evidence` bears a sentence out.

    `asked` is the question, whose words a sentence without figures may repeat without proof, names excepted; `place` is
    the title and the heading of the evidence, whose names a sentence may use.
    """
    if figures(sentence) - figures(evidence) or foreign(sentence, f"{evidence} {place}"):
        return Support.NONE
    if _SILENCE.search(sentence.lower()) or _turned(sentence, evidence):
        return Support.NONE
    brought, known = own(sentence, asked), set(content(evidence))
    if figures(sentence) and set(content(asked)) & set(content(sentence)) - known - set(content(place)):
        return (
            Support.NONE
        )  # a figure under words of the question's: "ends on" where the evidence says "begins on"
    held = [word for word in brought if word in known]
    if len(held) < OWN:
        return Support.NONE
    return Support.FULL if len(held) >= SHARE * len(brought) else Support.LOOSE


def own(sentence: str, asked: str) -> list[str]:
    """The content words of a sentence that the question did not bring, each once."""
    known = set(content(asked))
    return [word for word in dict.fromkeys(content(sentence)) if word not in known]


def foreign(sentence: str, source: str) -> set[str]:
    """Names that the sentence uses and its source does not know."""
    known = set(words(source))
    return {name for name in names(sentence) if name not in known}


def echoes(sentence: str, evidence: str) -> bool:
    """Whether a sentence only repeats the evidence word for word, or does so under a heading of a few words."""
    held = f" {' '.join(words(evidence))} "
    lead, colon, rest = sentence.partition(": ")
    parts = [sentence, rest] if colon and len(lead.split()) <= _HEADING else [sentence]
    return any(said and f" {' '.join(said)} " in held for said in map(words, parts))


def repeats(sentence: str, earlier: Sequence[str]) -> bool:
    """Whether a sentence says again what an earlier one said, or turns in a circle by itself."""
    said = words(sentence)
    return any(_alike(said, words(other)) for other in earlier) or _circles(said)


def _alike(one: list[str], other: list[str]) -> bool:
    both = set(one) & set(other)
    return len(both) > 0.8 * max(1, min(len(set(one)), len(set(other))))


def _circles(said: list[str]) -> bool:
    """Three words in a row that come three times."""
    runs = list(zip(said, said[1:], said[2:], strict=False))
    return any(runs.count(run) > 2 for run in set(runs))


def _turned(sentence: str, evidence: str) -> bool:
    """Whether a sentence denies what the evidence does not deny, or the reverse, or makes a duty of a leave."""
    said, held = sentence.lower(), evidence.lower()
    denies = bool(_DENIAL & set(words(sentence))) or "n't" in said
    if denies and not (_DENIAL & set(words(evidence)) or _DENIED.search(held)):
        return True
    if not denies and _MODAL.search(said) and _DENIED.search(held):
        return True
    return _lacks(_DUTY, said, held) or _lacks(_LEAVE, said, held)


def _lacks(kind: re.Pattern[str], said: str, held: str) -> bool:
    return bool(kind.search(said)) and not kind.search(held)
