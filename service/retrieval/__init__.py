"""Passages from documents, inside a wall."""

from service.retrieval.citations import (
    CLOSE,
    OPEN,
    cite,
    find_quote,
    holds,
    marked_quotations,
    markers,
    quotations,
    without_markers,
)
from service.retrieval.clauses import Heading, path_at
from service.retrieval.embed import Embedder
from service.retrieval.library import Library

__all__ = [
    "CLOSE",
    "OPEN",
    "Embedder",
    "Heading",
    "Library",
    "cite",
    "find_quote",
    "holds",
    "marked_quotations",
    "markers",
    "path_at",
    "quotations",
    "without_markers",
]
