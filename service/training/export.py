"""What a run has made, to be carried elsewhere: the adapter alone, or merged into its base. Each form is loaded again
and weighed before it is called ready.

    export   base and adapter as one model       must weigh words as the adapter does where it serves
    control  the base without the adapter        must not, or the check would say nothing

exports/<form>.zip     the model with its card
exports/<form>.json    what the check found; written last
"""

import json
import logging
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from service.core import Adapter, LoraFile
from service.engines import BaseFiles, Weight, Words
from service.errors import PrivityError
from service.training.card import card
from service.training.evaluate import read_exams
from service.training.folder import JobFolder
from service.training.general import texts
from service.training.hands import Hands
from service.training.jobs import Job
from service.training.rendering import REFUSAL
from service.training.work import EXAMS

log = logging.getLogger("privity.training")

Shape = Literal["peft", "gguf", "safetensors", "BF16", "Q8_0", "Q4_0"]
SHAPES: tuple[Shape, ...] = get_args(Shape)
ALLOWED: Mapping[Shape, float] = {
    "peft": 0.05, "gguf": 0.01, "safetensors": 0.05, "BF16": 0.05, "Q8_0": 0.05, "Q4_0": 0.5,
}  # fmt: skip
HALF = 0.5  # of the control's distance, that an export must stay below
ROWS, TEXTS = 16, 8  # that are weighed


@dataclass(frozen=True, slots=True)
class Export:
    """`distance` and `control` are nats a token, on average: from the adapter where it serves to the export, and to the
    bare base."""

    form: Shape
    state: Literal["making", "ready", "refused"]
    reason: str = ""
    distance: float | None = None
    control: float | None = None
    allowed: float | None = None
    size: int = 0  # bytes


class Exports:
    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._known: tuple[int, list[Words], Sequence[Weight], Sequence[Weight]] | None = None
        self._making: dict[tuple[int, Shape], Future[None]] = {}
        self._thread = ThreadPoolExecutor(1, "privity-exports")

    def make(self, job: Job, folder: JobFolder, adapter: Adapter, shape: Shape) -> Export:
        """Puts an export in line, unless it is ready or being made, and tells where it stands."""
        found = self.found(job, folder, shape)
        if found is None or found.state == "refused":
            _marker(folder, shape).unlink(missing_ok=True)
            future = self._thread.submit(self._make, job, folder, adapter, shape)
            self._making[job.number, shape] = future
            return Export(shape, "making")
        return found

    def found(self, job: Job, folder: JobFolder, shape: Shape) -> Export | None:
        future = self._making.get((job.number, shape))
        if future is not None and not future.done():
            return Export(shape, "making")
        try:
            return Export(**json.loads(_marker(folder, shape).read_bytes()))
        except FileNotFoundError:
            return None

    def file(self, folder: JobFolder, shape: Shape) -> Path:
        return folder.path / "exports" / f"{shape}.zip"

    def close(self, wait: bool = False) -> None:
        """What is being made is finished; with `wait` also what is in line."""
        self._thread.shutdown(wait=True, cancel_futures=not wait)

    # --- in the thread -----------------------------------------------------------------------------------

    def _make(self, job: Job, folder: JobFolder, adapter: Adapter, shape: Shape) -> None:
        place = folder.path / "exports" / f"{shape}.part"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        try:
            made = self._made(job, folder, adapter, shape, place)
        except PrivityError as error:
            made = Export(shape, "refused", error.message)
        except Exception as error:
            log.error("an export failed with %s", type(error).__name__)
            made = Export(shape, "refused", "Something went wrong here. Make it again.")
        if made.state == "ready":
            made = replace(made, size=self._packed(job, folder, place, made))
        shutil.rmtree(place, ignore_errors=True)
        part = _marker(folder, shape).with_suffix(".json.part")
        part.write_text(json.dumps(asdict(made)), "utf-8")
        part.rename(_marker(folder, shape))

    def _made(self, job: Job, folder: JobFolder, adapter: Adapter, shape: Shape, place: Path) -> Export:
        assert adapter.folder is not None
        name = f"{job.order.name}-v{job.version}"
        serving = self._hands.serving()
        model, worn = serving, None
        if shape == "peft" or shape == "gguf":  # one by one, so that the type checker knows the rest
            worn = place
            wanted = (LoraFile.CONFIG, LoraFile.WEIGHTS) if shape == "peft" else (LoraFile.GGUF,)
            for file in wanted:
                _copied(adapter.folder / file, place / file)
            if shape == "peft":
                model = replace(self._hands.base(), gguf=None)
        elif shape == "safetensors":
            self._hands.merge(self._hands.base(), adapter.folder, shape, place / name)
            model = BaseFiles(None, place / name, "", name)
        else:
            target = place / f"{name}.{shape}.gguf"
            self._hands.merge(serving, adapter.folder, shape, target)
            model = BaseFiles(target, None, "", name)
        return self._checked(shape, job, folder, adapter.folder, model, worn)

    def _checked(
        self, shape: Shape, job: Job, folder: JobFolder, adapter: Path, model: BaseFiles, worn: Path | None
    ) -> Export:
        words, reference, bare = self._weighed(job, folder, adapter)
        distance = apart(self._hands.weigh_files(model, worn, words), reference)
        control = apart(bare, reference)
        allowed = min(ALLOWED[shape], HALF * control)
        if distance < allowed:
            return Export(shape, "ready", "", distance, control, allowed)
        reason = (
            f"Loaded again it is {distance:.3f} nats a token away from the adapter as it serves; {allowed:.3f} are "
            f"allowed, and the base without it is {control:.3f} away. "
        )
        lost = "What was learned is lost in this form: take a finer one." if ALLOWED[shape] > allowed else ""
        return Export(shape, "refused", f"{reason}{lost}".strip(), distance, control, allowed)

    def _weighed(
        self, job: Job, folder: JobFolder, adapter: Path
    ) -> tuple[list[Words], Sequence[Weight], Sequence[Weight]]:
        """The words, and how the adapter and the bare base weigh them where they serve; of the last run it is known."""
        if self._known is None or self._known[0] != job.number:
            serving, words = self._hands.serving(), self._words(job, folder)
            reference, bare = (self._hands.weigh_files(serving, one, words) for one in (adapter, None))
            self._known = job.number, words, reference, bare
        return self._known[1:]

    def _words(self, job: Job, folder: JobFolder) -> list[Words]:
        found = [Words(text) for text in texts()[:TEXTS]]
        if (folder.path / EXAMS).is_file():
            exams, _ = read_exams(folder.path / EXAMS, ROWS, 1)
            found += [
                Words(one.gold or REFUSAL, tuple(self._hands.prompt(one.question, one.context)))
                for one in exams
            ]
        return found

    def _packed(self, job: Job, folder: JobFolder, place: Path, made: Export) -> int:
        """The files and the card in a zip, not compressed: weights hardly shrink."""
        (place / LoraFile.CARD).write_text(card(job, made.form, asdict(made)), "utf-8")
        file = self.file(folder, made.form)
        part = file.with_suffix(".zip.part")
        root = f"{job.order.name}-v{job.version}-{made.form}"
        with zipfile.ZipFile(part, "w") as archive:
            for one in sorted(place.rglob("*")):
                if one.is_file():
                    archive.write(one, f"{root}/{one.relative_to(place)}")
        part.rename(file)
        return file.stat().st_size


def apart(some: Sequence[Weight], others: Sequence[Weight]) -> float:
    """How far two models weigh the same words apart, in nats a token, on average over the words."""
    each = [abs(one.nats - other.nats) / max(1, one.tokens) for one, other in zip(some, others, strict=True)]
    return sum(each) / max(1, len(each))


def _marker(folder: JobFolder, shape: Shape) -> Path:
    return folder.path / "exports" / f"{shape}.json"


def _copied(source: Path, target: Path) -> None:
    if not source.is_file():
        raise PrivityError(f"The adapter has no {source.name}, so this form cannot be made of it.")
    shutil.copyfile(source, target)
