"""Desks laid out for the tests of the panes."""

from typing import Any

from ui.desk import Desk, Source
from ui.replies import Checked, Citation, Coverage, Document, Facts, Filed, Matter, Me, Turn

COVERAGE = Coverage(
    documents=14,
    passages=412,
    pages=90,
    pages_without_text=2,
    not_searched=1,
    seconds=0.21,
    index="m1-7f3a",
    silent=[{"document": "d3", "title": "Schedule.pdf", "pages": [4, 9]}],
)
FACTS = Facts(
    type="Lease", parties=["Harrow", "Lyle"], dated="2021-01-12", law="England and Wales", amends=""
)


def cited(n: int = 1, **change: Any) -> Citation:
    citation = Citation(
        n=n,
        document="d1",
        title="Lease.pdf",
        start=10,
        end=30,
        page=15,
        heading="12.4 Conditions",
        quote="of no effect",
        verified=True,
        role="evidence",
        remark="",
    )
    return citation | change  # type: ignore[return-value]


def checked(*citations: Citation, **change: Any) -> Checked:
    whole = Checked(
        answer_id="a1",
        refused=None,
        citations=list(citations),
        coverage=COVERAGE,
        adapter={"name": "base", "digest": "base"},
        unsupported=[],
        seconds=1.8,
        usage={"prompt": 300, "completion": 128, "cached": 0},
    )
    return whole | change  # type: ignore[return-value]


def filed(**change: Any) -> Filed:
    line = Filed(
        id="d1",
        matter="m1",
        title="Lease.pdf",
        kind="pdf",
        digest="41d0" + "0" * 58 + "7b",
        state="ready",
        reason="",
        size=2048,
        pages=38,
        pages_without_text=0,
        passages=146,
        characters=101_482,
        added=0.0,
        done=0,
        ledger=[],
        facts=FACTS,
        parent="",
        family="d1",
        version=1,
        current=True,
    )
    return line | change  # type: ignore[return-value]


def document(**change: Any) -> Document:
    page = {
        "number": 1,
        "start": 0,
        "end": 50,
        "width": 595.0,
        "height": 842.0,
        "empty": False,
        "confidence": None,
    }
    kin: dict[str, Any] = {"versions": [filed()], "attached": [], "amends": [], "amended_by": []}
    inside = {
        "page_list": [page],
        "outline": [{"heading": "12 Break", "level": 1, "start": 0, "page": 1}],
        "marks": [],
        "definitions": [],
        "references": [],
    }
    return filed() | kin | inside | change  # type: ignore[return-value]


def plain(**change: Any) -> Document:
    """A document without pages, such as a Word file."""
    return document(kind="docx", title="Letter.docx", page_list=[], outline=[]) | change  # type: ignore[return-value]


def desk(**change: Any) -> Desk:
    laid = Desk(
        me=Me(id="u1", name="priya", role="member"),
        matters=[Matter(id="m1", name="Harrow Estates v Lyle", created=0, documents=14, members=2)],
        matter="m1",
    )
    for name, value in change.items():
        setattr(laid, name, value)
    return laid


def talk(text: str, behind: Checked) -> list[Turn]:
    return [
        Turn(role="user", text="May the tenant break?", created=0),
        Turn(role="assistant", text=text, created=0, privity=behind),
    ]


def reading(text: str, start: int, end: int) -> Source:
    """A text document open at a span of it."""
    citation = cited(start=start, end=end, quote=text[start:end])
    return Source(plain(), text=text, citation=citation, answer="a1", of=1)
