"""The files inside a PDF, taken out one by one through the child process that reads it.

They are asked for when the pages have been read, so that no file inside costs the text around it. What is not taken
out, the ledger counts.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from time import monotonic
from typing import Any, NamedTuple

from service.core import Entry, Fate
from service.retrieval.loaders.child import Fault, Lost
from service.retrieval.loaders.content import Attachment
from service.retrieval.loaders.naming import inward

Ask = Callable[..., tuple[dict[str, Any], bytes]]

_COUNT = 2000  # files of a PDF at most, as of an archive
_HUGE = 3  # files that are too large, after which no more are unpacked: even to measure one takes seconds
_SECONDS = 180.0  # for all of them
_NAME = 120  # characters of a name, its end kept
_TOLD: dict[str, tuple[Fate, str]] = {
    "taken": ("attached", "Files inside the PDF: {}; each is filed beside it."),
    "broken": ("unread", "Files inside the PDF that could not be taken out: {}; they are damaged or lie elsewhere."),
    "large": ("unread", "Files inside the PDF that unpack to more than is allowed: {}; save them out of a PDF viewer."),
    "rest": ("unread", "Files inside the PDF that were not looked at, for they are too many or those before them too "
             "large: {}; save them out of a PDF viewer."),
    "empty": ("dropped", "Empty files inside the PDF: {}."),
    "named": ("odd", "Names that led out of a folder: {}; the files were kept, under their last part."),
}  # fmt: skip


class Enclosed(NamedTuple):
    """What came out, and what the ledger says of it."""

    files: tuple[Attachment, ...]
    ledger: tuple[Entry, ...]


class Enclosures:
    """What may still be taken out of one PDF: `limit` bytes in all. `ask` asks the child, which has the file open."""

    def __init__(self, ask: Ask, limit: int) -> None:
        self.seen: Counter[str] = Counter()
        self._ask, self._left = ask, limit
        self._until = monotonic() + _SECONDS

    def files(self, clips: Mapping[int, int]) -> tuple[Attachment, ...]:
        """Those that the PDF lists, then those clipped to its pages: `clips` says how many to which. Each once."""
        found: dict[Attachment, None] = {}
        places = list(self._places(clips))
        for number, place in enumerate(places):
            if number >= _COUNT or self.seen["large"] >= _HUGE or monotonic() > self._until:
                self.seen["rest"] = len(places) - number
                break
            try:
                taken = self._taken(place)
            except Lost:  # it stopped the child, and the next would not find the file open
                self.seen["broken"] += 1
                self.seen["rest"] = len(places) - number - 1
                break
            if taken and taken not in found:
                found[taken] = None
                self._left -= len(taken.data)
        self.seen["taken"] = len(found)
        return tuple(found)

    def _places(self, clips: Mapping[int, int]) -> Iterator[dict[str, int]]:
        """Where to look: page 0 stands for the PDF's own list."""
        try:
            listed = int(self._ask(do="listed")[0]["files"])
        except (Lost, Fault):
            self.seen["broken"] += 1
            return
        for page, count in {0: listed, **clips}.items():
            yield from ({"page": page, "number": number} for number in range(count))

    def _taken(self, place: Mapping[str, int]) -> Attachment | None:
        try:
            told, data = self._ask(do="file", limit=self._left, **place)
        except Fault:
            told, data = {"why": "broken"}, b""
        if told["why"]:
            self.seen[told["why"]] += 1
            return None
        return Attachment(self._named(told["name"]), data)

    def _named(self, name: str) -> str:
        path, led_out = inward("".join(c for c in name if c.isprintable()))
        self.seen["named"] += led_out
        return path[-_NAME:].lstrip("/")

    def ledger(self) -> Iterator[Entry]:
        for why, (fate, reason) in _TOLD.items():
            if self.seen[why]:
                yield Entry(fate, reason.format(self.seen[why]))
