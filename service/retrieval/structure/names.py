"""Names of companies and people as they stand in a text. Pure.

A name is read word by word: capitals and what may join them, until a legal form, a comma, a bracket or a small word.
"""

import re
from dataclasses import dataclass

WORDS = 14

_TOKEN = re.compile(r"[^\s,;:()]+|[,;:()]")
_STRONG = re.compile(
    r"(?:Inc|Incorporated|Corp|Corporation|Limited|Ltd|LLC|L\.L\.C|LLP|L\.L\.P|L\.P|LP|PLC|P\.L\.C|GmbH|AG|A\.G|KG|S\.A|SA"
    r"|S\.A\.S|SAS|B\.V|BV|N\.V|NV|S\.p\.A|SpA|S\.r\.l|S\.R\.L|SARL|S\.à|Oy|Oyj|AB|ASA|ApS|A/S|Sdn|Bhd|K\.K|N\.A"
    r"|Aktiengesellschaft|Lda|Ltda)\.?",
    re.I,
)
_FORM = re.compile(
    rf"{_STRONG.pattern}|(?:Company|Co|Trust|Bank|Partnership|Partners|Association|Fund|Funds|Foundation|University"
    r"|Institute|Hospital|Holdings?|Group|Pty|Pte|Enterprises|Industries|Technologies|Systems|Networks|Laboratories"
    r"|Society|Authority|Agency|Council|Bancorp|Incorporated)\.?",
    re.I,
)
_KIND = re.compile(
    r"(?:the )?(?:limited )?(?:liability )?(?:company|corporation|partnership)", re.I
)  # what one is
_STARTS = re.compile(r"[\"“”*]*(?:[a-z]?-?[A-Z0-9$])[\w.&’'/+*!-]*")
_INSIDE = re.compile(r"\s?\([A-Z][A-Za-z .&]{1,24}\)\s(?=[A-Z&])")
_JOINS = re.compile(r"and|de|la|der|van|von|the|for|of|del|et")
_OF = re.compile(
    r"bank|university|board|trustees|city|state|county|regents|institute|ministry|department|college", re.I
)
_INITIAL = re.compile(r"(?:[A-Za-z]\.)+|(?:St|Dr|Mr|Mrs|Ms|Messrs|Jr|Sr|No)\.", re.I)
_ENUMERATED = re.compile(
    r"[\s*]{0,80}(?:(?:\(?(?:\d{1,2}(?:\.\d{1,2})?|[a-h]|[ivx]{1,4})[.)]|\d\.\d)\s{1,40})?[\"“*]*"
)


@dataclass(frozen=True, slots=True)
class Name:
    text: str
    start: int
    end: int
    legal: bool  # whether it bears a legal form

    @property
    def words(self) -> int:
        return len(self.text.split())


def name_at(text: str, at: int, end: int) -> Name | None:
    """The name that begins at `at`, a number before it aside."""
    lead = _ENUMERATED.match(text, at, end)
    start = lead.end() if lead else at
    if not _STARTS.match(text, start, end):
        return None
    stop, legal, words = start, False, 0
    while words < WORDS:
        token = _TOKEN.search(text, stop, min(end, stop + 60))
        if token is None or text.count("\n", stop, token.start()) > 1:
            break
        if token.group() in ",(":
            after = _past(text, token, end)
            if after is None:
                break
            legal, stop, words = token.group() == "," or legal, after, words + 1
            continue
        if not _goes_on(text, token, start, end, legal):
            break
        stop, words = token.end(), words + 1
        legal = words > 1 and (_FORM.fullmatch(token.group()) is not None or (legal and token.group() == "&"))
        if _finished(token.group(), words):
            stop = token.end()
            follower = _TOKEN.search(text, stop, min(end, stop + 12))
            if follower is None or not (follower.group() == "," or _FORM.fullmatch(follower.group())):
                break
    return _made(text, start, stop, legal)


def _past(text: str, token: "re.Match[str]", end: int) -> int | None:
    """The end of ", Inc." or "(Hong Kong)" at a comma or bracket that does not end the name; None where it does."""
    if token.group() == "(":
        inside = _INSIDE.match(text, token.start(), end)
        follower = _TOKEN.search(text, inside.end(), min(end, inside.end() + 40)) if inside else None
        return inside.end() - 1 if inside and follower and not follower.group().isdigit() else None
    follower = _TOKEN.search(text, token.end(), min(end, token.end() + 24))
    if follower is None or not _FORM.fullmatch(follower.group()):
        return None
    return follower.end() if follower.group()[0].isupper() or follower.group() == "plc" else None


def _goes_on(text: str, token: "re.Match[str]", start: int, end: int, legal: bool) -> bool:
    word = token.group()
    if word in ("&", "-", "–", "/"):
        return True
    if _JOINS.fullmatch(word):
        ahead = " ".join(text[token.end() : min(end, token.end() + 60)].split())
        if not re.match(r"(?:the )?[A-Z]", ahead) or legal:
            return False
        if word in ("of", "for") and _OF.search(text, start, token.start()):
            return True
        near = re.match(r"(?:[\w’'&.-]+ ){0,3}?[\w’'&.-]+", ahead.partition(",")[0].partition("(")[0])
        forms = [w for w in (near.group().split() if near else []) if _FORM.fullmatch(w)]
        return bool(forms) and (word != "and" or text.count(" ", start, token.start()) < 4)
    return _STARTS.fullmatch(word) is not None


def _finished(word: str, words: int) -> bool:
    """Whether a word ends a name: a legal form, or a full stop that is no initial's."""
    if words > 1 and _STRONG.fullmatch(word):
        return True
    return word.endswith((".", "”", '"')) and not _INITIAL.fullmatch(word) and not _FORM.fullmatch(word)


def _made(text: str, start: int, stop: int, legal: bool) -> Name | None:
    name = " ".join(text[start:stop].split()).strip(' ,;:*"“”-–')
    if name.endswith(".") and not re.search(r"(?:\b(?:inc|corp|co|ltd|jr|sr)|\.\w|\s\w)\.$", name, re.I):
        name = name[:-1]
    if len(name) < 2 or not any(c.isalpha() for c in name) or _KIND.fullmatch(name):
        return None
    return Name(name, start, stop, legal)
