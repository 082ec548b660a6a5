"""Ledgers, facts, versions and attachments of documents.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("documents", schema=None) as batch_op:
        batch_op.drop_column("notes")
        batch_op.add_column(sa.Column("ledger", sa.JSON(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("facts", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("parent", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("family", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
        batch_op.add_column(sa.Column("current", sa.Boolean(), nullable=False, server_default=sa.true()))
        batch_op.create_index(batch_op.f("ix_documents_family"), ["family"], unique=False)
    op.execute("UPDATE documents SET family = id")


def downgrade() -> None:
    with op.batch_alter_table("documents", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_documents_family"))
        for column in ("current", "version", "family", "parent", "facts", "ledger"):
            batch_op.drop_column(column)
        batch_op.add_column(sa.Column("notes", sa.JSON(), nullable=False, server_default="[]"))
