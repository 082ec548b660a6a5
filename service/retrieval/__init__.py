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
from service.retrieval.clause_types import typed
from service.retrieval.clauses import Heading, path_at
from service.retrieval.embed import NAME as EMBEDDER
from service.retrieval.embed import Embedder, model_folder, shelved
from service.retrieval.heads import classifiers, clause_head
from service.retrieval.library import Library
from service.retrieval.probing import try_out
from service.retrieval.query import Query
from service.retrieval.query import parse as parse_query
from service.retrieval.reader import Reader, evidence_reader
from service.retrieval.structure import (
    Definition,
    Reference,
    Structure,
    amended,
    dates,
    defined_terms,
    read_structure,
    sentence_spans,
)

__all__ = [
    "CLOSE",
    "EMBEDDER",
    "OPEN",
    "Definition",
    "Embedder",
    "Heading",
    "Library",
    "Query",
    "Reader",
    "Reference",
    "Structure",
    "amended",
    "cite",
    "classifiers",
    "clause_head",
    "dates",
    "defined_terms",
    "evidence_reader",
    "find_quote",
    "holds",
    "marked_quotations",
    "markers",
    "model_folder",
    "parse_query",
    "path_at",
    "quotations",
    "read_structure",
    "sentence_spans",
    "shelved",
    "try_out",
    "typed",
    "without_markers",
]
