"""A question that names one of several like things is not answered from the papers on another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.assistant.namesakes import namesakes

FIRST, GROUND = "Lease - First Floor - 24 June 2022.pdf", "Lease - Ground Floor - 25 March 2021.pdf"
DEED, NOTICE = (
    "Deed of Variation - Ground Floor - 29 September 2024.docx",
    "Break Notice - 20 November 2025.txt",
)
LEASES = {FIRST, GROUND, DEED, NOTICE}


@pytest.mark.parametrize(
    ("question", "others"),
    [
        ("How much notice to break the lease of the first floor?", {GROUND, DEED}),
        ("What is the rent of the First Floor’s lease?", {GROUND, DEED}),
        ("How much notice to break the ground floor lease?", {FIRST}),
        ("Do the leases of the first floor and of the ground floor differ?", set()),
        ("How much notice to break the lease?", set()),
        ("Who insures the second floor?", set()),
        ("When was the break notice given, on 20 November 2025?", set()),
    ],
)
def test_the_other_floor_is_another(question: str, others: set[str]) -> None:
    assert namesakes(question, LEASES) == others


def test_numbered_things_and_plain_file_names() -> None:
    units = {"lease_unit_4.pdf", "lease_unit_5.pdf", "rent-schedule.xlsx"}
    assert namesakes("What is the rent of unit 4?", units) == {"lease_unit_5.pdf"}
    assert namesakes("What is the rent of unit 4 in June 2021?", units) == {"lease_unit_5.pdf"}


def test_a_date_names_nothing() -> None:
    letters = {"Letter - 4 December 2025.txt", "Letter - 11 December 2024.txt"}
    assert namesakes("What did the letter of 4 December 2025 say?", letters) == frozenset()


@given(st.text("ab 4-._", max_size=30), st.sets(st.text("ab 4-._", max_size=20), max_size=5))
def test_what_is_named_is_never_another(question: str, titles: set[str]) -> None:
    found = namesakes(question, titles)
    assert found < titles or not found
    assert not titles or namesakes(" ".join(titles), {next(iter(titles))}) == frozenset()
