"""The settings and the seed of takes, for finding takes by presets, and names that were typed."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from pydantic import ValidationError

from ltx_ui.recipe import Recipe
from ltx_ui.studio.dialects import Words
from ltx_ui.studio.search import TABLE, prompted, words
from ltx_ui.studio.takes import settings_of

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, filled from the recipes, and let takes be found by who was named."""
    with op.batch_alter_table("takes") as takes:
        takes.add_column(sa.Column("settings", sa.String(), nullable=False, server_default=""))
        takes.add_column(sa.Column("seed", sa.BigInteger(), nullable=False, server_default="0"))
    _fill()
    _index(naming=True)


def downgrade() -> None:
    """Drop them."""
    _index(naming=False)
    with op.batch_alter_table("takes") as takes:
        for name in ("settings", "seed"):
            takes.drop_column(name)


def _recipes() -> list[tuple[int, dict[str, Any]]]:
    number: sa.ColumnClause[int] = sa.column("number")
    recipe: sa.ColumnClause[dict[str, Any]] = sa.column("recipe", sa.JSON())
    asked = sa.select(number, recipe).select_from(sa.table("takes"))
    return [(found.number, found.recipe) for found in op.get_bind().execute(asked)]


def _fill() -> None:
    takes = sa.table("takes", *map(sa.column, ("number", "settings", "seed")))
    for number, recipe in _recipes():
        try:
            read = Recipe.model_validate(recipe)
        except ValidationError:
            continue
        told = {"settings": settings_of(read), "seed": read.seed}
        op.get_bind().execute(sa.update(takes).where(takes.c.number == number).values(**told))


def _index(*, naming: bool) -> None:
    found = sa.table(TABLE, sa.column("rowid"), sa.column("prompt", Words))
    for number, recipe in _recipes():
        typed = recipe.get("typed")
        if not isinstance(typed, dict) or "@" not in str(typed.get("prompt")):
            continue
        known = prompted(recipe) if naming else words(str(recipe["prompt"]))
        op.get_bind().execute(sa.update(found).where(found.c.rowid == number).values(prompt=known))
