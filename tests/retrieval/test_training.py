"""What the embedder's training takes and leaves: the claims of the adapter's card rest on it."""

import json
from math import isnan
from pathlib import Path

import pytest

from bench.average_adapters import averaged
from bench.train_embedder import Contract, Course, captions, held_out, likest, listwise, unseen, without
from service.core import Passage

CLAUSES = {
    "Insurance": "Supplier shall keep general liability cover of two million dollars with a rated insurer. ",
    "Audit Rights": "Books and records shall be open to the customer's accountants once a year, on ten days' notice. ",
    "Governing Law": "The laws of the State of New York apply to all that arises under or about these terms. ",
}


def made() -> str:
    return "\n\n".join(f"{n}. {name}. {text * 3}" for n, (name, text) in enumerate(CLAUSES.items(), 1))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Eight contracts of three annotated clauses each."""
    for folder in ("corpus/cuad", "cuad", "legalbenchrag", "qa_passages"):
        (tmp_path / folder).mkdir(parents=True)
    text, rows = made(), []
    for n in range(8):
        (tmp_path / f"corpus/cuad/{n}.txt").write_text(text)
        for category, words in CLAUSES.items():
            answer = {"start": text.find(words), "text": words}
            rows.append({"doc": f"cuad/{n}.txt", "category": category, "question": "q", "answers": [answer]})
    (tmp_path / "cuad/train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "qa_passages/train.jsonl").write_text("")
    (tmp_path / "legalbenchrag/cuad_train.json").write_text('{"tests": []}')
    (tmp_path / "cuad/questions.json").write_text(json.dumps(dict.fromkeys(CLAUSES, 'Details: Is it "so"?')))
    return tmp_path


def contract() -> Contract:
    cut = tuple(
        Passage(f"d.{n}", "d", "t", 0, 1, f"{name}. {text * 3}", (f"{n + 1}. {name}",))
        for n, (name, text) in enumerate(CLAUSES.items())
    )
    return Contract(cut, [{name: 100} for name in CLAUSES])


def test_categories_left_out_are_neither_asked_nor_answered_nor_shown(data: Path) -> None:
    left = {"Insurance"}
    course = Course(data, left, seed=1, labelled=2, headings=1)
    for _ in range(10):
        lesson = course.lesson()
        assert not left & set(lesson.topics)
        assert not any("insur" in text.lower() for text in (*lesson.questions, *lesson.texts))


def test_one_contract_in_seven_is_held_out() -> None:
    files = [f"{n:02}.txt" for n in range(21)]
    assert held_out(files[::-1]) == ["00.txt", "07.txt", "14.txt"]
    assert unseen(["c", "b", "a", "b"]) == {"b"}


def test_a_heading_asks_for_the_words_below_it() -> None:
    made = contract()
    (asked,) = captions(made, {"Audit Rights"}, {"law"})
    assert (asked.topic, asked.right, asked.bare) == ("insurance", {0: 1.0}, "insurance")
    assert without(made.passages[0], asked.bare).startswith("Supplier shall keep")


def test_hard_negatives_share_words() -> None:
    assert likest(contract(), {"laws", "cover"}, 3) == [2, 0]


def test_the_shares_of_an_answer_are_the_gains(data: Path) -> None:
    lesson = Course(data, set(), seed=1, labelled=3, headings=1).lesson()
    assert len(lesson.gains) == len(lesson.questions) == len(lesson.topics)
    for topic, gains in zip(lesson.topics, lesson.gains, strict=True):
        assert len(gains) == len(lesson.texts)
        assert sum(gain for gain in gains if not isnan(gain)) == pytest.approx(1)
        if topic in CLAUSES:  # the other contract answers it as well, and that is held against nobody
            assert sum(map(isnan, gains)) >= 1


def test_the_loss_is_least_when_scores_follow_gains() -> None:
    import torch

    gains = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    good, bad = (
        torch.tensor([[5.0, 0.0, 5.0], [0.0, 9.0, 0.0]]),
        torch.tensor([[0.0, 5.0, 0.0], [0.0, 9.0, 0.0]]),
    )
    assert float(listwise(good, gains)) < 0.71 < float(listwise(bad, gains))


def test_averaged_adapters_add_the_mean_of_what_each_adds() -> None:
    import torch

    chance = torch.Generator().manual_seed(0)
    layer = "base_model.model.x"
    parts = [
        {
            f"{layer}.lora_A.weight": torch.randn(rank, 6, generator=chance),
            f"{layer}.lora_B.weight": torch.randn(5, rank, generator=chance),
        }
        for rank in (2, 3)
    ]
    config, mean = averaged([{"r": 2, "lora_alpha": 4}, {"r": 3, "lora_alpha": 6}], parts)
    assert (config["r"], config["lora_alpha"]) == (5, 10)
    added = [part[f"{layer}.lora_B.weight"] @ part[f"{layer}.lora_A.weight"] for part in (*parts, mean)]
    assert torch.allclose((added[0] + added[1]) / 2, added[2].float(), atol=0.01)
