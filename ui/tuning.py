"""What the fine-tune view has before it: the runs, and the one that is looked at or being prepared."""

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from ui.replies import (
    DataSet,
    Lineage,
    Preflight,
    Recipes,
    Report,
    Rule,
    Run,
    RunState,
    TrainingRow,
    WholeRun,
)

Stage = Literal["data", "recipe", "preflight", "run", "report", "approve"]
STAGES: tuple[Stage, ...] = ("data", "recipe", "preflight", "run", "report", "approve")
Level = Literal["simple", "normal", "expert"]
LEVELS: tuple[Level, ...] = ("simple", "normal", "expert")
WORKING: tuple[RunState, ...] = ("preparing", "training", "evaluating")
GOING: tuple[RunState, ...] = ("queued", *WORKING)
JUDGED: tuple[RunState, ...] = ("waiting", "published", "declined")
PAGE = 50  # rows of a data set that are shown together


@dataclass
class Draft:
    """A run that is being prepared. `changes` are what the form says other than the preset, by field."""

    name: str = ""
    title: str = ""
    preset: str = "standard"
    level: Level = "simple"
    protect: bool = False
    people: list[str] = field(default_factory=list)  # who may use it; nobody named: everybody in its matters
    changes: dict[str, Any] = field(default_factory=dict)


@dataclass
class Tuning:
    stage: Stage = "data"
    runs: list[Run] = field(default_factory=list)
    scores: dict[int, float | None] = field(default_factory=dict)  # F1 of those that have a report
    run: WholeRun | None = None  # that is looked at; none: one is being prepared
    report: Report | None = None  # its
    log: str | None = None  # its, once somebody asks
    lineage: Lineage | None = None  # its: the documents that it learned from

    sets: list[DataSet] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)  # what documents can be asked by themselves
    people: list[str] = field(default_factory=list)  # who could be let use what is trained on the chosen rows
    corrections: int = 0  # of lawyers in the open matter, that no data set holds yet
    chosen: DataSet | None = None
    rows: list[TrainingRow] = field(default_factory=list)  # a page of the chosen one's
    total: int = 0
    state: str = "proposed"  # of those rows
    offset: int = 0
    told: str = ""  # what the last deed with its rows came to

    recipes: Recipes | None = None
    draft: Draft = field(default_factory=Draft)
    preflight: Preflight | None = None
    flown: int = 0  # the run that the preflight was for; 0: one that has not begun
    against: list[str] = field(default_factory=list)  # why a run cannot begin
    asked: float = 0.0  # of the monotonic clock, when the lists were fetched

    def anew(self) -> None:
        """Put away what is open, for another run."""
        self.stage, self.run, self.report, self.log, self.lineage = "data", None, None, None, None
        self.put_down()
        self.draft = Draft()

    def put_down(self) -> None:
        """Back to the choice of a data set."""
        self.chosen, self.rows, self.total, self.offset = None, [], 0, 0
        self.state, self.told = "proposed", ""
        self.preflight, self.against, self.flown = None, [], 0

    @property
    def ready(self) -> int:
        """Rows of the chosen data set that may be learned from."""
        return self.chosen["counts"].get("accepted", 0) if self.chosen else 0

    @property
    def going(self) -> Run | None:
        """The run that the machine is busy with."""
        return next((run for run in self.runs if run["state"] in WORKING), None)


def suggested(words: str) -> str:
    """A name for an adapter: small letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:48].rstrip("-") or "fine-tune"
