"""Answers against the rows that they should have given: marks, intervals, the best and the worst."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.training.rendering import REFUSAL
from service.training.scores import (
    Exam,
    Given,
    extremes,
    gain,
    interval,
    invented,
    mark,
    overlap,
    plain,
    refused,
    scores,
)

CONTEXT = "The Tenant may end this lease by not less than six months' notice, given before 25 March 2024."
EXAM = Exam("r1", "How much notice must the tenant give?", CONTEXT, "not less than six months' notice", "d1")
SILENT = replace(EXAM, id="r2", gold="")


def test_a_verbatim_answer_has_full_marks() -> None:
    one = mark(EXAM, Given("not less than six months' notice [1]"))
    assert (one.f1, one.exact, one.refused, one.verbatim, one.invented) == (1.0, True, False, True, ())


def test_quotation_marks_and_articles_cost_nothing() -> None:
    assert mark(EXAM, Given("“Not less than the six months' notice”")).exact


def test_another_figure_is_invented() -> None:
    one = mark(EXAM, Given("The notice is nine months, or 30 days, before April."))
    assert one.invented == ("nine", "30", "april")
    assert not one.verbatim
    assert invented("1,000.00 euros", "EUR 1000") == ()
    assert invented("may be ended", "nothing") == ()


def test_refusals_right_and_wrong() -> None:
    for words in (REFUSAL, "The passage does not specify a notice period. [1]", ""):
        assert mark(SILENT, Given(words)).f1 == 1.0, words
        assert mark(EXAM, Given(words)).f1 == 0.0, words
    assert mark(SILENT, Given("six months")).f1 == 0.0
    assert not refused("Notwithstanding clause 4, the tenant shall not mention the price.")
    long = "The tenant, who does not provide notice, " + "and so on " * 40
    assert not refused(long), "a long answer that holds such words is an answer"


def test_overlap_is_that_of_squad() -> None:
    assert overlap("the cat sat", "a cat sat down") == pytest.approx(2 * 2 / (2 + 3))
    assert overlap("", "") == 1.0
    assert overlap("dog", "cat") == 0.0


@given(st.text(), st.text())
def test_overlap_is_a_share_and_symmetric(one: str, other: str) -> None:
    assert 0.0 <= overlap(one, other) <= 1.0
    assert overlap(one, other) == overlap(other, one)
    assert overlap(one, one) == 1.0


@given(st.text(alphabet="\"'“” [1]ab"))
def test_plain_is_plain_already(said: str) -> None:
    assert plain(plain(said)) == plain(plain(plain(said)))


values = st.lists(st.floats(0, 1), min_size=2, max_size=40)


@settings(max_examples=30, deadline=None)
@given(values)
def test_an_interval_holds_its_mean(found: list[float]) -> None:
    one = interval(found, [""] * len(found), draws=200)
    assert one.value == pytest.approx(sum(found) / len(found))
    assert min(found) - 1e-9 <= one.low <= one.high <= max(found) + 1e-9


def test_rows_of_one_document_are_one_witness() -> None:
    found = [1.0] * 50 + [0.0] * 50
    alone = interval(found, [""] * 100)
    together = interval(found, ["a"] * 50 + ["b"] * 50)
    assert alone.low > 0.35
    assert together.low == 0.0
    lonely = interval([1.0, 1.0], ["a", "a"])
    assert (lonely.low, lonely.high) == (-1.0, 1.0), "one document proves nothing"


def test_a_gain_is_counted_row_by_row() -> None:
    before = [0.0, 0.2, 0.4, 0.6] * 10
    one = gain([value + 0.1 for value in before], before, [""] * 40)
    assert one.value == pytest.approx(0.1)
    assert one.low == pytest.approx(0.1), "each row gained as much, so there is no doubt"


def test_scores_tell_kinds_apart() -> None:
    exams = [EXAM, SILENT, replace(EXAM, id="r3"), replace(SILENT, id="r4")]
    said = [Given("six months", 0.2, 1.0), Given("six months", 0.4, 3.0), Given(REFUSAL), Given(REFUSAL)]
    found, marks = scores(exams, said)
    assert found.rows == len(marks) == 4
    assert found.refuses_rightly is not None
    assert found.refuses_wrongly is not None
    assert (found.refuses_rightly.value, found.refuses_wrongly.value) == (0.5, 0.5)
    assert (found.verbatim, found.invented) == (1.0, 0.0)
    assert found.slow > found.median
    assert scores([EXAM], [Given("six months")])[0].refuses_rightly is None
    with pytest.raises(ValueError, match="no rows"):
        scores([], [])


def test_the_best_and_the_worst_are_where_it_moved_most() -> None:
    exams = [replace(EXAM, id=f"r{at}") for at in range(30)]
    right, wrong = Given(EXAM.gold), Given("nothing of the kind")
    said = {
        "candidate": [right if at < 4 else wrong for at in range(30)],
        "base": [wrong if at < 26 else right for at in range(30)],
    }
    marks = {who: scores(exams, answers)[1] for who, answers in said.items()}
    best, worst = extremes(exams, said, marks, "base")
    assert {one.id for one in best[:4]} == {"r0", "r1", "r2", "r3"}
    assert {one.id for one in worst[:4]} == {"r26", "r27", "r28", "r29"}
    assert len(best) == len(worst) == 10
    assert all(math.isclose(one.f1 - one.before, 1.0) for one in best[:4])
