"""A library in a SQLite file, which one process uses."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from ltx_ui.errors import SettingsError, StudioError, writing_failed
from ltx_ui.studio.backend import READS, Backend
from ltx_ui.studio.ballast import Ballast
from ltx_ui.studio.sqlite_errors import damaged, person_error

BUSY_TIMEOUT_MS = 5000

_log = logging.getLogger(__name__)


class SqliteFile(Backend):
    """The file, which is created when it is first used."""

    shared = False
    holder = 0

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = str(path)
        self._ballast = Ballast(path.with_name("ballast"))
        self.writers = create_engine(f"sqlite:///{path}", hide_parameters=True)
        self.readers = self.writers.execution_options(**{READS: True})
        event.listen(self.writers, "connect", _prepare)
        event.listen(self.writers, "begin", _begin)

    def prepare(self) -> None:
        """Makes the folder that the file lies in. A file that was moved is not made anew: nobody
        would see their clips in it, and what they start from would be taken for unused."""
        if not self._path.exists() and (moved := moved_from(self._path)):
            raise SettingsError(
                f"The library of {self._path.parent} was moved to a database. Give that with "
                f"LTX_UI_DATABASE or --database; or, to go on from the state of then, rename "
                f"{moved[-1].name} to {self._path.name}."
            )
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise writing_failed(self._path.parent, error) from error

    def room(self, frees: bool) -> AbstractContextManager[None]:
        """Gives the ballast up for what frees room."""
        return self._ballast.given_up() if frees else nullcontext()

    def check(self, connection: Connection) -> None:
        """SQLite's own quick check."""
        found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if found != "ok":
            raise damaged(self._path, str(found))

    def migrated(self) -> None:
        """Writes the file anew: earlier versions left what was deleted in its free pages."""
        self._outside_transactions("VACUUM")

    def newer(self) -> SettingsError:
        """Names the file."""
        return SettingsError(
            f"The library {self._path} was made by a newer version of LTX-2 Studio. "
            "Update the program, or choose another folder with --data-dir."
        )

    def in_words(self, error: SQLAlchemyError) -> StudioError | None:
        """By SQLite's error code."""
        return person_error(self._path, error.orig) if isinstance(error, DBAPIError) else None

    def forget(self) -> None:
        """SQLite overwrites in the file what is deleted; this empties the log. Where that can't be
        done now, it is with the next call, or when the last connection is closed."""
        self._outside_transactions("PRAGMA wal_checkpoint(TRUNCATE)")

    def version(self, session: Session) -> str:
        """Always the same: nobody else writes."""
        return ""

    def hold(self) -> None:
        """Nothing to do: the data folder's lock keeps other processes away."""

    def is_gone(self, session: Session, holder: int) -> bool:
        """Always: whatever is there was left by an earlier process."""
        return True

    def _outside_transactions(self, statement: str) -> None:
        connection = self.writers.raw_connection()
        try:
            connection.cursor().execute(statement)
        except sqlite3.DatabaseError as error:
            _log.warning("%s of %s failed: %s", statement, self._path, error)
        finally:
            connection.close()


def moved_to(path: Path, moment: str) -> Path:
    """What a file is called after its library was moved."""
    return path.with_stem(f"{path.stem}.moved-{moment}")


def moved_from(path: Path) -> list[Path]:
    """The files of this name whose libraries were moved, the last one last."""
    return sorted(path.parent.glob(moved_to(path, "*").name))


def _prepare(connection: Any, _record: object) -> None:
    # The driver's own transactions don't include changes of tables; _begin begins ours.
    connection.isolation_level = None
    cursor = connection.cursor()
    # With a write-ahead log a killed process loses nothing, even with synchronous=NORMAL.
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # IMMEDIATE waits for other writers; a reader that begins to write would fail instead.
    reads = connection.get_execution_options().get(READS)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
