"""The embedder's adapters come in by the door, like all others: their lines of before, which stood for no files, go.

What ships comes in again at the next start.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_NAMES = "(SELECT name FROM adapter_versions WHERE kind = 'search')"


def upgrade() -> None:
    op.execute(f"DELETE FROM adapter_events WHERE name IN {_NAMES}")
    op.execute("DELETE FROM adapter_versions WHERE kind = 'search'")
    op.execute("DELETE FROM adapters WHERE name NOT IN (SELECT name FROM adapter_versions)")


def downgrade() -> None:
    """Nothing is to be undone: the older program writes its lines at its next start."""
