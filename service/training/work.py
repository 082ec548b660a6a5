"""What is done with a run before and after its training: its folder is filled, and what was trained is admitted and
examined."""

import asyncio
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from service.adapters import Adapters, Wanted
from service.config import Settings
from service.core import BASE, Adapter, Scope
from service.errors import Conflict, NotFound, NotReady, PrivityError
from service.retrieval import classifiers
from service.training import classes
from service.training.datasets import row_id
from service.training.evaluate import Contestant, Sat, Sheets, read_exams, report, sit, write_exams
from service.training.folder import Done, JobFolder, Spec
from service.training.gate import General
from service.training.general import texts as texts_about
from service.training.general import weighed
from service.training.hands import Hands
from service.training.jobs import Job, JobBooks, JobState, Learned, Order
from service.training.lint import Lint
from service.training.material import Material
from service.training.preflight import Preflight, preflight, preflight_labels
from service.training.recipe import Recipe
from service.training.rendering import Example, Labelled, example
from service.training.replaying import general as general_texts
from service.training.rows import Row
from service.training.scores import Exam
from service.training.splits import Split, group

EXAMS = "exams.jsonl"
SHEETS = "answers.jsonl"
SMOKE_STEPS = 12  # a recipe of no more only shows that everything works
SMOKE = 4  # texts and questions of general ability that are enough for it
_EVERY = 0.2  # seconds between two looks at an admission

Halted = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Work:
    home: Path
    books: JobBooks
    material: Material
    adapters: Adapters
    hands: Hands
    settings: Settings

    # --- before ------------------------------------------------------------------------------------------

    def prepare(self, job: Job, folder: JobFolder, halted: Halted) -> None:
        recipe, labels = Recipe(**job.order.recipe), job.order.kind == "classify"
        files = self.hands.serving() if labels else self.hands.base()
        found = self.material.gathered(job.order.dataset, recipe, self._scope(job))
        split = found.split
        counts = dict(found.counts)
        if labels:
            base = self._labelled(split, folder)
        else:
            assert files.folder is not None
            base = files.folder
            self._examples(split, folder)
            texts = self._general_texts(recipe, files.fingerprint, halted)
            counts["general_texts"] = folder.write_replay(texts)
        self.books.learn(job.number, _learned(job.order.dataset, split))
        told = counts | {"dropped": dict(found.dropped), "remarks": list(found.remarks)}
        self.books.change(job.number, counts=told, base=files.fingerprint)
        folder.write_spec(self._spec(job, recipe, base, files.name, counts))

    def _examples(self, split: Split, folder: JobFolder) -> None:
        folder.write_rows("train", map(self._shown, split.train))
        folder.write_rows("held_out", map(self._shown, split.held_out))
        write_exams(folder.path / EXAMS, map(_exam, split.held_out))

    def _shown(self, row: Row) -> Example:
        return example(row.id, row.question, row.context, row.answer, self.hands.prompt, group(row))

    def _general_texts(self, recipe: Recipe, fingerprint: str, halted: Halted) -> list[str]:
        if not recipe.replay and not recipe.ewc:
            return []
        return general_texts(self._general_file(fingerprint), self.hands.submit, halted)

    def _general_file(self, fingerprint: str) -> Path:
        return self.home / f"general.{fingerprint[:12]}.jsonl"

    def _labelled(self, split: Split, folder: JobFolder) -> Path:
        folder.write_rows("train", map(_with_label, split.train))
        folder.write_rows("held_out", map(_with_label, split.held_out))
        return self.hands.embedder()

    def _spec(self, job: Job, recipe: Recipe, base: Path, name: str, counts: Mapping[str, int]) -> Spec:
        training = self.settings.training
        return Spec(
            number=job.number,
            name=job.order.name,
            kind=job.order.kind,
            recipe=recipe,
            base=str(base.resolve()),
            base_name=name,
            over="embedder" if job.order.kind == "classify" else "base",
            device=training.device,
            threads=training.threads,
            cores=cores(training.cores),
            niceness=training.niceness,
            tracker=training.tracker,
            tracker_address=training.mlflow_uri,
            counts=counts,
        )

    def preflight(self, order: Order, scope: Scope) -> tuple[Preflight, Lint]:
        """What a run will be: its tokens, time and memory, and its first batch."""
        recipe = Recipe(**order.recipe)
        found, job = self.material.gathered(order.dataset, recipe, scope), Job(0, order, JobState.QUEUED, 0.0)
        if order.kind == "classify":
            return self._preflight_labels(job, recipe, found.split), found
        files = self.hands.base()
        assert files.folder is not None
        train, held_out = (list(map(self._shown, rows)) for rows in (found.split.train, found.split.held_out))
        file = self._general_file(files.fingerprint)
        known = file.is_file()
        texts = (
            self._general_texts(recipe, files.fingerprint, lambda: False) if known else list(texts_about())
        )
        spec = self._spec(job, recipe, files.folder, files.name, {})
        return preflight(train, held_out, texts, spec, self.books.speed(files.fingerprint, "answers")), found

    def _preflight_labels(self, job: Job, recipe: Recipe, split: Split) -> Preflight:
        files = self.hands.serving()
        spec = self._spec(job, recipe, self.hands.embedder(), files.name, {})
        train, held_out = (list(map(_with_label, rows)) for rows in (split.train, split.held_out))
        return preflight_labels(train, held_out, spec, self.books.speed(files.fingerprint, "classify"))

    # --- after -------------------------------------------------------------------------------------------

    def conclude(self, job: Job, folder: JobFolder, done: Done, halted: Halted) -> Mapping[str, Any]:
        begun = time.monotonic()
        trained = asdict(done) | {"state": done.state}
        if job.order.kind == "classify":
            return {"report": {"kind": "classify", "training": trained, **classes.report(done.scores)}}
        version = self._admitted(job, folder, halted)
        found = self._examined(job, folder, version, halted)
        more = {"training": trained, "seconds": round(time.monotonic() - begun, 1)}
        return {"report": found | more, "adapter": job.order.name, "version": version}

    def place(self, job: Job, folder: JobFolder) -> None:
        """Makes a classifier the one of its name: the folder is whole before the name points to it."""
        self.require_open(job.order)
        shelf = classifiers(self.home.parent, job.order.name)
        target, link = shelf / str(job.number), shelf / "current"
        if not target.is_dir():
            with folder.making(target) as part:
                shutil.copytree(folder.adapter, part, dirs_exist_ok=True)
        fresh = shelf / ".current.part"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target.name)
        fresh.replace(link)
        if job.order.name == self.settings.search.clauses:
            self.hands.relabel()

    def require_open(self, order: Order) -> None:
        """Raises Conflict for what is to tell the types of clauses, and stands behind a wall: it reads the clauses of
        every matter."""
        labels = order.kind == "classify" and order.name == self.settings.search.clauses
        if labels and (order.matters or order.people):
            raise Conflict(
                f'What is called "{order.name}" labels the clauses of every matter, and this one would learn from '
                "some or be for certain people. Give it another name, or take rows that everybody may know."
            )

    def tidy(self, job: Job, folder: JobFolder) -> None:
        """What a run learned from goes with it when it is over for good; its report and its adapter stay."""
        if job.number in {orphan.number for orphan in self.books.orphans()}:
            shutil.rmtree(folder.path, ignore_errors=True)
        if job.state.resumes:
            return
        for name in ("train.jsonl", "held_out.jsonl", "replay.jsonl", SHEETS):
            (folder.path / name).unlink(missing_ok=True)
        shutil.rmtree(folder.checkpoints, ignore_errors=True)

    def _scope(self, job: Job) -> Scope:
        """What is done is done in the name of whoever launched it, who must still be let in."""
        scope = self.hands.scope(job.order.by)
        if not job.seen(scope):
            raise PrivityError(
                "Who launched it no longer belongs to its matters. Let a member launch it anew."
            )
        return scope

    def _admitted(self, job: Job, folder: JobFolder, halted: Halted) -> int:
        """The number of its version: it comes in by the door, like any other adapter."""
        order, scope = job.order, self._scope(job)
        wanted = Wanted(
            order.name,
            order.title,
            order.matters,
            order.people,
            origin=f"fine-tune {job.number}",
            by=order.by,
            scope=scope,
        )
        outcome = self.adapters.outcome(self.adapters.admit(folder.adapter, wanted).id)
        while not outcome.done():
            if halted():
                raise NotReady("The admission goes on without us.")
            time.sleep(_EVERY)
        admission = outcome.result()
        if admission.state != "ready" or admission.version is None:
            raise PrivityError(f"What was trained was refused at the door: {' '.join(admission.reasons)}")
        return admission.version

    def _examined(self, job: Job, folder: JobFolder, version: int, halted: Halted) -> dict[str, Any]:
        recipe = Recipe(**job.order.recipe)
        contestants, rival = self._contestants(job, version)
        exams, of = read_exams(folder.path / EXAMS, recipe.held_out_rows, recipe.seed)
        owner = f"fine-tune {job.number}"
        sheets = Sheets(folder.path / SHEETS)
        said = asyncio.run(
            sit(exams, contestants, self.hands.submit, self.hands.prompt, sheets, owner, halted)
        )
        kept = {one.who: self._general(one.adapter, recipe, halted) for one in contestants}
        return report(Sat(exams, said, kept), contestants, rival, of, {})

    def _contestants(self, job: Job, version: int) -> tuple[list[Contestant], str]:
        """The candidate, what its name stands for today if that is another, and the base; and whom it is to replace."""
        scope, name = self._scope(job), job.order.name
        candidate = self.adapters.resolve(f"{name}@{version}", scope)
        found = [Contestant("candidate", candidate, f"version {version}")]
        try:
            published = self.adapters.resolve(name, scope)
        except NotFound:
            published = BASE
        rival = "base"
        if published.digest not in (BASE.digest, candidate.digest):
            found.append(Contestant("published", published, f"version {published.version}"))
            rival = "published"
        return [*found, Contestant("base", BASE, "the base")], rival

    def _general(self, adapter: Adapter, recipe: Recipe, halted: Halted) -> General:
        brief = 0 < recipe.steps <= SMOKE_STEPS
        with self.adapters.lease(adapter):
            return weighed(lambda words: self.hands.weigh(adapter, words, halted), SMOKE if brief else 0)


def cores(said: str) -> tuple[int, ...]:
    """ "2,4-5" is (2, 4, 5)."""
    found: list[int] = []
    for part in filter(None, said.split(",")):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return tuple(found)


def _learned(dataset: str, split: Split) -> list[Learned]:
    return [
        Learned(row_id(dataset, row), row.source.document, side)
        for side, rows in (("train", split.train), ("held_out", split.held_out))
        for row in rows
    ]


def _with_label(row: Row) -> Labelled:
    return Labelled(row.id, row.context, row.label, group(row))


def _exam(row: Row) -> Exam:
    return Exam(row.id, row.question, row.context, row.answer, group(row))
