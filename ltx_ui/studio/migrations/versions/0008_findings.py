"""What was found wrong with a take when it was made."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it; takes that were made before were not examined."""
    op.add_column(
        "takes", sa.Column("findings", sa.JSON(), nullable=False, server_default=sa.text("'[]'"))
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_column("takes", "findings")
