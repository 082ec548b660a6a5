"""A job's folder: what the service asks of a training, and what the training tells. The two share nothing else.

    spec.json train.jsonl held_out.jsonl replay.jsonl    the service writes them, the spec last, before the child starts
    progress.jsonl log.txt checkpoints/<step>/           the child writes them while it trains
    adapter/ done.json                                   the child's last deeds, each renamed into place
    stop                                                 the service asks: finish the step, save, and end
    lock                                                 held while a child lives, however it ends

Whatever has its final name is whole: files and folders are written under a name that ends in `.part` and renamed.
"""

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from service.errors import BadRequest
from service.lock import HomeLock, owner
from service.training.recipe import Kind, Recipe
from service.training.rendering import Example, Labelled

Split = Literal["train", "held_out"]
End = Literal["trained", "stopped", "failed"]
Tracker = Literal["", "mlflow", "wandb"]

PART = ".part"


@dataclass(frozen=True, slots=True)
class Spec:
    """What is to be trained. `base` is a folder that transformers loads: the base model's, or the embedder's."""

    number: int
    name: str  # of the adapter
    kind: Kind
    recipe: Recipe
    base: str
    base_name: str = ""  # what the adapter's configuration calls the base
    over: Literal["base", "embedder"] = (
        "base"  # what a classifier stands on; answers always stand on the base
    )
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int = 1  # of the CPU
    cores: tuple[int, ...] = ()  # that the child keeps to; empty: any
    niceness: int = 0
    tracker: Tracker = ""
    tracker_address: str = ""  # MLflow's server; empty: files in this folder
    start: str = ""  # the folder of an adapter to go on from; empty: a new one
    counts: Mapping[str, int] = field(default_factory=dict)  # of rows, by split, for the log


@dataclass(frozen=True, slots=True)
class Progress:
    """A logged step. What was not measured at it is None, and is left out of the line.

    `first_loss` is the loss of the first token of the answer alone, which carries the choice between answers. Losses
    are in nats a token; a classifier's are in nats a row.
    """

    at: float  # Unix seconds
    step: int
    of: int
    epoch: float | None = None
    loss: float | None = None
    first_loss: float | None = None
    held_out_loss: float | None = None
    held_out_first_loss: float | None = None
    rate: float | None = None
    norm: float | None = None  # of the gradient, before it is clipped
    drift: float | None = None  # what EWC's penalty says, in nats a token
    replay_loss: float | None = None
    tokens: int = 0  # read so far, padding not counted
    tokens_per_second: float | None = None
    left: float | None = None  # seconds, as far as can be told
    memory: int | None = None  # bytes, at the most so far
    accuracy: float | None = None  # of a classifier on the held-out rows
    macro_f1: float | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """How a training ended; the last thing that it writes. `reason` is a sentence, empty where it went well."""

    state: End
    reason: str = ""
    step: int = 0
    of: int = 0
    seconds: float = 0.0
    best_step: int = 0
    losses: Mapping[str, float] = field(default_factory=dict)  # first, last, before, held_out
    scores: Mapping[str, Any] = field(
        default_factory=dict
    )  # a classifier's: accuracy, macro_f1, labels, confusion
    resumed: int = 0  # how often it went on from a checkpoint
    notes: Sequence[str] = ()  # what the reader of the report should know, each a sentence


class JobFolder:
    """The names in one job's folder, and how each is written and read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def adapter(self) -> Path:
        """The finished adapter, in PEFT's form (and a classifier's head beside it)."""
        return self.path / "adapter"

    @property
    def log(self) -> Path:
        """What the child said on stderr; never client text."""
        return self.path / "log.txt"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def progress(self) -> Path:
        return self.path / "progress.jsonl"

    # --- what the service writes ---------------------------------------------------------------------------

    def write_rows(self, split: Split, rows: Iterable[Example | Labelled]) -> int:
        """Returns how many there were."""
        return self._write_lines(f"{split}.jsonl", map(asdict, rows))

    def write_replay(self, texts: Iterable[str]) -> int:
        """General text, a passage a line, that keeps the model from forgetting."""
        return self._write_lines("replay.jsonl", ({"text": text} for text in texts))

    def write_spec(self, spec: Spec) -> None:
        """The last of the service's files: where it is, the rows are."""
        self._write("spec.json", json.dumps(asdict(spec), indent=1))

    def ask_to_stop(self) -> None:
        (self.path / "stop").touch()

    def reopen(self) -> None:
        """Ready to go on from the last checkpoint, after a stop, a failure or a kill."""
        for name in ("done.json", "stop"):
            (self.path / name).unlink(missing_ok=True)

    # --- what the service reads ----------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        """Whether a child works in this folder now."""
        return self.path.is_dir() and owner(self.path) is not None

    def done(self) -> Done | None:
        try:
            said = json.loads((self.path / "done.json").read_bytes())
        except FileNotFoundError:
            return None
        return Done(**_known(Done, said))

    def lines(self, after: int = 0) -> tuple[list[dict[str, Any]], int]:
        """The progress lines from the byte `after` on, and where the next reading begins.

        A check adds a second line to its step, a child that was killed leaves its last line torn, and one that goes on
        repeats the steps after its checkpoint: `curve` makes one line of all that was told of a step.
        """
        try:
            with self.progress.open("rb") as file:
                file.seek(after)
                data = file.read()
        except FileNotFoundError:
            return [], after
        whole = data[: data.rfind(b"\n") + 1]
        return list(_parsed(whole.splitlines())), after + len(whole)

    # --- what the child reads ------------------------------------------------------------------------------

    def spec(self) -> Spec:
        """Raises BadRequest when it cannot be read."""
        try:
            said = json.loads((self.path / "spec.json").read_bytes())
            known = _known(Spec, said) | {
                "recipe": Recipe(**_known(Recipe, said["recipe"])),
                "cores": tuple(said.get("cores", ())),
            }
            return Spec(**known)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadRequest(
                f"spec.json cannot be read ({type(error).__name__}). Start the job anew."
            ) from None

    def examples(self, split: Split) -> list[Example]:
        return [Example(**row) for row in self._read_lines(f"{split}.jsonl")]

    def labelled(self, split: Split) -> list[Labelled]:
        return [Labelled(**row) for row in self._read_lines(f"{split}.jsonl")]

    def replay(self) -> list[str]:
        return [row["text"] for row in self._read_lines("replay.jsonl")]

    @property
    def stop_asked(self) -> bool:
        return (self.path / "stop").exists()

    # --- what the child writes -----------------------------------------------------------------------------

    def hold(self) -> HomeLock:
        """The lock of the one child that works here. Raises Conflict while another does."""
        return HomeLock(self.path, str(os.getpid()))

    def add(self, line: Progress) -> None:
        """Append a line, whole or, if the process dies, torn and passed over by readers."""
        said = {name: value for name, value in asdict(line).items() if value is not None}
        with self.progress.open("ab+") as file:
            torn = file.tell() and not _ends_a_line(file)
            file.write((b"\n" if torn else b"") + json.dumps(said).encode() + b"\n")

    def finish(self, done: Done) -> None:
        self._write("done.json", json.dumps(asdict(done), indent=1))

    @contextmanager
    def making(self, target: Path) -> Iterator[Path]:
        """A folder to fill, that takes the name `target` when the block ends well; what stood there before goes."""
        part = target.with_name(target.name + PART)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        yield part
        for file in part.rglob("*"):
            _sync(file)
        shutil.rmtree(target, ignore_errors=True)
        part.rename(target)
        _sync(target.parent)

    def steps(self) -> list[int]:
        """The steps with a whole checkpoint, in their order."""
        names = [entry.name for entry in self.checkpoints.iterdir()] if self.checkpoints.is_dir() else []
        return sorted(int(name) for name in names if name.isdecimal())

    # ---------------------------------------------------------------------------------------------------------

    def _write(self, name: str, text: str) -> None:
        self._place(name, [text])

    def _write_lines(self, name: str, rows: Iterable[Mapping[str, Any]]) -> int:
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
        self._place(name, lines)
        return len(lines)

    def _place(self, name: str, lines: Iterable[str]) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        part = self.path / (name + PART)
        with part.open("w", encoding="utf-8") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        part.rename(self.path / name)
        _sync(self.path)

    def _read_lines(self, name: str) -> list[Any]:
        try:
            with (self.path / name).open(encoding="utf-8") as file:
                return [json.loads(line) for line in file]
        except FileNotFoundError:
            return []


def curve(lines: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One line a step, with the last that was told of it, in the order of steps."""
    told: dict[int, dict[str, Any]] = {}
    for line in lines:
        told.setdefault(line["step"], {}).update(line)
    return [told[step] for step in sorted(told)]


def _known(kind: Any, said: Mapping[str, Any]) -> dict[str, Any]:
    """The part of `said` that the type has fields for: a folder of a later version can still be read."""
    return {one.name: said[one.name] for one in fields(kind) if one.name in said}


def _parsed(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict) and "step" in said:
            yield said


def _ends_a_line(file: Any) -> bool:
    file.seek(-1, os.SEEK_END)
    return bool(file.read(1) == b"\n")


def _sync(path: Path) -> None:
    """Onto the disk, so that a rename is never seen before what it names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
