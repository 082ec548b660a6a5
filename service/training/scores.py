"""How good answers are, held to the rows that they should have given. Pure.

Intervals come from drawing whole documents again and again: rows of one document are not independent of one another.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.training.rendering import REFUSAL
from service.training.rows import stands

DRAWS = 2000  # of a bootstrap
SHARE = 0.95  # of the draws that an interval holds
SHOWN = 10  # answers, best and worst
LONGEST_REFUSAL = 40  # words

_MARKER = re.compile(r"\s*\[\d+\]")
_WORD = re.compile(r"[^\W_]+(?:[.,]\d+)*", re.UNICODE)
_ARTICLE = frozenset({"a", "an", "the"})
_SILENT = re.compile(
    r"\b(?:(?:do|does|did) not (?:say|state|specify|mention|contain|provide|answer|address|include)"
    r"|(?:is|are|was|were) not (?:said|stated|specified|mentioned|provided|addressed|given|found|contained)"
    r"|no (?:information|mention|provision|answer|passage)|cannot (?:answer|be (?:answered|determined)))\b",
    re.IGNORECASE,
)
_SPELT = re.compile(
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
    "|(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundred|thousand|million|billion"
    "|january|february|march|april|june|july|august|september|october|november|december"  # "may" is mostly a verb
)


@dataclass(frozen=True, slots=True)
class Exam:
    """A held-out row. An empty `gold` is a question that its context does not answer."""

    id: str
    question: str
    context: str
    gold: str
    group: str = ""  # its document


@dataclass(frozen=True, slots=True)
class Given:
    """What was answered, and how long it took, in seconds."""

    text: str
    first: float = 0.0  # to the first word
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Mark:
    """What an answer is worth. `invented` are its figures and dates that neither context nor question hold."""

    f1: float
    exact: bool
    refused: bool
    answerable: bool
    verbatim: bool  # its words stand in the context, in a row; a refusal has none to stand
    invented: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with the bounds that hold it in 95 of 100 cases."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Scores:
    """Of one contestant over all rows. Shares are between 0 and 1; None where no row could show it."""

    rows: int
    f1: Interval
    exact: Interval
    f1_answerable: Interval | None
    refuses_rightly: Interval | None  # of the questions without an answer
    refuses_wrongly: Interval | None  # of those with one
    verbatim: float | None  # of the answers that are no refusals
    invented: float | None  # of those, with a figure or date out of nowhere
    first_median: float
    median: float  # seconds of an answer
    slow: float  # the seconds that 95 of 100 answers keep to


@dataclass(frozen=True, slots=True)
class Shown:
    """One row of the report, for a person to read."""

    id: str
    question: str
    gold: str
    said: str  # by the candidate
    rival: str  # by the one that it is to replace
    f1: float
    before: float  # the rival's F1
    invented: tuple[str, ...] = field(default=())


def mark(exam: Exam, given: Given) -> Mark:
    said, answerable = plain(given.text), bool(exam.gold.strip())
    refuses = refused(said)
    if refuses:
        return Mark(float(not answerable), not answerable, True, answerable, False)
    found = invented(said, f"{exam.context} {exam.question}")
    if not answerable:
        return Mark(0.0, False, False, False, stands(said, exam.context), found)
    right = words(said) == words(exam.gold)
    return Mark(overlap(said, exam.gold), right, False, True, stands(said, exam.context), found)


def plain(said: str) -> str:
    """An answer without markers and the quotation marks around it."""
    return _MARKER.sub("", said).strip().strip("\"'“”‘’«»").strip()


def refused(said: str) -> bool:
    """Whether it says that the documents do not answer: in the words that are learned, or in the base's own."""
    first = REFUSAL.split(maxsplit=1)[0]
    short = len(said.split()) <= LONGEST_REFUSAL
    return not said or said.startswith(first) or (short and bool(_SILENT.search(said)))


def words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.lower()) if word not in _ARTICLE]


def overlap(said: str, gold: str) -> float:
    """F1 over the words, as SQuAD counts it."""
    ours, theirs = Counter(words(said)), Counter(words(gold))
    common = (ours & theirs).total()
    return 2 * common / (ours.total() + theirs.total()) if common else float(ours == theirs)


def invented(said: str, known: str) -> tuple[str, ...]:
    """Figures, number words and months of an answer that are not in what it had to go by."""
    there = {_figure(word) for word in _WORD.findall(known.lower())}
    found = [word for word in _WORD.findall(said.lower()) if _tells(word) and _figure(word) not in there]
    return tuple(dict.fromkeys(found))


def scores(exams: Sequence[Exam], given: Sequence[Given]) -> tuple[Scores, list[Mark]]:
    """Raises ValueError where there is no row."""
    marks = [mark(exam, one) for exam, one in zip(exams, given, strict=True)]
    groups = [exam.group for exam in exams]

    def mean(
        value: Callable[[Mark], float], where: Callable[[Mark], bool] = lambda _: True
    ) -> Interval | None:
        kept = [at for at, one in enumerate(marks) if where(one)]
        return interval([value(marks[at]) for at in kept], [groups[at] for at in kept]) if kept else None

    f1, exact = mean(lambda m: m.f1), mean(lambda m: m.exact)
    if f1 is None or exact is None:
        raise ValueError("no rows")
    said = [one for one in marks if not one.refused]
    first, seconds = [one.first for one in given], [one.seconds for one in given]
    return Scores(
        len(marks),
        f1,
        exact,
        mean(lambda m: m.f1, lambda m: m.answerable),
        mean(lambda m: m.refused, lambda m: not m.answerable),
        mean(lambda m: m.refused, lambda m: m.answerable),
        sum(one.verbatim for one in said if one.answerable) / n
        if (n := sum(o.answerable for o in said))
        else None,
        sum(bool(one.invented) for one in said) / len(said) if said else None,
        float(np.median(first)),
        float(np.median(seconds)),
        float(np.percentile(seconds, 95)),
    ), marks


def gain(ours: Sequence[float], theirs: Sequence[float], groups: Sequence[str]) -> Interval:
    """How much more the first have than the second, row by row."""
    return interval([one - other for one, other in zip(ours, theirs, strict=True)], groups)


def interval(values: Sequence[float], groups: Sequence[str], draws: int = DRAWS) -> Interval:
    """The mean, and its bounds by drawing documents with what belongs to them. A row without one is one by itself."""
    sums, counts = _by_group(values, groups)
    value = float(sums.sum() / counts.sum())
    if len(sums) < 2:  # nothing can be drawn: nothing is known
        return Interval(value, min(value, -1.0), max(value, 1.0))
    at = np.random.default_rng(1).integers(0, len(sums), (draws, len(sums)))
    means = sums[at].sum(axis=1) / counts[at].sum(axis=1)
    low, high = np.quantile(means, [(1 - SHARE) / 2, (1 + SHARE) / 2])
    return Interval(value, float(low), float(high))


def extremes(
    exams: Sequence[Exam],
    given: Mapping[str, Sequence[Given]],
    marks: Mapping[str, Sequence[Mark]],
    rival: str,
    count: int = SHOWN,
) -> tuple[list[Shown], list[Shown]]:
    """The rows on which "candidate" gains the most and those on which it loses the most against `rival`."""

    def shown(at: int) -> Shown:
        exam, one = exams[at], marks["candidate"][at]
        said, before = given["candidate"][at].text, given[rival][at].text
        return Shown(
            exam.id, exam.question, exam.gold, said, before, one.f1, marks[rival][at].f1, one.invented
        )

    ours, theirs = marks["candidate"], marks[rival]
    order = sorted(range(len(exams)), key=lambda at: (ours[at].f1 - theirs[at].f1, ours[at].f1))
    size = min(count, (len(order) + 1) // 2)
    return [shown(at) for at in reversed(order[-size:])], [shown(at) for at in order[:size]]


def told(found: Any) -> Any:
    """As JSON holds it."""
    return asdict(found)


def _by_group(
    values: Sequence[float], groups: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    places: dict[str, int] = {}
    at = [places.setdefault(group or f"\0{row}", len(places)) for row, group in enumerate(groups)]
    sums, counts = np.zeros(len(places)), np.zeros(len(places))
    np.add.at(sums, at, np.asarray(values, float))
    np.add.at(counts, at, 1.0)
    return sums, counts


def _tells(word: str) -> bool:
    return any(letter.isdigit() for letter in word) or bool(_SPELT.fullmatch(word))


def _figure(word: str) -> str:
    """ "1,000.00" and "1000" are one figure."""
    whole = word.replace(",", "")
    return whole.rstrip("0").rstrip(".") if "." in whole else whole
