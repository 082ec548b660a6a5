from hypothesis import given
from hypothesis import strategies as st

from service.engines.turns import TURN, Turns, longest_wait

SLOTS = 4


@given(st.lists(st.sets(st.sampled_from("abcdef"), min_size=1, max_size=SLOTS), min_size=1, max_size=150))
def test_nobody_waits_longer_than_the_turns_of_all_others(steps: list[set[str]]) -> None:
    turns, waits = Turns(), dict.fromkeys("abcdef", 0)
    for groups in steps:
        served = turns.next(sorted(groups))
        assert served in groups
        for one in waits:
            waits[one] = waits[one] + 1 if one in groups and one != served else 0
        assert max(waits.values()) <= longest_wait(SLOTS)


def test_a_turn_lasts_many_steps_and_ends_only_for_another() -> None:
    turns = Turns()
    assert [turns.next("ab") for _ in range(3 * TURN)] == ["a"] * TURN + ["b"] * TURN + ["a"] * TURN
    assert [turns.next("b") for _ in range(3 * TURN)] == ["b"] * 3 * TURN


def test_who_comes_after_a_long_run_of_another_is_served_at_once() -> None:
    turns = Turns()
    for _ in range(2 * TURN):
        turns.next("a")
    assert turns.next("ab") == "b"
