"""The scheduler against every order of arrivals, steps, cancellations and failures that hypothesis finds."""

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from service.engines.prefix import Copy, Forget, Key
from service.engines.scheduler import PATIENCE, Limits, Plan, Scheduler, Sequence, Slice
from service.engines.turns import TURN, longest_wait
from service.errors import Busy

LIMITS = Limits(slots=3, context=64, chunk=16, queue=5, per_person=4)
END = 0


def sequence(number: int, length: int = 8, limit: int = 4, **more: object) -> Sequence:
    made = Sequence(number, tuple(range(1, length + 1)), limit, Key(str(more.pop("salt", number)), "base"))
    for name, value in more.items():
        setattr(made, name, value)
    return made


def step(scheduler: Scheduler, token: int = 7) -> Plan | None:
    if plan := scheduler.plan():
        scheduler.settle(plan, {part.sequence: (token,) for part in plan.slices if part.choice})
    return plan


def drain(scheduler: Scheduler) -> int:
    steps = 0
    while step(scheduler):
        steps += 1
        assert steps < 10_000
    return steps


class Memory:
    """What a model's rows would hold, so that a slice laid over the wrong tokens is caught."""

    def __init__(self) -> None:
        self.rows: dict[int, list[int]] = {row: [] for row in range(LIMITS.slots)}

    def run(self, plan: Plan) -> None:
        for move in plan.moves:
            if isinstance(move, Copy):
                assert not self.rows[move.target]
                self.rows[move.target] = self.rows[move.source][: move.length]
            elif isinstance(move, Forget):
                del self.rows[move.row][move.start :]
        for part in plan.slices:
            assert len(self.rows[part.row]) == part.start
            self.rows[part.row] += part.tokens
            assert len(self.rows[part.row]) <= LIMITS.context

    def land(self, plan: Plan, drawn: dict[int, tuple[int, ...]]) -> None:
        """Guesses that did not hold are forgotten."""
        for part in plan.slices:
            del self.rows[part.row][part.start + part.kept(drawn.get(part.sequence, ())) :]


class Walk(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.scheduler = Scheduler(LIMITS, frozenset({END}), guesses=True)
        self.memory = Memory()
        self.number = 0
        self.alive: dict[int, Sequence] = {}
        self.plan: Plan | None = None
        self.waits: dict[int, int] = {}  # steps since a running sequence was served

    @rule(
        length=st.integers(1, 40),
        limit=st.integers(1, 24),
        owner=st.sampled_from(["", "ann", "bob"]),
        salt=st.sampled_from("xy"),
        background=st.booleans(),
        adapter=st.sampled_from(["base", "one", "two"]),
    )
    def arrive(self, length: int, limit: int, owner: str, salt: str, background: bool, adapter: str) -> None:
        self.number += 1
        new = sequence(self.number, length, limit, owner=owner, key=Key(salt, adapter))
        new.priority = "background" if background else "person"
        before = len(self.alive)
        mine = sum(one.owner == owner for one in self.alive.values())
        try:
            self.scheduler.add(new)
        except Busy:
            assert before >= LIMITS.slots + LIMITS.queue or (owner and mine >= LIMITS.per_person)
        else:
            self.alive[self.number] = new

    @precondition(lambda self: self.plan is None)
    @rule()
    def begin(self) -> None:
        self.scheduler.loaded.update(self.scheduler.lacking())
        self.plan = self.scheduler.plan()
        assert (self.plan is None) == (not self.alive)
        if self.plan:
            self.memory.run(self.plan)
            read = sum(
                len(part.tokens) for part in self.plan.slices if not part.draft and len(part.tokens) > 1
            )
            assert read <= LIMITS.chunk
            assert len({part.row for part in self.plan.slices}) == len(self.plan.slices)
            assert len({part.adapter for part in self.plan.slices}) == 1
            self.count()

    def count(self) -> None:
        """Nobody in a slot waits longer than is promised."""
        assert self.plan
        served = {part.sequence for part in self.plan.slices if part.choice or len(part.tokens) > 1}
        adapter = self.plan.slices[0].adapter
        assert all(self.alive[one].key.adapter == adapter for one in served)
        running = {number for number, one in self.alive.items() if one.row >= 0}
        self.waits = {
            one: 0 if self.alive[one].key.adapter == adapter else self.waits.get(one, 0) + 1
            for one in running
        }
        assert all(wait <= longest_wait(LIMITS.slots) for wait in self.waits.values())

    @precondition(lambda self: self.plan is not None)
    @rule(data=st.data(), token=st.sampled_from([END, 1, 2, 5]))
    def land(self, data: st.DataObject, token: int) -> None:
        self.finish({part: data.draw(st.integers(0, part.draft)) for part in self.asked()}, token)

    def asked(self) -> list[Slice]:
        assert self.plan
        return [part for part in self.plan.slices if part.choice]

    def finish(self, held: dict[Slice, int], token: int) -> None:
        assert self.plan
        guesses = {part: part.tokens[len(part.tokens) - part.draft :] for part in held}
        drawn = {part.sequence: (*guesses[part][:count], token) for part, count in held.items()}
        self.memory.land(self.plan, drawn)
        for one in self.scheduler.settle(self.plan, drawn):
            assert one.sequence in self.alive
            if one.finish:
                assert self.alive[one.sequence].answer.count(END) == 0
                assert len(self.alive[one.sequence].answer) <= self.alive[one.sequence].limit
                del self.alive[one.sequence]
        self.plan = None

    @precondition(lambda self: self.plan is not None)
    @rule()
    def crash(self) -> None:
        for number in self.scheduler.fail():
            del self.alive[number]
        self.memory = Memory()
        self.plan = None

    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        if self.alive:
            number = data.draw(st.sampled_from(sorted(self.alive)))
            del self.alive[number]
            self.scheduler.end(number)

    @invariant()
    def balanced(self) -> None:
        self.scheduler.check()
        if self.plan is None:
            for row, kept in self.scheduler.cache._kept.items():
                assert self.memory.rows[row] == list(kept.tokens), "a kept row holds something else"

    def teardown(self) -> None:
        while self.plan or self.scheduler.running or self.scheduler.waiting:
            if self.plan is None:
                self.begin()
            self.finish(dict.fromkeys(self.asked(), 0), 5)
        assert not self.alive
        assert self.scheduler.running == self.scheduler.waiting == 0
        self.scheduler.check()


def test_a_hot_adapter_makes_nobody_wait_beyond_the_bound() -> None:
    scheduler = Scheduler(replace(LIMITS, queue=100, per_person=100), frozenset({END}))
    scheduler.loaded |= {"hot", "cold"}
    rare = sequence(0, limit=30, key=Key("x", "cold"))
    number, waited = 0, []
    for at in range(200):
        while scheduler.running + scheduler.waiting < 6:
            number += 1
            scheduler.add(sequence(number, limit=10, key=Key("x", "hot")))
        if at == 20:
            scheduler.add(rare)
        plan = step(scheduler)
        assert plan
        if at >= 20 and not rare.ended:
            waited.append(rare.id not in {part.sequence for part in plan.slices})
    assert rare.ended
    runs = "".join("w" if one else "s" for one in waited).split("s")
    assert max(map(len, runs[1:])) <= TURN  # two groups: the other one's turn
    assert len(runs[0]) <= 10 + TURN  # until the first slot was free


def test_who_waits_for_an_adapter_that_has_no_room_gets_it_in_the_end() -> None:
    scheduler = Scheduler(replace(LIMITS, queue=100), frozenset({END}))
    late = sequence(0, limit=1, key=Key("x", "large"))
    scheduler.add(late)
    number = 0
    while late.row < 0:
        while scheduler.waiting < 4:
            number += 1
            scheduler.add(sequence(number, limit=3))
        assert "large" in scheduler.lacking() or scheduler.running == LIMITS.slots
        if not scheduler.in_use:
            scheduler.loaded.add("large")  # room at last
        step(scheduler)
        scheduler.check()
    assert number <= PATIENCE + LIMITS.slots + 4


def test_only_those_who_wait_for_a_refused_adapter_are_dropped() -> None:
    scheduler = Scheduler(LIMITS, frozenset({END}))
    scheduler.add(sequence(1, key=Key("x", "broken")))
    scheduler.add(sequence(2))
    assert scheduler.lacking() == ["broken"]
    assert scheduler.refuse("broken") == [1]
    drain(scheduler)
    assert scheduler.lacking() == []


def test_rows_of_several_adapters_share_a_step_where_the_runner_mixes() -> None:
    scheduler = Scheduler(LIMITS, frozenset({END}), mixes=True)
    scheduler.loaded.add("one")
    scheduler.add(sequence(1))
    scheduler.add(sequence(2, key=Key("x", "one")))
    plan = step(scheduler)
    assert plan
    assert [part.adapter for part in plan.slices] == ["base", "one"]


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_running_answers_get_a_token_each_step_beside_a_long_prompt() -> None:
    scheduler = Scheduler(LIMITS, frozenset({END}))
    scheduler.add(sequence(1, length=4, limit=20))
    step(scheduler)
    scheduler.add(sequence(2, length=50, limit=2))
    for _ in range(3):
        plan = step(scheduler)
        assert plan
        assert {part.sequence: len(part.tokens) for part in plan.slices} == {1: 1, 2: 16}


def test_a_short_prompt_does_not_wait_for_a_long_one_nor_stop_it() -> None:
    scheduler = Scheduler(LIMITS, frozenset({END}))
    scheduler.add(sequence(1, length=60, limit=2))
    scheduler.add(sequence(2, length=6, limit=2))
    plan = step(scheduler)
    assert plan
    assert {part.sequence: len(part.tokens) for part in plan.slices} == {1: 10, 2: 6}


def test_the_queue_is_bounded_and_says_when_to_return() -> None:
    scheduler = Scheduler(LIMITS, frozenset({END}))
    for number in range(LIMITS.slots + LIMITS.queue):
        scheduler.add(sequence(number))
    with pytest.raises(Busy) as caught:
        scheduler.add(sequence(99))
    assert caught.value.details["retry_after"] >= 1


def test_without_a_queue_every_slot_can_still_be_used() -> None:
    scheduler = Scheduler(replace(LIMITS, queue=0), frozenset({END}))
    for number in range(LIMITS.slots):
        scheduler.add(sequence(number))
    with pytest.raises(Busy):
        scheduler.add(sequence(99))


def test_one_person_cannot_take_more_than_a_share_and_gets_it_back() -> None:
    scheduler = Scheduler(LIMITS, frozenset({END}))
    for number in range(LIMITS.per_person):
        scheduler.add(sequence(number, owner="ann"))
    with pytest.raises(Busy):
        scheduler.add(sequence(50, owner="ann"))
    scheduler.add(sequence(51, owner="bob"))
    scheduler.end(0)
    scheduler.add(sequence(52, owner="ann"))


def test_who_has_nothing_running_goes_before_who_has() -> None:
    scheduler = Scheduler(LIMITS, frozenset({END}))
    for number in range(4):
        scheduler.add(sequence(number, owner="ann"))
    scheduler.add(sequence(10, owner="bob"))
    plan = step(scheduler)
    assert plan
    assert 10 in {part.sequence for part in plan.slices}


def test_background_work_leaves_a_slot_to_people_and_is_not_starved_by_them() -> None:
    scheduler = Scheduler(replace(LIMITS, queue=100), frozenset({END}))
    for number in range(3):
        scheduler.add(sequence(number, limit=1, priority="background"))
    for number in range(10, 12):
        scheduler.add(sequence(number, limit=1))
    plan = scheduler.plan()
    assert plan
    first = {part.sequence for part in plan.slices}
    assert {10, 11} <= first
    scheduler.fail()

    starving = Scheduler(replace(LIMITS, queue=100), frozenset({END}))
    old = sequence(0, limit=1, priority="background")
    starving.add(old)
    number = 0
    while old.row < 0:
        while starving.waiting < 6:
            number += 1
            starving.add(sequence(number, limit=1))
        step(starving)
        starving.check()
    assert number <= PATIENCE + 2 * LIMITS.slots + 6


def test_the_next_question_runs_only_what_is_new() -> None:
    scheduler = Scheduler(LIMITS, frozenset({END}))
    scheduler.add(sequence(1, length=30, limit=2, salt="x"))
    drain(scheduler)
    again, other = sequence(2, length=40, limit=2, salt="x"), sequence(3, length=40, limit=2, salt="y")
    scheduler.add(again)
    scheduler.add(other)
    drain(scheduler)
    assert again.cached == 30
    assert other.cached == 0


def test_a_cancelled_sequence_frees_its_slot_at_once_or_when_its_step_lands() -> None:
    scheduler = Scheduler(LIMITS, frozenset({END}))
    scheduler.add(sequence(1))
    plan = scheduler.plan()
    assert plan
    scheduler.end(1)
    assert scheduler.running == 1
    assert scheduler.settle(plan, {1: (5,)}) == []
    assert scheduler.running == 0
    scheduler.check()
