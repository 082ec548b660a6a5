"""What a reader must know about quoted words besides the words: tracked changes and comments. Pure."""

from collections.abc import Iterable, Sequence
from datetime import date

from service.core import Mark

STRUCK = 160  # characters of struck-out words that are shown


def remark(marks: Sequence[Mark], start: int, end: int) -> str:
    """The sentences for a citation of [start, end), or "" where the file says nothing about it."""
    near = [mark for mark in marks if _touches(mark, start, end)]
    inserted = [mark for mark in near if mark.kind == "inserted"]
    deleted = [mark for mark in near if mark.kind == "deleted" and mark.text.strip()]
    comments = [mark for mark in near if mark.kind == "comment"]
    return " ".join([*_inserted(inserted, start, end), *_deleted(deleted), *_commented(comments)])


def _touches(mark: Mark, start: int, end: int) -> bool:
    """Whether a mark has a character in common with the span; an empty one lies within it or at its ends."""
    if mark.start == mark.end:
        return start <= mark.start <= end
    return mark.start < end and start < mark.end


def _inserted(marks: Sequence[Mark], start: int, end: int) -> list[str]:
    if not marks:
        return []
    whole = any(mark.start <= start and end <= mark.end for mark in marks)
    what = "These words are" if whole else "Part of these words is"
    return [f"{what} a tracked insertion{_by(marks)}, not yet accepted."]


def _deleted(marks: Sequence[Mark]) -> list[str]:
    if not marks:
        return []
    struck = " … ".join(" ".join(mark.text.split()) for mark in marks)
    shown = struck if len(struck) <= STRUCK else struck[: STRUCK - 1].rstrip() + "…"
    return [f"Words were struck out here by a tracked deletion{_by(marks)}, not yet accepted: “{shown}”"]


def _commented(marks: Sequence[Mark]) -> list[str]:
    if not marks:
        return []
    return [f"A comment in the margin{_by(marks)} belongs to these words."]


def _by(marks: Iterable[Mark]) -> str:
    """ " by A. Smith of 3 March 2021": each author and day once."""
    hands = dict.fromkeys((mark.by.strip(), _day(mark.date)) for mark in marks)
    said = [(f" by {by}" if by else "") + (f" of {day}" if day else "") for by, day in hands]
    return " and".join(words for words in said if words)


def _day(written: str) -> str:
    """ "3 March 2021" for "2021-03-03T10:00:00Z"; as the file gives it where that is no date."""
    try:
        day = date.fromisoformat(written.strip()[:10])
    except ValueError:
        return written.strip()
    return f"{day.day} {day:%B %Y}"
