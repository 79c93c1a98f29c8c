"""What a kind of database does in its own way: SQLite's file and PostgreSQL's server."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import ClassVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from ltx_ui.errors import SettingsError, StudioError

READS = "ltx_ui_reads"
"""An execution option: set on connections that only read."""


class Backend(ABC):
    """A database that can be reached.

    Attributes:
        shared: whether other processes may use it at the same time.
        name: what it is called in messages; without a password.
        writers: connects to it for transactions that write. One begins only when the one before it
            has ended, in whichever process: what it has read is so until it ends.
        readers: connects for transactions that only read; each sees one state.
        holder: the name that this process gives its jobs, while others may have some too; 0 if it
            is alone.
    """

    shared: ClassVar[bool]
    name: str
    writers: Engine
    readers: Engine
    holder: int

    @abstractmethod
    def prepare(self) -> None:
        """What has to be there before the first connection.

        Raises:
            MediaError: it can't be made.
        """

    @abstractmethod
    def room(self, frees: bool) -> AbstractContextManager[None]:
        """A block in which something is written.

        Args:
            frees: whether it deletes something, and so has to work on a full disk.
        """

    @abstractmethod
    def check(self, connection: Connection) -> None:
        """Look for damage.

        Raises:
            SettingsError: there is some.
        """

    @abstractmethod
    def migrated(self) -> None:
        """The tables were brought up to date."""

    @abstractmethod
    def newer(self) -> SettingsError:
        """The error for tables of a newer version of the program."""

    @abstractmethod
    def in_words(self, error: SQLAlchemyError) -> StudioError | None:
        """The error for a person; None if it tells of a fault in this program."""

    @abstractmethod
    def forget(self) -> None:
        """Leave nothing of what was deleted, as far as that can be done here."""

    @abstractmethod
    def version(self, session: Session) -> str:
        """Another value whenever something may have been written since, by whomever."""

    @abstractmethod
    def hold(self) -> None:
        """Let other processes see that :attr:`holder` lives, as long as this process does. Called
        every second or so, it does so again after the connection was lost."""

    @abstractmethod
    def is_gone(self, session: Session, holder: int) -> bool:
        """Whether the process that gave its jobs this name has ended."""

    def close(self) -> None:
        """Close all connections."""
        self.writers.dispose()
