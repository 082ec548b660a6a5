"""Pure: the table of colours at the head of an RTF file, of which only white matters here."""

_MOST = 5000  # colours of a table


class Colours:
    """Fed word by word; a semicolon ends a colour. The first is often left out: it is the program's own, black."""

    def __init__(self) -> None:
        self._table: list[dict[str, int]] = []
        self._own: dict[str, int] = {}

    def word(self, word: str, number: int) -> None:
        if word in ("red", "green", "blue"):
            self._own[word] = number

    def end(self, count: int) -> None:
        """So many colours end here."""
        for _ in range(min(count, _MOST - len(self._table))):
            self._table.append(self._own)
            self._own = {}

    def is_white(self, number: int) -> bool:
        """Whether the colour of this number (from 0) is white, or so near to it that nobody tells."""
        if not 0 <= number < len(self._table) or not self._table[number]:
            return False
        return all(self._table[number].get(part, 0) >= 250 for part in ("red", "green", "blue"))
