"""Links by which whoever has one sees one take."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, delete, func, or_, select

from ltx_ui.errors import NotFound, WrongMoment
from ltx_ui.settings import LOCAL
from ltx_ui.studio.database import Database
from ltx_ui.studio.library import Library
from ltx_ui.studio.tables import TakeLinkRow, TakeRow
from ltx_ui.studio.takes import PRESENT, Take

MOST = 20
"""Links that one take may have."""
_NO_LINK = "There is no such link. It may have been taken back already, or it has expired."


@dataclass(frozen=True)
class TakeLink:
    """A link to a take; ``expires_at`` is None if it does not expire."""

    id: str
    take_id: str
    created_at: datetime
    expires_at: datetime | None


class TakeLinks:
    """Links to takes. Safe to call from any thread, and from several processes."""

    def __init__(self, database: Database, library: Library) -> None:
        self._database = database
        self._library = library

    def make(self, take_id: str, owner: str, expires_at: datetime | None = None) -> TakeLink:
        """Make a link to a take.

        Args:
            expires_at: with a time zone; None for never.

        Raises:
            NotFound: there is no such take, or it is somebody else's.
            WrongMoment: it has :data:`MOST` links.
            MediaError: it could not be written.
        """
        number, now = self._library.take(take_id, owner).number, datetime.now(UTC)
        row = TakeLinkRow(id=uuid.uuid4().hex, take=number, created_at=now, expires_at=expires_at)
        with self._database.session() as session:
            theirs = TakeLinkRow.take == number
            session.execute(delete(TakeLinkRow).where(theirs, TakeLinkRow.expires_at <= now))
            if session.scalars(select(func.count(TakeLinkRow.number)).where(theirs)).one() >= MOST:
                raise WrongMoment(f"A take has at most {MOST} links. Take one of them back first.")
            session.add(row)
        return _link(row, take_id)

    def all(self, take_id: str, owner: str) -> list[TakeLink]:
        """The links to a take that have not expired, oldest first.

        Raises:
            NotFound: there is no such take, or it is somebody else's.
            MediaError: the library can't be read.
        """
        number = self._library.take(take_id, owner).number
        those = select(TakeLinkRow).where(TakeLinkRow.take == number, _valid())
        with self._database.reading() as session:
            rows = session.scalars(those.order_by(TakeLinkRow.number))
            return [_link(row, take_id) for row in rows]

    def revoke(self, take_id: str, link_id: str, owner: str) -> None:
        """Take a link back: there is nothing at it from then on.

        Raises:
            NotFound: there is no such take or link, or it is somebody else's.
            MediaError: it could not be written.
        """
        number = self._library.take(take_id, owner).number
        that = select(TakeLinkRow.number)
        with self._database.session(frees=True) as session:
            found = session.scalar(
                that.where(TakeLinkRow.id == link_id, TakeLinkRow.take == number)
            )
            if found is None:
                raise NotFound(_NO_LINK)
            session.execute(delete(TakeLinkRow).where(TakeLinkRow.number == found))

    def take(self, link_id: str) -> Take:
        """The take at a link.

        Raises:
            NotFound: there is none: the link was never made, was taken back or has expired, or the
                take was deleted.
            MediaError: the library can't be read.
        """
        joined = select(TakeRow.id).join(TakeLinkRow, TakeLinkRow.take == TakeRow.number)
        with self._database.reading() as session:
            take_id = session.scalar(joined.where(TakeLinkRow.id == link_id, _valid(), PRESENT))
        if take_id is None:
            raise NotFound(_NO_LINK)
        return self._library.take(take_id, LOCAL)


def _valid() -> ColumnElement[bool]:
    return or_(TakeLinkRow.expires_at.is_(None), TakeLinkRow.expires_at > datetime.now(UTC))


def _link(row: TakeLinkRow, take_id: str) -> TakeLink:
    return TakeLink(row.id, take_id, row.created_at, row.expires_at)
