"""What the evidence bears out, and what it does not."""

import pytest

from service.assistant.support import Support, echoes, repeats, support
from service.assistant.words import figures, names

EVIDENCE = (
    "The Tenant may terminate this Lease by giving the Landlord not less than sixty (60) days' written notice, "
    "provided that a fee of USD 1,500.00 is paid before 3 March 2026."
)


@pytest.mark.parametrize(
    "sentence",
    [
        "The Tenant can terminate the Lease by giving 60 days' written notice, not less.",
        "The Landlord may terminate on sixty days' written notice and not less than that.",
        "A fee of USD 1500 is paid before 3 March 2026.",
    ],
)
def test_what_the_evidence_says_is_borne_out(sentence: str) -> None:
    assert support(sentence, EVIDENCE) is Support.FULL


@pytest.mark.parametrize(
    "sentence",
    [
        "The Tenant may terminate the Lease on ninety days' written notice.",
        "The Tenant may terminate the Lease on 61 days' written notice.",
        "The fee of USD 1.5 million is paid before March.",
        "The fee is paid before 3 April 2026.",
        "The Tenant may terminate by giving notice to Harrow Estates.",
        "The Tenant must never terminate by giving written notice before April.",
    ],
)
def test_a_figure_a_name_or_a_date_of_its_own_is_not(sentence: str) -> None:
    assert support(sentence, EVIDENCE) is Support.NONE


def test_a_denial_and_its_reverse_are_not_borne_out() -> None:
    assert support("The Tenant may not assign the lease.", "The Tenant may assign the lease.") is Support.NONE
    assert (
        support("The Tenant may assign the lease.", "The Tenant shall not assign the lease.") is Support.NONE
    )
    assert support("The Tenant must assign the lease.", "The Tenant may assign the lease.") is Support.NONE
    assert (
        support("The Tenant shall not assign the lease.", "The Tenant shall not assign the lease.")
        is Support.FULL
    )


def test_other_words_are_loose() -> None:
    sentence = "The Tenant enjoys flexible arrangements and a written notice whenever circumstances change."
    assert support(sentence, EVIDENCE) is Support.LOOSE


def test_saying_the_question_back_proves_nothing() -> None:
    asked = "Is there a cap on liability under this contract?"
    assert support("There is a cap on liability under this contract.", EVIDENCE, asked) is Support.NONE


@pytest.mark.parametrize(
    "sentence",
    [
        "There is no fee of USD 1,500 payable by the Tenant.",
        "The Lease does not specify the Tenant's written notice, not even a fee.",
    ],
)
def test_no_passage_shows_that_a_document_is_silent(sentence: str) -> None:
    assert support(sentence, EVIDENCE + " It shall not be assigned.") is Support.NONE


def test_a_name_from_the_place_may_be_used() -> None:
    sentence = "Under the Deed of Variation the Tenant gives sixty days' written notice, not less."
    assert support(sentence, EVIDENCE) is Support.NONE
    assert support(sentence, EVIDENCE, place="Deed of Variation - Ground Floor.docx") is not Support.NONE


def test_numbers_are_compared_in_one_writing() -> None:
    assert figures("twenty-one (21) days, 1,000.00 or 1000, 12.2") == {"21", "1000", "12.2"}
    assert figures("two million") == {"2", "million"}


def test_names_are_capitals_where_none_is_due() -> None:
    assert names("The Tenant pays Harrow Ltd. Rent is due in March.") == {"tenant", "harrow", "ltd", "march"}


def test_echoes_and_repeats() -> None:
    assert echoes("giving the landlord not less than sixty (60) days’ written notice", EVIDENCE)
    assert echoes("BREAK CLAUSE: giving the landlord not less than sixty (60) days’ written notice", EVIDENCE)
    assert not echoes("giving the landlord sixty days", EVIDENCE)
    assert not echoes("The notice has to be this long: sixty months", EVIDENCE)
    assert repeats("The fee is paid in March each year.", ["In March each year the fee is paid."])
    assert repeats("the law of the law of the law of the land", [])
    assert not repeats("The notice is sixty days.", ["The fee is paid in March."])


def test_a_figure_under_other_words_is_not_borne_out() -> None:
    evidence = "We agree to accept the rent by monthly instalments, beginning on 1 November 2024."
    asked = "When does the concession to pay the rent monthly come to an end?"
    said = "The concession to pay the rent monthly comes to an end on 1 November 2024."
    assert support(said, evidence, asked) is Support.NONE
