"""The definitions that a reader of the evidence needs: of the defined terms that the quoted words use. Pure.

They are shown beside the evidence, labelled as what they are, and are not evidence themselves.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from service.core import Citation, Document
from service.retrieval import Definition, Structure, cite, defined_terms, path_at

MOST = 3
LONGEST = 600  # characters of a definition that are shown
SHORT = 120  # characters: how a party is named is worth showing only when it costs no more
_PLAIN = frozenset(
    ("Agreement", "Amendment", "Contract", "Deed", "Lease", "Party", "Parties")
)  # everybody knows these


def explain(
    cited: Sequence[Citation], documents: Mapping[str, Document], structures: Mapping[str, Structure]
) -> tuple[Citation, ...]:
    """At most MOST definitions for the citations, in the order in which the quotations use the terms.

    `documents` and `structures` are by document id; a document that is missing from either explains nothing. Their
    numbers go on from those of `cited`. A definition that is cited already, in whole or in part, is left out.
    """
    shown = [*cited]
    for document, definition in _needed(cited, documents, structures):
        if len(shown) - len(cited) == MOST:
            break
        if not any(_overlap(one, document, definition) for one in shown):
            shown.append(_shown(max(one.n for one in shown) + 1, document, definition))
    return tuple(shown[len(cited) :])


def _needed(
    cited: Sequence[Citation], documents: Mapping[str, Document], structures: Mapping[str, Structure]
) -> Iterator[tuple[Document, Definition]]:
    """The definitions of the terms in the quotations, with the document that each stands in."""
    for citation in cited:
        document, structure = documents.get(citation.document), structures.get(citation.document)
        if document is not None and structure is not None:
            for definition in defined_terms(citation.quote, structure.definitions):
                if _matters(definition, document.text, structure.facts.parties):
                    yield document, definition


def _matters(definition: Definition, text: str, parties: Sequence[str]) -> bool:
    """Whether a definition tells the reader something: no party named at length, no word for the document itself."""
    if definition.term in _PLAIN:
        return False
    said = " ".join(text[definition.start : definition.end].split())
    return len(said) <= SHORT or not any(name in said for name in parties)


def _overlap(citation: Citation, document: Document, definition: Definition) -> bool:
    return (
        citation.document == document.id
        and citation.start < definition.end
        and definition.start < citation.end
    )


def _shown(n: int, document: Document, definition: Definition) -> Citation:
    end = _cut(document.text, definition)
    heading = " › ".join(path_at(document, definition.start))
    return replace(cite(n, document, definition.start, end, heading), role="definition")


def _cut(text: str, definition: Definition) -> int:
    """Where a long definition stops being shown: after a sentence or an item, the term always within."""
    stop = definition.start + LONGEST
    if definition.end <= stop:
        return definition.end
    term = max(0, text.find(definition.term, definition.start, definition.end)) + len(definition.term)
    ends = [text.rfind(sign, max(definition.start, term), stop) for sign in (". ", ".\n", "; ", ";\n")]
    cut = max(ends) + 1
    return cut if cut > term else max(stop, min(term, definition.end))
