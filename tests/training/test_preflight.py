from dataclasses import replace
from pathlib import Path

import pytest

from service.errors import BadRequest
from service.training.encoding import encode, tokenizer
from service.training.folder import Spec
from service.training.opening import Place, opened
from service.training.ordering import order
from service.training.preflight import Shape, preflight, preflight_labels
from service.training.rendering import Labelled
from tests.training import jobs
from tests.training.test_classifier import RECIPE, embedder, job, reviews

__all__ = ["embedder"]  # a fixture

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")

TEXT = "The river rises in the hills and runs to the sea. " * 8


def spec(base: Path, **changed: object) -> Spec:
    return Spec(1, "winds", "answers", replace(jobs.QUICK, **changed), str(base), "tiny", device="cpu")  # type: ignore[arg-type]


def test_it_counts_what_the_trainer_reads(base: Path) -> None:
    rows, tokens = jobs.rows(24), tokenizer(base)
    found = preflight(rows, jobs.rows(8, 100), [], spec(base))
    encoded = [encode(row, tokens) for row in rows]
    assert (found.rows, found.held_out, found.left_out, found.steps) == (24, 8, 0, 12)
    assert found.tokens == sum(len(row.tokens) for row in encoded)
    assert found.counted == sum(row.counted for row in encoded)
    assert found.longest == max(len(row.tokens) for row in encoded)
    assert found.forecast.seconds > 0
    first = order([len(row.tokens) for row in encoded], 4, 1, jobs.QUICK.seed)
    assert [row.id for row in found.batch] == [rows[at].id for at in first]
    for row in found.batch:
        assert [span.counts for span in row.spans] == [False, True]
        assert row.spans[1].text.endswith("<|im_end|>")


def test_general_text_is_shown_too_and_long_rows_are_counted(base: Path) -> None:
    found = preflight(jobs.rows(24), jobs.rows(8, 100), [TEXT], spec(base, replay=0.5, seed=2))
    assert found.general == 24
    texts = [row for row in found.batch if row.id == "general text"]
    assert texts
    assert TEXT.startswith("".join(span.text for span in texts[0].spans)[:40])
    short = preflight(jobs.rows(24), jobs.rows(8, 100), [], spec(base, length=84))
    assert 0 < short.left_out < 24
    assert short.rows + short.held_out + short.left_out == 24 + 8
    none = preflight(jobs.rows(4), [], [], spec(base, length=32))
    assert (none.rows, none.steps, none.batch) == (0, 0, ())


def test_an_earlier_run_tells_the_time_better(base: Path) -> None:
    rows = jobs.rows(24)
    slow = preflight(rows, [], [], spec(base), speed=10.0).forecast
    assert slow.measured
    assert slow.seconds > 2 * sum(len(encode(row, tokenizer(base)).tokens) for row in rows) / 10
    limited = preflight(rows, [], [], spec(base, minutes=0.1), speed=10.0).forecast
    assert limited.seconds < slow.seconds


def test_the_shape_counts_the_weights(base: Path) -> None:
    shape = Shape.read(base)
    model = opened(base, jobs.QUICK, Place("cpu", bf16=False))
    whole = sum(weight.numel() for weight in model.get_base_model().parameters())
    learning = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    assert shape.adapter(jobs.QUICK) == learning
    assert shape.weights == pytest.approx(whole - learning, rel=0.2)


def test_what_cannot_be_had_is_said(base: Path) -> None:
    with pytest.raises(BadRequest, match="needs CUDA and bitsandbytes"):
        preflight(jobs.rows(4), [], [], spec(base, quantize="4bit"))


def test_a_classifier_s_rows_are_counted_as_it_reads_them(embedder: Path, tmp_path: Path) -> None:
    spec = job(tmp_path, embedder).spec()
    long = Labelled("long", "a lovely film " * 100, "positive")
    found = preflight_labels([*reviews(40, 1), long], [*reviews(9, 2), Labelled("x", "so so", "even")], spec)
    assert (found.kind, found.rows, found.held_out, found.left_out, found.cut) == ("classify", 41, 9, 1, 1)
    assert (found.longest, found.counted, found.steps) == (RECIPE.length, 41, 16)
    assert (len(found.batch), found.place) == (RECIPE.batch, "cpu, fp32")
    text, label = found.batch[0].spans
    assert text.text.startswith(("the ", "a lovely film"))
    assert (text.counts, label.counts, label.text in ("positive", "negative")) == (False, True, True)
    slow = preflight_labels(reviews(40, 1), reviews(9, 2), spec, speed=1.0).forecast
    assert slow.measured
    assert slow.seconds > found.forecast.seconds
    with pytest.raises(BadRequest, match="one label only"):
        preflight_labels([long], [long], spec)
