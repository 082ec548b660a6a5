from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from service.training.ordering import order, replay_share, steps_of, stretches

lengths = st.lists(st.integers(1, 300), min_size=1, max_size=80)


@settings(deadline=None)
@given(lengths, st.integers(1, 9), st.integers(1, 12), st.integers(0, 3))
def test_every_row_comes_once_an_epoch(rows: list[int], batch: int, steps: int, seed: int) -> None:
    found = order(rows, batch, steps, seed)
    assert len(found) == batch * steps
    assert found == order(rows, batch, steps, seed)
    times = Counter(found)
    assert max(times.values()) - min(times.get(row, 0) for row in range(len(rows))) <= 1
    longer = order(rows, batch, steps + 3, seed)
    assert longer[: len(found)] == found, "a longer training begins as a shorter one does"


@settings(deadline=None)
@given(lengths, st.integers(1, 600), st.integers(0, 5))
def test_stretches_hold_every_row_and_keep_to_the_budget(rows: list[int], budget: int, most: int) -> None:
    groups = stretches(rows, budget, most)
    assert sorted(place for group in groups for place in group) == list(range(len(rows)))
    for group in groups:
        assert len(group) == 1 or len(group) * max(rows[place] for place in group) <= budget
        assert not most or len(group) <= most


def test_like_lengths_come_together() -> None:
    rows = [10 + 7 * (n * 37 % 101) for n in range(400)]
    found = order(rows, 8, 50, 1)
    read = sum(rows)
    grouped = sum(8 * max(rows[row] for row in found[at : at + 8]) for at in range(0, 400, 8))
    plain = sum(8 * max(rows[at : at + 8]) for at in range(0, 400, 8))
    assert grouped < 1.1 * read < 1.5 * read < plain


def test_steps_and_replay() -> None:
    assert steps_of(100, 8, 3, 0) == 38
    assert steps_of(100, 8, 3, 12) == 12
    assert (steps_of(3, 8, 0.1, 0), steps_of(0, 8, 1, 0)) == (1, 0)
    assert replay_share(90, 0.1) == 10
