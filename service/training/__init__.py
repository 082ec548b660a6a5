"""Fine-tunes: rows that were looked at, runs that survive a restart, reports, and a gate before anybody is answered.

The child that trains comes through here too, so what needs the database is imported when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from service.training.datasets import Added, Card, Datasets, Kept
    from service.training.export import Shape
    from service.training.fields import FIELDS
    from service.training.hands import Hands
    from service.training.jobs import Deed, Job, JobState, waiting
    from service.training.lineage import Lineages
    from service.training.mapping import Columns, guess, taken
    from service.training.masking import Finder, covered, masked
    from service.training.presidio import finder, lacks
    from service.training.proposing import Proposing, Wish
    from service.training.recipe import PRESETS
    from service.training.recipe import read as read_recipe
    from service.training.review import Review
    from service.training.rows import Kind, Provenance, Row
    from service.training.rulebook import RULES
    from service.training.sheets import read as read_sheet
    from service.training.supervisor import Now
    from service.training.training import Training, TrainSpec

__all__ = [
    "FIELDS",
    "PRESETS",
    "RULES",
    "Added",
    "Card",
    "Columns",
    "Datasets",
    "Deed",
    "Finder",
    "Hands",
    "Job",
    "JobState",
    "Kept",
    "Kind",
    "Lineages",
    "Now",
    "Proposing",
    "Provenance",
    "Review",
    "Row",
    "Shape",
    "TrainSpec",
    "Training",
    "Wish",
    "covered",
    "finder",
    "guess",
    "lacks",
    "masked",
    "read_recipe",
    "read_sheet",
    "taken",
    "waiting",
]

_LATE = {
    "Added": ("datasets", "Added"),
    "Card": ("datasets", "Card"),
    "Columns": ("mapping", "Columns"),
    "Datasets": ("datasets", "Datasets"),
    "Deed": ("jobs", "Deed"),
    "FIELDS": ("fields", "FIELDS"),
    "Finder": ("masking", "Finder"),
    "Hands": ("hands", "Hands"),
    "Job": ("jobs", "Job"),
    "JobState": ("jobs", "JobState"),
    "Kept": ("datasets", "Kept"),
    "Kind": ("rows", "Kind"),
    "Lineages": ("lineage", "Lineages"),
    "Now": ("supervisor", "Now"),
    "PRESETS": ("recipe", "PRESETS"),
    "Proposing": ("proposing", "Proposing"),
    "Provenance": ("rows", "Provenance"),
    "RULES": ("rulebook", "RULES"),
    "Review": ("review", "Review"),
    "Row": ("rows", "Row"),
    "Shape": ("export", "Shape"),
    "TrainSpec": ("training", "TrainSpec"),
    "Training": ("training", "Training"),
    "Wish": ("proposing", "Wish"),
    "covered": ("masking", "covered"),
    "finder": ("presidio", "finder"),
    "guess": ("mapping", "guess"),
    "lacks": ("presidio", "lacks"),
    "masked": ("masking", "masked"),
    "read_recipe": ("recipe", "read"),
    "read_sheet": ("sheets", "read"),
    "taken": ("mapping", "taken"),
    "waiting": ("jobs", "waiting"),
}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, known = _LATE[name]
    return getattr(import_module(f"{__name__}.{module}"), known)
