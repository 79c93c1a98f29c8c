"""For how long the studio has worked for whom within a day."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select

from ltx_ui.errors import StudioError
from ltx_ui.studio.database import Database
from ltx_ui.studio.lately import Lately
from ltx_ui.studio.tables import SpentRow

DAY = timedelta(days=1)

Share = tuple[datetime, float]
"""Until when, and for how many seconds, the studio has worked for somebody."""
Clock = Callable[[], datetime]

_log = logging.getLogger(__name__)


def now() -> datetime:
    """The time."""
    return datetime.now(UTC)


class Spent:
    """A day's work, by whom it was for. It is kept in the database: neither a restart nor another
    process of the studio gives anybody more. Safe to call from any thread.

    Args:
        clock: tells the time, in UTC.
    """

    def __init__(self, database: Database, clock: Clock = now) -> None:
        self._database = database
        self._clock = clock
        self._lately: Lately[Mapping[str, Sequence[Share]]] = Lately(self._read)

    def add(self, owner: str, seconds: float) -> None:
        """The studio has worked for somebody. If that can't be written, it does not count."""
        ended_at = self._clock()
        try:
            with self._database.session() as session:
                session.execute(delete(SpentRow).where(SpentRow.ended_at <= ended_at - DAY))
                session.add(SpentRow(owner=owner, ended_at=ended_at, seconds=seconds))
        except StudioError as error:
            _log.warning("The work for somebody could not be written down: %s", error)
        self._lately.changed()

    def of(self, owner: str) -> list[Share]:
        """A day's work for somebody.

        Raises:
            MediaError: the library can't be read.
        """
        since = self._clock() - DAY
        return [share for share in self._lately.get().get(owner, ()) if share[0] > since]

    def of_all(self, beginning: str) -> list[Share]:
        """A day's work for all whose names begin so; raises as :meth:`of`."""
        those = [owner for owner in self._lately.get() if owner.startswith(beginning)]
        return [share for owner in those for share in self.of(owner)]

    def _read(self) -> Mapping[str, Sequence[Share]]:
        columns = (SpentRow.owner, SpentRow.ended_at, SpentRow.seconds)
        query = select(*columns).where(SpentRow.ended_at > self._clock() - DAY)
        shares: defaultdict[str, list[Share]] = defaultdict(list)
        with self._database.reading() as session:
            for owner, ended_at, seconds in session.execute(query):
                shares[owner].append((ended_at, seconds))
        return shares
