"""What a document says of itself: its clause tree, defined terms, cross-references and facts. Pure.

read_structure(document)             -> Structure
defined_terms(text, definitions)     -> the definitions of the terms that a text uses
amended(filed)                       -> which documents of a matter amend which
"""

from dataclasses import dataclass

from service.core import Document, Facts
from service.retrieval.structure.amendments import amended
from service.retrieval.structure.definitions import Definition, definitions
from service.retrieval.structure.facts import read_facts
from service.retrieval.structure.references import Reference, references
from service.retrieval.structure.terms import defined_terms
from service.retrieval.structure.tree import tree

__all__ = ["Definition", "Reference", "Structure", "amended", "defined_terms", "read_facts", "read_structure"]


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
