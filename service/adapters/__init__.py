"""What may be served under which name: adapters checked, kept by their content, published and rolled back."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from service.adapters.admission import DEFAULT, Admission, Line, Wanted
from service.adapters.archive import Limits
from service.adapters.base_folder import facts_of_folder
from service.adapters.checks import vet
from service.adapters.findings import STEPS, AdapterFacts, Check, Findings, Step, Tick

if TYPE_CHECKING:
    from service.adapters.door import Model, SearchModel
    from service.adapters.figures import Figures
    from service.adapters.inventory import Survey, refusals, survey
    from service.adapters.registry import Adapters
    from service.adapters.versions import Event, Named, Version

__all__ = [
    "DEFAULT",
    "STEPS",
    "AdapterFacts",
    "Adapters",
    "Admission",
    "Check",
    "Event",
    "Figures",
    "Findings",
    "Limits",
    "Line",
    "Model",
    "Named",
    "SearchModel",
    "Step",
    "Survey",
    "Tick",
    "Version",
    "Wanted",
    "facts_of_folder",
    "refusals",
    "survey",
    "vet",
]

# What needs the database comes when it is asked for: the child that converts does without, and starts in a quarter
# of the time.
_LATE = {
    "Adapters": "registry",
    "Event": "versions",
    "Figures": "figures",
    "Model": "door",
    "Named": "versions",
    "SearchModel": "door",
    "Survey": "inventory",
    "Version": "versions",
    "refusals": "inventory",
    "survey": "inventory",
}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
