"""A recipe's pictures as its inputs, each with its place and its strength."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

PLACES = {"image_start": 0, "image_end": -1}


def upgrade() -> None:
    """Rewrite the recipes of takes and jobs."""
    _rewrite(_with_inputs)


def downgrade() -> None:
    """Rewrite them as two fields with one strength."""
    _rewrite(_with_fields)


def _rewrite(changed: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    connection = op.get_bind()
    for name in ("takes", "jobs"):
        table = sa.table(name, sa.column("number", sa.Integer()), sa.column("recipe", sa.JSON()))
        for number, recipe in connection.execute(sa.select(table)).all():
            new = sa.update(table).where(table.c.number == number)
            connection.execute(new.values(recipe=changed(recipe)))


def _with_inputs(recipe: dict[str, Any]) -> dict[str, Any]:
    strength = recipe.pop("image_strength", 1.0)
    given = {place: recipe.pop(field, None) for field, place in PLACES.items()}
    images = [
        {"digest": digest, "at": place, "strength": strength}
        for place, digest in given.items()
        if digest is not None
    ]
    return recipe | {"inputs": {"images": images}}


def _with_fields(recipe: dict[str, Any]) -> dict[str, Any]:
    images = {image["at"]: image for image in recipe.pop("inputs", {"images": []})["images"]}
    digests = {field: images.get(place, {}).get("digest") for field, place in PLACES.items()}
    strength = next((image["strength"] for image in images.values()), 1.0)
    return recipe | digests | {"image_strength": strength}
