"""Text from the bytes of tokens: whole characters only, and nothing of a stop string. Pure."""

import codecs
from collections.abc import Sequence


class Transcript:
    """The text of one answer as it grows.

    The text that comes out, put together, does not depend on how the bytes were cut into tokens.
    """

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self.stopped = False
        self._stops = [stop for stop in stops if stop]
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""  # may be the beginning of a stop string

    def push(self, data: bytes) -> str:
        """The text that is certain now. Sets `stopped` when a stop string is complete; more data is ignored."""
        if self.stopped:
            return ""
        text = self._held + self._decoder.decode(data)
        found = _first(text, self._stops)
        self.stopped = found is not None
        sure = len(text) - _hanging(text, self._stops) if found is None else found
        self._held = text[sure:]
        return text[:sure]

    def close(self) -> str:
        """What was held back, when the answer ends without a stop string. Half a character is dropped."""
        text, self._held = self._held, ""
        return "" if self.stopped else text


def _first(text: str, stops: Sequence[str]) -> int | None:
    """Where the stop string begins that is complete first; of two that end together, the longer one."""
    found = [(at + len(stop), at) for stop in stops if (at := text.find(stop)) >= 0]
    return min(found)[1] if found else None


def _hanging(text: str, stops: Sequence[str]) -> int:
    """How many characters at the end may be the beginning of a stop string."""
    longest = max((len(stop) for stop in stops), default=1) - 1
    for length in range(min(longest, len(text)), 0, -1):
        if any(stop.startswith(text[-length:]) for stop in stops):
            return length
    return 0
