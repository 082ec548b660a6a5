"""Adapters laid out for the tests of the panes."""

from typing import Any

from ui.replies import Adapter, Admission, Deed, Figures, Model, Step, Version

HARROW = {"id": "m1", "name": "Harrow Estates v Lyle"}


def version(number: int = 1, **change: Any) -> Version:
    whole = Version(
        version=number,
        digest=f"{number:04d}" + "0" * 58 + "c4",
        state="ready",
        searches=False,
        base="5be1" + "0" * 58 + "c4",
        rank=16,
        scale=2.0,
        tensors=420,
        size=9_300_000,
        origin="upload",
        matters=[],
        hidden_matters=0,
        people=[],
        by="priya",
        created=0.0,
        today=3,
        total=1412,
        probe={"moved": 2.1},
    )
    return whole | change  # type: ignore[return-value]


def figures(**change: Any) -> Figures:
    whole = Figures(answers=46, refused=0.065, verified=0.99, first_word_p95=0.61, disliked=2, corrected=1)
    return whole | change  # type: ignore[return-value]


def adapter(*versions: Version, **change: Any) -> Adapter:
    whole = Adapter(
        name="contract-qa",
        title="Contract Q&A",
        kind="answers",
        told="",
        published=None,
        previous=None,
        candidate=None,
        share=0,
        versions=list(versions) or [version()],
        history=[],
        figures={},
    )
    return whole | change  # type: ignore[return-value]


def deed(what: str, number: int | None = 1, **change: Any) -> Deed:
    whole = Deed(what=what, version=number, before="", after="", by="priya", at=0.0, matter=None)
    return whole | change  # type: ignore[return-value]


def refused(*reasons: str, **change: Any) -> Admission:
    ticks = [
        Step(step="archive", state="refused", said=list(reasons), seconds=0.1),
        Step(step="tensors", state="waiting", said=["Tensors match the base"], seconds=0.0),
    ]
    whole = Admission(
        id="i1",
        name="tone",
        state="refused",
        by="priya",
        created=0.0,
        ticks=ticks,
        reasons=list(reasons),
        version=None,
        told="",
    )
    return whole | change  # type: ignore[return-value]


def model(name: str = "contract-qa", **change: Any) -> Model:
    whole = Model(name=name, title="Contract Q&A", version=3, digest="9f2c" + "0" * 60)
    return whole | change  # type: ignore[return-value]
