"""The database that holds the tables: sessions on it, and its migrations."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, inspect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from ltx_ui.errors import SettingsError
from ltx_ui.studio.backend import Backend
from ltx_ui.studio.sqlite import SqliteFile


class Database:
    """Sessions on a database, which is made or migrated when it is opened. Safe to call from any
    thread.

    Args:
        place: a SQLite file, or the URL of a PostgreSQL database.

    Raises:
        SettingsError: the URL can't be used.
    """

    def __init__(self, place: Path | str) -> None:
        self._backend = _backend(place)
        self._writers = sessionmaker(self._backend.writers, expire_on_commit=False)
        self._readers = sessionmaker(self._backend.readers, expire_on_commit=False)
        self._reading = threading.local()
        self._lock = threading.Lock()
        self._open = False

    @property
    def name(self) -> str:
        """What it is called in messages; without a password."""
        return self._backend.name

    @property
    def shared(self) -> bool:
        """Whether other processes may use it at the same time."""
        return self._backend.shared

    @property
    def unused_seconds(self) -> float:
        """How long a half-written file beside it has not been written when it is surely left over:
        another process may be writing it."""
        return 3600.0 if self.shared else 0.0

    @property
    def holder(self) -> int:
        """The name that this process gives its jobs."""
        return self._backend.holder

    def open(self, *, migrate: bool = True) -> None:
        """Check it and migrate it to the present version. Done once; the first session calls it if
        nobody has before.

        Args:
            migrate: whether it may be migrated. Not under a studio that runs.

        Raises:
            SettingsError: it is damaged, or belongs to a newer version of the program, or to an
                older one and may not be migrated.
            MediaError: it can't be reached, read or written.
        """
        with self._lock:
            if not self._open:
                with self._backend.room(frees=True):
                    migrated = self._migrate(allowed=migrate)
                if migrated:
                    self._backend.migrated()
                with self._in_words():
                    self._backend.hold()
                self._open = True

    @contextmanager
    def session(self, *, frees: bool = False) -> Iterator[Session]:
        """A session that is committed at the end of the block, or rolled back if that raises.

        Args:
            frees: whether it deletes something, and so has to work on a full disk.

        Raises:
            MediaError: the disk is full, or it can't be reached or written.
            SettingsError: as :meth:`open`.
        """
        self.open()
        with self._backend.room(frees), self._in_words(), self._writers.begin() as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that only reads; it neither waits for writers nor delays them. Nested in
        another one of the same thread, it is the same session and sees the same state.

        Raises:
            MediaError, SettingsError: as :meth:`session`.
        """
        if (outer := getattr(self._reading, "session", None)) is not None:
            yield outer
            return
        self.open()
        with self._in_words(), self._readers() as session:
            self._reading.session = session
            try:
                yield session
            finally:
                self._reading.session = None

    def version(self) -> str:
        """Another value whenever another process may have written something. What was read since
        this one was first told is still as it was."""
        if not self.shared:
            return ""
        # In the session that the values are read in, where there is one.
        with self.reading() as session:
            return self._backend.version(session)

    def hold(self) -> None:
        """Let other processes see that this one lives; on a shared database it is called every
        second or so.

        Raises:
            MediaError: it can't be reached.
        """
        with self._in_words():
            self._backend.hold()

    def is_gone(self, session: Session, holder: int) -> bool:
        """Whether the process that gave its jobs this name has ended. As long as the writing
        session lasts, nobody else is told so."""
        return self._backend.is_gone(session, holder)

    def forget(self) -> None:
        """Leave nothing of what was deleted in SQLite's files."""
        self._backend.forget()

    def close(self) -> None:
        """Close all connections."""
        self._backend.close()

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            if (said := self._backend.in_words(error)) is None:
                raise
            raise said from error

    def _migrate(self, *, allowed: bool) -> bool:
        """Returns whether there was something to migrate."""
        self._backend.prepare()
        with self._in_words(), self._backend.writers.begin() as connection:
            self._backend.check(connection)
            if _is_current(connection):
                return False
            if not allowed:
                raise SettingsError(
                    "Another studio is using the library, of another version than this one. Close "
                    "it, or use the program that it was started with."
                )
            self._upgrade(connection)
            return True

    def _upgrade(self, connection: Connection) -> None:
        # Alembic logs each of its plugins.
        logging.getLogger("alembic").setLevel(logging.WARNING)
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", "ltx_ui.studio:migrations")
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise self._backend.newer() from error


def _backend(place: Path | str) -> Backend:
    if isinstance(place, Path):
        return SqliteFile(place)
    # psycopg comes with an extra.
    from ltx_ui.studio.postgres import PostgresDatabase

    return PostgresDatabase(place)


def _is_current(connection: Connection) -> bool:
    """Whether the last migration was made. Found out without Alembic, which takes a moment to
    import while the page waits."""
    if not inspect(connection).has_table("alembic_version"):
        return False
    versions = Path(__file__).parent.joinpath("migrations", "versions").glob("[0-9]*.py")
    made = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return made == max(file.name.partition("_")[0] for file in versions)
