"""Every table of the house. Times are Unix seconds; ids are random or content-derived, never client text."""

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Table(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)


def _owned_by(column: str) -> Any:
    return mapped_column(ForeignKey(column, ondelete="CASCADE"), index=True)


class User(Table):
    __tablename__ = "users"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    password: Mapped[str]  # argon2id hash
    role: Mapped[str]
    disabled: Mapped[bool] = mapped_column(default=False)
    created: Mapped[float]


class Session(Table):
    """A browser's sign-in, found by the sha256 of its token: the token itself is nowhere on disk."""

    __tablename__ = "sessions"
    digest: Mapped[str] = mapped_column(primary_key=True)
    user: Mapped[str] = _owned_by("users.id")
    expires: Mapped[float]


class Key(Table):
    """A bearer key for programs, found by the sha256 of its secret."""

    __tablename__ = "keys"
    id: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(unique=True)
    user: Mapped[str] = _owned_by("users.id")
    name: Mapped[str]
    created: Mapped[float]
    used: Mapped[float] = mapped_column(default=0.0)


class Matter(Table):
    __tablename__ = "matters"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    created: Mapped[float]
    adapter: Mapped[str] = mapped_column(
        default=""
    )  # the name that answers unless a question says; "" for the base


class Member(Table):
    __tablename__ = "members"
    matter: Mapped[str] = mapped_column(ForeignKey("matters.id", ondelete="CASCADE"), primary_key=True)
    user: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)


class DocumentRow(Table):
    """A file's line in the library. READY is written last, after its files and its index entries."""

    __tablename__ = "documents"
    id: Mapped[str] = mapped_column(primary_key=True)
    matter: Mapped[str] = _owned_by("matters.id")
    title: Mapped[str]
    kind: Mapped[str]
    digest: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")
    size: Mapped[int] = mapped_column(default=0)
    pages: Mapped[int] = mapped_column(default=0)
    pages_without_text: Mapped[int] = mapped_column(default=0)
    passages: Mapped[int] = mapped_column(default=0)
    characters: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    ledger: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    parent: Mapped[str] = mapped_column(default="")
    family: Mapped[str] = mapped_column(default="", index=True)
    version: Mapped[int] = mapped_column(default=1)
    current: Mapped[bool] = mapped_column(default=True)
    added: Mapped[float]
    added_by: Mapped[str] = mapped_column(default="")
    reading: Mapped[str] = mapped_column(
        default=""
    )  # the reading of the file that counts; "" before the first
    due: Mapped[bool] = mapped_column(default=False, index=True)  # the file is to be read, or to be read anew


class Attached(Table):
    """A file that came inside another. The same file may have come in several."""

    __tablename__ = "attached"
    parent: Mapped[str] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True)
    child: Mapped[str] = mapped_column(
        ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class IndexRow(Table):
    """Which generation of its index a matter is searched by, and the embedder that made its vectors."""

    __tablename__ = "indexes"
    matter: Mapped[str] = mapped_column(ForeignKey("matters.id", ondelete="CASCADE"), primary_key=True)
    generation: Mapped[str]
    embedder: Mapped[str]


class Conversation(Table):
    __tablename__ = "conversations"
    id: Mapped[str] = mapped_column(primary_key=True)
    matter: Mapped[str] = _owned_by("matters.id")
    user: Mapped[str] = _owned_by("users.id")
    title: Mapped[str]
    created: Mapped[float]
    updated: Mapped[float]


class AnswerRow(Table):
    """A finished answer with what it rested on, as the HTTP object `privity` tells it."""

    __tablename__ = "answers"
    id: Mapped[str] = mapped_column(primary_key=True)
    user: Mapped[str] = _owned_by("users.id")
    created: Mapped[float]
    matters: Mapped[list[str]] = mapped_column(JSON)
    proof: Mapped[dict[str, Any]] = mapped_column(JSON)
    adapter: Mapped[str] = mapped_column(default="base")  # the proof's, to be found by
    version: Mapped[int] = mapped_column(default=0)
    first_word: Mapped[float | None] = mapped_column(default=None)  # seconds; None where nothing was said


class Turn(Table):
    __tablename__ = "turns"
    id: Mapped[int] = mapped_column(primary_key=True)
    conversation: Mapped[str] = _owned_by("conversations.id")
    role: Mapped[str]
    text: Mapped[str]
    answer: Mapped[str | None] = mapped_column(ForeignKey("answers.id", ondelete="SET NULL"), index=True)
    created: Mapped[float]


class Feedback(Table):
    __tablename__ = "feedback"
    answer: Mapped[str] = mapped_column(ForeignKey("answers.id", ondelete="CASCADE"), primary_key=True)
    user: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    verdict: Mapped[str]  # "good" or "bad"
    correction: Mapped[str] = mapped_column(default="")
    created: Mapped[float]


class AdapterRow(Table):
    """A name that adapters are asked for by, and where it points."""

    __tablename__ = "adapters"
    name: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]  # the name in plain words
    published: Mapped[int | None] = mapped_column(default=None)
    candidate: Mapped[int | None] = mapped_column(default=None)  # gets `share` per cent of the questions
    share: Mapped[int] = mapped_column(default=0)
    created: Mapped[float]


class VersionRow(Table):
    """An adapter under a name. Several may have one digest, and then share its folder on the shelf."""

    __tablename__ = "adapter_versions"
    name: Mapped[str] = mapped_column(ForeignKey("adapters.name", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str]  # "answers" or "search"
    state: Mapped[str]  # "ready" or "retired"
    base: Mapped[str]  # fingerprint of the model that it fits
    form: Mapped[str]  # "peft" or "gguf"
    rank: Mapped[int]
    scale: Mapped[float]
    tensors: Mapped[int]
    size: Mapped[int]  # bytes of its weights
    origin: Mapped[str]
    matters: Mapped[list[str]] = mapped_column(JSON)  # that it learned from
    people: Mapped[list[str]] = mapped_column(JSON)  # ids of those who may use it; empty: everybody
    by: Mapped[str]  # id of who brought it; "" for the house itself
    created: Mapped[float]
    probe: Mapped[dict[str, Any]] = mapped_column(JSON)


class AdmissionRow(Table):
    """An adapter at the door: what was asked for, what the checks said, and what came of it."""

    __tablename__ = "admissions"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    title: Mapped[str]
    state: Mapped[str]  # "checking", "ready" or "refused"
    origin: Mapped[str]
    matters: Mapped[list[str]] = mapped_column(JSON)
    people: Mapped[list[str]] = mapped_column(JSON)
    by: Mapped[str]
    created: Mapped[float]
    checks: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    version: Mapped[int | None] = mapped_column(default=None)
    told: Mapped[str] = mapped_column(default="")  # a sentence beside the checks


class AdapterEvent(Table):
    """What was done with a name, written with the deed in one transaction."""

    __tablename__ = "adapter_events"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(index=True)
    what: Mapped[str]  # "admit", "publish", "rollback", "retire", "split" or "fix"
    by: Mapped[str]
    at: Mapped[float]
    version: Mapped[int | None] = mapped_column(default=None)
    before: Mapped[str] = mapped_column(default="")  # what was so until then, and what is so since
    after: Mapped[str] = mapped_column(default="")
    matter: Mapped[str] = mapped_column(default="")  # that fixes it


class AdapterUse(Table):
    """Answers of a version on one day (UTC)."""

    __tablename__ = "adapter_use"
    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)  # "2026-03-05"
    answers: Mapped[int] = mapped_column(default=0)


class Dataset(Table):
    """Rows to learn from, and the matters whose papers they came from: the wall around them."""

    __tablename__ = "datasets"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]  # "answers" or "classify"
    created: Mapped[float]
    by: Mapped[str]  # id of who made it
    matters: Mapped[list[str]] = mapped_column(JSON)
    note: Mapped[str] = mapped_column(default="")


class DatasetRow(Table):
    """A row, and where it came from. Only accepted ones are learned."""

    __tablename__ = "dataset_rows"
    id: Mapped[str] = mapped_column(primary_key=True)
    dataset: Mapped[str] = _owned_by("datasets.id")
    state: Mapped[str]  # "proposed", "accepted" or "rejected"
    question: Mapped[str] = mapped_column(default="")
    context: Mapped[str] = mapped_column(default="")
    answer: Mapped[str] = mapped_column(default="")  # "" where the context does not answer
    label: Mapped[str] = mapped_column(default="")
    origin: Mapped[str]  # "upload", "rule", "model", "correction", "thumb" or "person"
    document: Mapped[str] = mapped_column(default="", index=True)
    start: Mapped[int] = mapped_column(default=0)  # of the context in the document
    end: Mapped[int] = mapped_column(default=0)
    title: Mapped[str] = mapped_column(default="")  # what the reviewer sees
    group: Mapped[str] = mapped_column(default="")  # what a split keeps together: versions of one document
    rule: Mapped[str] = mapped_column(default="")
    by: Mapped[str] = mapped_column(default="")
    edited_by: Mapped[str] = mapped_column(default="")
    at: Mapped[float]


class JobRow(Table):
    """A fine-tune. It outlives its data set: what it learned from stands in its rows."""

    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]  # the adapter's, that it is to be a version of
    title: Mapped[str]
    kind: Mapped[str]  # "answers" or "classify"
    dataset: Mapped[str]
    matters: Mapped[list[str]] = mapped_column(JSON)
    people: Mapped[list[str]] = mapped_column(JSON)
    recipe: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(index=True)
    reason: Mapped[str] = mapped_column(default="")
    by: Mapped[str]  # id of who launched it
    created: Mapped[float]
    started: Mapped[float | None] = mapped_column(default=None)
    ended: Mapped[float | None] = mapped_column(default=None)
    pid: Mapped[int | None] = mapped_column(default=None)  # of the child that trains, while it does
    base: Mapped[str] = mapped_column(default="")  # fingerprint
    counts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    progress: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # the last line
    report: Mapped[dict[str, Any] | None] = mapped_column(JSON, default=None)
    adapter: Mapped[str] = mapped_column(default="")  # the name that it was admitted under
    version: Mapped[int | None] = mapped_column(default=None)
    approved_by: Mapped[str] = mapped_column(default="")
    approval_reason: Mapped[str] = mapped_column(default="")
    cancel: Mapped[bool] = mapped_column(default=False)  # somebody asked for its end
    resumed: Mapped[int] = mapped_column(default=0)  # times that it went on from a checkpoint

    __table_args__ = ({"sqlite_autoincrement": True},)  # a run's number is never given twice


class JobLearned(Table):
    """A row that a job learned from, or was examined on: the lineage from a document to an adapter."""

    __tablename__ = "job_rows"
    job: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    row: Mapped[str] = mapped_column(primary_key=True)
    document: Mapped[str] = mapped_column(default="", index=True)
    split: Mapped[str]  # "train" or "held_out"


class JobEvent(Table):
    """What a person, or the house (""), did with a job, and the reason that they gave."""

    __tablename__ = "job_events"
    id: Mapped[int] = mapped_column(primary_key=True)
    job: Mapped[int] = _owned_by("jobs.id")
    what: Mapped[str]  # "launch", "cancel", "resume", "approve", "decline" or "export"
    by: Mapped[str]
    at: Mapped[float]
    reason: Mapped[str] = mapped_column(default="")


Index("ix_answers_adapter_version", AnswerRow.adapter, AnswerRow.version)
Index("ix_documents_matter_digest", DocumentRow.matter, DocumentRow.digest)
