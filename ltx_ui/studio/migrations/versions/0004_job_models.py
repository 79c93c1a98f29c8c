"""The model that a job was made for."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WHATEVER_IS_LOADED = "auto"


def upgrade() -> None:
    """Add it. What waits from before is for the model it names, or for whatever is loaded."""
    op.add_column(
        "jobs",
        sa.Column("model", sa.String(), nullable=False, server_default=WHATEVER_IS_LOADED),
    )
    jobs = sa.table("jobs", sa.column("model", sa.String()), sa.column("recipe", sa.JSON()))
    named = jobs.c.recipe["model"].as_string()
    op.execute(sa.update(jobs).where(named.is_not(None)).values(model=named))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("jobs", "model")
