"""Every export of an adapter of the real base, loaded again; and one that was made wrongly, which must not pass."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from service.adapters.convert import convert
from service.core import Adapter, LoraFile, Message
from service.engines import BaseFiles, Form, Weight, Words, merge, prepare, prepare_folder, weigh
from service.training import Hands, Job, JobState
from service.training.evaluate import write_exams
from service.training.export import Exports, Shape, apart
from service.training.folder import JobFolder
from service.training.jobs import Order
from service.training.scores import Exam
from service.training.work import EXAMS
from tests.adapters.made import LINEAR, SMOLLM, lora
from tests.engines import loras

JOB = Job(1, Order("leases", "Leases", "answers", "d1", {"rate": 1e-3}), JobState.WAITING, 0.0, version=1)


@pytest.fixture(scope="module")
def files(models: Path) -> BaseFiles:
    found = prepare("embedded", models)
    return replace(found, folder=prepare_folder(found, models))


@pytest.fixture
def adapter(tmp_path: Path) -> Adapter:
    folder = lora(tmp_path / "made", SMOLLM, rank=4, seed=5, targets=LINEAR, strength=0.15)
    convert(folder, SMOLLM, folder / LoraFile.GGUF)
    return Adapter("leases", "a" * 64, 1, folder=folder)


def hands(files: BaseFiles) -> Hands:
    def weigh_files(model: BaseFiles, adapter: Path | None, words: Sequence[Words]) -> Sequence[Weight]:
        return weigh(model, adapter, words, threads=2, niceness=0)

    def merged(base: BaseFiles, adapter: Path, form: Form, target: Path) -> None:
        merge(base, adapter, form, target, niceness=0)

    async def submit(_: object) -> None: ...

    return Hands(
        base=lambda: files,
        serving=lambda: files,
        weigh=lambda adapter, words, halted: [],
        weigh_files=weigh_files,
        merge=merged,
        embedder=Path,
        submit=submit,  # type: ignore[arg-type]
        prompt=lambda question, context: [Message("user", f"{context}\n{question}")],
        count=len,
        idle=lambda: True,
        scope=lambda id: None,  # type: ignore[arg-type, return-value]
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_form_is_the_same_model(files: BaseFiles, adapter: Adapter, tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "1")
    folder.path.mkdir()
    context = "The tenant may end this lease by giving not less than six months' notice in writing."
    write_exams(
        folder.path / EXAMS, [Exam("r1", "How may the tenant end it?", context, "six months' notice", "a")]
    )
    exports = Exports(hands(files))
    shapes: tuple[Shape, ...] = ("peft", "gguf", "safetensors", "BF16", "Q8_0", "Q4_0")
    for shape in shapes:
        exports.make(JOB, folder, adapter, shape)
    exports.close(wait=True)
    for shape in shapes:
        found = exports.found(JOB, folder, shape)
        assert found
        assert found.distance is not None
        assert found.control is not None
        assert found.allowed is not None
        assert found.allowed <= found.control / 2, "the bare base does not pass"
        assert (found.state == "ready") == (found.distance < found.allowed), found
        if shape != "Q4_0":  # whose rounding may cost a small base more than what was learned
            assert found.state == "ready", found
            assert exports.file(folder, shape).stat().st_size == found.size > 10_000


@pytest.mark.slow
def test_one_that_is_made_wrongly_is_found_out(files: BaseFiles, adapter: Adapter, tmp_path: Path) -> None:
    """Without the rotary permutation the file loads, and answers wrongly."""
    assert adapter.folder
    wrong = tmp_path / "wrong"
    shutil.copytree(adapter.folder, wrong)
    how = {"rank": 4, "seed": 5, "targets": LINEAR, "strength": 0.15}
    loras.write(wrong / LoraFile.GGUF, permuted=False, **how)  # type: ignore[arg-type]
    words = [Words("The Landlord shall insure the Building against fire and storm, and keep it in repair.")]
    right = weigh(files, adapter.folder, words)
    merge(files, wrong, "BF16", tmp_path / "wrong.gguf")
    merge(files, adapter.folder, "BF16", tmp_path / "right.gguf")
    made = [
        weigh(BaseFiles(tmp_path / f"{one}.gguf", None, "", one), None, words) for one in ("right", "wrong")
    ]
    assert apart(made[0], right) < 0.05 < apart(made[1], right)
