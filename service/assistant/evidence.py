"""Which sentences are evidence: a scorer over the sentences of the passages that were found.

The passages come from search, which fuses the embedder with BM25. Where there is a reader, it reads each sentence of
theirs together with the question, and its log-odds decide, weighed with plain facts as the reader's own folder says.
Without one a sentence is scored by five plain facts about it and the question, weighed by a logistic regression that
was fitted on training contracts. Likeness says the most of these by far, and it is the embedder's: it is surest on the
kinds of question that the embedder's adapter learned.

Where no sentence reaches the threshold nothing is evidence, and the answer is a refusal.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from service.assistant.namesakes import namesakes
from service.assistant.sentences import spans
from service.assistant.words import content, telling
from service.core import Passage
from service.retrieval import Reader

Embed = Callable[[Sequence[str]], NDArray[np.float32]]  # unit vectors, one row a text
Read = Callable[[str, Sequence[str]], NDArray[np.float32]]  # log-odds that each text answers the question
Scores = NDArray[np.float64]

MOST = 4  # sentences
READ = 16  # sentences that are read, which takes as long as embedding them
NAMESAKE = 2.0  # log-odds that a sentence loses in a paper on another thing of the kind that is asked about
FEWEST = 5  # words of a sentence: fewer are a heading or a number

# Whether a question has an answer does not hang on how much was found for it: among more sentences, each is likelier to
# be none, so the bar rises by the log-odds of that.
_FITTED_ON = 8  # sentences of a passage

_OPERATIVE = re.compile(
    r"\b(shall|may|must|will|agrees?|hereby|cannot|entitled|grants?|warrants?|represents?)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Judge:
    """How sentences are weighed: each fact's weight, by its name; the log-odds from which on one is evidence; and how
    far below the best one a sentence is none beside it. `read` gives the fact "reading", which only a reader knows."""

    weights: Mapping[str, float]
    threshold: float
    margin: float
    read: Read | None = None


# Fitted by `bench/fit_evidence.py` on contracts that the embedder's adapter has not seen; cover is kept a little above
# what it earns on the kinds of question that the embedder knows. There, within single passages, the best sentence has
# an F1 of .87, and the threshold refuses 93 % of the questions without an answer, 5 % of those with one.
COMPARED = Judge(
    {"likeness": 12.0, "cover": 0.5, "length": 1.5, "operative": 0.3, "whole": 0.7},
    threshold=8.64,
    margin=1.5,
)


def judge(reader: Reader | None) -> Judge:
    """By what is read, where there is a reader; else by comparing."""
    if reader is None:
        return COMPARED
    layer = reader.layer
    return Judge(layer.weights, layer.threshold, layer.margin, reader.read)


def choose(
    question: str, passages: Sequence[Passage], embed: Embed, judge: Judge = COMPARED
) -> tuple[Passage, ...]:
    """The spans that bear on the question, best first, MOST sentences together; none when nothing does.

    Each is a sentence of a passage, or neighbouring ones that both count, as a Passage with its own span and score.
    """
    sentences = ranked(question, passages, embed, judge)
    least = max(0.0, sentences[0].score - judge.margin) if sentences else 0.0
    return tuple(_joined([sentence for sentence in sentences[:MOST] if sentence.score >= least]))


def ranked(
    question: str, passages: Sequence[Passage], embed: Embed, judge: Judge = COMPARED
) -> list[Passage]:
    """Every sentence of the passages with its score, best first; none when the question says nothing."""
    sentences = [sentence for passage in passages for sentence in sentences_of(passage)]
    if not sentences or not telling(question):
        return []
    scores = score(question, sentences, embed, judge)
    scored = [replace(one, score=float(worth)) for one, worth in zip(sentences, scores, strict=True)]
    return sorted(scored, key=lambda sentence: -sentence.score)


def score(question: str, sentences: Sequence[Passage], embed: Embed, judge: Judge = COMPARED) -> Scores:
    """How far above the threshold each sentence stands, in log-odds, shape (len(sentences),)."""
    known = facts(question, sentences)
    if "likeness" in judge.weights:
        known["likeness"] = likeness(question, sentences, embed)
    if judge.read:
        known["reading"] = _reading(question, sentences, judge.read, _weighed(known, judge.weights))
    bar = judge.threshold + math.log(max(1.0, len(sentences) / _FITTED_ON))
    others = namesakes(question, {sentence.title for sentence in sentences})
    beside = NAMESAKE * _flags(sentence.title in others for sentence in sentences)
    return _weighed(known, judge.weights) - bar - beside


def _weighed(known: Mapping[str, Scores], weights: Mapping[str, float]) -> Scores:
    """The facts that are known, by their weights, together."""
    scores: Scores = np.sum(
        [weight * known[name] for name, weight in weights.items() if name in known], axis=0
    )
    return scores


def _reading(question: str, sentences: Sequence[Passage], read: Read, before: Scores) -> Scores:
    """The log-odds of the READ sentences that look best before; of the others nothing better is supposed than the
    lowest of these."""
    first = np.argsort(-np.broadcast_to(before, len(sentences)), kind="stable")[:READ]
    said = read(question, [spoken(sentences[at]) for at in first])
    found: Scores = np.full(len(sentences), float(said.min()))
    found[first] = said
    return found


def facts(question: str, sentences: Sequence[Passage]) -> dict[str, Scores]:
    """What plain counting tells of each sentence, a column a fact."""
    said = [content(sentence.text) for sentence in sentences]
    asked = set(telling(question))
    return {
        "cover": np.array([sum(word in words for word in asked) / len(asked) for words in said]),
        "length": np.array([min(math.log(len(s.text) / 20 + 0.1), math.log(15)) for s in sentences]),
        "operative": _flags(bool(_OPERATIVE.search(s.text)) for s in sentences),
        "whole": _flags(s.text[0].isupper() and s.text[-1] in ".;:" for s in sentences),
    }


def sentences_of(passage: Passage) -> list[Passage]:
    """A passage's sentences, each as a passage of its own; headings and bare numbers are none."""
    return [
        replace(passage, start=passage.start + start, end=passage.start + end, text=passage.text[start:end])
        for start, end in spans(passage.text)
        if len(passage.text[start:end].split()) >= FEWEST
    ]


def likeness(question: str, sentences: Sequence[Passage], embed: Embed) -> Scores:
    """Cosine of the question and each sentence under its heading."""
    vectors = embed([question, *(spoken(sentence) for sentence in sentences)])
    return np.asarray(vectors[1:] @ vectors[0], np.float64)


def spoken(sentence: Passage) -> str:
    """What is compared and read of a sentence: it stands under its nearest heading."""
    return f"{sentence.path[-1]}. {sentence.text}" if sentence.path else sentence.text


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
