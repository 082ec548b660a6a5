"""What passes the gate, and what each reason against it says."""

import pytest

from service.training.gate import General, judge
from service.training.scores import Interval

BASE = General(20.0, 0.60)
BETTER = Interval(0.20, 0.05, 0.35)


def test_better_for_certain_and_nothing_forgotten() -> None:
    assert judge(BETTER, "F1", "version 3", General(21.9, 0.55), BASE).passed


@pytest.mark.parametrize(
    ("gain", "general", "said"),
    [
        (
            Interval(0.04, -0.01, 0.09),
            BASE,
            "F1 is higher than that of version 3 is not certain: +4.0 points",
        ),
        (Interval(0.0, 0.0, 0.0), BASE, "F1 is no higher than that of version 3: +0.0 points"),
        (Interval(-0.1, -0.2, 0.1), BASE, "-10.0 points"),
        (BETTER, General(22.1, 0.60), "perplexity is 22.1, the base's 20.0"),
        (BETTER, General(float("nan"), 0.60), "forgotten general text"),
        (BETTER, General(20.0, 0.45), "chooses 45 % of the answers right"),
    ],
)
def test_each_reason_is_told(gain: Interval, general: General, said: str) -> None:
    verdict = judge(gain, "F1", "version 3", general, BASE)
    assert not verdict.passed
    assert len(verdict.reasons) == 1
    assert said in verdict.reasons[0]


def test_every_reason_is_told_at_once() -> None:
    assert len(judge(Interval(0, 0, 0), "F1", "the base", General(40, 0.2), BASE).reasons) == 3


def test_without_a_look_at_general_ability_the_task_decides() -> None:
    assert judge(BETTER, "macro-F1", "version 1", None, None).passed
