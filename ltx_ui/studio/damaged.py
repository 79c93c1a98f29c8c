"""Rows that can't be read: they are left out, and the log tells which."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from ltx_ui.studio.tables import JobRow, StoryboardRow, TakeRow

R = TypeVar("R", TakeRow, JobRow, StoryboardRow)
T = TypeVar("T")

UNREADABLE = (ValueError, TypeError)
"""What comes of JSON that is damaged or holds something else, and of a recipe or a time that is
none."""

_log = logging.getLogger(__name__)


class Readable(Generic[R]):
    """Reads a table's rows, and remembers those that can't be read. Safe to call from any thread.

    Attributes:
        damaged: their numbers.
    """

    def __init__(self, table: type[R]) -> None:
        self._table: type[R] = table
        self._number: InstrumentedAttribute[int] = table.number
        self.damaged: frozenset[int] = frozenset()

    @property
    def readable(self) -> ColumnElement[bool]:
        """The condition that a row is not known to be damaged."""
        return self._number.not_in(self.damaged)

    def read(
        self, session: Session, query: Callable[[], Select[R]], make: Callable[[R], T]
    ) -> list[T]:
        """What is made of the rows that a query finds.

        Args:
            query: asked again when it found a damaged row, so that it can find another instead. Its
                own limit, if it has one, has to go with :attr:`readable`.
            make: makes something of a row; raises one of :data:`UNREADABLE` for a damaged one.
        """
        while True:
            asked = query().where(self.readable)
            found = dict(self._make(session, asked, make))
            damaged = {number for number, made in found.items() if not made}
            if not damaged:
                return [each for made in found.values() for each in made]
            self.damaged |= damaged

    def _make(
        self, session: Session, asked: Select[R], make: Callable[[R], T]
    ) -> Iterator[tuple[int, tuple[T, ...]]]:
        """Rows' numbers and what is made of them: nothing of the damaged ones."""
        for number, row in self._rows(session, asked):
            try:
                yield number, () if row is None else (make(row),)
            except UNREADABLE as error:
                self._tell(number, error)
                yield number, ()

    def _rows(self, session: Session, asked: Select[R]) -> Sequence[tuple[int, R | None]]:
        try:
            return [(row.number, row) for row in session.scalars(asked)]
        except UNREADABLE:
            # One of them; which, is seen when they are read one by one.
            numbers = session.scalars(asked.with_only_columns(self._number)).all()
            return [(number, self._row(session, number)) for number in numbers]

    def _row(self, session: Session, number: int) -> R | None:
        try:
            return session.scalar(select(self._table).where(self._number == number))
        except UNREADABLE as error:
            self._tell(number, error)
            return None

    def _tell(self, number: int, error: Exception) -> None:
        # Not the error's own words: they may be the recipe's.
        _log.error(
            "Row %d of the table %s can't be read (%s) and is left out. See ltx-ui check.",
            number,
            self._table.__tablename__,
            type(error).__name__,
        )
