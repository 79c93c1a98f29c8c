"""Which process a job belongs to, where several use one database."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it; what waits belongs to nobody until a process takes it up."""
    with op.batch_alter_table("jobs") as jobs:
        jobs.add_column(sa.Column("holder", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop it."""
    with op.batch_alter_table("jobs") as jobs:
        jobs.drop_column("holder")
