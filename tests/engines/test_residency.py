from hypothesis import given
from hypothesis import strategies as st

from service.engines.residency import Errand, Residency

BUDGET = 100


def holding(*sizes: tuple[str, int]) -> Residency:
    residency = Residency(BUDGET)
    for digest, size in sizes:
        residency.enter(digest, size)
    return residency


def test_the_least_recently_used_goes_first_and_only_as_many_as_needed() -> None:
    residency = holding(("a", 40), ("b", 30), ("c", 30))
    residency.use(["a"])
    assert residency.errand({"d": 20}, set()) == Errand(("b",), "d")
    assert residency.errand({"d": 50}, set()) == Errand(("b", "c"), "d")


def test_one_in_use_never_goes_and_the_next_in_line_is_served_instead() -> None:
    residency = holding(("a", 60), ("b", 30))
    assert residency.errand({"d": 50}, {"a"}) is None
    assert residency.errand({"d": 50, "e": 20}, {"a"}) == Errand(("b",), "e")


def test_a_retired_one_goes_once_it_is_idle() -> None:
    residency = holding(("a", 60), ("b", 30))
    residency.retire("a")
    residency.retire("never loaded")
    assert residency.errand({}, {"a"}) is None
    assert residency.errand({}, set()) == Errand(("a",))
    residency.leave("a")
    assert residency.errand({}, set()) is None


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdefgh"), st.integers(1, BUDGET), st.sets(st.sampled_from("abcdefgh")))
    ),
)
def test_the_budget_holds_and_who_is_used_stays(walk: list[tuple[str, int, set[str]]]) -> None:
    residency = Residency(BUDGET)
    for digest, size, used in walk:
        if digest in residency:
            residency.use([digest])
            continue
        if errand := residency.errand({digest: size}, used):
            assert not set(errand.free) & used
            for one in errand.free:
                residency.leave(one)
            residency.enter(errand.load, size)
        else:
            assert sum(residency._sizes[one] for one in residency if one in used) + size > BUDGET
        assert residency.size <= BUDGET
