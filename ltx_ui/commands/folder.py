"""The data folder, held while a command uses it, and whose clips in it are meant."""

from __future__ import annotations

import sqlite3
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from filelock import ReadWriteLock, Timeout

from ltx_ui.errors import SettingsError
from ltx_ui.settings import LOCAL, Settings
from ltx_ui.studio import people
from ltx_ui.studio.database import Database


class InUse(SettingsError):
    """Another studio has the data folder."""


def add_owner(parser: ArgumentParser) -> None:
    """Add the option that says whose clips are meant."""
    parser.add_argument(
        "--owner",
        default=LOCAL,
        metavar="NAME",
        help=f"whose clips: the name they sign in with (default: {LOCAL})",
    )


@contextmanager
def alone(settings: Settings, *, entirely: bool = False) -> Iterator[None]:
    """Hold the data folder: two studios on one folder would take each other's jobs, unless both
    have them in one PostgreSQL database.

    Args:
        entirely: whether no studio at all may use it at the same time.

    Raises:
        InUse: another studio has it.
        SettingsError: it can't be written.
    """
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        lock = ReadWriteLock(settings.data_dir / "studio.lock", timeout=0)
        shared = settings.database and not entirely
        (lock.acquire_read if shared else lock.acquire_write)()
    except Timeout:
        raise InUse(
            f"another studio is using {settings.data_dir}. Close it, or choose another folder with "
            "--data-dir."
        ) from None
    except (OSError, sqlite3.Error) as error:  # The lock is one of SQLite's.
        reason = getattr(error, "strerror", error)
        raise SettingsError(
            f"{settings.data_dir} can't be written ({reason}). Choose another folder with "
            "--data-dir."
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def noted_address(settings: Settings, url: str) -> Iterator[None]:
    """Note where the studio on the data folder answers, for other commands, while it runs."""
    note = _note(settings)
    with suppress(OSError):  # A full disk keeps nobody from starting, to make room on the page.
        note.write_text(url, "utf-8")
    try:
        yield
    finally:
        with suppress(OSError):
            note.unlink()


def check_owner(settings: Settings, owner: str) -> None:
    """Refuse an owner of whom nothing is known in a data folder that is held.

    Raises:
        SettingsError: it is one.
        MediaError: the library can't be read.
    """
    if owner == LOCAL:
        return
    with closing(Database(settings.library)) as database:
        people.check_owner(database, settings, owner)


def address_of(settings: Settings) -> str | None:
    """Where the studio that has the data folder answers; None if it did not say."""
    try:
        return _note(settings).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _note(settings: Settings) -> Path:
    return settings.data_dir / "address"
