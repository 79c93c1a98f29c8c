"""Rows for clips whose row is lost or damaged, from what their files tell."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ltx_ui.errors import MediaError
from ltx_ui.media.metadata import read_metadata
from ltx_ui.recipe import Recipe
from ltx_ui.studio.clip_files import Files
from ltx_ui.studio.jobs import Origin
from ltx_ui.studio.lineage import columns_of
from ltx_ui.studio.tables import TakeRow
from ltx_ui.studio.takes import of_recipe


class _Told(BaseModel):
    """What a clip's file tells of its row."""

    model_config = ConfigDict(allow_inf_nan=False)

    recipe: Recipe
    model: str = ""
    device: str = ""
    versions: dict[str, str] = {}
    timings: dict[str, float] = {}
    made_at: datetime | None = None
    made_from: object = None
    relation: object = None


def told_by(video: Path) -> dict[str, Any]:
    """What a take's row has from its clip, by column, as far as the clip's file tells.

    Raises:
        MediaError: it tells no recipe that can be used.
    """
    try:
        told = _Told.model_validate(read_metadata(video))
    except ValidationError:
        raise MediaError(f"{video.name} tells no recipe that can be used.") from None
    origin = Origin.read(told.made_from, told.relation)
    changed_at = datetime.fromtimestamp(video.stat().st_mtime, UTC)
    return {
        **of_recipe(told.recipe),
        **told.model_dump(include={"timings", "versions", "model", "device"}),
        "created_at": told.made_at or changed_at,
        "seconds": sum(told.timings.values()),
        "notes": [],
        "findings": [],
        **(columns_of(origin) if origin else {}),
    }


def row_from(files: Files, owner: str) -> TakeRow:
    """A new take of a clip.

    Raises:
        MediaError: as :func:`told_by`.
    """
    names = {"video": files.video.name, "poster": files.poster.name}
    told = told_by(files.video)
    return TakeRow(id=uuid.uuid4().hex, owner=owner, bytes=files.bytes, **names, **told)
