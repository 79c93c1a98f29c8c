"""For how long the studio has worked for whom, and which pictures are takes' last frames."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "spent",
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
    )
    op.create_index("ix_spent_ended_at", "spent", ["ended_at"])
    op.create_table(
        "last_frames",
        sa.Column("owner", sa.String(), primary_key=True),
        sa.Column("digest", sa.String(80), primary_key=True),
        sa.Column(
            "take", sa.Integer(), sa.ForeignKey("takes.number", ondelete="CASCADE"), nullable=False
        ),
    )
    op.create_index("ix_last_frames_take", "last_frames", ["take"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("last_frames")
    op.drop_table("spent")
