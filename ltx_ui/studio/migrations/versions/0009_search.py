"""The words by which takes are found; and the jobs of takes that were deleted are forgotten."""

import uuid

import sqlalchemy as sa
from alembic import op

from ltx_ui.studio.dialects import Words
from ltx_ui.studio.search import FIELDS, TABLE, create, words

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and fill it, as the present program does; the search is its own."""
    connection = op.get_bind()
    create(connection)
    takes = sa.table("takes", *map(sa.column, ("number", "id", "note")), _recipe())
    found = sa.table(TABLE, sa.column("rowid"), *(sa.column(name, Words) for name in FIELDS))
    rows = connection.execute(sa.select(takes)).all()
    if rows:
        filled = [
            {"rowid": row.number, "prompt": words(row.recipe["prompt"]), "note": words(row.note)}
            for row in rows
        ]
        connection.execute(sa.insert(found), filled)
    _forget_jobs({row.id for row in rows})


def downgrade() -> None:
    """Drop the table."""
    op.drop_table(TABLE)


def _recipe() -> sa.ColumnClause[dict[str, object]]:
    return sa.column("recipe", sa.JSON())


def _forget_jobs(kept: set[str]) -> None:
    """Delete the jobs that were done, and whose takes have all been deleted since."""
    jobs = sa.table("jobs", *map(sa.column, ("number", "id", "state")), _recipe())
    connection = op.get_bind()
    for job in connection.execute(sa.select(jobs).where(jobs.c.state == "done")).all():
        others = range(1, job.recipe.get("num_takes", 1))
        made = {job.id, *(uuid.uuid5(uuid.UUID(job.id), str(n)).hex for n in others)}
        if made.isdisjoint(kept):
            connection.execute(sa.delete(jobs).where(jobs.c.number == job.number))
