"""How many tokens a text makes where no tokenizer can be asked. Pure; rather too many than too few."""

import re
from collections.abc import Sequence

from service.core import Message

FRAME = 8  # tokens around a message, for its role and its ends

# A word of letters, a digit, a run of white space (which words mostly take along), a line of dots, any other sign
_PARTS = re.compile(r"[A-Za-z]+|\d|\s+|[._*=-]{4,}|[^\sA-Za-z\d]")


def estimate(messages: Sequence[Message]) -> int:
    """Tokens of the prompt that these messages make, for tokenizers that split digits and know no rare words."""
    return FRAME + sum(FRAME + text_tokens(message.content) for message in messages)


def text_tokens(text: str) -> int:
    """Tokens of a text by itself."""
    return sum(map(_tokens, _PARTS.findall(text)))


def _tokens(part: str) -> int:
    if part.isspace():
        return 0 if part == " " else 1 + part.count("\n") // 2
    if not part.isascii():
        return len(part.encode("utf-8", "replace")) - 1
    if not part.isalpha():
        return 1 + len(part) // 4
    shouted = len(part) // 3 if part.isupper() and len(part) > 2 else 0
    return 1 + (len(part) - 1) // (6 if len(part) < 16 else 3) + shouted
