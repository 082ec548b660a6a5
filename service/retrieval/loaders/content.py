"""What a loader hands back, and why it could not."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from service.core import Block, Entry, Mark, Page, State, Style


class Unreadable(Exception):
    """A file that gives no text. `reason` is a sentence with the remedy and never holds client text."""

    def __init__(self, state: State, reason: str) -> None:
        super().__init__(reason)
        self.state = state
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file inside a file. `name` may hold a relative path, and is as hostile as any."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Content:
    """The text of a file with its structure, before it has a name and a matter."""

    text: str
    blocks: tuple[Block, ...]
    pages: tuple[Page, ...]
    ledger: tuple[Entry, ...] = ()
    marks: tuple[Mark, ...] = ()
    attachments: tuple[Attachment, ...] = ()


class Part(NamedTuple):
    """A block of a document whose text is composed by its loader."""

    text: str
    style: Style = "paragraph"
    level: int = 0


def compose(parts: Iterable[Part], ledger: tuple[Entry, ...] = ()) -> Content:
    """The parts one under another, a blank line between them, on a single page. Empty parts are left out."""
    text: list[str] = []
    blocks: list[Block] = []
    at = 0
    for part in parts:
        body = part.text.strip()
        if not body:
            continue
        at += 2 if blocks else 0
        blocks.append(Block(at, at + len(body), 1, part.style, part.level))
        text.append(body)
        at += len(body)
    return Content("\n\n".join(text), tuple(blocks), (Page(1, 0, at),), ledger)
