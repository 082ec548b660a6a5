"""Personal data: what has the form and the checksum is covered, and what only looks like it is left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.training.masking import find, masked, tally
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
