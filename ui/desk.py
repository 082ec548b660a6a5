"""What one browser tab has before it. Acts change it; the panes are drawn from it and nothing else."""

import asyncio
from dataclasses import dataclass, field
from typing import Literal

from ui.replies import (
    BASE,
    Adapter,
    Admission,
    Citation,
    Conversation,
    Coverage,
    Document,
    Found,
    Key,
    Lineage,
    Marked,
    Matter,
    Me,
    Model,
    Status,
    Turn,
    User,
    Version,
)
from ui.tuning import Tuning

View = Literal["ask", "library", "adapters", "finetune", "admin"]
Face = Literal["pages", "text"]


@dataclass
class Live:
    """The answer that is being written."""

    question: str
    text: str = ""
    coverage: Coverage | None = None
    citations: list[Citation] = field(default_factory=list)  # the evidence, known before the model speaks
    since: float = 0.0  # of the monotonic clock


@dataclass
class Ended:
    """An answer that was not finished: what there was of it, and why."""

    question: str
    text: str
    why: str
    fault: bool  # an error, rather than its reader's wish
    coverage: Coverage | None = None
    citations: list[Citation] = field(default_factory=list)


@dataclass
class Side:
    """One of two answers to the same question: being written, whole, or not finished."""

    model: str  # as it was asked for
    live: Live | None
    turn: Turn | None = None
    ended: Ended | None = None

    def close(self, why: str, fault: bool = False) -> None:
        """End an answer that is still being written, keeping what there is of it."""
        if self.live is not None:
            one, self.live = self.live, None
            self.ended = Ended(one.question, one.text, why, fault, one.coverage, one.citations)

    @property
    def citations(self) -> list[Citation]:
        if self.turn is not None:
            return self.turn["privity"]["citations"] if "privity" in self.turn else []
        unfinished = self.live or self.ended
        return unfinished.citations if unfinished else []

    @property
    def answer(self) -> str:
        """The id of the whole answer; "" before."""
        return self.turn["privity"]["answer_id"] if self.turn and "privity" in self.turn else ""


@dataclass
class Versus:
    """One question and its two answers."""

    question: str
    sides: tuple[Side, Side]

    @property
    def live(self) -> bool:
        return any(side.live for side in self.sides)


@dataclass
class Source:
    """The document in the inspector, and the cited span in it, if one is."""

    document: Document
    text: str = ""
    citation: Citation | None = None
    answer: str = ""  # whose citation it is; "search" for a search hit
    of: int = 0  # citations of that answer
    marks: list[Marked] = field(default_factory=list)
    face: Face = "text"
    newer: bool = False  # it is not what was cited, but the version in which the cited words stand now
    astray: bool = False  # the cited words are not in it as it is read now, and so none are marked
    at: int = 0  # offset around which a very long text is drawn, when no citation is open
    drawn: str = field(default="", init=False, compare=False)  # its pane, which is dear for a long text

    @property
    def paged(self) -> bool:
        """Whether there are pictures of its pages."""
        return paged(self.document)


@dataclass
class Desk:
    me: Me | None = None
    status: Status | None = None
    matters: list[Matter] = field(default_factory=list)
    matter: str = ""
    models: list[Model] = field(default_factory=lambda: [BASE])  # that may answer in the matter
    model: str = "base"
    fixed: str = ""  # the adapter that the matter has made its own
    asked: float = 0.0  # of the monotonic clock, when these were fetched
    view: View = "ask"
    notice: str = ""

    conversations: list[Conversation] = field(default_factory=list)
    find: str = ""
    conversation: str = ""
    turns: list[Turn] = field(default_factory=list)
    live: Live | None = None
    ended: Ended | None = None
    verdicts: dict[str, str] = field(default_factory=dict)
    source: Source | None = None

    picked: Document | None = None
    learned: Lineage | None = None  # from that document
    titles: dict[str, str] = field(
        default_factory=dict
    )  # of the documents that the picked one is kin to, by id
    found: Found | None = None
    query: str = ""
    exact: bool = False

    adapter: Adapter | None = None  # that is looked at
    version: int = 0  # of it
    admission: Admission | None = None  # a refused one that is looked at
    comparing: bool = False
    versus: Versus | None = None

    tuning: Tuning = field(default_factory=Tuning)

    users: list[User] = field(default_factory=list)
    members: list[User] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    secret: str = ""  # a new key or password, shown once

    turnstile: asyncio.Lock = field(default_factory=asyncio.Lock)  # one act at a time, in their order
    sent: dict[str, str] = field(default_factory=dict)  # pane -> what the browser was given to show
    stamps: dict[str, int] = field(default_factory=dict)  # pane -> the stamp that it was given with

    @property
    def current(self) -> Matter | None:
        return next((matter for matter in self.matters if matter["id"] == self.matter), None)

    def citations(self, answer: str) -> list[Citation]:
        """The citations of an answer of the open conversation, of the one being written, or of a search."""
        if answer == "search":
            return hits(self.found)
        if answer == "live":
            unfinished = self.live or self.ended
            return unfinished.citations if unfinished else []
        for key, side in zip(("left", "right"), self.versus.sides if self.versus else (), strict=False):
            if answer in (key, side.answer):
                return side.citations
        for turn in self.turns:
            if "privity" in turn and turn["privity"]["answer_id"] == answer:
                return turn["privity"]["citations"]
        return []

    @property
    def manages(self) -> bool:
        """Whether this person has to do with adapters and fine-tunes, beyond choosing who answers."""
        return self.me is not None and self.me["role"] in ("trainer", "admin")

    @property
    def rules(self) -> bool:
        """Whether this person publishes, rolls back and retires."""
        return self.me is not None and self.me["role"] == "admin"

    @property
    def looked(self) -> Version | None:
        """The version of an adapter that is looked at."""
        versions = self.adapter["versions"] if self.adapter else []
        return next((one for one in versions if one["version"] == self.version), None)

    def put_away(self) -> None:
        """Clear the work area, as for another matter or a new question."""
        self.conversation, self.turns, self.query = "", [], ""
        self.live = self.ended = self.found = self.source = self.versus = None


def paged(document: Document) -> bool:
    """Formats without pages give them no width."""
    return any(page["width"] for page in document["page_list"])


def hits(found: Found | None) -> list[Citation]:
    """Search results in the shape of citations: they are shown and opened in the same way."""
    passages = found["passages"] if found else []
    return [
        Citation(
            n=n,
            document=passage["document"],
            title=passage["title"],
            start=passage["start"],
            end=passage["end"],
            page=passage["page"],
            heading=passage["heading"],
            quote=passage["text"],
            verified=True,
        )
        for n, passage in enumerate(passages, 1)
    ]
