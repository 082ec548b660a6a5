"""Exact and Boolean search as lawyers write it, to an expression for SQLite's FTS5. Pure.

    any     := every { OR every }
    every   := [NOT] near { [AND] [NOT] near }      words beside one another must all stand in a passage
    near    := part { NEAR/n part }                 also w/n: at most n words between, in either order
    part    := word | word* | word! | "a phrase" | ( any )

Operators are words in capitals. Everything else is quoted, so that nothing a person types is syntax to FTS5.
"""

import re
from dataclasses import dataclass
from itertools import product

from service.errors import BadRequest

LONGEST = 1000  # characters of a query
MOST = 50  # words and phrases
DEEPEST = 16  # brackets within brackets
FARTHEST = 200  # words between two that are near

_TOKEN = re.compile(
    r"[\"“”](?P<phrase>[^\"“”]*)(?P<close>[\"“”]|$)"
    r"|(?P<near>(?:NEAR|[wW])/\w{1,9})(?![^\s()\"“”])"
    r"|(?P<operator>AND|OR|NOT)(?![^\s()\"“”])"
    r"|(?P<bracket>[()])"
    r"|(?P<word>[^\s()\"“”]+(?:\(\w{1,4}\)[^\s()\"“”]*)*)"  # a clause number keeps its brackets: 12.3(b)
)


@dataclass(frozen=True, slots=True)
class Query:
    """An expression that FTS5 accepts, and the words and phrases, as typed, that a passage is found by."""

    fts: str
    terms: tuple[str, ...]
    phrases: tuple[str, ...]  # of more than one word


@dataclass(frozen=True, slots=True)
class Token:
    kind: str  # "phrase", "word", "near", "operator", "bracket", "end"
    text: str
    place: int  # from 1


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the expression. `options` are its phrases where it is a phrase or a choice of phrases."""

    fts: str
    said: tuple[str, ...]  # what it looks for, as typed
    options: tuple[str, ...] = ()


def parse(text: str) -> Query:
    """What a person typed as a Query. BadRequest, with the place, for what does not make sense."""
    if len(text) > LONGEST:
        raise BadRequest(f"The search has {len(text)} characters; {LONGEST} are allowed. Shorten it.")
    tokens = _tokens(text)
    if len(tokens) == 1:
        raise BadRequest('The search is empty. Type words, or a phrase in quotation marks: "time is of".')
    if sum(token.kind in ("word", "phrase") for token in tokens) > MOST:
        raise BadRequest(f"The search has more than {MOST} words and phrases. Shorten it.")
    part = _Reader(tokens).whole()
    said = tuple(dict.fromkeys(part.said))
    return Query(
        part.fts,
        tuple(words for words in said if " " not in words),
        tuple(words for words in said if " " in words),
    )


def _tokens(text: str) -> list[Token]:
    """The signs of the query and an end. What holds no letter or digit says nothing and is passed over."""
    clean = "".join(" " if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)
    found = []
    for match in _TOKEN.finditer(clean):
        kind, place = match.lastgroup or "", match.start() + 1
        if match["phrase"] is not None:
            if not match["close"]:
                raise BadRequest(f"The quotation mark at character {place} is not closed. Close it.")
            if not _says(match["phrase"]):
                raise BadRequest(f"There is no word in the quotation marks at character {place}.")
            found.append(Token("phrase", match["phrase"], place))
        elif kind != "word" or _says(match["word"]):
            found.append(Token(kind, match.group(), place))
    return [*found, Token("end", "", len(text) + 1)]


def _says(text: str) -> bool:
    return any(c.isalnum() for c in text)


class _Reader:
    """Reads tokens from left to right; each method reads one rule of the grammar above."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens, self._at, self._depth = tokens, 0, 0

    def whole(self) -> Part:
        part = self._any()
        if self._next.kind != "end":
            raise BadRequest(f"The bracket at character {self._next.place} closes nothing. Take it out.")
        return part

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self, text: str) -> bool:
        token = self._next
        if token.kind not in ("operator", "bracket") or token.text != text:
            return False
        self._at += 1
        return True

    def _any(self) -> Part:
        parts = [self._every()]
        while self._take("OR"):
            parts.append(self._every())
        return _joined(" OR ", parts) if len(parts) > 1 else parts[0]

    def _every(self) -> Part:
        place = self._next.place
        wanted, unwanted = list[Part](), list[Part]()
        while True:
            (unwanted if self._take("NOT") else wanted).append(self._near())
            follows = self._take("AND")
            if not follows and (self._next.kind == "end" or self._next.text in ("OR", ")")):
                break
        if not wanted:
            raise BadRequest(
                f"NOT at character {place} needs a word to look for before it: lease NOT sublease."
            )
        part = wanted[0] if len(wanted) == 1 else _joined(" AND ", wanted, choice=False)
        if not unwanted:
            return part
        return Part(f"({part.fts} NOT {_joined(' OR ', unwanted).fts})", part.said)

    def _near(self) -> Part:
        parts, pairs = [self._part()], list[str]()
        while self._next.kind == "near":
            sign = self._next
            self._at += 1
            parts.append(self._part())
            pairs.append(_pair(parts[-2], parts[-1], sign))
        if not pairs:
            return parts[0]
        return Part(f"({' AND '.join(pairs)})", tuple(word for part in parts for word in part.said))

    def _part(self) -> Part:
        token = self._next
        if token.kind in ("word", "phrase"):
            self._at += 1
            return _phrase(token)
        if not self._take("("):
            raise BadRequest(_missing(token))
        self._depth += 1
        if self._depth > DEEPEST:
            raise BadRequest(f"At character {token.place} more than {DEEPEST} brackets stand open.")
        inner = self._any()
        if not self._take(")"):
            raise BadRequest(f"The bracket at character {token.place} is not closed. Close it.")
        self._depth -= 1
        return inner


def _missing(token: Token) -> str:
    if token.kind == "end":
        return f"The search ends at character {token.place} where a word should follow."
    shown = {"(": "a bracket", ")": "a bracket"}.get(token.text, token.text)
    return f"At character {token.place} stands {shown} where a word or a phrase should stand."


def _phrase(token: Token) -> Part:
    """A quoted FTS5 string; a star (or an exclamation mark after a bare word) at its end asks for a prefix."""
    body = token.text.rstrip()
    bare = body.rstrip("*!" if token.kind == "word" else "*")
    star = " *" if bare != body and bare[-1:].isalnum() else ""
    if re.search(r"\w\*", bare):
        raise BadRequest(
            f"At character {token.place} a star stands within; it can only stand at a word's end."
        )
    quoted = '"' + bare.replace('"', '""') + '"' + star
    return Part(quoted, (" ".join(bare.split()),), (quoted,))


def _joined(sign: str, parts: list[Part], choice: bool = True) -> Part:
    phrases = choice and all(part.options for part in parts)
    return Part(
        f"({sign.join(part.fts for part in parts)})",
        tuple(word for part in parts for word in part.said),
        tuple(option for part in parts for option in part.options) if phrases else (),
    )


def _pair(first: Part, second: Part, sign: Token) -> str:
    """NEAR between two phrases, or between each of a choice and each of another."""
    number = sign.text.partition("/")[2]
    if not (number.isascii() and number.isdigit()):
        raise BadRequest(f"{sign.text} at character {sign.place} needs a number of words: w/15.")
    distance = int(number)
    if distance > FARTHEST:
        raise BadRequest(f"{sign.text} at character {sign.place} is too far: {FARTHEST} is the most.")
    pairs = list(product(first.options, second.options))
    if not pairs:
        raise BadRequest(
            f"{sign.text} at character {sign.place} needs a word, a phrase or (one OR another) beside it."
        )
    if len(pairs) > MOST:
        raise BadRequest(
            f"{sign.text} at character {sign.place} has too many choices beside it. Split the search."
        )
    near = [f"NEAR({a} {b}, {distance})" for a, b in pairs]
    return near[0] if len(near) == 1 else f"({' OR '.join(near)})"
