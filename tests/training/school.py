"""Fine-tunes over a firm without a model: the real queue, books, admission, examination and gate; a child that trains
nothing, and an engine that says what it is told to."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from service.config import Settings
from service.core import BASE, Adapter, Caller, Generation, Message, Piece, Scope
from service.engines import BaseFiles, Form, Weight, Words
from service.errors import BadRequest, NotReady
from service.retrieval import model_folder
from service.storage.tables import Dataset, DatasetRow
from service.training import Hands, Job, JobState, Training, TrainSpec
from service.training.recipe import PRESETS
from service.training.rows import Row
from tests.adapters.firm import MATTERS, TRAINER, Firm, scope
from tests.training.standin import Play, program

SPEC = TrainSpec("d1", "notices", "Notices", PRESETS["smoke"])
SCOPE = scope(TRAINER, "m1")

GENERAL = "Bread is baked from flour, water, salt and time; the oven must be hot, and the baker must have slept well."
Says = Callable[[Adapter, Row], str]


def rows(documents: int = 12, each: int = 3) -> list[tuple[Row, str]]:
    """Rows with their documents; the last of each document has no answer."""
    made = []
    for document in range(documents):
        for at in range(each):
            days = f"{10 + document * each + at} days"
            context = f"Clause {at}. The notice is {days} from the date of the letter {document}."
            answer = "" if at == each - 1 else days
            made.append((Row(f"What is the notice {document}.{at}?", context, answer), f"doc{document}"))
    return made


def learned(adapter: Adapter, row: Row) -> str:
    """The base rambles, whatever was trained is right."""
    if adapter.digest == BASE.digest:
        return "It is 99 days, I think. [1]"
    return row.answer or "Unfortunately, the documents do not say."


class School:
    """With `real` its runs are trained by the real child, on the embedder; only classifiers can be."""

    def __init__(self, firm: Firm, play: Play | None = None, real: bool = False, **training: object) -> None:
        self.firm, self.says, self.loading = firm, learned, False
        self.nats = {BASE.digest: 3.0}  # a token, by digest; 3.01 for the others
        self.asked: list[Generation] = []
        self.matters = ["m1", "m2"]  # of whoever launches
        self.rows: dict[str, Row] = {}
        self.settings = Settings(home=firm.home, training=training)  # type: ignore[arg-type]
        self.real = real
        self.relabel: Callable[[], None] = lambda: None
        self.play = play or Play(steps=6, every=2, adapter=str(firm.make(7)))
        self.training = self._open()
        self.training.start()

    def _open(self) -> Training:
        hands = Hands(
            base=self._files,
            serving=self._files,
            weigh=self._weigh,
            weigh_files=self._weigh_files,
            merge=self._merge,
            embedder=model_folder,
            submit=self._submit,
            prompt=lambda question, context: [Message("user", f"{context}\n{question}")],
            count=lambda messages: 1,
            idle=lambda: True,
            scope=self._scope,
            relabel=lambda: self.relabel(),
        )
        child = None if self.real else program(self.play)
        return Training(self.settings, self.firm.database, self.firm.adapters, hands, child)

    def restart(self, play: Play | None = None) -> None:
        self.training.close()
        self.play = play or self.play
        self.training = self._open()
        self.training.start()

    def close(self) -> None:
        self.training.close()

    def fill(self, made: Sequence[tuple[Row, str]], matters: Sequence[str] = ("m1",), id: str = "d1") -> None:
        """A data set of accepted rows."""
        with self.firm.database.write() as table:
            table.add(
                Dataset(
                    id=id, name="Notices", kind=made[0][0].kind, created=0.0, by="u3", matters=list(matters)
                )
            )
            table.flush()
            for row, document in made:
                self.rows[row.question] = row
                table.add(
                    DatasetRow(
                        id=f"{id}.{row.id}",
                        dataset=id,
                        state="accepted",
                        question=row.question,
                        context=row.context,
                        answer=row.answer,
                        label=row.label,
                        origin="rule",
                        document=document,
                        group=document,
                        at=0.0,
                    )
                )

    def until(self, number: int, *states: JobState, seconds: float = 400.0) -> Job:
        deadline, everything = time.monotonic() + seconds, scope(TRAINER, *MATTERS)
        while (job := self.training.job(number, everything)).state not in states:
            assert time.monotonic() < deadline, job
            assert not job.state.final, (job.state, job.reason)
            time.sleep(0.02)
        return job

    def finished(self, spec: TrainSpec = SPEC, within: Scope = SCOPE) -> Job:
        return self.until(self.training.launch(spec, within).number, JobState.WAITING)

    # --- what it hands in ------------------------------------------------------------------------------------

    def _files(self) -> BaseFiles:
        if self.loading:
            raise NotReady("The model is loading.")
        return BaseFiles(None, self.firm.home, self.firm.facts.fingerprint, "small")

    def _weigh(
        self, adapter: Adapter, words: Sequence[Words], halted: Callable[[], bool]
    ) -> Sequence[Weight]:
        """The right end of a question, which stands first, is the likeliest."""
        nats, counts = self.nats.get(adapter.digest, 3.01), dict[str, int]()
        found = []
        for one in words:
            at = counts[str(one.before)] = counts.get(str(one.before), -1) + 1
            found.append(Weight(nats + at if one.before else nats, 1))
        return found

    def _weigh_files(
        self, files: BaseFiles, adapter: Path | None, words: Sequence[Words]
    ) -> Sequence[Weight]:
        """What an export weighs is in its file, what the base does is 2.8."""
        bare = 2.8 if adapter is None else 2.0
        nats = bare if files.gguf is None else float(files.gguf.read_text())
        return [Weight(nats * 4, 4) for _ in words]

    def _merge(self, files: BaseFiles, adapter: Path, form: Form, target: Path) -> None:
        if form == "safetensors":
            raise BadRequest("small is served without a folder.")
        target.write_text(str({"BF16": 2.01, "Q8_0": 2.03, "Q4_0": 2.45}[form]))

    async def _submit(self, generation: Generation) -> AsyncIterator[Piece]:
        self.asked.append(generation)
        return self._pieces(generation)

    async def _pieces(self, generation: Generation) -> AsyncIterator[Piece]:
        question = generation.messages[-1].content.rpartition("\n")[2]
        row = self.rows.get(question)
        yield Piece(self.says(generation.adapter, row) if row else GENERAL)
        yield Piece("", "stop")

    def _scope(self, id: str) -> Scope:
        person = Caller(id, id, TRAINER.role)
        return scope(person, *self.matters)
