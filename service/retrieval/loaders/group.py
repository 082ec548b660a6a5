"""Pure: what holds within a group of an RTF file: where its text goes, how it is shown, whose change it is."""

from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Group:
    """What a group inherits and forgets at its end."""

    where: str = "body"  # the destination: body, "footnote", "comment", "author", "running" …, "" for nothing
    skip: int = 1  # characters that stand in for a Unicode one
    code: str = ""  # character set of the font, "" for the file's
    hidden: bool = False
    tiny: bool = False
    white: bool = False
    ground: bool = False  # whether something may be painted under the text
    inserted: int = -1  # author's number, -1 for none
    deleted: int = -1
    made: str = ""  # date of the insertion
    cut: str = ""  # date of the deletion
    in_table: bool = False
    level: int = 0  # of a heading

    @property
    def unseen(self) -> str:
        """Why nobody sees the text, "" when people do."""
        if self.hidden or self.tiny:
            return "hidden" if self.hidden else "tiny"
        return "white" if self.white and not self.ground and not self.in_table else ""


def revised(state: Group, word: str, number: int | None, on: bool) -> Group:
    """Control words of tracked changes: whether, by whom, when."""
    if word == "revised":
        return replace(state, inserted=max(0, state.inserted) if on else -1)
    if word == "deleted":
        return replace(state, deleted=max(0, state.deleted) if on else -1)
    if word == "revauth" and state.inserted >= 0:
        return replace(state, inserted=max(0, number or 0))
    if word == "revauthdel" and state.deleted >= 0:
        return replace(state, deleted=max(0, number or 0))
    if word == "revdttm":
        return replace(state, made=_date(number or 0))
    if word == "revdttmdel":
        return replace(state, cut=_date(number or 0))
    return state


def _date(packed: int) -> str:
    """DTTM: minutes, hours, day, month and year since 1900 packed into 32 bits; "" for a date that is none."""
    packed %= 2**32
    try:
        year, month, day = 1900 + (packed >> 20 & 0x1FF), packed >> 16 & 0xF, packed >> 11 & 0x1F
        return datetime(year, month, day, packed >> 6 & 0x1F, packed & 0x3F).isoformat()
    except ValueError:
        return ""
