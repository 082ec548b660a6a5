"""The words of a refusal: that the documents do not answer, and what was searched to say so. Pure.

A refusal costs no model call. It claims no more than is known: that nothing was found in what was searched.
"""

from collections.abc import Sequence
from typing import Literal, get_args

from service.core import Coverage, Found

Reason = Literal["no_documents", "nothing_found", "no_evidence"]
REASONS: tuple[Reason, ...] = get_args(Reason)
NAMES = 5  # told at most

_NOTHING_TO_SEARCH = "There is no document here that can be searched, so the question cannot be answered."
_SILENT = "The documents do not answer this question."
_NEXT = {
    "no_documents": "Add documents in the library and ask again.",
    "nothing_found": "Ask in the words that the documents would use, or add the document that deals with it.",
    "no_evidence": "Passages on the subject were found, but no sentence in them answers it: "
    "ask more narrowly, or add the document that deals with it.",
}


def reason(found: Found) -> Reason:
    """Why there is no evidence in what was found."""
    if not found.coverage.documents:
        return "no_documents"
    return "no_evidence" if found.passages else "nothing_found"


def words(reason: Reason, coverage: Coverage, strange: Sequence[str] = ()) -> str:
    """What the person reads, one paragraph a line: the finding, what was searched, what can be done.

    `strange` are names of the question that no document mentions.
    """
    if reason == "no_documents":
        return "\n".join(filter(None, (_NOTHING_TO_SEARCH, _unsearched(coverage), _NEXT[reason])))
    return "\n".join(filter(None, (_SILENT, unmentioned(strange), searched(coverage), _NEXT[reason])))


def unmentioned(names: Sequence[str]) -> str:
    """That no document mentions these names, as a sentence; nothing when there are none."""
    said = ", ".join(f'"{name}"' for name in names[:NAMES])
    return f"No document here mentions {said}." if said else ""


def searched(coverage: Coverage) -> str:
    """The proof behind a refusal, as sentences."""
    parts = [_count(coverage.documents, "document"), _count(coverage.passages, "passage")]
    if coverage.pages:
        parts.append(_count(coverage.pages, "page"))
    line = f"Searched: {', '.join(parts)}."
    return " ".join(filter(None, (line, _left_out(coverage), _blank_pages(coverage), _unsearched(coverage))))


def _left_out(coverage: Coverage) -> str:
    n = coverage.left_out
    if not n:
        return ""
    others = "1 other document was" if n == 1 else f"{n:,} other documents were"
    return f"{others} left out by the names in the question: ask without them to search all."


def _blank_pages(coverage: Coverage) -> str:
    n = coverage.pages_without_text
    if not n:
        return ""
    return f"{_count(n, 'page')} {'holds' if n == 1 else 'hold'} no text and could not be searched."


def _unsearched(coverage: Coverage) -> str:
    n = coverage.not_searched
    return f"{_count(n, 'document')} of the matter could not be searched: see the library." if n else ""


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
