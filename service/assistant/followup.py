"""What a question asks for when it is read in its conversation. Pure.

"What about the deposit?" or "And when does it end?" cannot be searched as it stands: it takes the content words of
the question before it. A question that stands by itself takes nothing, so that an old subject does not cling to a
new one.
"""

import re
from collections.abc import Sequence

from service.assistant.words import content
from service.core import Message

REACH = 4  # earlier questions looked at: a chain of follow-ups leans on the one that began it

_LEADS = re.compile(
    r"(and|but|so|or|also|then|otherwise|what about|how about|what if|what else|anything else|same (question )?for"
    r"|why|really|in that case|if so|if not|who else|which one|how so|even if|until when|since when)\b",
    re.IGNORECASE,
)
_POINTS_BACK = re.compile(
    r"\b(it|its|itself|they|them|their|theirs|he|him|his|she|her|hers|the same|the (former|latter)|those|these"
    r"|(this|that|such)(?! (agreement|contract|lease|licen[cs]e|document|matter|case|file|letter|deed|policy"
    r"|amendment|schedule|arrangement)s?\b))\b",
    re.IGNORECASE,
)
_AUXILIARY = (
    "do|does|did|is|was|are|were|will|would|can|could|should|may|must|has|had|if|of|to|and|or|by|in|for"
)
_RELATIVE = re.compile(rf"\b(?!(?:{_AUXILIARY})\b)(\w+) that (?=\w)", re.IGNORECASE)  # "a clause that …"
_BARE = 2  # a question of so few content words leans on the one before it


def search_text(messages: Sequence[Message]) -> str:
    """The text to search with: the last question, with what it leaves unsaid taken from the questions before it.

    Only what the person said counts: an answer's words would search for themselves.
    """
    asked = [m.content.strip() for m in messages if m.role == "user" and m.content.strip()]
    return _resolved(asked[-REACH:])


def leans(question: str) -> bool:
    """Whether a question can only be understood with the one before it."""
    text = question.strip()
    if _LEADS.match(text) or len(content(text)) <= _BARE:
        return True
    return bool(_POINTS_BACK.search(_RELATIVE.sub(r"\1 ", text)))


def _resolved(asked: Sequence[str]) -> str:
    if not asked:
        return ""
    last = asked[-1]
    if len(asked) == 1 or not leans(last):
        return last
    said = set(content(last))
    missing = [word for word, stem in _words(_resolved(asked[:-1])) if stem not in said]
    return f"{last} {' '.join(dict.fromkeys(missing))}" if missing else last


def _words(text: str) -> list[tuple[str, str]]:
    """The content words of a text as written, each with its stem."""
    pairs = ((word, content(word)) for word in re.findall(r"[\w'’&.-]*\w", text))
    return [(word, stems[0]) for word, stems in pairs if stems]
