"""The last job that waits is found without a look at all others."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let the index have the positions as well."""
    op.create_index("ix_jobs_state_position", "jobs", ["state", "position"])
    op.drop_index("ix_jobs_state", "jobs")


def downgrade() -> None:
    """Let it have the states alone."""
    op.create_index("ix_jobs_state", "jobs", ["state"])
    op.drop_index("ix_jobs_state_position", "jobs")
