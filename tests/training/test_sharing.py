"""Rows that begin alike are read in one line, and what is learned is what each teaches by itself."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.training import swift
from service.training.encoding import Encoded, encode, tokenizer
from service.training.lesson import Lesson, count_only
from service.training.opening import Place, opened
from service.training.ordering import order
from service.training.rendering import example
from service.training.sharing import beginning, families, line, lines
from tests.training import jobs

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")

few = st.lists(st.integers(0, 2), min_size=2, max_size=12)
rows_of = st.lists(few.map(lambda tokens: Encoded(tuple(tokens), len(tokens) - 1)), min_size=1, max_size=12)


def passages(base: Path) -> list[Encoded]:
    """Three questions about each of two passages, and one by itself."""
    tokens, made = tokenizer(base), []
    for number, passage in enumerate(
        ("The river runs north in spring. " * 3, "No one knows the way home. " * 3)
    ):
        for question in ("Which way?", "When?", "Who knows?"):
            made.append(example(f"{number}{question}", question, passage, question[:4], jobs.prompt))
    return [encode(row, tokens) for row in (*made, *jobs.rows(1))]


@given(few, few)
def test_the_beginning_is_what_two_rows_have_alike(one: list[int], other: list[int]) -> None:
    alike = beginning(one, other)
    assert one[:alike] == other[:alike]
    assert one[: alike + 1] != other[: alike + 1] or alike == min(len(one), len(other))


@settings(deadline=None)
@given(rows_of, st.integers(1, 40), st.integers(0, 3))
def test_every_row_stands_in_one_line_with_all_that_it_learns(
    rows: list[Encoded], budget: int, most: int
) -> None:
    kin = families(rows)
    assert sorted(at for family in kin for at in family) == list(range(len(rows)))
    for family in kin:
        members = [rows[at] for at in family]
        groups = list(lines(members, budget, most))
        assert [at for group in groups for at in group] == list(range(len(members)))
        for group in groups:
            some = [members[at] for at in group]
            read = line(some)
            assert len(group) == 1 or (len(read.tokens) <= budget and not 0 < most < len(group))
            assert read.targets == tuple(token for row in some for token in row.tokens[row.start :])
            assert sum(read.counted) == len(read.targets) == len(read.first)
            for number, row in enumerate(some, 1):
                own = [at for at, branch in enumerate(read.branch) if branch in (0, number)]
                assert tuple(read.tokens[at] for at in own) == row.tokens
                assert [read.position[at] for at in own] == list(range(len(row.tokens)))


@settings(deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=20), st.integers(0, 3))
def test_families_come_together_in_every_epoch(sizes: list[int], seed: int) -> None:
    ends = [sum(sizes[: n + 1]) for n in range(len(sizes))]
    kin = [list(range(end - size, end)) for size, end in zip(sizes, ends, strict=True)]
    found = order([10] * sum(sizes), sum(sizes), 2, seed, kin)
    for epoch in (found[: len(found) // 2], found[len(found) // 2 :]):
        for family in kin:
            first = epoch.index(family[0])
            assert epoch[first : first + len(family)] == family


@pytest.fixture(scope="module", params=["fp32", "bf16"])
def learner(base: Path, request: pytest.FixtureRequest) -> tuple[Any, Place]:
    import torch

    where = Place("cpu", request.param == "bf16")
    made = opened(base, replace(jobs.QUICK, dropout=0.0), where)
    count_only(made.get_base_model())
    torch.manual_seed(3)
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.2)
    return made, where


def learned(model: Any, lesson: Lesson, rows: list[Encoded]) -> tuple[dict[str, Any], int, float]:
    import torch

    read, nats = 0, 0.0
    with torch.autocast("cpu", torch.bfloat16, enabled=lesson.where.bf16):
        for part in lesson.stretches(rows, "cpu"):
            loss, told = lesson.loss(model, part)
            loss.backward()
            read, nats = read + told.tokens, nats + told.answer
    found = {name: w.grad.clone() for name, w in model.named_parameters() if w.grad is not None}
    model.zero_grad()
    return found, read, nats


def test_the_gradient_is_the_same_and_half_is_read(base: Path, learner: tuple[Any, Place]) -> None:
    import torch

    model, where = learner
    rows = passages(base)
    alone, all_read, nats = learned(model, Lesson(rows, replace(jobs.QUICK, at_once=1), where, 0), rows)
    shared, read, others = learned(model, Lesson(rows, jobs.QUICK, where, 0), rows)
    assert read < 0.6 * all_read
    assert nats == pytest.approx(others, rel=2e-2 if where.bf16 else 1e-4)
    for name, gradient in alone.items():
        if where.bf16:
            assert torch.cosine_similarity(gradient.flatten(), shared[name].flatten(), 0) > 0.98, name
        else:
            torch.testing.assert_close(gradient, shared[name], rtol=1e-3, atol=1e-5)


def test_the_short_way_of_a_lora_learns_what_the_long_one_does(base: Path) -> None:
    """PEFT's and transformers' own layers against ours, in float32 where nothing is rounded."""
    import torch

    swift.register()
    rows = passages(base)
    found = []
    for attention in ("eager", swift.ATTENTION):
        made = opened(base, replace(jobs.QUICK, dropout=0.0), Place("cpu", bf16=False))
        made.set_attn_implementation(attention)
        count_only(made.get_base_model())
        torch.manual_seed(3)
        with torch.no_grad():
            for name, weight in made.named_parameters():
                if "lora_B" in name:
                    weight.normal_(std=0.2)
        if attention != "eager":
            swift.quicken(made)
            assert any("Linear" in type(m).__name__ and "forward" in vars(m) for m in made.modules())
        found.append(learned(made, Lesson(rows, jobs.QUICK, Place("cpu", bf16=False), 0), rows))
    (long, _, nats), (short, _, others) = found
    assert nats == pytest.approx(others, rel=1e-5)
    for name, gradient in long.items():
        torch.testing.assert_close(gradient, short[name], rtol=1e-3, atol=1e-5)
