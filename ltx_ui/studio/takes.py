"""A take, and how it is read from its row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import Session

from ltx_ui.recipe import Recipe
from ltx_ui.settings import LOCAL
from ltx_ui.studio.damaged import Readable
from ltx_ui.studio.tables import TakeRow

PRESENT = TakeRow.deleted_at.is_(None)
"""The condition that a take was not deleted."""


def sees(asking: str, owner: str) -> bool:
    """Whether somebody may see what an owner has: it is theirs, or they are the studio's owner."""
    return asking in (owner, LOCAL)


def seen_by(asking: str) -> ColumnElement[bool]:
    """The condition that the takes meet which somebody may see: as :func:`sees`."""
    return true() if asking == LOCAL else TakeRow.owner == asking


@dataclass(frozen=True)
class Take:
    """A clip in the library.

    Attributes:
        number: its place among all takes in the order in which they were kept.
        seconds: how long it took to make.
        timings: seconds by stage.
        model: the model card's id.
        notes: what was done otherwise than usual, as in :class:`~ltx_ui.clip.Clip`.
        note: the owner's own note.
        video: the mp4, unless it is :attr:`missing`.
        poster: a still picture, JPEG.
        draft: whether it was only tried: drafts are listed by themselves, and each is deleted when
            there are many newer ones, unless it is made a favourite, which makes it a take like
            any other.
        findings: what was found wrong with it when it was made, by the names of
            :data:`~ltx_ui.clip.Finding`.
        name, tags: what the owner calls it; tags are in order.
        made_from: the id of the take that it came from, which may have been deleted; None if it
            came from none.
        relation: how it came from that one.
    """

    id: str
    number: int
    owner: str
    recipe: Recipe
    created_at: datetime
    seconds: float
    timings: dict[str, float]
    versions: dict[str, str]
    model: str
    device: str
    notes: tuple[str, ...]
    note: str
    favourite: bool
    video: Path
    poster: Path
    draft: bool = False
    findings: tuple[str, ...] = ()
    name: str = ""
    tags: tuple[str, ...] = ()
    made_from: str | None = None
    relation: str | None = None

    @property
    def missing(self) -> bool:
        """Whether the mp4 was deleted from outside. Looks at the disk each time."""
        return not self.video.is_file()


_OF_ONE_CLIP = frozenset(
    {"prompt", "negative_prompt", "typed", "inputs", "seed", "num_takes", "model", "noise"}
)


_LATER: Mapping[str, Any] = {"motion_speed": 1.0, "loop": False}
"""What rows of earlier versions are silent about, and so is every row that has this value."""


def settings_of(recipe: Recipe) -> str:
    """JSON of what a recipe sets beside its words, its pictures and its seed; and of the
    ``strength`` of its first picture, null without one."""
    strength = next((image.strength for image in recipe.inputs.images), None)
    usual = {name for name, value in _LATER.items() if getattr(recipe, name) == value}
    chosen = recipe.model_dump(mode="json", exclude={*_OF_ONE_CLIP, *usual})
    return json.dumps(chosen | {"strength": strength}, sort_keys=True)


def read_settings(told: str) -> dict[str, Any]:
    """What :func:`settings_of` told; nothing of a row that is silent."""
    return {**_LATER, **json.loads(told)} if told else {}


def of_recipe(recipe: Recipe) -> dict[str, Any]:
    """A take's recipe, and what its row repeats of it, by column."""
    return {
        "recipe": recipe.model_dump(mode="json"),
        "width": recipe.width,
        "height": recipe.height,
        "length": recipe.duration,
        "with_picture": bool(recipe.inputs.images),
        "settings": settings_of(recipe),
        "seed": recipe.seed,
    }


def sound_rows(session: Session, folder: Path) -> list[TakeRow]:
    """The rows of all takes that can be read, deleted ones too."""

    def row_of(row: TakeRow) -> TakeRow:
        take_of(row, folder)
        return row

    return Readable(TakeRow).read(session, lambda: select(TakeRow), row_of)


def take_of(row: TakeRow, folder: Path) -> Take:
    """The take of a row, whose files are in this folder."""
    return Take(
        id=row.id,
        number=row.number,
        owner=row.owner,
        recipe=Recipe.model_validate(row.recipe),
        created_at=row.created_at,
        seconds=row.seconds,
        timings=row.timings,
        versions=row.versions,
        model=row.model,
        device=row.device,
        notes=tuple(row.notes),
        note=row.note,
        favourite=row.favourite,
        draft=row.draft,
        findings=tuple(row.findings),
        video=folder / row.video,
        poster=folder / row.poster,
        name=row.name,
        tags=tuple(tag.tag for tag in row.tags),
        made_from=row.made_from,
        relation=row.relation,
    )
