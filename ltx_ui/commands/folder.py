"""Holds the data folder while a command uses it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import ReadWriteLock, Timeout

from ltx_ui.errors import SettingsError
from ltx_ui.settings import Settings


@contextmanager
def alone(settings: Settings, *, entirely: bool = False) -> Iterator[None]:
    """Hold the data folder: two studios on one folder would take each other's jobs, unless both
    have them in one PostgreSQL database.

    Args:
        entirely: whether no studio at all may use it at the same time.

    Raises:
        SettingsError: another studio has it, or it can't be written.
    """
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        lock = ReadWriteLock(settings.data_dir / "studio.lock", timeout=0)
        shared = settings.database and not entirely
        (lock.acquire_read if shared else lock.acquire_write)()
    except Timeout:
        raise SettingsError(
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
