"""Which column of a table is what, and the rows that come of it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from service.errors import BadRequest
from service.training.rows import Kind, Provenance, Row, fault, tidy
from service.training.sheets import Record, Sheet

LOOKED_AT = 200  # records, for a guess
LABELS = 0.5  # of the records at most have a label of their own, or it is no label
DROPPED = {"twice": "The row is in the file already."}

# What people call a column, the likeliest name first. What is plainly something else is never guessed.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "question": ("question", "query", "prompt", "instruction", "q"),
    "context": (
        "context",
        "passage",
        "paragraph",
        "text",
        "excerpt",
        "clause",
        "source",
        "sentence",
        "review",
    ),
    "answer": ("answer", "answers", "completion", "response", "output", "target", "a"),
    "label": ("label", "class", "category", "clause type", "type", "sentiment", "tag", "target"),
    "group": ("doc", "document", "document id", "doc id", "file", "filename", "file name", "title", "group"),
    "impossible": ("impossible", "is impossible", "unanswerable"),
}
_PARTS: Mapping[Kind, tuple[str, ...]] = {
    "answers": ("question", "context", "answer", "impossible", "group"),
    "classify": ("context", "label", "group"),
}
_NEEDED: Mapping[Kind, tuple[str, ...]] = {
    "answers": ("question", "context", "answer"),
    "classify": ("context", "label"),
}
_YES = re.compile(r"\s*(?:1|true|yes|y|x)\s*", re.I)
_SIGNS = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Columns:
    """The name of the column that holds each part of a row; "" for none. Of a text and its label the text is the
    context."""

    question: str = ""
    context: str = ""
    answer: str = ""
    label: str = ""
    group: str = ""  # what a split keeps together: the document, say
    impossible: str = ""  # whether the context has no answer


@dataclass(frozen=True, slots=True)
class Taken:
    """The rows of a table, and what was left out, counted by reason."""

    rows: tuple[Row, ...]
    dropped: Mapping[str, int] = field(default_factory=dict)


def guess(sheet: Sheet, kind: Kind) -> Columns:
    """What the columns seem to hold, by their names; of those without a telling name, by what is in them."""
    found, free = dict[str, str](), list(sheet.columns)
    for exact in (True, False):
        for part in _PARTS[kind]:
            name = None if part in found else _named(part, free, exact)
            if name:
                found[part] = name
                free.remove(name)
    sample = sheet.records[:LOOKED_AT]
    for part in _NEEDED[kind]:
        name = None if part in found else _holding(part, free, sample)
        if name:
            found[part] = name
            free.remove(name)
    return Columns(**found)


def taken(sheet: Sheet, columns: Columns, kind: Kind, person: str) -> Taken:
    """The rows of a table, each once. BadRequest where a part that is needed has no column."""
    _require(sheet, columns, kind)
    rows, dropped = dict[str, Row](), dict(sheet.problems)
    for record in sheet.records:
        row = tidy(_row(record, columns, kind, person))
        reason = fault(row, kind) or (DROPPED["twice"] if row.id in rows else "")
        if reason:
            dropped[reason] = dropped.get(reason, 0) + 1
        else:
            rows[row.id] = row
    return Taken(tuple(rows.values()), dropped)


def _row(record: Record, columns: Columns, kind: Kind, person: str) -> Row:
    parts = {part: record.get(name, "") if name else "" for part, name in asdict(columns).items()}
    group = " ".join(parts.pop("group").split())[:300]
    impossible = _YES.fullmatch(parts.pop("impossible"))
    row = Row(**parts, source=Provenance("upload", person=person, group=group, title=group))
    if kind == "classify":
        return replace(row, question="", answer="")
    return replace(row, label="", answer="" if impossible else row.answer)


def _require(sheet: Sheet, columns: Columns, kind: Kind) -> None:
    for part, name in asdict(columns).items():
        if name and name not in sheet.columns:
            raise BadRequest(f"The file has no column of the name given for {part}. Choose one that it has.")
    missing = [part for part in _NEEDED[kind] if not getattr(columns, part)]
    if missing:
        raise BadRequest(f"No column is chosen for {' and '.join(missing)}. Say which one holds it.")


def _named(part: str, free: list[str], exact: bool) -> str | None:
    """The column whose name says so, or holds a word that does."""
    plain = {name: _SIGNS.sub(" ", name.lower()).strip() for name in free}
    for word in _NAMES[part]:
        for name in free:
            if plain[name] == word or (not exact and len(word) > 3 and word in plain[name].split()):
                return name
    return None


def _holding(part: str, free: list[str], sample: tuple[Record, ...]) -> str | None:
    """The column whose cells look like the part: the longest are the text, those that ask are the questions."""
    cells = {name: [r[name] for r in sample if r.get(name, "").strip()] for name in free}
    cells = {name: found for name, found in cells.items() if found}
    if not cells:
        return None
    length = {name: sum(map(len, found)) / len(found) for name, found in cells.items()}
    if part == "question":
        asks = {name: sum("?" in cell for cell in found) / len(found) for name, found in cells.items()}
        best = max(asks, key=lambda name: asks[name])
        return best if asks[best] > 0.5 else None
    if part == "label":
        few = [name for name, found in cells.items() if len(set(found)) <= max(2, LABELS * len(found))]
        return min(few, key=lambda name: length[name], default=None)
    best = max(length, key=lambda name: length[name])
    if part == "context":
        return best if length[best] > 20 else None
    return best
