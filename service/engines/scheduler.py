"""Who runs in the next step, and with how many tokens. Pure: no model, no clock, no thread.

A step runs one token of every running answer and, beside them, up to `chunk` tokens of the prompts still being read,
so that a long prompt slows the others a little and never stops them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile

from service.core import BASE, Finish, Priority
from service.engines.drafts import Guesser, length
from service.engines.prefix import Key, Move, PrefixCache
from service.engines.turns import Turns
from service.errors import Busy

Tokens = tuple[int, ...]
PATIENCE = 16  # later arrivals that may be let in before one that waits


@dataclass(frozen=True, slots=True)
class Limits:
    """The size of things."""

    slots: int  # sequences running at once
    context: int  # tokens of one sequence, prompt and answer together
    chunk: int  # prompt tokens in one step
    queue: int  # sequences waiting at most
    per_person: int  # sequences of one owner, running and waiting


@dataclass(frozen=True, slots=True)
class Choice:
    """How a token is drawn; `index` counts the tokens drawn so far, so that a draw needs no state."""

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    index: int = 0


@dataclass(slots=True, eq=False)
class Sequence:
    """A prompt and its answer as they travel through the engine."""

    id: int
    prompt: tuple[int, ...]
    limit: int  # tokens to generate at most, from 1
    key: Key
    owner: str = ""
    priority: Priority = "person"
    choice: Choice = Choice()
    answer: list[int] = field(default_factory=list)
    row: int = -1  # -1 while waiting
    ready: int = 0  # tokens whose values are in the row
    cached: int = 0  # of those, found there
    passed: int = 0  # later arrivals let in before this one
    ended: bool = False
    guesser: Guesser | None = None  # once it decodes, if guessing is on

    def span(self, start: int, end: int) -> tuple[int, ...]:
        """The tokens at positions [start, end) of prompt and answer."""
        before = len(self.prompt)
        return self.prompt[start:end] + tuple(self.answer[max(0, start - before) : max(0, end - before)])

    @property
    def pending(self) -> int:
        return len(self.prompt) + len(self.answer) - self.ready


@dataclass(frozen=True, slots=True)
class Slice:
    """Tokens of one sequence to run at positions `start`…; `choice` is set if the next token is to be drawn.

    The last `draft` of the tokens are guesses: draw `index + i` is made after the token before guess `i`, and stands
    for it. The row keeps the guesses that were drawn, up to the first that was not.
    """

    sequence: int
    row: int
    start: int
    tokens: tuple[int, ...]
    choice: Choice | None
    adapter: str = BASE.digest
    draft: int = 0

    def kept(self, drawn: Tokens) -> int:
        """How many of the tokens stay in the row: all but the guesses that did not hold."""
        return len(self.tokens) - self.draft + max(0, len(drawn) - 1)


@dataclass(frozen=True, slots=True)
class Plan:
    """One step: first the moves, in order, then the slices in one batch."""

    moves: tuple[Move, ...]
    slices: tuple[Slice, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A token that a sequence got, or None for its end mark, and why it ends here if it does."""

    sequence: int
    token: int | None
    finish: Finish | None


class Scheduler:
    """Waiting and running sequences. Between `plan` and its `settle` the plan is in flight."""

    def __init__(
        self, limits: Limits, end_tokens: frozenset[int], mixes: bool = False, guesses: bool = False
    ) -> None:
        self.limits = limits
        self.end_tokens = end_tokens
        self.cache = PrefixCache(limits.slots)
        self.pace = 5.0  # seconds that a sequence takes; the worker keeps it true
        self.loaded = {BASE.digest}  # adapters that may run; the worker keeps it true
        self._waiting: dict[int, Sequence] = {}  # in order of arrival
        self._running: dict[int, Sequence] = {}  # in order of admission
        self._flight: frozenset[int] = frozenset()
        self._guesses = guesses
        self._turns = None if mixes else Turns()  # a runner that mixes adapters needs no turns

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def in_use(self) -> frozenset[str]:
        """Adapters of the sequences that run, whether or not it is their turn."""
        return frozenset(one.key.adapter for one in self._running.values())

    def lacking(self) -> list[str]:
        """Adapters to load before the next plan, the most urgent first: those of whom to admit before anybody whose
        adapter is loaded. No more, or two that find no room together would drive each other out without end.
        """
        if len(self._running) >= self.limits.slots:
            return []
        waiting = sorted((one for one in self._waiting.values() if self._welcome(one)), key=self._urgency)
        first = takewhile(lambda one: one.key.adapter not in self.loaded, waiting)
        return list(dict.fromkeys(one.key.adapter for one in first))

    def refuse(self, adapter: str) -> list[int]:
        """Drop who waits for an adapter that cannot be loaded. Returns whom it hit."""
        lost = [number for number, one in self._waiting.items() if one.key.adapter == adapter]
        for number in lost:
            del self._waiting[number]
        return lost

    def add(self, sequence: Sequence) -> None:
        """Queue a sequence. Raises Busy when the queue or the owner's share is full."""
        total = len(self._alive())
        if total >= self.limits.slots + self.limits.queue:
            raise Busy("The queue is full. Try again shortly.", retry_after=self._wait(total))
        if sequence.owner and self._share(sequence.owner) >= self.limits.per_person:
            raise Busy(
                f"You have {self.limits.per_person} questions open, which is the limit. Wait for one to finish.",
                retry_after=self._wait(self.limits.slots),
            )
        assert min(len(sequence.prompt), sequence.limit) >= 1
        assert len(sequence.prompt) + sequence.limit <= self.limits.context
        self._waiting[sequence.id] = sequence

    def end(self, number: int) -> None:
        """Stop or cancel a sequence. Its row stays as it is until a plan in flight has landed."""
        self._waiting.pop(number, None)
        if sequence := self._running.get(number):
            sequence.ended = True
            if number not in self._flight:
                self._release(sequence)

    def plan(self) -> Plan | None:
        """The next step, or None when there is nothing to do."""
        assert not self._flight, "a plan is in flight"
        moves = self._admit()
        turn = self._turn()
        prefill = self._prefill([one for one in turn if one.pending > 1])
        decode = self._decode(
            [one for one in turn if one.pending == 1], sum(len(part.tokens) for part in prefill)
        )
        slices = (*decode, *prefill)
        self._flight = frozenset(part.sequence for part in slices)
        return Plan(moves, slices) if slices else None

    def settle(self, plan: Plan, tokens: Mapping[int, Tokens]) -> list[Drawn]:
        """Book a plan that ran; `tokens` holds what was drawn, by sequence: guesses that held, and one more."""
        self._flight = frozenset()
        drawn: list[Drawn] = []
        for part in plan.slices:
            sequence = self._running[part.sequence]
            new = tokens[part.sequence] if part.choice is not None else ()
            sequence.ready += part.kept(new)
            if sequence.guesser:
                sequence.guesser.learn(new)
            drawn += self._book(sequence, new)
            if sequence.ended:
                self._release(sequence)
        return drawn

    def fail(self) -> list[int]:
        """Drop all that runs, after the memory was wiped; who waits still waits. Returns whom it hit."""
        lost = [number for number, sequence in self._running.items() if not sequence.ended]
        self._running.clear()
        self._flight = frozenset()
        self.cache.clear()
        return lost

    def check(self) -> None:
        """Raises AssertionError, with the numbers, when the books do not balance."""
        self.cache.check()
        assert self.running <= self.limits.slots, f"{self.running} run in {self.limits.slots} slots"
        assert self.cache.lent == self.running, f"{self.cache.lent} rows are lent to {self.running}"
        assert all(one.row >= 0 for one in self._running.values()), "a running sequence has no row"
        assert all(one.passed <= PATIENCE for one in self._waiting.values()), "a sequence starves"

    def _wait(self, ahead: int) -> int:
        return max(1, math.ceil(self.pace * (ahead - self.limits.slots + 1) / self.limits.slots))

    def _share(self, owner: str) -> int:
        return sum(one.owner == owner for one in self._alive())

    def _alive(self) -> list[Sequence]:
        """All but those that were cancelled in a step that has not landed yet."""
        return [one for one in (*self._waiting.values(), *self._running.values()) if not one.ended]

    def _admit(self) -> tuple[Move, ...]:
        moves: list[Move] = []
        while len(self._running) < self.limits.slots and (sequence := self._next()):
            for one in self._waiting.values():
                if one is sequence:
                    break
                one.passed += self._welcome(one)
            del self._waiting[sequence.id]
            lease = self.cache.take(sequence.key, sequence.prompt)
            sequence.row = lease.row
            sequence.ready = sequence.cached = lease.length
            self._running[sequence.id] = sequence
            moves += lease.moves
        return tuple(moves)

    def _next(self) -> Sequence | None:
        """Who is admitted next. Nobody while the adapter of one who was passed over too often is not loaded: what
        runs ends, and then there is room for it.
        """
        waiting = [one for one in self._waiting.values() if self._welcome(one)]
        ready = [one for one in waiting if one.passed >= PATIENCE or one.key.adapter in self.loaded]
        first = min(ready, key=self._urgency, default=None)
        return first if first and first.key.adapter in self.loaded else None

    def _urgency(self, sequence: Sequence) -> tuple[int, ...]:
        """Whoever was passed over too often; else people first, and of them who has the least running, and whose
        adapter has: a much asked one must not hold all slots.
        """
        if sequence.passed >= PATIENCE:
            return (0,)
        running = self._running.values()
        return (
            1,
            sequence.priority == "background",
            sum(one.owner == sequence.owner for one in running),
            sum(one.key.adapter == sequence.key.adapter for one in running),
        )

    def _welcome(self, sequence: Sequence) -> bool:
        """Background work leaves one slot to people."""
        if sequence.priority == "person":
            return True
        background = sum(one.priority == "background" for one in self._running.values())
        return background < max(1, self.limits.slots - 1)

    def _turn(self) -> list[Sequence]:
        """Who takes part in the next step."""
        alive = list(self._running.values())
        if self._turns is None or not alive:
            return alive
        adapter = self._turns.next(one.key.adapter for one in alive)
        return [one for one in alive if one.key.adapter == adapter]

    def _decode(self, rows: list[Sequence], reading: int) -> list[Slice]:
        """The last token of each, and behind it what it may say next where that pays."""
        if not self._guesses:
            return [self._slice(one, 1) for one in rows]
        guesses = [self._guess(one) for one in rows]
        most = length([(len(guess), chance) for guess, chance in guesses], reading)
        return [self._slice(one, 1, guess[:most]) for one, (guess, _) in zip(rows, guesses, strict=True)]

    def _guess(self, sequence: Sequence) -> tuple[Tokens, float]:
        """Tokens that still fit into the answer beside the one that is drawn after them, and their chance."""
        if sequence.guesser is None:
            sequence.guesser = Guesser(sequence.span(0, sequence.ready + 1), self.end_tokens)
        room = sequence.limit - len(sequence.answer) - 1
        return sequence.guesser.guess()[:room], sequence.guesser.chance

    def _prefill(self, prompts: list[Sequence]) -> list[Slice]:
        """Half the chunk to the oldest prompt, so that it gets on; the rest to the shortest, which are soon done."""
        if not prompts:
            return []
        share = {prompts[0].id: min(prompts[0].pending, math.ceil(self.limits.chunk / 2))}
        room = self.limits.chunk - share[prompts[0].id]
        for one in sorted(prompts, key=lambda one: (one.priority == "background", one.pending)):
            more = min(room, one.pending - share.get(one.id, 0))
            share[one.id] = share.get(one.id, 0) + more
            room -= more
        return [self._slice(one, share[one.id]) for one in prompts if share[one.id]]

    def _slice(self, sequence: Sequence, count: int, guess: Tokens = ()) -> Slice:
        start = sequence.ready
        last = count == sequence.pending
        choice = sequence.choice
        now = Choice(choice.temperature, choice.top_p, choice.seed, len(sequence.answer))
        return Slice(
            sequence.id,
            sequence.row,
            start,
            sequence.span(start, start + count) + guess,
            now if last else None,
            sequence.key.adapter,
            len(guess),
        )

    def _book(self, sequence: Sequence, tokens: Tokens) -> list[Drawn]:
        """Write tokens down; nothing is told of a sequence that was cancelled meanwhile."""
        told: list[Drawn] = []
        cancelled = sequence.ended
        for token in tokens:
            if token in self.end_tokens:
                sequence.ended = True
                told.append(Drawn(sequence.id, None, "stop"))
                break
            sequence.answer.append(token)
            sequence.ended = sequence.ended or len(sequence.answer) >= sequence.limit
            told.append(Drawn(sequence.id, token, "length" if sequence.ended else None))
        return [] if cancelled else told

    def _release(self, sequence: Sequence) -> None:
        del self._running[sequence.id]
        self.cache.give(sequence.row, sequence.key, sequence.span(0, sequence.ready))
