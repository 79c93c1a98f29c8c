"""A library in a PostgreSQL database, which several processes may use at the same time."""

from __future__ import annotations

import logging
import secrets
import threading
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Connection,
    Engine,
    Text,
    cast,
    create_engine,
    event,
    func,
    make_url,
    select,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session

from ltx_ui.errors import SettingsError, StudioError
from ltx_ui.studio.backend import READS, Backend
from ltx_ui.studio.postgres_errors import first_line, person_error, unreachable

if TYPE_CHECKING:
    from psycopg.abc import Buffer
    from psycopg.adapt import Dumper

LOCK_TIMEOUT_MS = 5000
CONNECT_SECONDS = 5
"""How long a server may take to answer, unless the URL says otherwise."""
_WRITERS = 0x4C54_5832_5354_5544
"""The number of the advisory lock that a writing transaction holds: ASCII for LTX2STUD."""
_KEEPALIVE = {"tcp_keepalives_idle": 20, "tcp_keepalives_interval": 5, "tcp_keepalives_count": 3}
"""The server's settings for the connection that holds the jobs: what a machine held that went
without a word is free after 35 seconds."""

_log = logging.getLogger(__name__)


class PostgresDatabase(Backend):
    """A database that a URL names.

    Raises:
        SettingsError: the URL can't be read, or psycopg is not installed.
    """

    shared = True

    def __init__(self, url: str) -> None:
        given = _parsed(url)
        self.name = _name(given)
        # Positive, and never 0, which stands for nobody.
        self.holder = 1 + secrets.randbits(62)
        self._holding: Connection | None = None
        self._lock = threading.Lock()
        self._reached = False
        self.writers = _engine(given)
        self.readers = self.writers.execution_options(
            **{READS: True}, isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        event.listen(self.writers, "connect", _prepare)
        event.listen(self.writers, "begin", _begin)

    def prepare(self) -> None:
        """Nothing: its owner has made the database."""

    def room(self, frees: bool) -> AbstractContextManager[None]:
        """Nothing to give up: the disk is the server's."""
        return nullcontext()

    def check(self, connection: Connection) -> None:
        """Nothing: the server looks after its files."""

    def migrated(self) -> None:
        """Nothing more to do."""

    def newer(self) -> SettingsError:
        """Names the database."""
        return SettingsError(
            f"The library in PostgreSQL at {self.name} was made by a newer version of LTX-2 "
            "Studio. Update the program, or give another database with --database."
        )

    def in_words(self, error: SQLAlchemyError) -> StudioError | None:
        """By PostgreSQL's error code. At the start it is the operator who reads it; afterwards the
        place stands in the log alone."""
        if (said := person_error(error)) is None:
            return None
        if not self._reached:
            return unreachable(self.name, error)
        _log.warning("The library in PostgreSQL at %s: %s", self.name, first_line(error))
        return said

    def forget(self) -> None:
        """Nothing: what is deleted goes from the server's files when it vacuums them."""

    def version(self, session: Session) -> str:
        """Which transactions this one sees: the same ones until somebody commits another."""
        return str(session.scalar(select(cast(func.pg_current_snapshot(), Text))))

    def hold(self) -> None:
        """An advisory lock, on a connection that stays."""
        with self._lock:
            try:
                if self._holding is not None:
                    self._holding.exec_driver_sql("SELECT 1")
                    return
            except SQLAlchemyError as error:
                _log.warning("Connecting to %s again: %s", self.name, first_line(error))
                self._let_go()
            self._holding = self._held()
            self._reached = True

    def is_gone(self, session: Session, holder: int) -> bool:
        """Whether nobody holds the lock. This transaction holds it then."""
        if holder == self.holder:
            return False
        return bool(session.scalar(select(func.pg_try_advisory_xact_lock(holder))))

    def close(self) -> None:
        """Lets go of the jobs, too."""
        with self._lock:
            self._let_go()
        super().close()

    def _held(self) -> Connection:
        options = {READS: True, "isolation_level": "AUTOCOMMIT"}
        connection = self.writers.execution_options(**options).connect()
        try:
            connection.detach()  # Not one of those that the pool may hand out.
            for setting, value in _KEEPALIVE.items():
                connection.exec_driver_sql(f"SET {setting} = {value}")
            connection.execute(select(func.pg_advisory_lock(self.holder)))
        except BaseException:
            connection.close()
            raise
        return connection

    def _let_go(self) -> None:
        if self._holding is not None:
            self._holding.close()
            self._holding = None


def _parsed(url: str) -> URL:
    try:
        return make_url(url).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError):
        raise SettingsError(
            "--database (LTX_UI_DATABASE) can't be read; it must look like "
            "postgresql://USER:PASSWORD@HOST:PORT/NAME, with signs in the password as %XX."
        ) from None


def _name(url: URL) -> str:
    """A database as messages call it, without user and password."""
    host = url.host or url.query.get("host") or "localhost"
    port = f":{url.port}" if url.port else ""
    return f"{host}{port}/{url.database or url.username or ''}"


def _engine(url: URL) -> Engine:
    url = url.update_query_dict({"connect_timeout": str(CONNECT_SECONDS), **url.query})
    try:
        # Asks before each use whether the connection still is one: servers are started again.
        return create_engine(url, pool_pre_ping=True, max_overflow=20, hide_parameters=True)
    except ImportError as error:
        raise SettingsError(
            f"--database needs the package psycopg, which can't be imported ({error}). Install it "
            "with pip install 'psycopg[binary]>=3.3.9,<4', or leave --database out."
        ) from None


def _prepare(connection: Any, _record: object) -> None:
    connection.adapters.register_dumper(str, _text_dumper())
    connection.execute(f"SET lock_timeout = {LOCK_TIMEOUT_MS}")
    connection.commit()


@cache
def _text_dumper() -> type[Dumper]:
    """How texts go to the server, which keeps every character but NUL: as the sign for a character
    that can't be shown. In JSON it is written as six others, and stays."""
    from psycopg.types.string import StrDumperUnknown

    class TextDumper(StrDumperUnknown):
        def dump(self, obj: str) -> Buffer | None:
            return super().dump(obj.replace("\0", "\ufffd"))

    return TextDumper


def _begin(connection: Connection) -> None:
    if not connection.get_execution_options().get(READS):
        connection.execute(select(func.pg_advisory_xact_lock(_WRITERS)))
