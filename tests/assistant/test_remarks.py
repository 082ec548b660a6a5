import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.assistant.remarks import STRUCK, remark
from service.core import Mark

INSERTED = Mark("inserted", 10, 20, by="A. Smith", date="2021-03-03T10:00:00Z")
DELETED = Mark("deleted", 15, 15, "the sum of\n£900,000", "A. Smith", "2021-03-03")
COMMENT = Mark("comment", 0, 12, "Check this.", "B. Jones")


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ([], ""),
        (
            [INSERTED],
            "Part of these words is a tracked insertion by A. Smith of 3 March 2021, not yet accepted.",
        ),
        (
            [Mark("inserted", 0, 40)],
            "These words are a tracked insertion, not yet accepted.",
        ),
        (
            [DELETED],
            "Words were struck out here by a tracked deletion by A. Smith of 3 March 2021, not yet accepted: "
            "“the sum of £900,000”",
        ),
        ([COMMENT], "A comment in the margin by B. Jones belongs to these words."),
        (
            [INSERTED, INSERTED, Mark("inserted", 21, 22, by="C. Day", date="last week")],
            "Part of these words is a tracked insertion by A. Smith of 3 March 2021 and by C. Day of last week, "
            "not yet accepted.",
        ),
        ([Mark("inserted", 30, 40), Mark("deleted", 31, 31, "x"), Mark("comment", 0, 5)], ""),
    ],
)
def test_a_remark_says_what_was_done_by_whom_and_when(marks: list[Mark], expected: str) -> None:
    assert remark(marks, 5, 30) == expected


def test_long_deletions_are_cut() -> None:
    assert len(remark([Mark("deleted", 6, 6, "word " * 100)], 5, 30)) < STRUCK + 100


marks = st.builds(
    lambda kind, start, length, text: Mark(kind, start, start + length, text),
    st.sampled_from(["inserted", "deleted", "comment"]),
    st.integers(0, 50),
    st.integers(0, 20),
    st.text(max_size=20),
)


@given(st.lists(marks, max_size=6), st.integers(0, 40), st.integers(1, 30))
def test_marks_elsewhere_say_nothing(found: list[Mark], start: int, length: int) -> None:
    elsewhere = [mark for mark in found if mark.end < start or mark.start > start + length]
    assert remark(elsewhere, start, start + length) == ""
    if any(mark.kind == "inserted" and mark.start <= start < mark.end for mark in found):
        assert "insertion" in remark(found, start, start + length)
