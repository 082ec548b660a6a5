"""Excel workbooks: a heading per sheet, its rows with cells parted by tabs, values as Excel computed them last.

A hidden sheet is read like any other, under a heading that says so: to unhide it takes two clicks. Formats of numbers
are followed for dates and per cents only.
"""

import re
import warnings
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from html import unescape
from io import BytesIO
from typing import Any

from service.config import Documents
from service.core import Entry, State
from service.retrieval.loaders.archive import Archive
from service.retrieval.loaders.content import Content, Part, Unreadable, compose

_CELLS = 3_000_000  # of a workbook at most, empty ones among them
_LENGTH = 32_767  # characters that Excel allows in a cell
_PARTS = {
    "sheet": re.compile(r"xl/worksheets/[^/]+\.xml$"),
    "comments": re.compile(r"xl/comments[^.]*\.xml$"),
    "boxes": re.compile(r"xl/drawings/[^/]+\.xml$"),
    "picture": re.compile(r"xl/media/."),
}
_WRITTEN = re.compile(rb"<(?:\w+:)?t(?:\s[^>]*)?>([^<]*)")
_CONCEALED = re.compile(rb"<(?:\w+:)?(?:row|col)\s[^>]*\bhidden=[\"'](?:1|true)[\"']")
_DECLARATIONS = tuple("<!DOCTYPE".encode(code) for code in ("ascii", "utf-16-le", "utf-16-be"))


def read(data: bytes, limits: Documents) -> Content:
    """Raises Unreadable(TOO_LARGE) when the parts unpack to more than `limits.max_bytes`."""
    beside = _check(data, limits)
    reading = _Reading(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about what openpyxl would not write back
        parts = list(reading.sheets())
    return compose(parts, tuple(_ledger(reading.seen + beside)))


def _check(data: bytes, limits: Documents) -> Counter[str]:
    """Unpacks every part once: none is a bomb, none declares entities. Counts what is beside the cells."""
    beside: Counter[str] = Counter()
    with Archive(data, limits.max_bytes) as archive:
        for name in set(archive.names()):
            part = archive.read(name) or b""
            if name.endswith((".xml", ".rels")) and any(word in part.upper() for word in _DECLARATIONS):
                reason = (
                    "The file declares a document type, which no Office file does. Save it anew in Excel."
                )
                raise Unreadable(State.DAMAGED, reason)
            beside += _beside(name, part)
    return beside


def _beside(name: str, part: bytes) -> Counter[str]:
    """Of one part of the file: characters of comments and text boxes, pictures, rows and columns that are hidden."""
    kind = next((kind for kind, pattern in _PARTS.items() if pattern.match(name)), "")
    if kind in ("comments", "boxes"):
        text = b"".join(_WRITTEN.findall(part)).decode("utf-8", "replace")
        return Counter({kind: len(unescape(text))})
    if kind == "sheet":
        return Counter({"concealed": len(_CONCEALED.findall(part))})
    return Counter({"pictures": 1}) if kind == "picture" else Counter()


class _Reading:
    """One workbook opened twice: for values, and for formulas, to find those that no value was kept for."""

    def __init__(self, data: bytes) -> None:
        self.seen: Counter[str] = Counter()
        self._data = data

    def sheets(self) -> Iterator[Part]:
        from openpyxl import load_workbook

        values = load_workbook(BytesIO(self._data), read_only=True, data_only=True, keep_links=False)
        formulas = load_workbook(BytesIO(self._data), read_only=True, data_only=False, keep_links=False)
        for sheet, written in zip(values.worksheets, formulas.worksheets, strict=True):
            hidden = sheet.sheet_state != "visible"
            self.seen["hidden"] += hidden
            yield Part(sheet.title + (" (hidden sheet)" if hidden else ""), "heading", 1)
            yield from self._tables(sheet, written)
        values.close()
        formulas.close()

    def _tables(self, sheet: Any, written: Any) -> Iterator[Part]:
        """The rows of a sheet in parts, parted where rows are empty."""
        rows: list[str] = []
        for values, formulas in zip(_rows(sheet), _rows(written), strict=False):
            self.seen["cells"] += max(1, len(values))
            if self.seen["cells"] > _CELLS:
                self.seen["cut"] += 1
                break
            line = "\t".join(map(self._shown, values, formulas)).rstrip()
            if line:
                rows.append(line)
            elif rows:
                yield Part("\n".join(rows), "table")
                rows = []
        yield Part("\n".join(rows), "table")

    def _shown(self, cell: Any, formula: Any) -> str:
        value = cell.value
        if value is None:
            self.seen["unvalued"] += isinstance(formula.value, str) and formula.data_type == "f"
            return ""
        return " ".join(shown(value, getattr(cell, "number_format", "") or "")[:_LENGTH].split())


def _rows(sheet: Any) -> Iterator[tuple[Any, ...]]:
    sheet.reset_dimensions()  # which the file may state at will
    yield from sheet.iter_rows()


def shown(value: Any, form: str) -> str:
    """A cell's value in words: ISO dates, per cents where the format has them, figures without a false tail."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, int | float):
        return f"{value * 100:.12g}%" if "%" in form else f"{value:.15g}"
    return str(value)


def _ledger(seen: Counter[str]) -> Iterator[Entry]:
    if seen["hidden"]:
        reason = f"Hidden sheets: {seen['hidden']}; they are part of the text, under a heading that says so."
        yield Entry("kept", reason)
    if seen["concealed"]:
        yield Entry("kept", f"Hidden rows and columns: {seen['concealed']}; they are part of the text.")
    if seen["comments"]:
        yield Entry("commented", "Comments at cells; they are not part of the text.", seen["comments"])
    if seen["boxes"]:
        yield Entry("unread", "Text boxes and shapes over the cells were not read.", seen["boxes"])
    if seen["pictures"]:
        yield Entry("unread", f"Pictures in the workbook: {seen['pictures']}; words in them were not read.")
    if seen["unvalued"]:
        reason = (
            f"Formulas without a value: {seen['unvalued']}; open the file in Excel and save it to have them."
        )
        yield Entry("unread", reason)
    if seen["cut"]:
        yield Entry("unread", f"Cells after the first {_CELLS:,} were not read. Split the workbook.")
