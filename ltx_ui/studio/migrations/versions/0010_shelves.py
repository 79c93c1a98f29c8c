"""Names and tags, lineage, deletions that can be undone, what takes are sorted by, characters."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_INDEXES = ("made_from", "deleted_at")
_RECIPES = ("width", "height", "length", "with_picture")


def upgrade() -> None:
    """Add the columns and tables; what takes are sorted by comes from their recipes."""
    whole, text = sa.Integer(), sa.String()
    with op.batch_alter_table("takes") as takes:
        takes.add_column(sa.Column("name", sa.String(80), nullable=False, server_default=""))
        takes.add_column(sa.Column("made_from", sa.String(32)))
        takes.add_column(sa.Column("relation", sa.String(16)))
        takes.add_column(sa.Column("deleted_at", sa.DateTime()))
        for name in ("width", "height", "bytes"):
            takes.add_column(sa.Column(name, whole, nullable=False, server_default="0"))
        takes.add_column(sa.Column("length", sa.Double(), nullable=False, server_default="0"))
        takes.add_column(
            sa.Column("with_picture", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        for name in _INDEXES:
            takes.create_index(f"ix_takes_{name}", [name])
    with op.batch_alter_table("jobs") as jobs:
        jobs.add_column(sa.Column("made_from", sa.String(32)))
        jobs.add_column(sa.Column("relation", sa.String(16)))
    op.create_table(
        "tags",
        sa.Column(
            "take", whole, sa.ForeignKey("takes.number", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("tag", sa.String(40), primary_key=True),
    )
    op.create_index("ix_tags_tag", "tags", ["tag"])
    op.create_table(
        "characters",
        sa.Column("number", whole, primary_key=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("owner", text, nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("words", text, nullable=False),
        sa.Column("images", sa.JSON(), nullable=False),
        sa.Column("seed", sa.BigInteger()),
        sa.Column("note", text, nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.UniqueConstraint("owner", "name"),
    )
    _fill()


def downgrade() -> None:
    """Drop them, with the takes whose deletion could have been undone."""
    op.execute("DELETE FROM takes WHERE deleted_at IS NOT NULL")
    op.drop_table("characters")
    op.drop_table("tags")
    with op.batch_alter_table("jobs") as jobs:
        for name in ("made_from", "relation"):
            jobs.drop_column(name)
    with op.batch_alter_table("takes") as takes:
        for name in _INDEXES:
            takes.drop_index(f"ix_takes_{name}")
        for name in ("name", *_INDEXES, "relation", *_RECIPES, "bytes"):
            takes.drop_column(name)


def _fill() -> None:
    columns = (sa.column("number"), sa.column("recipe", sa.JSON()), *map(sa.column, _RECIPES))
    takes, connection = sa.table("takes", *columns), op.get_bind()
    for number, recipe in connection.execute(sa.select(takes.c.number, takes.c.recipe)).all():
        found = {
            "width": recipe.get("width", 0),
            "height": recipe.get("height", 0),
            "length": recipe.get("num_frames", 0) / recipe.get("fps", 24),
            "with_picture": bool(recipe.get("inputs", {}).get("images")),
        }
        connection.execute(sa.update(takes).where(takes.c.number == number).values(**found))
