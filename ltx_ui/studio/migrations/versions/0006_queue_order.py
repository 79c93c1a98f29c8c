"""The order of waiting jobs, when jobs ended, and whose jobs are paused."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ENDED = ("done", "failed", "cancelled")


def upgrade() -> None:
    """Add them. Earlier jobs were begun in the order in which they were submitted, and when one
    ended is not known better than that."""
    op.add_column("jobs", sa.Column("position", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("ended_at", sa.DateTime()))
    op.create_index("ix_jobs_owner_ended", "jobs", ["owner", "ended_at"])
    op.create_table("paused", sa.Column("owner", sa.String(), primary_key=True))
    columns = ("number", "position", "submitted_at", "ended_at", "state")
    jobs = sa.table("jobs", *map(sa.column, columns))
    op.execute(sa.update(jobs).values(position=jobs.c.number))
    ended = jobs.c.state.in_(ENDED)
    op.execute(sa.update(jobs).where(ended).values(ended_at=jobs.c.submitted_at))


def downgrade() -> None:
    """Drop them."""
    op.drop_table("paused")
    op.drop_index("ix_jobs_owner_ended", "jobs")
    op.drop_column("jobs", "ended_at")
    op.drop_column("jobs", "position")
