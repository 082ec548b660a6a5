"""Attention over rows: how slices share calls, and that each token sees its own row and nothing else."""

import itertools

import torch
from hypothesis import given
from hypothesis import strategies as st

from service.engines.row_attention import SHORT, RowMemory, Step, cluster
from service.engines.scheduler import Slice

HEADS, SHARED, WIDTH, ROWS, CELLS = 4, 2, 8, 6, 96


def part(row: int, start: int, count: int) -> Slice:
    return Slice(row, row, start, tuple(range(count)), None)


@st.composite
def batches(draw: st.DrawFn) -> list[Slice]:
    rows = draw(st.lists(st.integers(0, ROWS - 1), min_size=1, unique=True))
    counts = st.one_of(st.just(1), st.integers(1, SHORT), st.integers(SHORT + 1, 40))
    return [part(row, draw(st.integers(0, CELLS - 40)), draw(counts)) for row in rows]


@given(batches())
def test_every_slice_is_in_one_call(slices: list[Slice]) -> None:
    clusters = cluster(slices)
    inside = [one for call in clusters for one in call.slices]
    assert sorted(inside, key=lambda one: one.row) == sorted(slices, key=lambda one: one.row)
    for call in clusters:
        assert len(call.slices) == 1 or call.width <= SHORT
        assert [one.row for one in call.slices] == sorted(one.row for one in call.slices)


def test_a_long_row_does_not_make_short_ones_long() -> None:
    rows = [part(0, 20, 1), part(1, 4000, 1), part(2, 30, 1), part(40, 10, 1)]
    assert [[one.row for one in call.slices] for call in cluster(rows)] == [[0], [1], [2, 40]]


def plain(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, place: int, window: int
) -> torch.Tensor:
    """One token's attention, by the book."""
    first = max(0, place + 1 - window) if window else 0
    seen = slice(first, place + 1)
    found = []
    for head in range(HEADS):
        shared = head // (HEADS // SHARED)
        chances = (keys[seen, shared] @ query[head] * 0.3).softmax(0)
        found.append(chances @ values[seen, shared])
    return torch.stack(found)


@given(batches(), st.sampled_from([0, 5]), st.integers(0, 2**31))
def test_each_token_sees_what_its_row_holds_up_to_itself(slices: list[Slice], window: int, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    memory = RowMemory(ROWS, CELLS)
    past = torch.randn(2, ROWS * CELLS, SHARED, WIDTH, generator=draw)
    kept = memory.write(0, past[0], past[1], torch.arange(ROWS * CELLS))  # other rows hold things, too
    step = Step(memory, slices, torch.device("cpu"))
    new = torch.randn(3, len(step.tokens), HEADS, WIDTH, generator=draw)
    query, key, value = new[0], new[1, :, :SHARED], new[2, :, :SHARED]
    found = step.attend(0, query, key, value, 0.3, window)
    places = [
        (one.row, place) for one in step.slices for place in range(one.start, one.start + len(one.tokens))
    ]
    for at, (row, place) in enumerate(places):
        right = plain(query[at], kept[0][row], kept[1][row], place, window)
        assert torch.allclose(found[at], right, atol=1e-5), (row, place)


def test_rows_are_copied_as_far_as_asked() -> None:
    memory = RowMemory(3, 4)
    values = torch.arange(12.0).view(12, 1, 1)
    keys, _ = memory.write(0, values, values, torch.arange(12))
    memory.copy(2, 0, 3)
    assert keys[:, :, 0, 0].tolist() == [[8, 9, 10, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


def test_memory_begins_as_zeros_and_is_wiped_to_zeros() -> None:
    memory = RowMemory(2, 3)
    one = torch.ones(1, 1, 2)
    for _, wipe in itertools.product(range(2), [memory.wipe]):
        keys, values = memory.write(0, one, one, torch.tensor([4]))
        assert keys.sum() == values.sum() == 2
        wipe()
