"""What a step learns does not depend on how its rows are laid out, and the head computes only what counts."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.training.encoding import Encoded, encode, encode_general, tokenizer
from service.training.lesson import Lesson, Sums, count_only, stretch
from service.training.opening import Place, opened
from tests.training import jobs

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")

CPU = Place("cpu", bf16=False)


@pytest.fixture(scope="module")
def model(base: Path) -> Any:
    import torch

    made = opened(base, replace(jobs.QUICK, dropout=0.0), CPU)
    count_only(made.get_base_model())
    torch.manual_seed(3)
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.2)
    return made


@pytest.fixture(scope="module")
def rows(base: Path) -> list[Encoded]:
    tokens = tokenizer(base)
    texts = encode_general("The wind comes from far away over the hills in the evening.", tokens, 200)
    return [*(encode(row, tokens) for row in jobs.rows(5)), *texts]


@pytest.fixture
def clean(model: Any) -> Iterator[None]:
    yield
    model.zero_grad()


def learned(model: Any, lesson: Lesson, rows: list[Encoded]) -> tuple[dict[str, Any], Sums]:
    sums = Sums()
    for part in lesson.stretches(rows, "cpu"):
        loss, told = lesson.loss(model, part)
        (loss / lesson.weight(rows)).backward()
        sums.add(told)
    found = {name: w.grad.clone() for name, w in model.named_parameters() if w.grad is not None}
    model.zero_grad()
    return found, sums


def test_the_losses_are_those_of_the_whole_logits(model: Any, rows: list[Encoded]) -> None:
    import torch

    row = rows[1]
    loss, told = Lesson(rows, replace(jobs.QUICK, first_weight=3), CPU, 0).loss(
        model, stretch([row], 0, "cpu")
    )
    with torch.no_grad():
        whole = model(input_ids=torch.tensor([row.tokens])).logits[0].log_softmax(-1)
    each = [-float(whole[at - 1, row.tokens[at]]) for at in range(row.start, len(row.tokens))]
    assert told.loss == pytest.approx(sum(each) / len(each), rel=1e-5)
    assert told.first_loss == pytest.approx(each[0], rel=1e-5)
    assert float(loss.detach()) == pytest.approx(sum(each) + 2 * each[0], rel=1e-5)
    assert (told.answers, told.firsts, told.tokens) == (row.counted, 1, len(row.tokens))


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize("flat", [False, True], ids=["padded", "in one line"])
@pytest.mark.parametrize("budget", [1, 150, 4096])
def test_the_gradient_is_the_same_in_every_layout(
    model: Any, rows: list[Encoded], flat: bool, budget: int
) -> None:
    import torch

    plain, sums = learned(model, Lesson(rows, replace(jobs.QUICK, at_once=1), CPU, 0), rows)
    other, others = learned(model, Lesson(rows, jobs.QUICK, replace(CPU, flat=flat), 0, budget), rows)
    assert plain.keys() == other.keys()
    assert all("lora" in name for name in plain)
    for name, gradient in plain.items():
        torch.testing.assert_close(gradient, other[name], rtol=1e-3, atol=1e-6)
    assert sums.loss == pytest.approx(others.loss, rel=1e-4)
    assert sums.replay_loss == pytest.approx(others.replay_loss, rel=1e-4)
    assert (sums.answers, sums.firsts, sums.replays) == (others.answers, others.firsts, others.replays)


@pytest.mark.usefixtures("clean")
def test_general_text_pulls_back_to_the_base(model: Any, rows: list[Encoded]) -> None:
    lesson = Lesson(rows, jobs.QUICK, CPU, 0)
    part = stretch([row for row in rows if row.replay], 0, "cpu")
    assert float(lesson.loss(model, part)[0].detach()) > 0.1
    with model.disable_adapter():
        assert float(lesson.loss(model, part)[0].detach()) == pytest.approx(0, abs=1e-3)


def test_a_general_text_weighs_what_an_answer_does(rows: list[Encoded]) -> None:
    lesson = Lesson(rows, jobs.QUICK, CPU, 0)
    answers = [row for row in rows if not row.replay]
    texts = [row for row in rows if row.replay]
    assert lesson.weight(texts) / len(texts) == pytest.approx(lesson.weight(answers) / len(answers))


def test_held_out_rows_are_measured_without_dropout(model: Any, rows: list[Encoded]) -> None:
    lesson = Lesson(rows, jobs.QUICK, CPU, 0)
    answers = [row for row in rows if not row.replay]
    heard: list[int] = []
    first = lesson.measure(model, answers, "cpu", lambda: heard.append(1))
    assert first == lesson.measure(model, answers, "cpu", lambda: None)
    assert heard
    assert first.answers == sum(row.counted for row in answers)
