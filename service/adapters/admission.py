"""An adapter at the door: what somebody asks for, how far the checks are, and what came of it."""

import re
from dataclasses import dataclass, field
from typing import Literal

from service.adapters.findings import STEPS, Check, Step
from service.core import BASE, Scope
from service.errors import BadRequest

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
DEFAULT = "default"  # the model's name that leaves the choice to the matter
RESERVED = (BASE.name, DEFAULT)
TITLE = 80  # characters

Mark = Literal["waiting", "running", "passed", "refused"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an adapter is to be. `scope` is all that its bringer may see; None for the house itself."""

    name: str
    title: str = ""
    matters: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    origin: str = "upload"
    by: str = ""
    scope: Scope | None = None
    debut: bool = False  # published at once if the name is new
    kept: bool = True  # False: it is only checked


@dataclass(frozen=True, slots=True)
class Line:
    """One step as the page shows it."""

    step: Step
    state: Mark
    said: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Admission:
    id: str
    wanted: Wanted
    state: Literal["checking", "ready", "refused"]
    created: float
    checks: tuple[tuple[Check, float], ...] = field(default=())  # each with the seconds that it took
    since: float = 0.0  # Unix seconds, when the running step began; 0 while it waits for its turn
    version: int | None = None
    told: str = ""  # a sentence beside the checks; a reason where it is refused

    @property
    def reasons(self) -> tuple[str, ...]:
        """Every reason why not."""
        said = tuple(reason for check, _ in self.checks if not check.ok for reason in check.said)
        return (*said, self.told) if self.state == "refused" and self.told else said

    def lines(self, now: float) -> list[Line]:
        """Every step in its order, also those that have not run."""
        done: dict[Step, tuple[Check, float]] = {check.name: (check, took) for check, took in self.checks}
        lines, running = [], self.state == "checking" and self.since > 0
        for step, title in STEPS.items():
            if step in done:
                check, took = done[step]
                lines.append(Line(step, "passed" if check.ok else "refused", check.said, took))
            else:
                lines.append(Line(step, "running" if running else "waiting", (title,), 0.0))
                if running:
                    lines[-1] = Line(step, "running", (title,), now - self.since)
                running = False
        return lines


def well_named(name: str) -> str:
    if not NAME.fullmatch(name):
        raise BadRequest(
            "An adapter's name has 1 to 64 small letters, digits, dots, dashes and underscores, "
            "and begins with a letter or digit."
        )
    return name


def titled(title: str, name: str) -> str:
    """The name in plain words: "contract-qa" is "Contract qa" unless a title was given."""
    words = " ".join(title.split()) or re.sub(r"[-_.]+", " ", name).strip().capitalize()
    if len(words) > TITLE:
        raise BadRequest(f"An adapter's title has at most {TITLE} characters. Shorten it.")
    return words
