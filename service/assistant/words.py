"""The words, figures and names of a text, made comparable. Pure.

Stems are cut by a few English endings: good enough to match "terminates" with "termination", never shown to anyone.
"""

import re


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_STOP = _listed(
    """a about above after again all also am an and any are as at be because been before being between both but by
    can could did do does doing done during each either else ever every for from further get give given go had has
    have having he her here hers him his how i if in into is it its itself just let like may me might more most much
    many must my need no nor not of off on once only or other ought our out over own per please same say says shall
    she should so some such tell than that the their theirs them then there these they this those through to too under
    until up upon us very was we were what when where whether which while who whom whose why will with within
    without would yes you your hereby herein hereof hereto hereunder thereof therein thereto thereunder"""
)
# Words of asking, and words that every question to a contract holds: they tell no passage from another.
_PLAIN = _listed(
    """contract agreement document documents provision provisions clause clauses section sections party parties
    find show list name explain describe summarise summarize identify highlight quote cite review reviewed lawyer
    part parts related relating regarding concerning detail details include includes including included specified
    answer question"""
)
_ENDINGS = re.compile(
    r"(ibility|ability|ations?|ates?|ated|ating|ements?|itions?|ities|ments?|ances?|ences?|ingly|ions?|ings?|able|ible|ally|ies"
    r"|ive|ity|ors?|ers?|ed|es|al|ly|e|s|y)$"
)
_UNITS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen"""
_TENS = """twenty thirty forty fifty sixty seventy eighty ninety"""
_ORDINALS = """first second third fourth fifth sixth seventh eighth ninth tenth"""
_NUMBERS = (
    {word: str(value) for value, word in enumerate(_UNITS.split())}
    | {word: str(10 * value) for value, word in enumerate(_TENS.split(), 2)}
    | {word: str(value) for value, word in enumerate(_ORDINALS.split(), 1)}
)
_SCALES = frozenset(
    {"hundred", "thousand", "million", "billion", "dozen", "half", "twice", "double", "triple"}
)
_COMPOUND = re.compile(rf"\b({'|'.join(_TENS.split())})[- ]({'|'.join(_UNITS.split()[1:10])})\b")
_FIGURE = re.compile(r"\d+(?:[.,:/]\d+)*")


def words(text: str) -> list[str]:
    """The words in lower case; a possessive ending is dropped."""
    return [re.sub(r"['’]s?$", "", word.lower()) for word in _WORD.findall(text)]


def stem(word: str) -> str:
    """A word without its ending, never shorter than three letters."""
    cut = _ENDINGS.sub("", word)
    return cut if len(cut) >= 3 else word.removesuffix("s") if len(word) > 3 else word


def tells(word: str) -> bool:
    """Whether a word in lower case says something by itself."""
    return word not in _STOP


def content(text: str) -> list[str]:
    """The stems of the words that carry meaning, in order, figures included."""
    return [stem(word) for word in words(text) if word not in _STOP]


def telling(text: str) -> list[str]:
    """The content words that can tell one passage of a contract from another."""
    return [stem(word) for word in words(text) if word not in _STOP and word not in _PLAIN]


def figures(text: str) -> set[str]:
    """Every number of a text in one writing: "1,000.00" and "1000", "sixty (60)" and "60" are the same.

    Words of scale ("million") are figures too: they must be borne out like a digit.
    """
    lower = text.lower()
    found = {_plain(figure) for figure in _FIGURE.findall(lower)}
    found |= {str(int(_NUMBERS[ten]) + int(_NUMBERS[unit])) for ten, unit in _COMPOUND.findall(lower)}
    for word in re.findall(r"[a-z]+", _COMPOUND.sub(" ", lower)):
        if word in _SCALES:
            found.add(word)
        elif word in _NUMBERS:
            found.add(_NUMBERS[word])
    return found


def _plain(figure: str) -> str:
    return re.sub(r"\.0+$", "", figure.replace(",", ""))


def names(text: str) -> set[str]:
    """The words that a text writes with a capital where none is due: names, defined terms, months.

    The first word of a sentence is none, unless it holds a second capital.
    """
    found = set()
    for match in _WORD.finditer(text):
        word = match[0]
        before = text[: match.start()].rstrip(" \t\n\"'“‘(")
        opens = not before or before[-1] in ".!?:;•\n"
        if (word[0].isupper() and not opens) or any(letter.isupper() for letter in word[1:]):
            found.add(re.sub(r"['’]s?$", "", word.lower()))
    return {name for name in found if name not in _STOP}
