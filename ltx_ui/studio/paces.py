"""What takes took, kept on disk for the next start: no words, no images, and not much of it."""

from __future__ import annotations

import json

from sqlalchemy import delete, or_, select

from ltx_ui.recipe import Recipe
from ltx_ui.studio.database import Database, PaceRow
from ltx_ui.studio.pace import MEMORY, Measured

LIMIT = 1000
"""Rows that are kept, of all models."""
SETTINGS = {
    "width",
    "height",
    "num_frames",
    "num_inference_steps",
    "guidance_scale",
    "mode",
    "two_stage",
}
"""The fields of a recipe that time depends on."""


class Paces:
    """What takes took on each model and device. They stay when the takes are deleted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, model: str, device: str, measured: Measured) -> None:
        """Keep one more; of its kind the oldest beyond the latest few are let go.

        Raises:
            MediaError: the row could not be written.
        """
        row = PaceRow(
            model=model,
            device=device,
            settings=_settings(measured.recipe),
            texts=measured.texts,
            timings=dict(measured.timings),
        )
        newest = select(PaceRow.number).order_by(PaceRow.number.desc())
        same = newest.where(
            PaceRow.model == model,
            PaceRow.device == device,
            PaceRow.settings == row.settings,
            PaceRow.texts == row.texts,
        )
        beyond = (same.offset(MEMORY).limit(-1), newest.offset(LIMIT).limit(-1))
        with self._database.session() as session:
            session.add(row)
            session.flush()
            session.execute(delete(PaceRow).where(or_(*map(PaceRow.number.in_, beyond))))

    def of(self, model: str, device: str) -> list[Measured]:
        """Those of one model on one device, oldest first."""
        query = select(PaceRow).where(PaceRow.model == model, PaceRow.device == device)
        with self._database.session() as session:
            rows = session.scalars(query.order_by(PaceRow.number))
            return [Measured(_recipe(row.settings), row.texts, row.timings) for row in rows]


def _settings(recipe: Recipe) -> str:
    return json.dumps(recipe.model_dump(mode="json", include=SETTINGS), sort_keys=True)


def _recipe(settings: str) -> Recipe:
    """A recipe with these settings; its words stand for none."""
    return Recipe.model_validate({"prompt": "-", "seed": 0, **json.loads(settings)})
