"""The library of takes: rows in the database, and files under random names."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from ltx_ui.clip import Clip
from ltx_ui.errors import DiskFull, NotFound
from ltx_ui.media.files import sweep
from ltx_ui.recipe import Recipe
from ltx_ui.studio.clip_files import Files, check_room, present
from ltx_ui.studio.damaged import Readable
from ltx_ui.studio.database import Database
from ltx_ui.studio.deleting import NOT_HERE, Bin
from ltx_ui.studio.jobs import Origin
from ltx_ui.studio.lineage import Lineage, columns_of, lineage_of
from ltx_ui.studio.orphans import remove_remains
from ltx_ui.studio.read_cache import ReadCache
from ltx_ui.studio.retention import drop_drafts
from ltx_ui.studio.room import Room, room_of
from ltx_ui.studio.search import add_words
from ltx_ui.studio.shelves import Marks, change_tags, naming, of_seed, tags_of
from ltx_ui.studio.sought import Kind, Place, Sought, kinds
from ltx_ui.studio.tables import TakeRow
from ltx_ui.studio.takes import PRESENT, Take, of_recipe, seen_by, sees, take_of

NEWEST = 24
"""Takes that a person's session shows."""
SIDE_BY_SIDE = 60
"""Takes of a seed or a character that are shown together."""
EVERY = Sought()


class Library:
    """The takes of all owners. Nearly every call names an owner, and lists their takes only. By
    their ids takes are found by their owner, and by the studio's (``local``) all of them.

    Args:
        changed: called with the owner when takes, and jobs with them, were deleted or brought
            back.
        purged: called when nothing is left of some that were deleted.

    Attributes:
        bin: what was deleted.
    """

    def __init__(
        self,
        database: Database,
        folder: Path,
        changed: Callable[[str], None] = lambda owner: None,
        purged: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._folder = folder
        self._opened_at = time.time()
        self._rows = Readable(TakeRow)
        self._changed_for = changed
        self.bin = Bin(database, folder, self._forget, purged)
        self._cache: ReadCache[Take] = ReadCache(database.version)
        self._newest: ReadCache[tuple[Take, ...]] = ReadCache(database.version)
        self._kinds: ReadCache[Sequence[Kind]] = ReadCache(database.version)
        self._rooms: ReadCache[Room] = ReadCache(database.version)

    def takes(
        self,
        owner: str,
        sought: Sought = EVERY,
        *,
        limit: int = 200,
        after: Place | None = None,
    ) -> list[Take]:
        """The owner's takes that are sought, in its order.

        Args:
            after: a place in the order; only takes behind it are listed.
        """

        def asked() -> Select[TakeRow]:
            those = select(TakeRow.number).where(*sought.conditions(owner), self._rows.readable)
            if after is not None:
                those = those.where(sought.after(after))
            # By themselves, so that SQLite sorts numbers and not whole rows.
            numbers = those.order_by(*sought.in_order()).limit(limit)
            return select(TakeRow).where(TakeRow.number.in_(numbers)).order_by(*sought.in_order())

        with self._database.reading() as session:
            return self._rows.read(session, asked, self._take)

    def count(self, owner: str, sought: Sought = EVERY) -> int:
        """How many takes :meth:`takes` lists in all."""
        which = (*sought.conditions(owner), self._rows.readable)
        those = select(func.count(TakeRow.number)).where(*which)
        with self._database.reading() as session:
            return session.scalars(those).one()

    def kinds(self, owner: str) -> Sequence[Kind]:
        """The kinds of the owner's takes that are no drafts. They come from memory unless one of
        the owner's takes has changed."""
        with self._database.reading() as session:
            return self._kinds.or_read(owner, lambda: kinds(session, owner))

    def room(self, owner: str) -> Room:
        """How much room the owner's takes need on the disk."""
        with self._database.reading() as session:
            return self._rooms.or_read(owner, lambda: room_of(session, owner))

    def newest(self, owner: str) -> tuple[Take, ...]:
        """The owner's newest takes that are no drafts, at most :data:`NEWEST`. They come from
        memory unless one of the owner's has changed."""
        return self._newest.or_read(owner, lambda: tuple(self.takes(owner, limit=NEWEST)))

    def take(self, take_id: str, owner: str) -> Take:
        """One take.

        Raises:
            NotFound: there is none by this id, or it belongs to somebody else.
        """
        if found := self.those([take_id], owner):
            return found[0]
        raise NotFound(NOT_HERE)

    def those(self, take_ids: Sequence[str], owner: str) -> tuple[Take, ...]:
        """The owner's takes among these ids, in the order of the ids. Takes that were asked for
        lately come from memory."""
        known, version = self._cache.get(take_ids)
        if unknown := [take_id for take_id in take_ids if take_id not in known]:
            query = select(TakeRow).where(TakeRow.id.in_(unknown), PRESENT)
            with self._database.reading() as session:
                read = self._rows.read(session, lambda: query, self._take)
            found = {take.id: take for take in read}
            self._cache.add(found, version)
            known |= found
        takes = (known.get(take_id) for take_id in take_ids)
        return tuple(take for take in takes if take is not None and sees(owner, take.owner))

    def lineage(self, take_id: str, owner: str) -> Lineage:
        """Where a take came from, and what came of it; raises as :meth:`take`."""
        return lineage_of(self.take(take_id, owner), self._database, self.those)

    def video(self, take_id: str, owner: str) -> Path:
        """A take's mp4.

        Raises:
            NotFound: as :meth:`take`, or the file was deleted from outside.
        """
        return present(self.take(take_id, owner).video)

    def poster(self, take_id: str, owner: str) -> Path:
        """A take's still picture.

        Raises:
            NotFound: as :meth:`video`.
        """
        return present(self.take(take_id, owner).poster)

    def has(self, take_id: str) -> bool:
        """Whether there is a take by this id, of any owner. One that was deleted counts as well
        while its job is being made."""
        with self._database.reading() as session:
            return session.scalar(select(TakeRow.id).where(TakeRow.id == take_id)) is not None

    def mark(self, take_id: str, owner: str, marks: Marks) -> None:
        """Change what the owner has written on a take: all of it, or nothing.

        Raises:
            NotFound: as :meth:`take`.
            InvalidRecipe, WrongMoment: as :meth:`Marks.put`.
        """
        with self._marked([take_id], owner) as owners, self._database.session() as session:
            row = _row(session, take_id, owner)
            owners.add(row.owner)
            draft = row.draft
            marks.put(session, row)
        if row.draft != draft:
            self._forget([take_id], row.owner)

    def set_favourite(self, take_id: str, owner: str, favourite: bool) -> None:
        """Make a take a favourite, or no favourite any more. A draft that was one is none any more.

        Raises:
            NotFound: as :meth:`take`.
        """
        self.mark(take_id, owner, Marks(favourite=favourite))

    def set_note(self, take_id: str, owner: str, note: str) -> None:
        """Set a take's note, cut to :data:`~ltx_ui.studio.shelves.MAX_NOTE` characters.

        Raises:
            NotFound: as :meth:`take`.
        """
        self.mark(take_id, owner, Marks(note=note))

    def set_name(self, take_id: str, owner: str, name: str) -> None:
        """Set what the owner calls a take, in one line; empty takes the name away.

        Raises:
            NotFound, InvalidRecipe: as :meth:`mark`.
        """
        self.mark(take_id, owner, Marks(name=name))

    def set_tags(
        self,
        take_ids: Sequence[str],
        owner: str,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
    ) -> None:
        """Give takes some tags, and take others away. Takes that are gone by now are left out.

        Raises:
            NotFound: none of them is here.
            InvalidRecipe: as :meth:`mark`; no take was changed.
        """
        these = select(TakeRow).where(TakeRow.id.in_(take_ids), seen_by(owner), PRESENT)
        with self._marked(take_ids, owner) as owners, self._database.session() as session:
            if not (rows := session.scalars(these.with_for_update()).all()):
                raise NotFound(NOT_HERE)
            owners.update(row.owner for row in rows)
            change_tags(session, rows, add, remove)

    def tags(self, owner: str) -> list[tuple[str, int]]:
        """The owner's tags, each with the number of takes that have it, the most used first. Drafts
        do not count."""
        with self._database.reading() as session:
            return [(tag, count) for tag, count in session.execute(tags_of(owner))]

    def delete(self, take_ids: Sequence[str], owner: str) -> None:
        """Delete takes. Nobody sees them any more, but for :data:`~deleting.UNDO_SECONDS` they can
        be brought back, unless the disk is full. Those that are not here are passed over.

        Raises:
            NotFound: none of them is here.
            MediaError: it could not be written.
        """
        self.bin.put(take_ids, owner)

    def restore(self, take_ids: Sequence[str], owner: str) -> None:
        """Bring deleted takes back, with all that they had. Those that are gone for good are passed
        over.

        Raises:
            NotFound: all of them are.
            MediaError: it could not be written.
        """
        self.bin.take_back(take_ids, owner)

    def purge(self, until: datetime | None = None) -> bool:
        """Leave nothing of deleted takes: see :meth:`Bin.empty`."""
        return self.bin.empty(until)

    def side_by_side(
        self, owner: str, *, seed: int | None = None, name: str = "", limit: int = SIDE_BY_SIDE
    ) -> list[Take]:
        """The owner's newest takes of a seed; or of a character, those for whose prompt ``@name``
        was typed. Drafts are among them."""
        newest = TakeRow.number.desc()
        with self._database.reading() as session:
            found = naming(session, owner, name) if seed is None else of_seed(session, owner, seed)
            numbers = list(islice(found, limit))
            these = select(TakeRow).where(TakeRow.number.in_(numbers), self._rows.readable)
            query = these.order_by(newest)
            return self._rows.read(session, lambda: query, self._take)

    def check_room(self, recipe: Recipe) -> None:
        """Refuse a recipe whose clip surely won't fit on the disk, even when what was deleted is
        really gone.

        Raises:
            DiskFull: there is no room even for a clip that compresses well.
        """
        try:
            check_room(self._folder, recipe)
        except DiskFull:
            self.purge()
            check_room(self._folder, recipe)

    def write(self, clip: Clip, metadata: Mapping[str, Any]) -> Files:
        """Write a clip's mp4 and poster under names that nobody can guess. On a full disk what was
        deleted makes room for them.

        Raises:
            MediaError: they could not be written; neither is left on the disk.
        """
        try:
            return Files.write(self._folder, clip, metadata)
        except DiskFull:
            if not self.purge():
                raise
            return Files.write(self._folder, clip, metadata)

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
        draft: bool = False,
        findings: Sequence[str] = (),
        origin: Origin | None = None,
    ) -> None:
        """Add a take to the library. Its notes are the clip's and those about writing the files.
        With a draft the owner's oldest ones go, beyond :data:`~retention.NEWER_DRAFTS`.

        Raises:
            MediaError: the row could not be written.
        """
        row = TakeRow(
            id=take_id,
            owner=owner,
            **of_recipe(recipe),
            created_at=datetime.now(UTC),
            seconds=sum(timings.values()),
            timings=dict(timings),
            versions=dict(versions),
            model=model,
            device=device,
            notes=[*notes, *files.notes],
            draft=draft,
            findings=list(findings),
            **columns_of(origin),
            video=files.video.name,
            poster=files.poster.name,
            bytes=files.bytes,
        )
        with self._changed([take_id], owner), self._database.session() as session:
            session.add(row)
            session.flush()
            add_words(session, row)
        if draft:
            drop_drafts(self.bin, owner)

    def came(self, owner: str) -> None:
        """Takes of an owner's came from elsewhere."""
        self._forget((), owner)

    def _forget(self, take_ids: Sequence[str], owner: str) -> None:
        """Takes were deleted or brought back, or came."""
        with self._changed(take_ids, owner):
            self._changed_for(owner)

    def sweep(self) -> None:
        """Delete what a killed process has left: files that are half-written, and whole ones whose
        clips were no takes yet.

        Raises:
            MediaError: the library can't be read.
        """
        sweep(self._folder, unused := self._database.unused_seconds)
        before = time.time() - unused if unused else self._opened_at
        remove_remains(self._database, self._folder, before)

    @contextmanager
    def _changed(self, take_ids: Sequence[str], owner: str) -> Iterator[None]:
        """A block that adds takes, or takes them away. Afterwards what is known of the owner's is
        read from the database again."""
        try:
            with self._marked(take_ids, owner):
                yield
        finally:
            self._kinds.drop(owner)
            self._rooms.drop(owner)

    @contextmanager
    def _marked(self, take_ids: Sequence[str], owner: str) -> Iterator[set[str]]:
        """A block that changes takes. Afterwards they are read again, and the newest of the owner,
        and of those who are added to what is yielded; of which kinds there are, is as before."""
        owners = {owner}
        try:
            yield owners
        finally:
            for take_id in take_ids:
                self._cache.drop(take_id)
            for each in owners:
                self._newest.drop(each)

    def _take(self, row: TakeRow) -> Take:
        return take_of(row, self._folder)


def _row(session: Session, take_id: str, owner: str) -> TakeRow:
    that = select(TakeRow).where(TakeRow.id == take_id, seen_by(owner), PRESENT)
    if (row := session.scalar(that)) is None:
        raise NotFound(NOT_HERE)
    return row
