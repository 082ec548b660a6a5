import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engines.sampling import choose
from service.engines.scheduler import Choice

LOGITS = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32))


def draws(count: int, **choice: float) -> list[int]:
    return [choose(LOGITS, Choice(seed=7, index=index, **choice)) for index in range(count)]


def test_greedy_takes_the_likeliest() -> None:
    assert draws(3) == [0, 0, 0]


def test_draws_follow_the_chances() -> None:
    shares = np.bincount(draws(4000, temperature=1.0), minlength=4) / 4000
    assert shares == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=0.03)


def test_a_low_temperature_sharpens() -> None:
    assert np.mean(np.array(draws(500, temperature=0.2)) == 0) > 0.9


@pytest.mark.parametrize(
    ("top_p", "allowed"), [(0.4, {0}), (0.6, {0, 1}), (0.9, {0, 1, 2}), (1.0, {0, 1, 2, 3})]
)
def test_top_p_keeps_the_smallest_set_that_holds_it(top_p: float, allowed: set[int]) -> None:
    assert set(draws(800, temperature=1.0, top_p=top_p)) == allowed


@given(st.integers(0, 2**64 - 1), st.integers(0, 10_000), st.floats(0.01, 1.0))
def test_the_same_seed_and_index_draw_the_same(seed: int, index: int, top_p: float) -> None:
    choice = Choice(0.8, top_p, seed, index)
    assert choose(LOGITS, choice) == choose(LOGITS.copy(), choice)


def test_seeds_differ() -> None:
    rows = {tuple(choose(LOGITS, Choice(1.0, 1.0, seed, index)) for index in range(20)) for seed in range(20)}
    assert len(rows) == 20
