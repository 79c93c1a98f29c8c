"""A library that goes from one database to another, as it is."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from sqlalchemy import Table, func, insert, select
from sqlalchemy.orm import Session

from ltx_ui.errors import SettingsError
from ltx_ui.studio.damaged import UNREADABLE
from ltx_ui.studio.database import Database
from ltx_ui.studio.dialects import count_on
from ltx_ui.studio.search import index_anew
from ltx_ui.studio.tables import Base
from ltx_ui.studio.takes import sound_rows

_AT_ONCE = 500


class NotMoved(SettingsError):
    """A library stays where it is; says why."""


def move(source: Database, target: Database) -> Counter[str]:
    """Copy every row, with the ids and numbers that it has, in one transaction; the source stays as
    it is. Nobody else writes to either meanwhile.

    Args:
        target: is made if it is not there, and may hold no row.

    Returns:
        How many rows each table has, which were counted in both.

    Raises:
        NotMoved: there is something in the target, or a row can't be read. The target is as before.
        SettingsError, MediaError: as :meth:`Database.session`.
    """
    source.open()
    target.open()
    with source.session() as there, target.session() as here:
        if taken := _counted(here).total():
            raise NotMoved(
                f"{target.name} has {taken} rows of a library already. Give an empty database."
            )
        for table in Base.metadata.sorted_tables:
            _copy(table, there, here)
        index_anew(here, sound_rows(here, Path()))
        count_on(here, [table for table in Base.metadata.sorted_tables if "number" in table.c])
        if (came := _counted(here)) != (were := _counted(there)):
            raise NotMoved(f"{were - came} rows did not come to {target.name}. Nothing was moved.")
    return came


def _copy(table: Table, there: Session, here: Session) -> None:
    in_order = select(table).order_by(*table.primary_key)
    try:
        for part in there.execute(in_order).mappings().partitions(_AT_ONCE):
            here.execute(insert(table), [dict(row) for row in part])
    except UNREADABLE as error:
        # Not the error's own words: they may be a recipe's.
        raise NotMoved(
            f"A row of the table {table.name} can't be read ({type(error).__name__}). "
            "ltx-ui check tells which, and with --mend puts it right."
        ) from None


def _counted(session: Session) -> Counter[str]:
    tables = Base.metadata.sorted_tables
    counts = {table.name: select(func.count()).select_from(table) for table in tables}
    return Counter({name: session.scalar(count) or 0 for name, count in counts.items()})
