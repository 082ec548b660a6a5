import pytest
from hypothesis import given

from service.retrieval.structure import Reference, read_structure
from service.retrieval.structure.references import references
from service.retrieval.structure.tree import tree
from tests.retrieval.structure.papers import LEASE, bare, papers, read


@pytest.fixture(scope="module")
def found() -> dict[str, Reference]:
    return {reference.label: reference for reference in read_structure(read(LEASE)).references}


@pytest.mark.parametrize(
    ("label", "target"),
    [
        ("clause 2.3(b)", "(b) value added tax."),
        ("paragraph 2 of Schedule 1", "2. The roof."),
        ("clause 2.1", "2.1 The Tenant shall pay the Annual Rent"),
        ("clause 2.2", "2.2 A late payment"),
        ("clause 3.1", "3.1 The Tenant may end"),
        ("paragraph 1", "1. The first floor."),
    ],
)
def test_a_reference_leads_to_its_clause(found: dict[str, Reference], label: str, target: str) -> None:
    span = found[label].target
    assert span is not None
    assert LEASE[slice(*span)].startswith(target)


def test_a_reference_into_another_document_keeps_its_name(found: dict[str, Reference]) -> None:
    assert (found["clause 9"].target, found["clause 9"].document) == (None, "Supply Agreement")
    assert found["Section 24"].document == found["Section 28"].document == "Landlord and Tenant Act 1954"
    assert (found["Exhibit Q"].target, found["Exhibit Q"].document) == (None, "Exhibit Q")


def labels(text: str) -> list[str]:
    document = read(text)
    return [reference.label for reference in references(text, tree(document))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("See Sections 4.1(a), (b) and 4.2.", ["Section 4.1(a)", "Section (b)", "Section 4.2"]),
        ("under Articles II and III", ["Article II", "Article III"]),
        ("in Appendices A and B-1", ["Appendix A", "Appendix B-1"]),
        ("sub-clause (c) of clause 7", ["sub-clause (c)", "clause 7"]),
        ("In this section A party may act. Section I think.", []),
        ("Section 409A of the Code", ["Section 409A"]),
        ("five percent or 4.1 times", []),
        ("§ 12 and §§ 3, 4", ["§ 12", "§ 3", "§ 4"]),
    ],
)
def test_what_counts_as_a_reference(text: str, expected: list[str]) -> None:
    assert labels(text) == expected


def test_words_quoted_at_length_speak_of_another_document() -> None:
    text = (
        "AMENDMENT\n\nThis Amendment changes the Agreement.\n\n1. Change\n\nSection 9 of the Agreement is replaced by:"
        " “The Buyer shall pay what Section 1 says within thirty days.” Section 1 is new.\n"
    )
    found = references(text, tree(read(text)))
    assert [(reference.label, reference.target is None, reference.document) for reference in found] == [
        ("Section 9", True, "Agreement"),
        ("Section 1", True, ""),
        ("Section 1", False, ""),
    ]


@given(papers)
def test_references_lie_in_the_text_and_lead_to_the_starts_of_clauses(text: str) -> None:
    nodes = tree(bare(text))
    spans = {(node.start, node.end) for node in nodes}
    last = -1
    for reference in references(text, nodes):
        assert last <= reference.start < reference.end <= len(text)
        assert reference.target is None or reference.target in spans
        assert reference.label
        last = reference.start
