"""A classifier's report: better than saying the commonest label, or not known to be."""

from typing import Any

import pytest

from service.training.classes import report as read
from service.training.confusion import Confusion


def report(counts: list[list[int]]) -> dict[str, Any]:
    """Of a matrix as the child tells it."""
    return read(Confusion(tuple("abc"[: len(counts)]), tuple(map(tuple, counts))).told())


def test_a_good_one_passes() -> None:
    told = report([[45, 5], [5, 45]])
    accuracy = told["intervals"]["accuracy"]
    assert accuracy["value"] == told["accuracy"] == told["macro_f1"] == pytest.approx(0.9)
    assert accuracy["low"] < 0.9 < accuracy["high"]
    assert told["labels"] == ["a", "b"]
    assert [one["rows"] for one in told["by_label"]] == [50, 50]
    assert told["commonest"] == {"macro_f1": pytest.approx(1 / 3), "accuracy": 0.5}
    assert told["gate"]["passed"]


def test_one_that_says_the_commonest_label_does_not() -> None:
    told = report([[90, 0], [10, 0]])
    assert told["gain"]["value"] == pytest.approx(0)
    assert not told["gate"]["passed"]
    assert "the commonest label alone" in told["gate"]["reasons"][0]


def test_a_label_without_rows_counts_nothing() -> None:
    assert report([[10, 0, 0], [0, 10, 0], [0, 0, 0]])["intervals"]["macro_f1"]["value"] == 1.0
