"""What a document says of itself: its clause tree, defined terms, cross-references and facts. Pure.

read_structure(document)             -> Structure
sentence_spans(document)             -> the spans of its sentences
dates(text)                          -> the dates in a text
defined_terms(text, definitions)     -> the definitions of the terms that a text uses
amended(filed)                       -> which documents of a matter amend which
"""

from dataclasses import dataclass

from service.core import Document, Facts
from service.retrieval.structure.amendments import amended
from service.retrieval.structure.dates import dates
from service.retrieval.structure.definitions import Definition, definitions
from service.retrieval.structure.facts import read_facts
from service.retrieval.structure.references import Reference, references
from service.retrieval.structure.sentences import Sentences
from service.retrieval.structure.terms import defined_terms
from service.retrieval.structure.tree import tree

__all__ = [
    "Definition",
    "Reference",
    "Structure",
    "amended",
    "dates",
    "defined_terms",
    "read_facts",
    "read_structure",
    "sentence_spans",
]


@dataclass(frozen=True, slots=True)
class Structure:
    definitions: tuple[Definition, ...]
    references: tuple[Reference, ...]
    facts: Facts


def read_structure(document: Document) -> Structure:
    """Everything above, in reading order; offsets are those of the document's text."""
    nodes = tree(document)
    found = references(document.text, nodes)
    return Structure(definitions(document, nodes, found), found, read_facts(document))


def sentence_spans(document: Document) -> tuple[tuple[int, int], ...]:
    """The document's sentences as [start, end), in reading order, none across a block or the start of a clause."""
    return tuple(Sentences(document, tree(document)))
