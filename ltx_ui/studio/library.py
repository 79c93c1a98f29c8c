"""Takes and favourites: rows in the database, files under random names."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ltx_ui.clip import Clip
from ltx_ui.errors import NotFound
from ltx_ui.media.files import remove, sweep
from ltx_ui.media.mp4 import write_mp4, write_poster
from ltx_ui.recipe import Recipe
from ltx_ui.studio.database import Database, TakeRow

MAX_NOTE = 2000


@dataclass(frozen=True)
class Take:
    """A clip that was made and kept.

    Attributes:
        seconds: how long it took to make.
        timings: the same by stage.
        model: the model card's id.
        notes: what had to be done otherwise than usual, as :class:`~ltx_ui.clip.Clip` says.
        note: the owner's own words.
        video: the mp4. It may have been removed by hand; the take still has its recipe.
        poster: a JPEG.
    """

    id: str
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


@dataclass(frozen=True)
class Files:
    """The two files of a take that is not in the library yet, and what writing them did otherwise
    than usual."""

    video: Path
    poster: Path
    notes: tuple[str, ...] = ()

    def remove(self) -> None:
        """Delete both, as far as they are there and can be."""
        remove(self.video)
        remove(self.poster)


class Library:
    """Every take of everybody; each question names the owner who asks."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def takes(
        self, owner: str, *, favourites_only: bool = False, limit: int = 200, offset: int = 0
    ) -> list[Take]:
        """The owner's takes, newest first."""
        query = select(TakeRow).where(TakeRow.owner == owner)
        if favourites_only:
            query = query.where(TakeRow.favourite)
        query = query.order_by(TakeRow.number.desc()).limit(limit).offset(offset)
        with self._database.session() as session:
            return [self._take(row) for row in session.scalars(query)]

    def take(self, take_id: str, owner: str) -> Take:
        """One take.

        Raises:
            NotFound: there is none by this id, or it belongs to somebody else.
        """
        with self._database.session() as session:
            return self._take(_row(session, take_id, owner))

    def has(self, take_id: str) -> bool:
        """Whether there is a take by this id, whoever owns it."""
        with self._database.session() as session:
            return session.scalar(select(TakeRow.id).where(TakeRow.id == take_id)) is not None

    def set_favourite(self, take_id: str, owner: str, favourite: bool) -> None:
        """Give a take its heart, or take it away.

        Raises:
            NotFound: as :meth:`take`.
        """
        with self._database.session() as session:
            _row(session, take_id, owner).favourite = favourite

    def set_note(self, take_id: str, owner: str, note: str) -> None:
        """Write a take's note; what is longer than 2000 characters is cut.

        Raises:
            NotFound: as :meth:`take`.
        """
        with self._database.session() as session:
            _row(session, take_id, owner).note = note.strip()[:MAX_NOTE]

    def delete(self, take_id: str, owner: str) -> None:
        """Remove a take and its files.

        Raises:
            NotFound: as :meth:`take`.
        """
        with self._database.session() as session:
            row = _row(session, take_id, owner)
            session.delete(row)
        self._files(row).remove()

    def write(self, clip: Clip, metadata: Mapping[str, Any]) -> Files:
        """Write a clip's mp4 and poster under names that nobody can guess.

        Raises:
            MediaError: they could not be written; nothing is left of them.
        """
        name = secrets.token_hex(16)
        files = Files(self._folder / f"{name}.mp4", self._folder / f"{name}.jpg")
        try:
            notes = write_mp4(clip, files.video, metadata)
            write_poster(clip, files.poster)
        except BaseException:
            files.remove()
            raise
        return replace(files, notes=notes)

    def keep(
        self,
        take_id: str,
        owner: str,
        recipe: Recipe,
        files: Files,
        *,
        timings: Mapping[str, float],
        versions: Mapping[str, str],
        model: str,
        device: str,
        notes: Sequence[str] = (),
    ) -> None:
        """Make written files a take.

        Raises:
            MediaError: the row could not be written.
        """
        row = TakeRow(
            id=take_id,
            owner=owner,
            recipe=recipe.model_dump(mode="json"),
            created_at=datetime.now(UTC),
            seconds=sum(timings.values()),
            timings=dict(timings),
            versions=dict(versions),
            model=model,
            device=device,
            notes=list(notes),
            video=files.video.name,
            poster=files.poster.name,
        )
        with self._database.session() as session:
            session.add(row)

    def sweep(self) -> None:
        """Remove what a killed process left half-written."""
        sweep(self._folder)

    def _files(self, row: TakeRow) -> Files:
        return Files(self._folder / row.video, self._folder / row.poster)

    def _take(self, row: TakeRow) -> Take:
        files = self._files(row)
        return Take(
            id=row.id,
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
            video=files.video,
            poster=files.poster,
        )


def _row(session: Session, take_id: str, owner: str) -> TakeRow:
    row = session.scalar(select(TakeRow).where(TakeRow.id == take_id, TakeRow.owner == owner))
    if row is None:
        raise NotFound("This take is not here. It may have been deleted.")
    return row
