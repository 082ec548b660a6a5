"""Readings of files, files in files, generations of the index.

Texts and indexes have new places, so every document is read anew at the next start.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("documents", schema=None) as batch_op:
        batch_op.add_column(sa.Column("reading", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("due", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.create_index(batch_op.f("ix_documents_due"), ["due"], unique=False)
    op.execute(
        "UPDATE documents SET due = 1, state = 'queued' "
        "WHERE state IN ('queued', 'reading', 'embedding', 'ready', 'partial')"
    )
    op.create_table(
        "attached",
        sa.Column("parent", sa.String(), nullable=False),
        sa.Column("child", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent"], ["documents.id"], name=op.f("fk_attached_parent_documents"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["child"], ["documents.id"], name=op.f("fk_attached_child_documents"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("parent", "child", name=op.f("pk_attached")),
    )
    op.create_index(op.f("ix_attached_child"), "attached", ["child"], unique=False)
    op.create_table(
        "indexes",
        sa.Column("matter", sa.String(), nullable=False),
        sa.Column("generation", sa.String(), nullable=False),
        sa.Column("embedder", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["matter"], ["matters.id"], name=op.f("fk_indexes_matter_matters"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("matter", name=op.f("pk_indexes")),
    )


def downgrade() -> None:
    op.drop_table("indexes")
    op.drop_table("attached")
    with op.batch_alter_table("documents", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_documents_due"))
        batch_op.drop_column("due")
        batch_op.drop_column("reading")
