"""Sentences of legal text, as spans. nupunkt finds them; blank lines and list numbers are ours."""

import re

_GAP = re.compile(r"\n[ \t\r\f]*\n\s*")
_LETTERS = re.compile(r"[^\W\d_]{2}")


def spans(text: str) -> list[tuple[int, int]]:
    """The sentences of `text` as [start, end), in order, disjoint, without the blanks around them.

    A blank line always ends a sentence. A bare number ("7.", "(a)") belongs to the sentence after it.
    """
    found: list[tuple[int, int]] = []
    at = 0
    for gap in [*_GAP.finditer(text), None]:
        end = gap.start() if gap else len(text)
        found += _numbered(text, _paragraph(text, at, end))
        at = gap.end() if gap else end
    return found


def _paragraph(text: str, start: int, end: int) -> list[tuple[int, int]]:
    from nupunkt import sent_spans  # late: its model takes a moment to load

    cut = (_trimmed(text, start + a, start + b) for a, b in sent_spans(text[start:end]))
    return [(a, b) for a, b in cut if a < b]


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())


def _numbered(text: str, found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans of a paragraph, those without a word joined to the next one, or to the last."""
    joined: list[tuple[int, int]] = []
    waiting: int | None = None
    for start, end in found:
        start = start if waiting is None else waiting
        waiting = None if _LETTERS.search(text, start, end) else start
        if waiting is None:
            joined.append((start, end))
    if waiting is not None and joined:
        joined[-1] = (joined[-1][0], found[-1][1])
    return joined
