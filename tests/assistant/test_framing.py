"""What the model says goes out only as far as the evidence bears it out."""

import pytest

from service.assistant.framing import Framing, Said
from tests.assistant.fakes import evidence

NOTICE = (
    "The Tenant may terminate this Lease on not less than sixty (60) days' written notice to the Landlord."
)
FEE = (
    "A termination fee of USD 1,500 is payable by the Tenant on the Break Date, as “Premium” under clause 13."
)
ASKED = "How can the lease be ended early?"


def frame(text: str, bite: int = 4, whole: bool = True) -> list[Said]:
    framing = Framing(evidence(NOTICE, FEE), ASKED)
    said = []
    for at in range(0, len(text), bite):
        if framing.done:
            break
        said += framing.feed(text[at : at + bite])
    return said if framing.done else said + framing.close(whole)


def one(text: str) -> Said:
    said = frame(text)
    assert len(said) == 1, said
    return said[0]


def test_a_sentence_that_is_borne_out_gets_its_marker() -> None:
    said = one(
        "The Tenant terminates the Lease with not less than sixty days' notice in writing to the Landlord."
    )
    assert said.borne_out
    assert said.text.endswith("to the Landlord [1].")


def test_a_wrong_marker_is_put_right_and_an_unknown_one_taken_out() -> None:
    assert one("The fee payable by the Tenant is USD 1,500 [1].").text.endswith("USD 1,500 [2].")
    assert one("The fee payable by the Tenant is USD 1,500 [9].").text.endswith("USD 1,500 [2].")


def test_two_passages_may_bear_out_one_sentence() -> None:
    said = one("With sixty days' notice, not less, the Tenant owes a fee of USD 1,500 [1][2].")
    assert said.text.endswith("[1][2].")


@pytest.mark.parametrize(
    "invented",
    [
        "The Tenant gives ninety days' notice [1].",
        "The fee is payable to Harrow Estates by the Tenant [2].",
        "The Tenant may not terminate the Lease for two years [1].",
        "Yes.",
        "No, the lease can be ended early.",
    ],
)
def test_what_is_made_up_is_withheld(invented: str) -> None:
    assert frame(invented) == []


def test_loose_words_are_said_as_unsupported_and_without_a_marker() -> None:
    said = one("The Tenant enjoys considerable freedom with a written notice of ending arrangements [1].")
    assert not said.borne_out
    assert "[1]" not in said.text


def test_an_echo_is_left_out() -> None:
    assert (
        frame("The Tenant may terminate this Lease on not less than sixty (60) days' written notice.") == []
    )


def test_a_short_answer_in_the_evidences_own_words_is_said() -> None:
    assert one("Sixty (60) days' written notice.").text == "Sixty (60) days' written notice [1]."
    assert frame("The Lease.") == []


def test_a_true_quotation_takes_the_sources_characters() -> None:
    said = one('A fee of USD 1,500 is payable by the Tenant as "premium" [2].')
    assert said.text == "A fee of USD 1,500 is payable by the Tenant as “Premium” [2]."


def test_an_invented_quotation_loses_its_marks() -> None:
    for said in frame("The Tenant's fee of USD 1,500 is “payable whenever wanted by the Tenant” [2]."):
        assert "“" not in said.text
        assert '"' not in said.text


def test_a_quotation_is_marked_with_the_passage_that_it_stands_in() -> None:
    said = one('The Tenant gives "not less than sixty (60) days\' written notice" to terminate [2].')
    assert "[1]" in said.text


def test_a_quotation_in_the_middle_carries_its_marker_there() -> None:
    said = one('The fee called "premium" is USD 1,500, and it is the Tenant\'s [2].')
    assert said.text == "The fee called “Premium” [2] is USD 1,500, and it is the Tenant's."


def test_two_strikes_end_it() -> None:
    text = "It is 99 days. It is 98 weeks. The Tenant owes a fee of USD 1,500, payable on the Break Date."
    assert frame(text) == []


def test_going_in_circles_ends_it() -> None:
    sentence = "The fee owed by the Tenant is USD 1,500. "
    assert len(frame(sentence * 5)) == 1


def test_a_sentence_that_was_cut_off_is_dropped() -> None:
    text = "The fee owed by the Tenant is USD 1,500. The notice owed to the Landlord is sixty"
    assert len(frame(text, whole=False)) == 1


def test_dress_is_taken_off() -> None:
    assert one("**Answer:** - The fee owed by the Tenant is USD 1,500.").text == (
        "The fee owed by the Tenant is USD 1,500 [2]."
    )


@pytest.mark.parametrize("bite", [1, 2, 7, 1000])
def test_the_cut_of_the_pieces_changes_nothing(bite: int) -> None:
    text = (
        "The fee owed by the Tenant is USD 1,500. [2] Under Art. 13 of Acme Corp. it differs.\n"
        "Notice to the Landlord is not less than sixty days."
    )
    assert frame(text, bite) == frame(text, 4)
