"""Takes that were only tried, and the jobs that make such takes."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Mark them; nothing from before is a draft."""
    for table in ("takes", "jobs"):
        op.add_column(
            table, sa.Column("draft", sa.Boolean(), nullable=False, server_default=sa.false())
        )


def downgrade() -> None:
    """Drop the marks; drafts become takes like any other."""
    for table in ("takes", "jobs"):
        op.drop_column(table, "draft")
