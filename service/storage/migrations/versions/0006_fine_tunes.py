"""Fine-tunes: data sets with their rows, jobs with what they learned from and what people did with them.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _datasets()
    _jobs()
    _records()


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.String(), nullable=False)


def _datasets() -> None:
    op.create_table(
        "datasets",
        *map(_text, ("id", "name", "kind")),
        sa.Column("created", sa.Double(), nullable=False),
        _text("by"),
        sa.Column("matters", sa.JSON(), nullable=False),
        _text("note"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_datasets")),
    )
    op.create_table(
        "dataset_rows",
        *map(
            _text, ("id", "dataset", "state", "question", "context", "answer", "label", "origin", "document")
        ),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        *map(_text, ("title", "group", "rule", "by", "edited_by")),
        sa.Column("at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset"], ["datasets.id"], name=op.f("fk_dataset_rows_dataset_datasets"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dataset_rows")),
    )
    for column in ("dataset", "document"):
        op.create_index(op.f(f"ix_dataset_rows_{column}"), "dataset_rows", [column], unique=False)


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        *map(_text, ("name", "title", "kind", "dataset")),
        *(sa.Column(name, sa.JSON(), nullable=False) for name in ("matters", "people", "recipe")),
        *map(_text, ("state", "reason", "by")),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("started", sa.Double(), nullable=True),
        sa.Column("ended", sa.Double(), nullable=True),
        sa.Column("pid", sa.Integer(), nullable=True),
        _text("base"),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("progress", sa.JSON(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=True),
        _text("adapter"),
        sa.Column("version", sa.Integer(), nullable=True),
        *map(_text, ("approved_by", "approval_reason")),
        sa.Column("cancel", sa.Boolean(), nullable=False),
        sa.Column("resumed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_jobs_state"), "jobs", ["state"], unique=False)


def _records() -> None:
    op.create_table(
        "job_rows",
        sa.Column("job", sa.Integer(), nullable=False),
        *map(_text, ("row", "document", "split")),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name=op.f("fk_job_rows_job_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job", "row", name=op.f("pk_job_rows")),
    )
    op.create_index(op.f("ix_job_rows_document"), "job_rows", ["document"], unique=False)
    op.create_table(
        "job_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job", sa.Integer(), nullable=False),
        *map(_text, ("what", "by")),
        sa.Column("at", sa.Double(), nullable=False),
        _text("reason"),
        sa.ForeignKeyConstraint(
            ["job"], ["jobs.id"], name=op.f("fk_job_events_job_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_events")),
    )
    op.create_index(op.f("ix_job_events_job"), "job_events", ["job"], unique=False)


def downgrade() -> None:
    for table in ("job_events", "job_rows", "jobs", "dataset_rows", "datasets"):
        op.drop_table(table)
