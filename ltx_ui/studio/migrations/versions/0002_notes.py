"""What a take notes about how it was made."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the notes; takes that were made before have none."""
    op.add_column(
        "takes", sa.Column("notes", sa.JSON(), nullable=False, server_default=sa.text("'[]'"))
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_column("takes", "notes")
