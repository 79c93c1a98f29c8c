"""The tables, and the SQLite file that holds them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Connection,
    DateTime,
    Dialect,
    Index,
    String,
    create_engine,
    event,
    inspect,
)
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from sqlalchemy.types import TypeDecorator

from ltx_ui.errors import SettingsError, writing_failed
from ltx_ui.studio.ballast import Ballast
from ltx_ui.studio.jobs import Queued, Running
from ltx_ui.studio.sqlite_errors import damaged, person_error

BUSY_TIMEOUT_MS = 5000
_READS = "ltx_ui_reads"
"""An execution option: set on connections that only read."""
LIVE = (Queued.name, Running.name)
"""The column ``state`` of jobs that have not ended."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC, stored without a time zone, which SQLite doesn't have."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.replace(value, tzinfo=UTC)


class Base(DeclarativeBase):
    """The tables as they are after the last migration."""


class TakeRow(Base):
    """A saved clip. ``number`` is the order in which takes were saved."""

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
    """A job. ``number`` is the order of submission, ``starts`` counts how often it was started, and
    ``model`` is the model that it is for."""

    __tablename__ = "jobs"
    __table_args__ = (Index("ix_jobs_state", "state"),)

    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    owner: Mapped[str]
    recipe: Mapped[dict[str, Any]] = mapped_column(JSON)
    submitted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(16))
    starts: Mapped[int] = mapped_column(default=0)
    model: Mapped[str]
    message: Mapped[str] = mapped_column(default="")


class TimingRow(Base):
    """Seconds by stage of a take; ``settings`` are its recipe's, as JSON with sorted keys. The
    table keeps the name that it was made with."""

    __tablename__ = "paces"
    __table_args__ = (Index("ix_paces_kind", "model", "device", "settings", "texts"),)

    number: Mapped[int] = mapped_column(primary_key=True)
    model: Mapped[str]
    device: Mapped[str]
    settings: Mapped[str]
    texts: Mapped[int]
    timings: Mapped[dict[str, float]] = mapped_column(JSON)


class Database:
    """Sessions on one SQLite file, which is created or migrated when it is opened. Safe to call
    from any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine = create_engine(f"sqlite:///{path}")
        self._writers = sessionmaker(self._engine, expire_on_commit=False)
        readers = self._engine.execution_options(**{_READS: True})
        self._readers = sessionmaker(readers, expire_on_commit=False)
        self._reading = threading.local()
        self._ballast = Ballast(path.with_name("ballast"))
        self._lock = threading.Lock()
        self._open = False
        event.listen(self._engine, "connect", _prepare)
        event.listen(self._engine, "begin", _begin)

    def open(self) -> None:
        """Check the file and migrate it to the present version. Done once; the first session calls
        it if nobody has before.

        Raises:
            SettingsError: the file is damaged, or belongs to a newer version of the program.
            MediaError: it can't be read or written.
        """
        with self._lock:
            if not self._open:
                with self._ballast.given_up():
                    self._migrate()
                self._open = True

    @contextmanager
    def session(self, *, frees: bool = False) -> Iterator[Session]:
        """A session that is committed at the end of the block, or rolled back if that raises.

        Args:
            frees: whether it deletes something, and so has to work on a full disk.

        Raises:
            MediaError: the disk is full, or the file can't be written.
            SettingsError: the file is damaged, or belongs to a newer version of the program.
        """
        self.open()
        room = self._ballast.given_up() if frees else nullcontext()
        with room, self._in_words(), self._writers.begin() as session:
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

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except DatabaseError as error:
            if (said := person_error(self._path, error.orig)) is None:
                raise
            raise said from error

    def _migrate(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise writing_failed(self._path.parent, error) from error
        with self._in_words(), self._engine.begin() as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
            if found != "ok":
                raise damaged(self._path, str(found))
            if not _is_current(connection):
                self._upgrade(connection)

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
            raise SettingsError(
                f"The library {self._path} was made by a newer version of LTX-2 Studio. "
                "Update the program, or choose another folder with --data-dir."
            ) from error


def _is_current(connection: Connection) -> bool:
    """Whether the last migration was made. Found out without Alembic, which takes a moment to
    import while the page waits."""
    if not inspect(connection).has_table("alembic_version"):
        return False
    versions = Path(__file__).parent.joinpath("migrations", "versions").glob("[0-9]*.py")
    made = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return made == max(file.name.partition("_")[0] for file in versions)


def _prepare(connection: Any, _record: object) -> None:
    # The driver's own transactions don't include changes of tables; _begin begins ours.
    connection.isolation_level = None
    cursor = connection.cursor()
    # With a write-ahead log a killed process loses nothing, even with synchronous=NORMAL.
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # IMMEDIATE waits for other writers; a reader that begins to write would fail instead.
    reads = connection.get_execution_options().get(_READS)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
