"""One file, read: its text, passages and vectors, and what its line in the library will say. Nothing is written here
but the text, in a reading of its own that nobody knows yet."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from service.config import Documents
from service.core import Document, Entry, Facts, Fate, Filed, Passage, State
from service.retrieval import filing
from service.retrieval.embed import WIDTH, Embedder, Vectors, spoken
from service.retrieval.loaders import Attachment

BATCH = 16  # passages embedded at once: a question waits for no more than these
DEEPEST = 4  # files in files in files
TURN = 0.001  # seconds


@dataclass(frozen=True, slots=True)
class Inside:
    """The files in a file, as lines and bytes, and what the ledger says of them."""

    filed: tuple[Filed, ...] = ()
    data: tuple[bytes, ...] = ()
    ledger: tuple[Entry, ...] = ()


def inside(parent: Filed, attachments: Sequence[Attachment], depth: int, limits: Documents) -> Inside:
    """Lines for what lies in a file that itself lies `depth` files deep. Each file once, and none too deep."""
    if attachments and depth >= DEEPEST:
        deep = f"The files in this one were not filed: they lie more than {DEEPEST} files deep. Unpack it by hand."
        return Inside(ledger=(Entry("odd", deep),))
    found: dict[str, tuple[Filed, bytes]] = {}
    for attachment in attachments:
        filed = _line(parent, attachment, limits)
        found.setdefault(filed.id, (filed, attachment.data))
    same = len(attachments) - len(found)
    note = f"{same} of the files in this one are the same as others in it, and are filed once."
    lines, data = zip(*found.values(), strict=True) if found else ((), ())
    return Inside(tuple(lines), tuple(data), (Entry("attached", note),) if same else ())


def _line(parent: Filed, attachment: Attachment, limits: Documents) -> Filed:
    if len(attachment.data) > limits.max_bytes:
        filed = filing.refused(parent.matter, attachment.name, len(attachment.data), limits)
    else:
        filed = filing.line(parent.matter, attachment.name, attachment.data)
    return replace(filed, parent=parent.id, current=parent.current)


def embedded(
    passages: Sequence[Passage], embedder: Embedder, going: Callable[[], None], done: Callable[[int], None]
) -> Vectors:
    """The passages' vectors, float32 of shape (len(passages), 384).

    Passages of like length go together, which spares padding. `going` is called before each batch and may raise;
    `done` after it, with the number of passages embedded so far.
    """
    vectors = np.zeros((len(passages), WIDTH), np.float32)
    texts = [spoken(passage) for passage in passages]
    order = sorted(range(len(texts)), key=lambda at: -len(texts[at]))
    for first in range(0, len(order), BATCH):
        going()
        some = order[first : first + BATCH]
        vectors[some] = embedder.embed([texts[at] for at in some])
        done(first + len(some))
        time.sleep(TURN)  # a question that waits for the embedder gets it now: its lock is not a fair one
    return vectors


def told(document: Document, passages: int, facts: Facts, ledger: Sequence[Entry]) -> dict[str, Any]:
    """What the document's line says once it has been read."""
    blank, unread = _pages(document, "odd"), _pages(document, "unread")
    numbers = {page.number for page in document.pages if page.empty} - blank | unread
    empty = tuple(sorted(numbers))
    state, reason = _end(empty)
    entries = [*document.ledger, *ledger]
    if empty and not any(entry.fate == "unread" for entry in entries):
        entries.append(Entry("unread", "These pages hold no text that could be read.", 0, empty))
    return {
        "kind": document.kind,
        "pages": len(document.pages),
        "pages_without_text": len(empty),
        "passages": passages,
        "done": passages,
        "characters": len(document.text),
        "ledger": [asdict(entry) for entry in entries],
        "facts": asdict(facts),
        "state": state.value,
        "reason": reason,
    }


def _pages(document: Document, fate: Fate) -> set[int]:
    return {number for entry in document.ledger if entry.fate == fate for number in entry.pages}


def unpacked(document: Document) -> tuple[State, str]:
    """How a file ends that has no text but files in it: an archive, or a PDF whose own pages are blank or unread."""
    for entry in document.ledger:
        if entry.fate == "unread" and entry.pages:
            return State.EMPTY, f"{entry.reason} {_BESIDE}"
    return State.UNPACKED, f"{'An archive' if document.kind == 'zip' else 'A cover without text'}. {_BESIDE}"


_BESIDE = "The files in it stand beside it."


def _end(empty: Sequence[int]) -> tuple[State, str]:
    if not empty:
        return State.READY, ""
    shown = ", ".join(map(str, empty[:10])) + (" and more" if len(empty) > 10 else "")
    return State.PARTIAL, f"No text on page {shown}: a scan or a picture, and not searched."
