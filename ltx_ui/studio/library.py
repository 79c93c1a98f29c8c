"""The library of takes: rows in the database, and files under random names."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ltx_ui.clip import Clip
from ltx_ui.errors import DiskFull, NotFound
from ltx_ui.media.files import free_bytes, remove, sweep
from ltx_ui.media.mp4 import write_mp4, write_poster
from ltx_ui.recipe import Recipe
from ltx_ui.studio.database import Database, TakeRow
from ltx_ui.studio.read_cache import ReadCache

MAX_NOTE = 2000
LEAST_BYTES_A_PIXEL = 0.01
"""Least size of an mp4, in bytes per pixel and frame. Smoothly moving colours take 0.06, noise
0.56."""
SOUND_BYTES_A_SECOND = 24_000 * 2 * 4
"""Size of the uncompressed sound, which is on disk while the mp4 is encoded: float32, stereo, at
least 24 kHz."""
_NOT_HERE = "This take is not here. It may have been deleted."


@dataclass(frozen=True)
class Take:
    """A clip in the library.

    Attributes:
        seconds: how long it took to make.
        timings: seconds by stage.
        model: the model card's id.
        notes: what was done otherwise than usual, as in :class:`~ltx_ui.clip.Clip`.
        note: the owner's own note.
        video: the mp4, unless it is :attr:`missing`.
        poster: a still picture, JPEG.
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

    @property
    def missing(self) -> bool:
        """Whether the mp4 was deleted from outside. Looks at the disk each time."""
        return not self.video.is_file()


@dataclass(frozen=True)
class Files:
    """The files of a clip that is not in the library yet, and notes about writing them."""

    video: Path
    poster: Path
    notes: tuple[str, ...] = ()

    def remove(self) -> None:
        """Delete both files, as far as possible."""
        remove(self.video)
        remove(self.poster)


class Library:
    """The takes of all owners. Nearly every call names an owner, and finds their takes only.

    Args:
        deleted: called after a take was deleted.
    """

    def __init__(
        self, database: Database, folder: Path, deleted: Callable[[], None] = lambda: None
    ) -> None:
        self._database = database
        self._folder = folder
        self._deleted = deleted
        self._cache: ReadCache[Take] = ReadCache()

    def takes(
        self, owner: str, *, favourites_only: bool = False, limit: int = 200, offset: int = 0
    ) -> list[Take]:
        """The owner's takes, newest first."""
        query = select(TakeRow).where(TakeRow.owner == owner)
        if favourites_only:
            query = query.where(TakeRow.favourite)
        query = query.order_by(TakeRow.number.desc()).limit(limit).offset(offset)
        with self._database.reading() as session:
            return [self._take(row) for row in session.scalars(query)]

    def take(self, take_id: str, owner: str) -> Take:
        """One take.

        Raises:
            NotFound: there is none by this id, or it belongs to somebody else.
        """
        if found := self.those([take_id], owner):
            return found[0]
        raise NotFound(_NOT_HERE)

    def those(self, take_ids: Sequence[str], owner: str) -> tuple[Take, ...]:
        """The owner's takes among these ids, in the order of the ids. Takes that were asked for
        lately come from memory."""
        known, version = self._cache.get(take_ids)
        if unknown := [take_id for take_id in take_ids if take_id not in known]:
            query = select(TakeRow).where(TakeRow.id.in_(unknown))
            with self._database.reading() as session:
                found = {row.id: self._take(row) for row in session.scalars(query)}
            self._cache.add(found, version)
            known |= found
        takes = (known.get(take_id) for take_id in take_ids)
        return tuple(take for take in takes if take is not None and take.owner == owner)

    def video(self, take_id: str, owner: str) -> Path:
        """A take's mp4.

        Raises:
            NotFound: as :meth:`take`, or the file was deleted from outside.
        """
        return _present(self.take(take_id, owner).video)

    def poster(self, take_id: str, owner: str) -> Path:
        """A take's still picture.

        Raises:
            NotFound: as :meth:`video`.
        """
        return _present(self.take(take_id, owner).poster)

    def has(self, take_id: str) -> bool:
        """Whether there is a take by this id, of any owner."""
        with self._database.reading() as session:
            return session.scalar(select(TakeRow.id).where(TakeRow.id == take_id)) is not None

    def set_favourite(self, take_id: str, owner: str, favourite: bool) -> None:
        """Make a take a favourite, or no favourite any more.

        Raises:
            NotFound: as :meth:`take`.
        """
        with self._changed(take_id), self._database.session() as session:
            _row(session, take_id, owner).favourite = favourite

    def set_note(self, take_id: str, owner: str, note: str) -> None:
        """Set a take's note, cut to :data:`MAX_NOTE` characters.

        Raises:
            NotFound: as :meth:`take`.
        """
        with self._changed(take_id), self._database.session() as session:
            _row(session, take_id, owner).note = note.strip()[:MAX_NOTE]

    def delete(self, take_id: str, owner: str) -> None:
        """Delete a take: first its files, which makes room for the rest on a full disk, then its
        row. A row without files does no harm.

        Raises:
            NotFound: as :meth:`take`.
            MediaError: the files were deleted, but not the row.
        """
        take = self.take(take_id, owner)
        Files(take.video, take.poster).remove()
        with self._changed(take_id), self._database.session(frees=True) as session:
            session.delete(_row(session, take_id, owner))
        self._deleted()

    def check_room(self, recipe: Recipe) -> None:
        """Refuse a recipe whose clip surely won't fit on the disk.

        Raises:
            DiskFull: there is no room even for a clip that compresses well.
        """
        need = recipe.width * recipe.height * recipe.num_frames * LEAST_BYTES_A_PIXEL
        if recipe.include_audio:
            need += recipe.duration * SOUND_BYTES_A_SECOND
        if free_bytes(self._folder) < need:
            raise DiskFull(self._folder)

    def write(self, clip: Clip, metadata: Mapping[str, Any]) -> Files:
        """Write a clip's mp4 and poster under names that nobody can guess.

        Raises:
            MediaError: they could not be written; neither is left on the disk.
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
        """Add a take to the library. Its notes are the clip's and those about writing the files.

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
            notes=[*notes, *files.notes],
            video=files.video.name,
            poster=files.poster.name,
        )
        with self._database.session() as session:
            session.add(row)

    def sweep(self) -> None:
        """Delete files that a killed process has left half-written."""
        sweep(self._folder)

    @contextmanager
    def _changed(self, take_id: str) -> Iterator[None]:
        """A block that changes a take. Afterwards the take is read from the database again."""
        try:
            yield
        finally:
            self._cache.drop(take_id)

    def _take(self, row: TakeRow) -> Take:
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
            video=self._folder / row.video,
            poster=self._folder / row.poster,
        )


def _row(session: Session, take_id: str, owner: str) -> TakeRow:
    row = session.scalar(select(TakeRow).where(TakeRow.id == take_id, TakeRow.owner == owner))
    if row is None:
        raise NotFound(_NOT_HERE)
    return row


def _present(file: Path) -> Path:
    if not file.is_file():
        raise NotFound(
            "The file of this take was removed from the disk. Its recipe is kept: make it again."
        )
    return file
