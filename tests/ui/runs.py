"""Fine-tunes laid out for the tests of the panes."""

from typing import Any

from tests.ui.desks import desk
from ui.desk import Desk
from ui.replies import (
    Contestant,
    DataSet,
    Me,
    Preflight,
    Recipes,
    Report,
    Run,
    Shown,
    TrainingRow,
    WholeRun,
)
from ui.tuning import Tuning

TRAINER = Me(id="u2", name="tess", role="trainer")
HARROW = {"id": "m1", "name": "Harrow Estates v Lyle"}
CONTEXT = (
    "12.1 This Agreement shall be governed by the laws of\nEngland and Wales. Nothing else is said here."
)


def laid(tuning: Tuning, **change: Any) -> Desk:
    usual: dict[str, Any] = {"me": TRAINER}
    return desk(view="finetune", tuning=tuning, **(usual | change))


def run(number: int = 15, **change: Any) -> Run:
    whole = Run(
        number=number,
        name="contract-qa",
        title="Contract Q&A",
        kind="answers",
        dataset="t1",
        matters=[HARROW],  # type: ignore[list-item]
        people=[],
        state="training",
        reason="",
        by="tess",
        created=0.0,
        started=10.0,
        ended=None,
        progress={"step": 183, "of": 480, "loss": 0.412, "left": 660.0},
        share=0.38,
        version=None,
        resumed=0,
    )
    return whole | change  # type: ignore[return-value]


def whole(number: int = 15, **change: Any) -> WholeRun:
    more = {
        "recipe": {"rate": 2e-4, "rank": 16, "epochs": 3.0},
        "counts": {"train": 3847, "held_out": 775, "documents_train": 310, "documents_held_out": 60},
        "base": "5be1",
        "adapter": "",
        "now": {"paused": False, "slower": 0.04, "seconds": 120.0},
        "checkpoints": [160],
        "deeds": [{"what": "launch", "by": "tess", "at": 0.0, "reason": ""}],
        "approved_by": "",
        "approval_reason": "",
        "exports": [],
        "gate": None,
        "may": {"cancel": True, "resume": False, "approve": False, "decline": False, "export": False},
    }
    return run(number) | more | change  # type: ignore[return-value]


def judged(passed: bool = True, **change: Any) -> WholeRun:
    """A run that waits for somebody's decision."""
    reasons = [] if passed else ["F1 is no higher than that of version 3: -1.0 points."]
    may = {"cancel": False, "resume": False, "approve": True, "decline": True, "export": True}
    more: dict[str, Any] = {
        "state": "waiting",
        "version": 4,
        "adapter": "contract-qa",
        "now": None,
        "may": may,
        "share": 1.0,
    }
    return whole(**(more | {"gate": {"passed": passed, "reasons": reasons}} | change))


def dataset(**change: Any) -> DataSet:
    made = DataSet(
        id="t1",
        name="Harrow Estates v Lyle",
        kind="answers",
        matters=["m1"],
        by="tess",
        created=0.0,
        note="",
        counts={"proposed": 3, "accepted": 0, "rejected": 0},
        answerable=0,
        origins={"rule": 3},
        documents=0,
    )
    return made | change  # type: ignore[return-value]


def row(id: str = "r1", **change: Any) -> TrainingRow:
    made = TrainingRow(
        id=id,
        state="proposed",
        question="What law governs this agreement?",
        context=CONTEXT,
        answer="laws of England and Wales",
        label="",
        origin="rule",
        document="d1",
        start=40,
        end=140,
        rule="governing_law",
        title="Lease.pdf",
        by="",
        edited_by="",
    )
    return made | change  # type: ignore[return-value]


def recipes() -> Recipes:
    standard = {"rate": 2e-4, "rank": 16, "schedule": "cosine"}
    return Recipes(
        presets={
            "smoke": {"said": "A dozen steps.", "recipe": standard | {"rate": 1e-3}},
            "standard": {"said": "Every row three times.", "recipe": standard},
        },
        fields=[
            {
                "name": "rate",
                "level": "normal",
                "label": "Learning rate",
                "sentence": "How far each step moves.",
                "kind": "number",
                "low": 1e-6,
                "high": 1e-2,
                "choices": [],
            },
            {
                "name": "rank",
                "level": "normal",
                "label": "Rank",
                "sentence": "The size of the adapter.",
                "kind": "integer",
                "low": 1,
                "high": 256,
                "choices": [],
            },
            {
                "name": "schedule",
                "level": "expert",
                "label": "Schedule",
                "sentence": "How the rate falls.",
                "kind": "choice",
                "low": 0,
                "high": 0,
                "choices": ["cosine", "linear"],
            },
        ],
    )


def preflight(**change: Any) -> Preflight:
    spans = [{"text": "Question: What law governs? ", "counts": False}, {"text": "England", "counts": True}]
    made = Preflight(
        rows=3847,
        held_out=775,
        general=384,
        left_out=12,
        tokens=1_200_000,
        counted=90_000,
        longest=1020,
        median=310,
        steps=480,
        place="cpu, bf16",
        forecast={"seconds": 1740.0, "memory": 2_300_000_000, "measured": False},
        batch=[{"id": "r1", "tokens": 310, "counted": 21, "spans": spans}],  # type: ignore[typeddict-item]
        kind="answers",
        cut=0,
        counts={"documents_train": 310, "documents_held_out": 60, "answerable": 67, "refuse": 33},
        dropped={},
        remarks=[],
    )
    return made | change  # type: ignore[return-value]


def between(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.03, "high": value + 0.03}


def contestant(who: str, f1: float, **change: Any) -> Contestant:
    scores = {
        "f1": between(f1),
        "exact": between(0.5),
        "f1_answerable": None,
        "refuses_rightly": between(0.92),
        "refuses_wrongly": between(0.04),
        "verbatim": 1.0,
        "invented": 0.0,
        "first_median": 0.41,
        "median": 1.2,
        "slow": 2.1,
    }
    general = {"perplexity": 21.4, "right": 0.61, "texts": 40, "questions": 60}
    made = Contestant(
        who=who, called=f"the {who}", name="contract-qa", version=4, scores=scores, general=general
    )
    return made | change  # type: ignore[return-value]


def shown(**change: Any) -> Shown:
    made = Shown(
        id="r1",
        question="What law governs?",
        gold="England and Wales",
        said="the laws of England",
        rival="New York",
        f1=0.8,
        before=0.0,
        invented=[],
    )
    return made | change  # type: ignore[return-value]


def report(**change: Any) -> Report:
    some = [contestant("candidate", 0.726), contestant("published", 0.714), contestant("base", 0.182)]
    made = Report(
        kind="answers",
        rows=100,
        of=775,
        documents=60,
        answerable=67,
        rival="published",
        contestants=some,
        gain={"value": 0.012, "low": 0.002, "high": 0.03},
        gate={"passed": True, "reasons": []},
        best=[shown()],
        worst=[shown(f1=0.0, before=1.0, invented=["1997"])],
    )
    return made | change  # type: ignore[return-value]
