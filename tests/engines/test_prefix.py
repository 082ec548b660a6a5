from hypothesis import given
from hypothesis import strategies as st

from service.engines.prefix import SHORTEST, Copy, Forget, Key, PrefixCache

X, Y, ADAPTER = Key("x", "base"), Key("y", "base"), Key("x", "other")
LONG = tuple(range(100, 140))


def test_a_prefix_is_found_under_its_own_key_only() -> None:
    cache = PrefixCache(rows=8, cells=1000)
    cache.give(cache.take(X, LONG, 60).row, X, LONG)
    assert cache.take(Y, LONG, 60).length == 0
    assert cache.take(ADAPTER, LONG, 60).length == 0
    assert cache.take(X, LONG, 60).length == len(LONG) - 1  # the last token is run for its logits


def test_a_longer_row_is_copied_from_and_stays() -> None:
    cache = PrefixCache(rows=8, cells=1000)
    kept = cache.take(X, LONG, 60).row
    cache.give(kept, X, LONG)
    branch = (*LONG[:30], 1, 2, 3)
    lease = cache.take(X, branch, 60)
    assert lease.moves == (Copy(kept, lease.row, 30),)
    assert cache.take(X, (*LONG, 9), 60).length == len(LONG)
    cache.check()


def test_without_room_for_a_copy_the_row_itself_is_cut() -> None:
    cache = PrefixCache(rows=1, cells=100)
    kept = cache.take(X, LONG, 60).row
    cache.give(kept, X, LONG)
    lease = cache.take(X, (*LONG[:30], 1, 2, 3), 60)
    assert (lease.row, lease.length, lease.moves) == (kept, 30, (Forget(kept, 30),))


def test_a_short_likeness_is_not_worth_a_move() -> None:
    cache = PrefixCache(rows=4, cells=1000)
    cache.give(cache.take(X, LONG, 60).row, X, LONG)
    assert cache.take(X, (*LONG[: SHORTEST - 1], 1, 2), 60).length == 0


def test_the_least_recently_used_goes_first() -> None:
    cache = PrefixCache(rows=3, cells=1000)
    prompts = [tuple(range(start, start + 40)) for start in (0, 100, 200)]
    for tokens in prompts:
        cache.give(cache.take(X, tokens, 50).row, X, tokens)
    cache.give(cache.take(X, prompts[0], 50).row, X, prompts[0])
    cache.give(cache.take(Y, LONG, 50).row, Y, LONG)
    assert cache.take(X, prompts[0], 50).length > 0
    assert cache.take(X, prompts[1], 50).length == 0


@given(st.lists(st.tuples(st.sampled_from([X, Y]), st.integers(1, 50), st.booleans()), max_size=60))
def test_rows_and_cells_always_add_up(walk: list[tuple[Key, int, bool]]) -> None:
    cache = PrefixCache(rows=5, cells=200)
    lent: list[tuple[int, Key, int]] = []
    for key, length, finish in walk:
        if finish and lent:
            row, owner, held = lent.pop(0)
            cache.give(row, owner, tuple(range(held)))
        elif len(lent) < 4:
            lease = cache.take(key, tuple(range(length)), length)
            assert lease.length < length
            lent.append((lease.row, key, length))
        cache.check()
