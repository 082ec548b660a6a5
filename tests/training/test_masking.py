"""Personal data: what has the form and the checksum is covered, and what only looks like it is left."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.training.masking import Found, covered, find, joined, masked, tally
from service.training.rows import Row, stands

DATA = [
    ("E-MAIL", "ann.alder+law@birch-tools.example.com"),
    ("IBAN", "GB82 WEST 1234 5698 7654 32"),
    ("IBAN", "DE89370400440532013000"),
    ("CARD", "4111 1111 1111 1111"),
    ("CARD", "5500-0055-5555-5559"),
    ("SSN", "512-44-9873"),
    ("NI-NUMBER", "QQ 12 34 56 C"),
    ("NI-NUMBER", "AB123456D"),
    ("PHONE", "+44 20 7946 0018"),
    ("PHONE", "(512) 555-0143"),
    ("PHONE", "512-555-0143"),
    ("PHONE", "020 7946 0018"),
]


@pytest.mark.parametrize(("kind", "value"), [d for d in DATA if not d[1].startswith("QQ")])
def test_what_is_personal_is_found(kind: str, value: str) -> None:
    text = f"Write to {value}, or call."
    assert [(one.kind, text[one.start : one.end]) for one in find(text)] == [(kind, value)]


@pytest.mark.parametrize(
    "text",
    [
        "GB82 WEST 1234 5698 7654 33",  # wrong checksums
        "4111 1111 1111 1112",
        "000-44-9873",
        "QQ 12 34 56 C",  # no prefix in use
        "GB 12 34 56 A",
        "clause 12.3.4, 2019-2021, $1,250,000.00, 31 December 2024",
        "File No. 333-123456789, 1234567890123456",
        "the sum of 12,500,000 within 30-60 days",
        "someone@somewhere, @birch, a@b",
        "passport 123456789",
    ],
)
def test_what_only_looks_like_it_is_left(text: str) -> None:
    assert find(text) == []


def test_answers_still_stand_and_the_same_value_has_one_name() -> None:
    context = (
        "Write to ann@birch.example or bob@birch.example; ann@birch.example reads it. Call +44 20 7946 0018."
    )
    row = Row("Who is ann@birch.example?", context, "ann@birch.example reads it. Call +44 20 7946 0018.")
    made = masked(row)
    assert made.context == "Write to [E-MAIL 1] or [E-MAIL 2]; [E-MAIL 1] reads it. Call [PHONE 1]."
    assert made.question == "Who is [E-MAIL 1]?"
    assert stands(made.answer, made.context)
    assert tally([row]) == {"E-MAIL": 5, "PHONE": 2}
    assert masked(made) == made


@given(
    st.lists(st.sampled_from([value for _, value in DATA]) | st.text(max_size=12), max_size=12),
    st.integers(0, 11),
    st.integers(0, 11),
)
def test_whole_words_of_a_context_still_stand_in_it(parts: list[str], first: int, last: int) -> None:
    context = " ; ".join(parts)
    answer = " ; ".join(parts[first : last + 1])
    made = masked(Row("Who?", context, answer))
    assert find(made.context) == []
    assert stands(made.answer, made.context)


# --- with more than one finder


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        ([Found("PERSON", 0, 9), Found("E-MAIL", 5, 12)], [Found("E-MAIL", 0, 12)]),
        ([Found("PHONE", 3, 6), Found("US-BANK", 0, 12)], [Found("PHONE", 0, 12)]),
        ([Found("PERSON", 0, 4), Found("UK-NHS", 2, 9)], [Found("UK-NHS", 0, 9)]),
        ([Found("PERSON", 4, 9), Found("PERSON", 0, 4)], [Found("PERSON", 0, 4), Found("PERSON", 4, 9)]),
    ],
)
def test_what_overlaps_becomes_one_that_covers_both(found: list[Found], kept: list[Found]) -> None:
    assert joined(found) == kept


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)), max_size=12))
def test_no_character_that_was_found_is_left(spans: list[tuple[int, int]]) -> None:
    found = [Found("PERSON" if length % 2 else "PHONE", start, start + length) for start, length in spans]
    kept = joined(found)
    assert all(first.end <= second.start for first, second in pairwise(kept))
    whole = {at for one in found for at in range(one.start, one.end)}
    assert {at for one in kept for at in range(one.start, one.end)} == whole


def after_mister(text: str) -> list[Found]:
    """A finder that knows a name by what stands before it."""
    return [Found("PERSON", *one.span(1)) for one in re.finditer(r"Mr ([A-Z]\w+(?: [A-Z]\w+)?)", text)]


def test_a_name_that_is_found_in_one_text_is_covered_in_all() -> None:
    row = Row("Who is Ann Alder?", "Mr Ann Alder writes. Ask Ann\nAlder, or Annabel.", "Ann Alder writes")
    made, counts = covered(row, after_mister)
    assert made == Row(
        "Who is [PERSON 1]?", "Mr [PERSON 1] writes. Ask [PERSON 1], or Annabel.", "[PERSON 1] writes"
    )
    assert counts == {"PERSON": 4}


def test_an_answer_that_is_a_part_of_what_was_found_still_stands() -> None:
    made = masked(Row("Who?", "Mr Ann Alder writes.", "Alder writes"), after_mister)
    assert made.answer == "[PERSON 1] writes"
    assert stands(made.answer, made.context)
    tail = masked(Row("Which line?", "Call +44 20 7946 0018 at noon.", "7946 0018 at noon"))
    assert (tail.context, tail.answer) == ("Call [PHONE 1] at noon.", "[PHONE 1] at noon")
    alone = masked(Row("Which?", "Reference x512-555-0143.", "512-555-0143"))
    assert (alone.context, alone.answer) == ("Reference x[PHONE 1].", "[PHONE 1]")


def test_a_placeholder_that_is_there_already_is_not_given_again() -> None:
    made = masked(Row("Who?", "[PHONE 1] was his; now it is 512-555-0143.", ""))
    assert made.context == "[PHONE 1] was his; now it is [PHONE 2]."
