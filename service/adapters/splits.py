"""Pure: which version of a name answers a question, and which versions it pointed to before."""

import hashlib
from collections.abc import Iterable

from service.adapters.versions import Event, Named

MOST = 50  # per cent: a candidate that gets more is no candidate, publish it


def chosen(named: Named, key: str) -> list[int]:
    """The versions to try in their order: the candidate first, where this question falls to it.

    `key` is the conversation's id, so that a conversation stays with one version; or anything random.
    """
    falls = named.candidate is not None and _draw(named.name, named.candidate, key) < named.share
    return [number for number in (named.candidate if falls else None, named.published) if number is not None]


def _draw(name: str, candidate: int, key: str) -> int:
    """A number from 0 to 99. The candidate's is in it, so that the next split falls on other conversations."""
    drawn = hashlib.sha256(f"{name}\0{candidate}\0{key}".encode()).digest()
    return int.from_bytes(drawn[:8], "big") % 100


def trail(events: Iterable[Event]) -> list[int | None]:
    """Where the name pointed, the present last. A rollback takes back, so that a second one goes further back."""
    stack: list[int | None] = []
    for event in events:
        after = int(event.after) if event.what in ("publish", "rollback") and event.after else None
        if event.what == "publish":
            stack.append(after)
        elif event.what == "rollback":
            while stack and stack[-1] != after:
                stack.pop()
    return stack
