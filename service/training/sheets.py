"""A file that somebody sends in, read as a table of text: CSV, XLSX, JSON and JSON lines. Pure.

Cells are text, whatever they were: a formula stays as it is written, and nothing is computed. Nests like SQuAD's
(articles, paragraphs, questions) become one record a question.
"""

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import islice
from typing import Any

from service.errors import BadRequest, TooLarge

RECORDS = 200_000  # of one file, at most
COLUMNS = 100
CELL = 50_000  # characters
UNPACKED = 400 * 2**20  # bytes of a workbook, unzipped
FORMS = ("csv", "tsv", "txt", "xlsx", "jsonl", "ndjson", "json")

Record = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """Columns in the file's order, and its records; `problems` counts what could not be read, by reason."""

    columns: tuple[str, ...]
    records: tuple[Record, ...]
    problems: Mapping[str, int]


def read(data: bytes, name: str) -> Sheet:
    """Reads a file by what its name ends in. Raises BadRequest with the reason where it is no table."""
    form = name.rpartition(".")[2].lower()
    if form not in FORMS:
        raise BadRequest(f"Rows are taken from {', '.join(FORMS)}. Save the table as one of them.")
    if not data.strip():
        raise BadRequest("The file is empty.")
    if form == "xlsx":
        return _workbook(data)
    text = _decoded(data)
    if form in ("jsonl", "ndjson"):
        return _lines(text)
    return _nested(text) if form == "json" else _separated(text, "\t" if form == "tsv" else "")


# --- separated values --------------------------------------------------------------------------------------


def _decoded(data: bytes) -> str:
    """UTF-8 or UTF-16 where the bytes are that, else the western code page that spreadsheets write."""
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")):
        if data.startswith(mark):
            return _with(data, encoding)
    if data[:200].count(b"\0") > len(data[:200]) // 4:
        return _with(data, "utf-16-le" if data[1:2] == b"\0" else "utf-16-be")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _with(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise BadRequest(f"The file begins as {encoding} and is not. Save it as UTF-8.") from None


def _separated(text: str, separator: str) -> Sheet:
    csv.field_size_limit(CELL * 20)
    separator = separator or _separator(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        return _table(reader)
    except csv.Error as error:
        raise BadRequest(f"The table cannot be read at line {reader.line_num}: {error}.") from None


def _separator(text: str) -> str:
    """The sign that cuts the first records into the most columns, the same number in nearly all of them."""

    def worth(sign: str) -> tuple[float, int]:
        try:
            widths = [len(row) for row in islice(csv.reader(io.StringIO(text[:200_000]), delimiter=sign), 50)]
        except csv.Error:
            return 0.0, 0
        first = widths[0] if widths else 1
        return (sum(width == first for width in widths) / len(widths), first) if first > 1 else (0.0, 0)

    return max(",;\t|", key=worth)


# --- workbooks ---------------------------------------------------------------------------------------------


def _workbook(data: bytes) -> Sheet:
    """The first sheet that holds anything."""
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            if sum(part.file_size for part in packed.infolist()) > UNPACKED:
                raise TooLarge("The workbook is too large when it is unpacked. Send it in parts.")
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=False)
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # what a sheet says of its own size may be wrong
            found = _table(sheet.iter_rows(values_only=True))
            if found.columns:
                return found
    except TooLarge:
        raise
    except BadRequest:
        raise
    except Exception as error:  # a broken workbook fails in many ways, none of which holds for the next one
        raise BadRequest(f"The workbook cannot be read ({type(error).__name__}). Save it anew.") from None
    raise BadRequest("The workbook holds no table.")


# --- JSON --------------------------------------------------------------------------------------------------


def _lines(text: str) -> Sheet:
    found, problems = list[Record](), dict[str, int]()
    for line in text.splitlines():
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            _count(problems, "The line is not JSON.")
            continue
        if not isinstance(value, dict):
            _count(problems, "The line is not an object.")
            continue
        found += _records(value)
        _bounded(len(found))
    return _gathered(found, problems)


def _nested(text: str) -> Sheet:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise BadRequest("The file is not JSON.") from None
    if isinstance(value, dict) and not isinstance(value.get("data"), list):
        value = [value]
    items = value["data"] if isinstance(value, dict) else value
    if not isinstance(items, list):
        raise BadRequest("The file holds no list of records.")
    problems = dict[str, int]()
    for item in items:
        if not isinstance(item, dict):
            _count(problems, "The item is not an object.")
    return _gathered(
        [record for item in items if isinstance(item, dict) for record in _records(item)], problems
    )


def _records(item: Mapping[str, Any], outer: Mapping[str, str] | None = None) -> Iterator[Record]:
    """One record, or of a nest (`paragraphs`, `qas`) one for each question with what stands above it."""
    above = {**(outer or {}), **{key: _flat(value, key) for key, value in item.items() if key not in _NESTS}}
    inner = [part for key in _NESTS for part in _objects(item.get(key))]
    if not inner:
        yield above
    for part in inner:
        yield from _records(part, above)


_NESTS = ("paragraphs", "qas")


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def _flat(value: Any, key: str) -> str:
    """A value as text. Of answers, however they are nested, the first one's words; "" where there is none."""
    if key in ("answers", "answer", "plausible_answers"):
        return _first(value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return _cell(value)


def _first(value: Any) -> str:
    if isinstance(value, dict):
        return _first(value.get("text", ""))
    if isinstance(value, list):
        return _first(value[0]) if value else ""
    return _cell(value)


def _gathered(found: Sequence[Record], problems: dict[str, int]) -> Sheet:
    _bounded(len(found))
    columns = dict.fromkeys(key[:200] for record in found for key in record)
    if not columns:
        raise BadRequest("The file holds no record.")
    if len(columns) > COLUMNS:
        raise TooLarge(f"The records have more than {COLUMNS} fields. Leave out what is not needed.")
    kept = [{key[:200]: _short(cell, problems) for key, cell in record.items()} for record in found]
    return Sheet(tuple(columns), tuple(kept), problems)


# --- tables ------------------------------------------------------------------------------------------------


def _table(rows: Iterable[Sequence[Any]]) -> Sheet:
    """The first row that is not empty names the columns; what has no name gets its number."""
    problems, found = dict[str, int](), list[Record]()
    told = iter(rows)
    head = next(((cells) for cells in told if any(_cell(cell).strip() for cell in cells)), ())
    columns = _named([_cell(cell) for cell in head])
    if len(columns) > COLUMNS:
        raise TooLarge(f"The table has more than {COLUMNS} columns. Leave out what is not needed.")
    for cells in told:
        values = [_cell(cell) for cell in cells]
        if not any(value.strip() for value in values):
            continue
        if any(value.strip() for value in values[len(columns) :]):
            _count(problems, "The record has more cells than there are columns.")
        values += [""] * (len(columns) - len(values))
        found.append({c: _short(v, problems) for c, v in zip(columns, values, strict=False)})
        _bounded(len(found))
    return Sheet(columns, tuple(found), problems)


def _named(cells: Sequence[str]) -> tuple[str, ...]:
    while cells and not cells[-1].strip():
        cells = cells[:-1]
    names = list[str]()
    for number, cell in enumerate(cells, 1):
        name = " ".join(cell.split())[:200] or f"column {number}"
        names.append(name if name not in names else f"{name} ({number})")
    return tuple(names)


def _cell(value: Any) -> str:
    """A cell as text, as a person would write it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    text = getattr(value, "text", value)  # of an array formula
    return str(text).replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _short(cell: str, problems: dict[str, int]) -> str:
    if len(cell) > CELL:
        _count(problems, f"A cell has more than {CELL:,} characters, and was cut.")
    return cell[:CELL]


def _bounded(records: int) -> None:
    if records > RECORDS:
        raise TooLarge(f"At most {RECORDS:,} records come in at once. Send the file in parts.")


def _count(problems: dict[str, int], reason: str) -> None:
    problems[reason] = problems.get(reason, 0) + 1
