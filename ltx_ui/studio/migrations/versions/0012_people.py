"""Users, tokens, links to takes, bans, and the keys that jobs were submitted under."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    when, text = sa.DateTime(), sa.String()
    op.create_table(
        "users",
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(40), nullable=False, unique=True),
        sa.Column("password", text, nullable=False),
        sa.Column("created_at", when, nullable=False),
    )
    op.create_table(
        "tokens",
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("owner", text, nullable=False),
        sa.Column("label", sa.String(80), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", when, nullable=False),
        sa.Column("used_at", when),
        sa.Column("expires_at", when),
    )
    op.create_index("ix_tokens_owner", "tokens", ["owner"])
    op.create_table(
        "take_links",
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column(
            "take",
            sa.Integer(),
            sa.ForeignKey("takes.number", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("created_at", when, nullable=False),
        sa.Column("expires_at", when),
    )
    op.create_index("ix_take_links_take", "take_links", ["take"])
    op.create_table(
        "bans",
        sa.Column("who", text, primary_key=True),
        sa.Column("created_at", when, nullable=False),
    )
    op.create_table(
        "asked",
        sa.Column("owner", text, primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("job", sa.String(32), nullable=False),
        sa.Column("created_at", when, nullable=False),
    )
    op.create_index("ix_asked_created_at", "asked", ["created_at"])


def downgrade() -> None:
    """Drop them."""
    for table in ("asked", "bans", "take_links", "tokens", "users"):
        op.drop_table(table)
