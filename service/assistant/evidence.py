"""Which sentences are evidence: a scorer over the sentences of the passages that were found.

A sentence is scored by six plain facts about it and the question, weighed by a logistic regression that was fitted on
the training contracts and checked on kinds of question that it had not seen (docs/architecture.md has the figures).
None of the facts knows a word of any question, so the scorer says as much about new questions as about old ones.

Below THRESHOLD nothing is evidence, and the answer is a refusal.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from service.assistant.sentences import spans
from service.assistant.words import content, telling
from service.core import Passage

Embed = Callable[[Sequence[str]], NDArray[np.float32]]  # unit vectors, one row a text
Scores = NDArray[np.float64]

THRESHOLD = 0.0
MARGIN = 1.0  # a sentence so much below the best one is no evidence beside it
MOST = 4  # spans

_WEIGHTS = {
    "likeness": 4.8,
    "words": 1.7,
    "cover": 1.2,
    "length": 1.3,
    "operative": 0.9,
    "whole": 0.7,
    "kind": -2.0,
}
_BIAS = -8.5

_OPERATIVE = re.compile(
    r"\b(shall|may|must|will|agrees?|hereby|cannot|entitled|grants?|warrants?|represents?)\b", re.IGNORECASE
)
_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_TIME = re.compile(
    rf"\b(days?|weeks?|months?|years?|hours?|anniversar\w+|{_MONTHS}|\d{{4}})\b", re.IGNORECASE
)
_ASKS_TIME = re.compile(
    r"\b(when|how (long|soon|often|late|early)|date|duration|period|deadline|until|expir\w*)\b", re.IGNORECASE
)
_AMOUNT = re.compile(
    r"\d|[$€£¥%]|\b(percent|per cent|hundred|thousand|million|dollars?|euros?|pounds?)\b", re.IGNORECASE
)
_ASKS_AMOUNT = re.compile(
    r"\b(how (much|many)|(what|which) (is|are|was|were)? ?(the )?(\w+ ){0,2}"
    r"(amount|price|fee|rent|sum|rate|cost|percentage|salary|premium|deposit)s?)\b",
    re.IGNORECASE,
)


def choose(question: str, passages: Sequence[Passage], embed: Embed) -> tuple[Passage, ...]:
    """The spans that bear on the question, best first, at most MOST; none when nothing does.

    Each is a sentence of a passage, or neighbouring ones that both count, as a Passage with its own span and score.
    """
    sentences = [sentence for passage in passages for sentence in _sentences(passage)]
    if not sentences or not telling(question):
        return ()
    scores = score(question, sentences, embed)
    best = max(scores)
    if best < THRESHOLD:
        return ()
    order = sorted(range(len(sentences)), key=lambda i: (-scores[i], i))
    kept = [replace(sentences[i], score=float(scores[i])) for i in order if scores[i] >= best - MARGIN]
    return tuple(_joined(kept[:MOST]))


def score(question: str, sentences: Sequence[Passage], embed: Embed) -> Scores:
    """How well each sentence answers, as log-odds, shape (len(sentences),)."""
    facts = features(question, sentences, embed)
    return _BIAS + sum((weight * facts[name] for name, weight in _WEIGHTS.items()), np.zeros(len(sentences)))


def features(question: str, sentences: Sequence[Passage], embed: Embed) -> dict[str, Scores]:
    """What is known of each sentence, a column a fact."""
    said = [content(sentence.text) for sentence in sentences]
    asked = list(dict.fromkeys(telling(question)))
    return {
        "likeness": _likeness(question, sentences, embed),
        "words": _bm25(asked, said),
        "cover": np.array([sum(word in words for word in asked) / len(asked) for words in said]),
        "length": np.array([min(math.log(len(s.text) / 20 + 0.1), math.log(15)) for s in sentences]),
        "operative": _flags(bool(_OPERATIVE.search(s.text)) for s in sentences),
        "whole": _flags(s.text[0].isupper() and s.text[-1] in ".;:" for s in sentences),
        "kind": _flags(_of_another_kind(question, s.text) for s in sentences),
    }


def _sentences(passage: Passage) -> list[Passage]:
    return [
        replace(passage, start=passage.start + start, end=passage.start + end, text=passage.text[start:end])
        for start, end in spans(passage.text)
    ]


def _likeness(question: str, sentences: Sequence[Passage], embed: Embed) -> Scores:
    """Cosine of the question and each sentence under its heading."""
    vectors = embed([question, *(_spoken(sentence) for sentence in sentences)])
    return np.asarray(vectors[1:] @ vectors[0], np.float64)


def _spoken(sentence: Passage) -> str:
    return f"{sentence.path[-1]}. {sentence.text}" if sentence.path else sentence.text


def _bm25(asked: Sequence[str], said: Sequence[Sequence[str]], k1: float = 1.2, b: float = 0.75) -> Scores:
    """BM25 among these sentences, its inverse frequencies in shares of the greatest one that there can be."""
    count, average = len(said), max(1.0, sum(map(len, said)) / len(said))
    scores = np.zeros(count)
    for word in asked:
        often = np.array([words.count(word) for words in said], np.float64)
        rare = math.log(1 + (count - (often > 0).sum() + 0.5) / ((often > 0).sum() + 0.5)) / math.log(
            1 + 2 * count
        )
        length = np.array([1 - b + b * len(words) / average for words in said])
        scores += rare * often / (often + k1 * length)
    return scores


def _of_another_kind(question: str, sentence: str) -> bool:
    """Whether the question asks for a time or an amount and the sentence holds none."""
    if _ASKS_TIME.search(question) and not _TIME.search(sentence):
        return True
    return bool(_ASKS_AMOUNT.search(question)) and not _AMOUNT.search(sentence)


def _flags(values: Iterable[bool]) -> Scores:
    return np.array(list(values), np.float64)


def _joined(chosen: Sequence[Passage]) -> list[Passage]:
    """The spans, those that follow one another in a passage made one; a joined span has the better score."""
    joined: list[Passage] = []
    for passage in sorted(chosen, key=lambda p: (p.document, p.start)):
        last = joined[-1] if joined else None
        if last and last.id == passage.id and passage.start - last.end <= 2:
            text = last.text + " " * (passage.start - last.end) + passage.text
            joined[-1] = replace(last, end=passage.end, text=text, score=max(last.score, passage.score))
        else:
            joined.append(passage)
    return sorted(joined, key=lambda p: -p.score)
