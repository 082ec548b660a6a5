from hypothesis import given
from hypothesis import strategies as st

from service.engines.prefix import SHORTEST, Copy, Forget, Key, PrefixCache

X, Y, ADAPTER = Key("x", "base"), Key("y", "base"), Key("x", "other")
LONG = tuple(range(100, 140))


def keep(cache: PrefixCache, tokens: tuple[int, ...], key: Key = X) -> int:
    row = cache.take(key, tokens).row
    cache.give(row, key, tokens)
    return row


def test_a_prefix_is_found_under_its_own_key_only() -> None:
    cache = PrefixCache(8)
    keep(cache, LONG)
    assert cache.take(Y, LONG).length == 0
    assert cache.take(ADAPTER, LONG).length == 0
    assert cache.take(X, LONG).length == len(LONG) - 1  # the last token is run for its logits


def test_the_next_turn_goes_on_in_the_same_row() -> None:
    cache = PrefixCache(8)
    kept = keep(cache, LONG)
    lease = cache.take(X, (*LONG[:30], 1, 2, 3))
    assert (lease.row, lease.length, lease.moves) == (kept, 30, (Forget(kept, 30),))


def test_a_much_longer_row_is_copied_from_and_stays() -> None:
    cache = PrefixCache(8)
    long = tuple(range(100))
    kept = keep(cache, long)
    lease = cache.take(X, (*long[:30], 1, 2, 3))
    assert lease.moves == (Copy(kept, lease.row, 30),)
    assert cache.take(X, (*long, 9)).length == len(long)
    cache.check()


def test_without_another_row_the_longer_one_is_cut() -> None:
    cache = PrefixCache(1)
    kept = keep(cache, tuple(range(100)))
    assert cache.take(X, (*range(30), 1, 2, 3)).moves == (Forget(kept, 30),)


def test_a_short_likeness_is_not_worth_a_move() -> None:
    cache = PrefixCache(4)
    keep(cache, LONG)
    assert cache.take(X, (*LONG[: SHORTEST - 1], 1, 2)).length == 0


def test_the_least_recently_used_goes_first() -> None:
    cache = PrefixCache(3)
    prompts = [tuple(range(start, start + 40)) for start in (0, 100, 200)]
    for tokens in (*prompts, prompts[0]):
        keep(cache, tokens)
    keep(cache, LONG, Y)
    assert cache.take(X, prompts[0]).length > 0
    assert cache.take(X, prompts[1]).length == 0


@given(st.lists(st.tuples(st.sampled_from([X, Y]), st.integers(1, 80), st.booleans()), max_size=60))
def test_rows_always_add_up(walk: list[tuple[Key, int, bool]]) -> None:
    cache = PrefixCache(5)
    lent: list[tuple[int, Key, int]] = []
    for key, length, finish in walk:
        if finish and lent:
            row, owner, held = lent.pop(0)
            cache.give(row, owner, tuple(range(held)))
        elif len(lent) < 5:
            lease = cache.take(key, tuple(range(length)))
            assert lease.length < length
            lent.append((lease.row, key, length))
        cache.check()
