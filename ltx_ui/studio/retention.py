"""Which takes are deleted without anybody asking."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from ltx_ui.errors import StudioError
from ltx_ui.settings import Settings
from ltx_ui.studio.damaged import Readable
from ltx_ui.studio.database import Database
from ltx_ui.studio.deleting import Bin
from ltx_ui.studio.kept_shots import read_board
from ltx_ui.studio.room import measure
from ltx_ui.studio.tables import StoryboardRow, TakeRow
from ltx_ui.studio.takes import PRESENT

NEWER_DRAFTS = 64
"""A draft is deleted when its owner has more than so many newer ones."""

Those = Select[str, str]
"""Finds takes: their ids and owners."""

_log = logging.getLogger(__name__)


def drop_drafts(bin_: Bin, owner: str) -> None:
    """Delete the owner's oldest drafts beyond :data:`NEWER_DRAFTS`. What can't be deleted now goes
    with the next draft."""
    drafts = select(TakeRow.id, TakeRow.owner).where(TakeRow.owner == owner, TakeRow.draft, PRESENT)
    newest_first = drafts.order_by(TakeRow.number.desc())
    try:
        bin_.drop(newest_first.offset(NEWER_DRAFTS + 1))
    except StudioError as error:
        _log.warning("Old drafts could not be deleted: %s", error)


@dataclass(frozen=True)
class Limits:
    """How long takes are kept, and how many.

    Attributes:
        days: takes that are no favourites and no drafts are deleted when they are older.
        bytes: the oldest that are no favourites are deleted while all together need more.
        draft_days: drafts that nobody kept are deleted when they are older.
    """

    days: int | None = None
    bytes: int | None = None
    draft_days: int | None = None


def look_after(bin_: Bin, database: Database, settings: Settings) -> None:
    """Delete what is not to be kept by the settings.

    Raises:
        MediaError: it could not be deleted.
    """
    most = None if settings.keep_gb is None else int(settings.keep_gb * 1e9)
    limits = Limits(settings.keep_days, most, settings.keep_drafts_days or None)
    measure(database, settings.takes_dir)
    now = datetime.now(UTC)
    retain(bin_, database, limits, now)
    if limits.days is not None:
        drop_storyboards(database, now - timedelta(days=limits.days))


def retain(bin_: Bin, database: Database, limits: Limits, now: datetime) -> None:
    """Delete what is not to be kept.

    Args:
        now: with a time zone.

    Raises:
        MediaError: it could not be deleted.
    """
    fleeting = select(TakeRow.id, TakeRow.owner).where(PRESENT, TakeRow.favourite.is_(False))
    ages = ((limits.draft_days, TakeRow.draft), (limits.days, TakeRow.draft.is_(False)))
    for days, which in ages:
        if days is not None:
            older = TakeRow.created_at < now - timedelta(days=days)
            _drop(bin_, fleeting.where(which, older), f"older than {days} days")
    if limits.bytes is not None:
        with database.reading() as session:
            last = _last_to_go(session, limits.bytes)
        if last is not None:
            told = f"beyond {limits.bytes / 1e9:g} GB"
            _drop(bin_, fleeting.where(TakeRow.number <= last), told)


def drop_storyboards(database: Database, older_than: datetime) -> None:
    """Delete storyboards that were not changed since then and have no take any more.

    Raises:
        MediaError: they could not be deleted.
    """
    unchanged = StoryboardRow.changed_at < older_than, StoryboardRow.making.is_(False)
    rows, gone = Readable(StoryboardRow), []
    with database.session(frees=True) as session:
        query = select(StoryboardRow).where(*unchanged)
        for number, takes in rows.read(session, lambda: query, _takes_of):
            its = select(TakeRow.number).where(TakeRow.id.in_(takes), PRESENT).limit(1)
            if session.scalar(its) is None:
                gone.append(number)
        session.execute(delete(StoryboardRow).where(StoryboardRow.number.in_(gone)))
    if gone:
        database.forget()
        _log.info("%d storyboards without takes were deleted.", len(gone))


def _takes_of(row: StoryboardRow) -> tuple[int, list[str]]:
    board = read_board(row)
    return row.number, [take for shot in board.shots for take in shot.takes]


def _drop(bin_: Bin, those: Those, told: str) -> None:
    if count := bin_.drop(those):
        _log.info("%d takes %s were deleted.", count, told)


def _last_to_go(session: Session, most: int) -> int | None:
    """The number of the youngest take to be deleted for all to need at most so many bytes; None if
    none is."""
    total = session.scalar(select(func.sum(TakeRow.bytes)).where(PRESENT)) or 0
    fleeting = select(TakeRow.number, TakeRow.bytes).where(PRESENT, TakeRow.favourite.is_(False))
    last = None
    for number, size in session.execute(fleeting.order_by(TakeRow.number)):
        if total <= most:
            break
        last, total = number, total - size
    return last
