"""Splits and lint: nothing that is held out has been learned, and every reason against a run is told before it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.training.lint import Limits, fit, lint
from service.training.rows import MISPLACED, Kind, Provenance, Row
from service.training.splits import Split, distinct, groups, leaks, split

WORDS = [
    "alder",
    "birch",
    "cedar",
    "elm",
    "fir",
    "hazel",
    "juniper",
    "larch",
    "maple",
    "oak",
    "pine",
    "rowan",
    "spruce",
    "willow",
    "yew",
]
passage = st.lists(st.sampled_from(WORDS), min_size=1, max_size=30).map(" ".join)
row = st.builds(
    lambda question, context, group, answered: Row(
        question, context, context.split()[0] if answered else "", source=Provenance("upload", group=group)
    ),
    st.sampled_from(["Which?", "What?", "Who?"]),
    passage,
    st.sampled_from(["", "a", "b", "c", "d"]),
    st.booleans(),
)


def rows(count: int, documents: int = 5, label: bool = False) -> list[Row]:
    """Rows whose passages have nothing in common."""
    return [
        Row(
            "" if label else f"Which machine, {n}?",
            " ".join(f"word{n}x{i}" for i in range(30)),
            "" if label or n % 3 == 0 else f"word{n}x4",
            ("good", "bad")[n % 2] if label else "",
            source=Provenance("upload", group=f"document {n % documents}"),
        )
        for n in range(count)
    ]


@given(st.lists(row, max_size=40), st.floats(0.05, 0.5), st.integers(0, 9))
def test_nothing_is_lost_and_nothing_stands_on_both_sides(made: list[Row], share: float, seed: int) -> None:
    found = split(made, share, seed)
    assert sorted(r.id for r in (*found.train, *found.held_out)) == sorted(r.id for r in made)
    assert not leaks(found.train, found.held_out)
    assert split(made, share, seed) == found


@given(st.lists(row, max_size=30))
def test_distinct_rows_are_distinct(made: list[Row]) -> None:
    once = distinct(made)
    assert len({(r.question, r.context, r.answer) for r in once}) == len(once)
    assert {r.id for r in once} <= {r.id for r in made}


def test_about_the_share_is_held_out_by_whole_documents() -> None:
    found = split(rows(200, documents=20), 0.15)
    assert 20 <= len(found.held_out) <= 40
    assert not groups(found.train) & groups(found.held_out)
    assert len(split(rows(40, documents=2), 0.15).held_out) == 20, "of two documents one is held out"


def test_nearly_the_same_passages_stay_together() -> None:
    made = rows(40, documents=40)
    near = Row("Which?", made[3].context + " and one word more", "word3x4", source=Provenance(group="other"))
    for seed in range(8):
        found = split([*made, near], 0.3, seed)
        sides = [near in side for side in (found.train, found.held_out)]
        assert [made[3] in side for side in (found.train, found.held_out)] == sides
        assert found.together == 1


def test_every_kind_of_leak_is_seen() -> None:
    made = rows(8, documents=8)
    same = Row(made[0].question, made[0].context, made[0].answer, source=Provenance(group="elsewhere"))
    near = Row("Which?", made[1].context + " more", "", source=Provenance(group="elsewhere"))
    family = Row("Which?", "something quite different", "", source=Provenance(group="document 2"))
    found = leaks(made, [same, near, family])
    assert (found.rows, found.passages, found.near, found.groups) == (1, 1, 1, 1)


# --- lint --------------------------------------------------------------------------------------------------


def reasons(made: list[Row], kind: Kind = "answers", tokens: int = 10) -> tuple[str, ...]:
    kept, dropped = fit(made, kind, lambda row: tokens, Limits())
    return lint(split(kept), kind, dropped, Limits()).reasons


def test_good_rows_pass_and_are_counted() -> None:
    assert reasons(rows(60)) == ()
    assert reasons(rows(60, label=True), "classify") == ()
    kept, dropped = fit(rows(60), "answers", lambda row: 10, Limits())
    told = lint(split(kept), "answers", dropped, Limits())
    assert told.counts["train"] + told.counts["held_out"] == 60
    assert told.counts["answerable"] + told.counts["refuse"] == 60
    assert told.counts["documents_train"] + told.counts["documents_held_out"] == 5
    assert told.remarks == ()


@pytest.mark.parametrize(
    ("made", "kind", "tokens", "said"),
    [
        ([], "answers", 10, "0 rows"),
        (rows(6), "answers", 10, "6 rows"),
        (rows(60, documents=1), "answers", 10, "one document"),
        ([Row(r.question, r.context, "", source=r.source) for r in rows(60)], "answers", 10, "empty"),
        ([Row(r.question, r.context, "" if n % 20 else r.context.split()[2], source=r.source)
          for n, r in enumerate(rows(60))], "answers", 10, "Only 3 of 60"),
        (rows(60), "answers", 5000, "0 rows"),
        (rows(60), "answers", 0, "0 rows"),
        ([Row("", r.context, "", "good", source=r.source) for r in rows(60)], "classify", 10, "same label"),
        ([*rows(60), Row("Which?", "a passage", "not in it")], "answers", 10, "word for word"),
    ],
)  # fmt: skip
def test_what_stops_a_run(made: list[Row], kind: Kind, tokens: int, said: str) -> None:
    assert [reason for reason in reasons(made, kind, tokens) if said in reason], reasons(made, kind, tokens)


def test_what_is_left_out_is_counted_by_its_reason() -> None:
    made = [*rows(60), rows(60)[4], Row("Which?", "a passage", "not in it"), Row("Long?", "x " * 40, "x")]
    kept, dropped = fit(made, "answers", lambda row: 5000 if row.question == "Long?" else 10, Limits())
    assert len(kept) == 60
    assert dropped == {
        "The row is there twice.": 1,
        MISPLACED: 1,
        "The row has more than 2,048 tokens.": 1,
    }
    _, masked = fit(rows(3), "answers", lambda row: 0, Limits())
    assert list(masked) == ["Nothing of the row would be learned: all of it is masked."]


def test_a_split_that_leaks_is_stopped_whoever_made_it() -> None:
    made = rows(60)
    found = lint(Split(tuple(made), tuple(made[:5])), "answers", {}, Limits())
    assert [reason for reason in found.reasons if "both sides" in reason]
