"""Licences that visitors have accepted."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "accepted",
        sa.Column("owner", sa.String(), primary_key=True),
        sa.Column("licence", sa.String(), primary_key=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("accepted")
