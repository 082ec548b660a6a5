"""How a version does, from the answers that are kept, and how often it was asked."""

import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Session

from service.storage.tables import AdapterUse, AnswerRow, Feedback


@dataclass(frozen=True, slots=True)
class Figures:
    """Over the answers of one version that are kept. A share is from 0 to 1, and None of nothing."""

    answers: int = 0
    refused: float | None = None  # of the answers from documents
    verified: float | None = None  # of the citations
    first_word_p95: float | None = None  # seconds
    disliked: int = 0
    corrected: int = 0


def figures(rows: Session, name: str, version: int) -> Figures:
    mine = (AnswerRow.adapter == name, AnswerRow.version == version)
    answers, grounded, refused, cited, verified = rows.execute(
        select(
            func.count(),
            func.sum(_told("$.coverage")),
            func.sum(_told("$.refused")),
            func.sum(func.json_array_length(AnswerRow.proof, "$.citations")),
            func.sum(_verified()),
        ).where(*mine)
    ).one()
    disliked, corrected = rows.execute(
        select(
            func.sum(case((Feedback.verdict == "bad", 1), else_=0)),
            func.sum(case((Feedback.correction != "", 1), else_=0)),
        )
        .join(AnswerRow, AnswerRow.id == Feedback.answer)
        .where(*mine)
    ).one()
    waits = rows.scalars(select(AnswerRow.first_word).where(*mine, AnswerRow.first_word.is_not(None)))
    return Figures(
        answers,
        _share(refused, grounded),
        _share(verified, cited),
        _p95(sorted(wait for wait in waits if wait is not None)),
        disliked or 0,
        corrected or 0,
    )


def count(rows: Session, name: str, version: int) -> None:
    """One more answer of a version, today."""
    one = insert(AdapterUse).values(name=name, version=version, day=_today(), answers=1)
    more = one.on_conflict_do_update(
        index_elements=["name", "version", "day"], set_={"answers": AdapterUse.answers + 1}
    )
    rows.execute(more)


def uses(rows: Session) -> dict[tuple[str, int], tuple[int, int]]:
    """Answers today and in all, by name and version."""
    today = case((AdapterUse.day == _today(), AdapterUse.answers), else_=0)
    query = select(
        AdapterUse.name, AdapterUse.version, func.sum(today), func.sum(AdapterUse.answers)
    ).group_by(AdapterUse.name, AdapterUse.version)
    found: dict[tuple[str, int], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for name, version, now, total in rows.execute(query):
        found[name, version] = (now, total)
    return found


def _told(path: str) -> Any:
    return case((func.json_extract(AnswerRow.proof, path).is_not(None), 1), else_=0)


def _verified() -> Any:
    each = func.json_each(AnswerRow.proof, "$.citations").table_valued("value")
    sound = func.json_extract(each.c.value, "$.verified")
    return select(func.count()).select_from(each).where(sound).scalar_subquery()


def _share(part: int | None, whole: int | None) -> float | None:
    return (part or 0) / whole if whole else None


def _p95(waits: list[float]) -> float | None:
    """The nearest rank: of a hundred answers the 95th."""
    return waits[-(-95 * len(waits) // 100) - 1] if waits else None


def _today() -> str:
    return time.strftime("%Y-%m-%d", time.gmtime())
