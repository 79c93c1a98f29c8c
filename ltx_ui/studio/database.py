"""The tables, and the SQLite file that holds them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Connection, DateTime, Dialect, Index, String, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from sqlalchemy.types import TypeDecorator

from ltx_ui.errors import MediaError, SettingsError
from ltx_ui.media.files import no_room

BUSY_TIMEOUT_MS = 5000


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite itself keeps no time zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.replace(value, tzinfo=UTC)


class Base(DeclarativeBase):
    """What the migrations are compared with."""


class TakeRow(Base):
    """A kept clip. ``number`` gives the order in which takes were kept."""

    __tablename__ = "takes"
    __table_args__ = (Index("ix_takes_owner_number", "owner", "number"),)

    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    owner: Mapped[str]
    recipe: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seconds: Mapped[float]
    timings: Mapped[dict[str, float]] = mapped_column(JSON)
    versions: Mapped[dict[str, str]] = mapped_column(JSON)
    model: Mapped[str]
    device: Mapped[str]
    notes: Mapped[list[str]] = mapped_column(JSON)
    note: Mapped[str] = mapped_column(default="")
    favourite: Mapped[bool] = mapped_column(default=False)
    video: Mapped[str]
    poster: Mapped[str]


class JobRow(Base):
    """A job. ``number`` gives its place; ``starts`` counts the times it was taken up."""

    __tablename__ = "jobs"
    __table_args__ = (Index("ix_jobs_state", "state"),)

    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    owner: Mapped[str]
    recipe: Mapped[dict[str, Any]] = mapped_column(JSON)
    submitted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(16))
    starts: Mapped[int] = mapped_column(default=0)
    message: Mapped[str] = mapped_column(default="")


class PaceRow(Base):
    """What each stage of a take took; ``settings`` are its recipe's, as JSON with sorted keys."""

    __tablename__ = "paces"
    __table_args__ = (Index("ix_paces_kind", "model", "device", "settings", "texts"),)

    number: Mapped[int] = mapped_column(primary_key=True)
    model: Mapped[str]
    device: Mapped[str]
    settings: Mapped[str]
    texts: Mapped[int]
    timings: Mapped[dict[str, float]] = mapped_column(JSON)


class Database:
    """Sessions on one SQLite file, which is made and migrated when the first one is asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine = create_engine(f"sqlite:///{path}")
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)
        self._lock = threading.Lock()
        self._migrated = False
        event.listen(self._engine, "connect", _prepare)
        event.listen(self._engine, "begin", _begin)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session that commits when the block ends well, and otherwise changes nothing.

        Raises:
            MediaError: the disk is full.
            SettingsError: the file is damaged, or belongs to a newer version of the program.
        """
        self._migrate_once()
        try:
            with self._sessions.begin() as session:
                yield session
        except OperationalError as error:
            if "disk is full" in str(error.orig):
                raise no_room(self._path.parent) from error
            raise MediaError(
                f"The library {self._path} could not be read or written ({error.orig}). "
                "Check the folder's permissions and that no other program holds the file."
            ) from error

    def close(self) -> None:
        """Let the file go."""
        self._engine.dispose()

    def _migrate_once(self) -> None:
        with self._lock:
            if not self._migrated:
                self._migrate()
                self._migrated = True

    def _migrate(self) -> None:
        # Alembic tells of each plugin it has; nobody needs to know.
        logging.getLogger("alembic").setLevel(logging.WARNING)
        # It is only loaded here: importing it is no part of showing the page.
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", "ltx_ui.studio:migrations")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._engine.begin() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        except CommandError as error:
            raise SettingsError(
                f"The library {self._path} was made by a newer version of LTX-2 Studio. "
                "Update the program, or choose another folder with --data-dir."
            ) from error
        except (DatabaseError, OSError) as error:
            raise SettingsError(
                f"The library {self._path} can't be opened: {getattr(error, 'orig', error)}. "
                "Put a backup in its place, move the file away to begin a new library, or choose "
                "another folder with --data-dir."
            ) from error


def _prepare(connection: Any, _record: object) -> None:
    # The driver's own transactions leave table changes out; see _begin.
    connection.isolation_level = None
    cursor = connection.cursor()
    # With a write-ahead log a killed process loses nothing, and NORMAL is safe in it.
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # IMMEDIATE waits its turn; a reader that turns into a writer would fail instead of waiting.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
