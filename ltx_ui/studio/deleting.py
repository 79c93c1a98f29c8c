"""Deleting takes: they are hidden at first and can be brought back, and later nothing is left."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, delete, func, select, update
from sqlalchemy.orm import Session

from ltx_ui.errors import NotFound, StudioError
from ltx_ui.studio.ballast import is_full
from ltx_ui.studio.clip_files import Files
from ltx_ui.studio.database import Database
from ltx_ui.studio.job_rows import forget_jobs_of, still_made
from ltx_ui.studio.parts import in_parts
from ltx_ui.studio.search import compact, drop_words
from ltx_ui.studio.tables import TakeRow
from ltx_ui.studio.takes import PRESENT, seen_by

UNDO_SECONDS = 30.0
"""How long takes that were deleted can be brought back."""
NOT_HERE = "This take is not here. It may have been deleted."
_GONE = (
    "This can't be undone any more. Deleted clips can be brought back for half a minute, and not "
    "even so long when the disk is full."
)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""When takes were deleted that can't be brought back."""
_AT_ONCE = 500
"""Takes that are changed in one transaction, so that other writers have their turn."""

_log = logging.getLogger(__name__)


class _Deleted(NamedTuple):
    number: int
    id: str
    owner: str
    video: str
    poster: str


class Bin:
    """Takes that were deleted: hidden from everything that goes by :data:`~takes.PRESENT`.

    A row without files does no harm, files without a row are never found again. So files go first,
    which also makes room for the rest on a full disk.

    Args:
        changed: called with takes that were hidden or shown, and their owner; without any when
            takes of the owner's and their jobs are gone.
        emptied: called when some are.
    """

    def __init__(
        self,
        database: Database,
        folder: Path,
        changed: Callable[[Sequence[str], str], None],
        emptied: Callable[[], None],
    ) -> None:
        self._database = database
        self._folder = folder
        self._changed = changed
        self._emptied = emptied

    def put(self, take_ids: Sequence[str], owner: str) -> None:
        """Hide the owner's takes among these. Where the disk is full they are gone at once.

        Raises:
            NotFound: none of them is here.
            MediaError: it could not be written.
        """
        if not self._set(datetime.now(UTC), take_ids, owner, PRESENT):
            raise NotFound(NOT_HERE)
        if is_full(self._folder):
            self.empty()

    def take_back(self, take_ids: Sequence[str], owner: str) -> None:
        """Show the owner's takes among these again, if there still is time.

        Raises:
            NotFound: it is too late for all of them.
            MediaError: it could not be written.
        """
        if not self._set(None, take_ids, owner, TakeRow.deleted_at > _too_late()):
            raise NotFound(_GONE)

    def _set(
        self, at: datetime | None, take_ids: Sequence[str], owner: str, which: ColumnElement[bool]
    ) -> bool:
        """Returns whether there was one of these takes."""
        any_found = False
        for some in in_parts(take_ids, _AT_ONCE):
            columns = select(TakeRow.id, TakeRow.owner)
            those = columns.where(seen_by(owner), TakeRow.id.in_(some), which)
            by_owner = defaultdict[str, list[str]](list)
            with self._database.session(frees=True) as session:
                for take_id, whose in session.execute(those):
                    by_owner[whose].append(take_id)
                found = [*chain.from_iterable(by_owner.values())]
                session.execute(update(TakeRow).where(TakeRow.id.in_(found)).values(deleted_at=at))
            for whose, ids in by_owner.items():
                self._changed(ids, whose)
                any_found = True
        return any_found

    def drop(self, those: Select[str, str]) -> int:
        """Delete takes at once, without a way back; returns how many.

        Args:
            those: finds their ids and owners.

        Raises:
            MediaError: it could not be written.
        """
        by_owner = defaultdict[str, list[str]](list)
        # In one session, so that none is made a favourite meanwhile.
        with self._database.session(frees=True) as session:
            for take_id, owner in session.execute(those):
                by_owner[owner].append(take_id)
            for take_ids in by_owner.values():
                for some in in_parts(take_ids, _AT_ONCE):
                    gone = update(TakeRow).where(TakeRow.id.in_(some))
                    session.execute(gone.values(deleted_at=_LONG_AGO))
        for owner, take_ids in by_owner.items():
            self._changed(take_ids, owner)
        if by_owner:
            self.empty(_LONG_AGO)
        return sum(map(len, by_owner.values()))

    def empty(self, until: datetime | None = None) -> bool:
        """Delete what is in here: the files, the rows, the words, and with the last take of a job
        that has ended the job. Of a job that is still made only the files go: its rows say that
        these takes are not to be made again.

        Args:
            until: what was put in later stays; None for everything.

        Returns:
            Whether rows are gone.

        Raises:
            MediaError: files were deleted, but not all rows.
        """
        due = TakeRow.deleted_at.is_not(None) if until is None else TakeRow.deleted_at <= until
        # Read first: where there is nothing to do, nobody waits for a writer.
        with self._database.reading() as session:
            numbers = session.scalars(select(TakeRow.number).where(due)).all()
        owners: set[str] = set()
        for some in in_parts(numbers, _AT_ONCE):
            owners |= self._remove(due & TakeRow.number.in_(some))
        if owners:
            self._leave_nothing()
            for owner in owners:
                self._changed((), owner)
            self._emptied()
        return bool(owners)

    def empty_what_is_due(self) -> None:
        """Delete what can't be brought back any more.

        Raises:
            MediaError: as :meth:`empty`.
        """
        self.empty(_too_late())

    def _remove(self, which: ColumnElement[bool]) -> set[str]:
        """Returns the owners of the rows that are gone."""
        columns = (TakeRow.number, TakeRow.id, TakeRow.owner, TakeRow.video, TakeRow.poster)
        # All in one session, so that none is brought back meanwhile.
        with self._database.session(frees=True) as session:
            rows = [_Deleted(*row) for row in session.execute(select(*columns).where(which))]
            gone = [row for row in rows if self._without_files(row)]
            made = still_made(session, {row.owner for row in gone})
            return _delete(session, [row for row in gone if row.id not in made])

    def _without_files(self, row: _Deleted) -> bool:
        """Delete a take's files. Where that can't be done its row stays, so that they are tried
        again and do not stay for ever."""
        files = Files(self._folder / row.video, self._folder / row.poster)
        files.remove()
        return not files.bytes

    def seconds_left(self) -> float | None:
        """Seconds until something is to be deleted; None if nothing is in here."""
        oldest = select(func.min(TakeRow.deleted_at)).where(TakeRow.deleted_at.is_not(None))
        with self._database.reading() as session:
            if (waits := session.scalar(oldest)) is None:
                return None
        left = UNDO_SECONDS - (datetime.now(UTC) - waits).total_seconds()
        # What is due and still there belongs to a job that is being made.
        return left if left > 0 else UNDO_SECONDS

    def _leave_nothing(self) -> None:
        try:
            with self._database.session() as session:
                compact(session)
        except StudioError as error:
            _log.warning("The words of deleted takes go with the next one: %s", error)
        self._database.forget()


def _too_late() -> datetime:
    """What was deleted before this can't be brought back."""
    return datetime.now(UTC) - timedelta(seconds=UNDO_SECONDS)


def _delete(session: Session, rows: Sequence[_Deleted]) -> set[str]:
    """Delete the rows of takes, with their tags, and what kept their words; returns the owners."""
    numbers = [row.number for row in rows]
    session.execute(delete(TakeRow).where(TakeRow.number.in_(numbers)))
    for number in numbers:
        drop_words(session, number)
    owners = {row.owner for row in rows}
    for owner in owners:
        forget_jobs_of(session, {row.id for row in rows if row.owner == owner}, owner)
    return owners
