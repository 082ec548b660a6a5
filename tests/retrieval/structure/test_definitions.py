import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.retrieval.structure import Definition, defined_terms, read_structure
from tests.retrieval.structure.papers import LEASE, bare, papers, read


def defined(text: str) -> dict[str, str]:
    return {one.term: text[one.start : one.end] for one in read_structure(read(text)).definitions}


def test_a_lease_defines_its_terms_in_four_ways() -> None:
    found = defined(LEASE)
    assert set(found) == {
        "Landlord",
        "Tenant",
        "Annual Rent",
        "Break Date",
        "Confidential Information",
        "Fee",
    }
    assert found["Annual Rent"] == "Annual Rent: rent at the rate of £61,500 a year."
    assert found["Confidential Information"].startswith('1.2 "Confidential Information" means:')
    assert found["Confidential Information"].endswith("the other party.")
    assert found["Fee"] == '2.2 A late payment bears a charge of £50 (the "Fee").'


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ('"Goods" means bolts.', {"Goods"}),
        ("“Goods” shall mean bolts.", {"Goods"}),
        ("‘Goods’ means bolts.", {"Goods"}),
        ('The term "Goods" or "Products" refers to bolts.', {"Goods", "Products"}),
        ('Alder, Inc. (the "Seller") sells.', {"Seller"}),
        ("Alder and Birch (each a “Party” and collectively the “Parties”) agree.", {"Party", "Parties"}),
        ('Alder, hereinafter referred to as "Seller", sells.', {"Seller"}),
        ("In this deed Variation Date means 29 September 2024.", {"Variation Date"}),
        ("1.1 Definitions\n\n**Net Price** means the price.", {"Net Price"}),
        ("1. Definitions\n\nTerm\tMeaning\nNet Price\tthe price less tax", {"Net Price"}),
        ('He said "yes" and "maybe" (as in "perhaps so").', set()),
        ("It means nothing. This means war. Each means the other.", set()),
        ('The "Alder" brand (see "Brands" on page 4) is old.', set()),
    ],
)
def test_ways_to_define(text: str, terms: set[str]) -> None:
    assert set(defined(text)) == terms


def test_definitions_in_one_breath_are_told_apart() -> None:
    text = '"Goods" means bolts; "Price" means the price of the Goods; and "Term" means five years.'
    found = defined(text)
    assert found["Goods"] == '"Goods" means bolts;'
    assert found["Term"] == '"Term" means five years.'


def test_a_pointer_to_a_clause_of_another_document_stays() -> None:
    text = '1. Terms\n\n"Fee" has the meaning set out in Section 8 of the Master Agreement.\n'
    assert defined(text)["Fee"].startswith('"Fee" has the meaning')


GOODS, INFORMATION, CONFIDENTIAL, PARTY = (
    Definition(term, n, n + 1)
    for n, term in enumerate(("Goods", "Information", "Confidential Information", "Party"))
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No Party shall disclose Confidential Information.", (PARTY, CONFIDENTIAL)),
        ("The Parties’ Information about Goods, and the Party’s.", (PARTY, INFORMATION, GOODS)),
        ("Every party keeps information confidential.", ()),
        ("Partygoers and Goodsyards", ()),
        ("", ()),
    ],
)
def test_terms_used_in_a_text(text: str, expected: tuple[Definition, ...]) -> None:
    assert defined_terms(text, (GOODS, INFORMATION, CONFIDENTIAL, PARTY)) == expected


@given(papers)
def test_a_definition_lies_in_the_text_and_holds_its_term(text: str) -> None:
    for one in read_structure(bare(text)).definitions:
        assert 0 <= one.start < one.end <= len(text)
        said = " ".join(text[one.start : one.end].replace("*", " ").split())
        assert " ".join(one.term.split()) in said


@given(papers, st.text(max_size=200))
def test_the_terms_of_a_text_are_among_the_definitions(paper: str, text: str) -> None:
    found = read_structure(bare(paper)).definitions
    assert set(defined_terms(text + paper, found)) <= set(found)
