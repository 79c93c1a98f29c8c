"""What takes took, in a table of its own: deleting a take must not make the studio forget it."""

import json
from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

LATEST = 1000
OF_A_KIND = 5
SETTINGS = {
    "width": 288,
    "height": 512,
    "num_frames": 49,
    "num_inference_steps": 40,
    "guidance_scale": 3.0,
    "mode": "standard",
    "two_stage": False,
}


def upgrade() -> None:
    """Make the table and fill it from the takes there are."""
    paces = op.create_table(
        "paces",
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("settings", sa.String(), nullable=False),
        sa.Column("texts", sa.Integer(), nullable=False),
        sa.Column("timings", sa.JSON(), nullable=False),
    )
    op.create_index("ix_paces_kind", "paces", ["model", "device", "settings", "texts"])
    takes = sa.table(
        "takes",
        sa.column("number", sa.Integer()),
        sa.column("model", sa.String()),
        sa.column("device", sa.String()),
        sa.column("recipe", sa.JSON()),
        sa.column("timings", sa.JSON()),
    )
    latest = sa.select(takes).order_by(takes.c.number.desc()).limit(LATEST)
    rows = op.get_bind().execute(latest).all()
    op.bulk_insert(paces, _measured(reversed(rows)))


def downgrade() -> None:
    """Drop it."""
    op.drop_table("paces")


def _measured(takes: Iterable[sa.Row[Any]]) -> list[dict[str, Any]]:
    """Rows for takes, oldest first; of each kind the latest."""
    known: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    kinds: defaultdict[tuple[Any, ...], deque[Any]] = defaultdict(lambda: deque(maxlen=OF_A_KIND))
    for take in takes:
        model, device, recipe = take.model, take.device, take.recipe
        texts = {recipe["prompt"]}
        distilled = "distilled" in model or model == "ltx-2.5"
        if recipe.get("guidance_scale", 3.0) > 1 and not distilled:
            texts.add(recipe.get("negative_prompt", ""))
        new = len(texts - known[model, device])
        known[model, device] |= texts
        settings = {name: recipe.get(name, usual) for name, usual in SETTINGS.items()}
        kind = (model, device, json.dumps(settings, sort_keys=True), new)
        kinds[kind].append(take.timings)
    columns = ("model", "device", "settings", "texts")
    return [
        {**dict(zip(columns, kind, strict=True)), "timings": timings}
        for kind, kept in kinds.items()
        for timings in kept
    ]
