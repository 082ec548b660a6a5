"""What may be served under which name: adapters checked, kept by their content, published and rolled back."""

from service.adapters.admission import DEFAULT, Admission, Line, Wanted
from service.adapters.door import Model
from service.adapters.figures import Figures
from service.adapters.findings import STEPS, AdapterFacts, Check, Findings, Step, Tick
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
    "Line",
    "Model",
    "Named",
    "Step",
    "Tick",
    "Version",
    "Wanted",
]
