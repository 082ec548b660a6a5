"""Which documents a question names, which passages answer it, and whether any does. Pure.

1. *Document first.* BM25 over character 4-grams of each document's profile puts the document that a question names
   on top, whatever its spelling ("Adams Golf, Ltd." finds ADAMSGOLFINC_03_21_2005.txt).
2. *Name out.* The words that name the document say nothing about the passage, and outshout those that do: they are
   taken out of the question before passages are searched.
3. *Fusion.* Cosine + BLEND x BM25 / (best BM25 in scope).
4. *Threshold.* When not even the best passage is near the question, nothing is.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import log2

BLEND = 0.1
KEPT = 3  # documents searched when a question names one
CLOSE = 0.75  # of the best document's score: below it a document is not the one named

CAPITAL = -0.3  # weight of a capitalised word that names nothing known; other words weigh -1
TOGETHER = 0.2  # what a passage with all the words asked for is worth, as cosine

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SIGNS = re.compile(r"^[^\w\"“(]+|^[^\w]+$")
_LEADERS = re.compile(r"(?:\.[ \t]?){5,}")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])")


def _split(words: str) -> frozenset[str]:
    return frozenset(words.split())


STOP = _split("""
    a about all also am an and any are as at be been being between by can could did do does doing for from had has
    have having he her him his how i if in into is it its me more most my no nor not of on or our she should so some
    such than that the their them then there these they this those to under up upon us was we were what when where
    which while who whom whose why will with would you your
""")
FRAME = _split(
    "agreement contract document include included includes including provide provided provides specified"
)
_ASKING = _split(
    "can could did do does how is may must shall was what when where which who whom whose why will"
)
_PAPERS = _split(
    "addendum amendment appendix annex board deed email exhibit invoice lease letter licence license memo"
    " memorandum minutes notice order policy report schedule side statement supply variation witness"
)
PLACES = _split("""
    africa america american angeles asia australia california canada china chicago city colorado delaware east england
    english europe european florida france georgia germany hong illinois india ireland israel italy japan jersey kingdom
    kong london massachusetts mexico michigan minnesota netherlands nevada new north ohio ontario oregon pennsylvania
    san scotland singapore south spain state states sweden switzerland texas united utah virginia wales washington west
    york
""")
LEGAL_FORMS = _split(
    "ag bv co com company corp corporation gmbh inc incorporated limited llc llp lp ltd nv plc sa spa"
)


def grams(text: str) -> list[str]:
    """The character 4-grams of a text, letter case, spacing and signs levelled; "_" stands for a gap."""
    plain = "_" + "_".join(_WORD.findall(text.lower())) + "_"
    return [plain[at : at + 4] for at in range(len(plain) - 3)]


def profile(title: str, text: str) -> str:
    """The 4-grams of what tells a document from others: its name (twice), its head and its tail."""
    name = _stem(title)
    return " ".join(grams(f"{name} {name} {text[:1500]} {text[-1200:]}"))


def terms(text: str) -> list[str]:
    """The words that are searched for: those that only frame a question count when there are no others."""
    words = [word.lower() for word in _WORD.findall(text)]
    return [w for w in words if w not in STOP | FRAME] or [w for w in words if w not in STOP] or words


def names(title: str, text: str) -> frozenset[str]:
    """The words of a document's name, and the proper nouns of its head (its parties, in a contract).

    A proper noun is a word that the head writes with a capital and the whole document never without.
    """
    lower = set(re.findall(r"\b[a-z][\w]*", text))
    head = {word.lower() for word in _WORD.findall(text[:1500]) if word[0].isupper()}
    return frozenset({word.lower() for word in _WORD.findall(_CAMEL.sub(" ", _stem(title)))} | (head - lower))


def glued(title: str) -> str:
    """A file's name as one word: what a name is a part of, however the file's name runs words together."""
    return "".join(_WORD.findall(_stem(title).lower()))


def _stem(title: str) -> str:
    return re.sub(r"\.[A-Za-z]{1,5}$", "", title).replace("_", " ")


def proper(query: str) -> tuple[str, ...]:
    """The words of a question that can only be names, in their order: written with a capital where none is due.

    A sentence's first word counts only with a second capital ("DrKoop"); a sentence all in capitals tells nothing.
    """
    found = []
    for sentence in re.split(r"[.;:?!\n]+\s", query):
        words = [word[0] for word in _WORD.finditer(re.sub(r"['’]s\b", "", sentence))]
        capitals = [word for word in words if word[0].isupper()]
        if len(words) > 3 and 2 * len(capitals) > len(words):
            continue
        found += [word for word in capitals if word is not words[0] or any(c.isupper() for c in word[1:])]
    return tuple(dict.fromkeys(word for word in found if _telling(word.lower())))


def _telling(word: str) -> bool:
    return len(word) >= 3 and not any(c.isdigit() for c in word) and word not in _FORMAL


@dataclass(frozen=True, slots=True)
class Card:
    """What a document is known by: its title as one word (see `glued`), and the words of its names (see `names`)."""

    title: str
    words: frozenset[str]

    def names(self, word: str) -> bool:
        """Whether a word of a question names this document."""
        low = word.lower()
        return (word[0].isupper() and low in self.words) or (len(low) >= 4 and low in self.title)


_FORMAL = STOP | FRAME | _ASKING | _PAPERS | LEGAL_FORMS


@dataclass(frozen=True, slots=True)
class Named:
    """What a question names: documents by likeness (none when it names none), and the rest of the question."""

    documents: dict[str, float]
    text: str


def named(
    query: str, scores: Mapping[str, float], cards: Mapping[str, Card], common: Callable[[str], bool]
) -> Named:
    """Read the names out of a question, given the documents' likeness to it by 4-grams.

    It names documents when a stretch of it holds three words of a document's names, at least two of which few
    documents bear (one will do if a single document stands out by likeness), and one of which is a proper name: a
    legal form ("Inc") stands there, or the documents use the word as no ordinary one (`common` tells). For "break
    notice" in a question is more often what it is about than the file "Break Notice.txt". Two words will do ("Ashdown
    Foods") when one of them is the proper name of a single document among several, and of no place.
    """
    ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:KEPT]
    if not ranked:
        return Named({}, query)
    best, top = ranked[0]
    rest, naming = without(query, cards[best])
    few = max(2, len(cards) // 3)
    close = {id: score / top for id, score in ranked if score >= CLOSE * top}
    rare = [w for w in naming - LEGAL_FORMS if _bearers(w, cards, few) <= few]
    alone = [w for w in rare if not w.isdigit() and w not in PLACES and _bearers(w, cards, 1) == 1]
    if len(naming) == 2 and len(cards) > 2 and any(not common(w) for w in sorted(alone)):
        return Named({best: 1.0}, rest)
    if len(naming) < 3 or len(rare) + (len(close) == 1) < 2:
        return by_title(query, cards, common)
    if not naming & LEGAL_FORMS and all(w.isdigit() or common(w) for w in sorted(rare)):
        return by_title(query, cards, common)
    return Named(close, rest)


def by_title(query: str, cards: Mapping[str, Card], common: Callable[[str], bool]) -> Named:
    """Documents named by no more than a proper name that their titles bear ("the Artara licence").

    The name has a capital, stands in the titles of few documents, and none of them uses it as an ordinary word.
    """
    capitals = [m for m in _WORD.finditer(query) if m[0][0].isupper() and _titular(m[0].lower())]
    few = max(1, len(cards) // 5)
    bearing = {m: [id for id, card in cards.items() if m[0].lower() in card.title] for m in capitals}
    names = [m for m, ids in bearing.items() if 0 < len(ids) <= few and not common(m[0].lower())]
    if not names:
        return Named({}, query)
    borne = Counter(id for name in names for id in bearing[name])
    most = max(borne.values())
    chosen = {id: 1.0 for id, count in borne.items() if count == most}
    rest = _cut_out(query, [m for m in capitals if chosen.keys() & bearing[m]])
    return Named(chosen, rest) if any(w not in STOP for w in terms(rest)) else Named(chosen, query)


def _titular(word: str) -> bool:
    return len(word) >= 4 and not word.isdigit() and word not in STOP | FRAME | _ASKING | _PAPERS


def _cut_out(query: str, words: Iterable[re.Match[str]]) -> str:
    """The question without these words of it, in order."""
    rest, at = "", 0
    for word in words:
        rest, at = rest + query[at : word.start()], word.end()
    return " ".join((rest + query[at:]).split())


def _bearers(word: str, cards: Mapping[str, Card], enough: int) -> int:
    found = 0
    for card in cards.values():
        found += card.names(word.title())
        if found > enough:
            break
    return found


def without(query: str, card: Card) -> tuple[str, set[str]]:
    """The question without the stretch that names the document, and the naming words in that stretch.

    The stretch is the run of words within one sentence in which names outweigh the rest the most. Where it is what the
    question asks of ("How long does … last?"), the question asks of "the agreement" instead.
    """
    best: tuple[float, int, int, list[Word]] = (1.5, 0, 0, [])
    for sentence in _sentences(query, card):
        weight, first, last = _densest(sentence)
        if weight > best[0]:
            best = (weight, first, last, sentence)
    weight, first, last, sentence = best
    if not sentence:
        return query, set()
    start, end = _stretch(sentence, first, last)
    lead, tail = query[:start].rstrip(" ,;"), _SIGNS.sub("", query[end:])
    asked_of = tail and any(w.end == len(lead) and w.low in _ASKING for w in sentence)
    rest = " ".join(f"{lead} {'the agreement ' if asked_of else ''}{tail}".split())
    naming = {
        w.low
        for w in sentence
        if start <= w.start < end and (w.weight > 0 or (w.low in LEGAL_FORMS and query[w.start].isupper()))
    }
    return (rest, naming) if any(w not in STOP for w in terms(rest)) else (query, naming)


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a question. `weight` is 1 for a name, 0 for a small word, less for others."""

    start: int
    end: int
    low: str
    weight: float


def _sentences(query: str, card: Card) -> Iterator[list[Word]]:
    """The words of each sentence; a semicolon or colon ends one too, the point of an abbreviation does not."""
    sentence: list[Word] = []
    for match in _WORD.finditer(query):
        if sentence and _ends(query[sentence[-1].end : match.start()], sentence[-1].low):
            yield sentence
            sentence = []
        sentence.append(Word(match.start(), match.end(), match.group().lower(), _weight(match.group(), card)))
    yield sentence


def _ends(between: str, before: str) -> bool:
    if any(sign in between for sign in ";:?!\n"):
        return True
    return "." in between and between != "." and len(before) > 3 and before not in LEGAL_FORMS


def _weight(word: str, card: Card) -> float:
    if word.lower() in STOP or word.lower() in LEGAL_FORMS:
        return 0.0
    if card.names(word):
        return 1.0
    return CAPITAL if word[0].isupper() or len(word) == 1 else -1.0


def _densest(sentence: list[Word]) -> tuple[float, int, int]:
    """The run of words with the greatest weight, as (weight, first, last)."""
    best, run, begin = (0.0, 0, 0), 0.0, 0
    for at, word in enumerate(sentence):
        if run <= 0:
            run, begin = 0.0, at
        run += word.weight
        if run > best[0]:
            best = (run, begin, at)
    return best


def _stretch(sentence: list[Word], first: int, last: int) -> tuple[int, int]:
    """Where the naming stretch begins and ends: with the capitals beside it and the small words that lead to it
    ("under the … between"), to the sentence's end when only small words or capitals follow, and then with a lone word
    before it ("Consider")."""
    while first > 1 and (joined := _joined(sentence[:first])):
        first -= joined
    while first and sentence[first - 1].weight == 0 and sentence[first - 1].low not in _ASKING:
        first -= 1
    while last + 1 < len(sentence) and (
        sentence[last + 1].low in LEGAL_FORMS or sentence[last + 1].weight == CAPITAL
    ):
        last += 1
    lead, tail = sentence[:first], sentence[last + 1 :]
    if all(word.weight > -1 for word in tail):
        last = len(sentence) - 1
        if sum(word.weight == -1 for word in lead) <= 1 and not _ASKING & {word.low for word in lead}:
            first = 0
    return sentence[first].start, sentence[last].end


def _joined(before: list[Word]) -> int:
    """How many words at the end of these belong to a name that follows: a capital, or one with "and" after it."""
    if before[-1].weight == CAPITAL:
        return 1
    return 2 * (before[-1].low in ("and", "of", "for") and len(before) > 2 and before[-2].weight == CAPITAL)


def fuse(
    cosines: Mapping[str, float], bm25: Mapping[str, float], most: float = 0.0
) -> list[tuple[str, float]]:
    """Passages by cosine and words together, best first; equals stand in the order of their ids.

    `most` is the best BM25 in scope, where it is not among these.
    """
    most = most or max(bm25.values(), default=0.0) or 1.0
    scored = [(id, cosine + BLEND * bm25.get(id, 0.0) / most) for id, cosine in cosines.items()]
    return sorted(scored, key=lambda item: (-item[1], item[0]))


def relevant(cosines: Iterable[float], passages: int, together: float) -> bool:
    """Whether anything among this many passages can answer: the best is near, and the nearer it must be the fewer of
    the words asked for stand in one passage (`together`: the greatest share of them among the best passages).

    The best of many passages is nearer by chance, so the bar rises with their number: 0.22 at 100, 0.04 more each time
    they double, within 0.12 and 0.5. Told by `bench/relevance.py` on 20 training contracts that the embedder's adapter
    has not learned: of 195 questions it keeps all that are asked of the contract that answers them; of 89 questions of
    general knowledge it lets in 2 % when they are put to a single contract, none when to all together.
    """
    near = min(0.5, max(0.12, 0.22 + 0.04 * log2(max(1, passages) / 100)))
    return max(cosines, default=-1.0) + TOGETHER * together >= near


def contents(text: str) -> bool:
    """Whether a passage is a table of contents: rows of dots that lead to page numbers."""
    return len(_LEADERS.findall(text)) >= 3
