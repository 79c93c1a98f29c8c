"""Files that appear whole or not at all."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ltx_ui.errors import FULL, DiskFull, MediaError, writing_failed

_MARK = ".part"

_log = logging.getLogger(__name__)


def says_full(log: str) -> bool:
    """Whether another program failed for want of room, read from what it wrote about that."""
    return any(os.strerror(code) in log for code in FULL)


def no_room(folder: Path) -> MediaError:
    """The error for a full disk."""
    return DiskFull(folder)


def free_bytes(folder: Path) -> int:
    """Bytes that are free on the disk that holds a folder, or will hold it once it is made.

    Raises:
        MediaError: the disk can't be asked.
    """
    place = next((place for place in (folder, *folder.parents) if place.exists()), folder)
    try:
        return shutil.disk_usage(place).free
    except OSError as error:
        raise writing_failed(folder, error) from error


def remove(path: Path) -> None:
    """Delete a file if that can be done; whoever cleans up has something more important to say."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        _log.warning("%s could not be removed: %s", path, error)


@contextmanager
def scratch(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path`` that is gone when the block ends.

    Raises:
        MediaError: the disk is full, or the folder can't be written.
    """
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{_MARK}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
    except OSError as error:
        raise writing_failed(path.parent, error) from error
    finally:
        remove(temporary)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path`` that becomes ``path`` when the block ends well.

    When the block fails, nothing is left under either name.

    Raises:
        MediaError: the disk is full, or the folder can't be written.
    """
    with scratch(path) as temporary:
        yield temporary
        temporary.replace(path)


def half_written(folder: Path) -> list[Path]:
    """The temporary files in ``folder``; those that nobody is writing are a killed process's."""
    return list(folder.glob(f".*{_MARK}"))


def sweep(folder: Path, unused_seconds: float = 0) -> None:
    """Remove the temporary files that a killed process left in ``folder``.

    Args:
        unused_seconds: how long they have not been written.
    """
    latest = time.time() - unused_seconds
    for leftover in half_written(folder):
        with suppress(FileNotFoundError):  # Its writer has just finished it.
            if not unused_seconds or leftover.stat().st_mtime < latest:
                remove(leftover)
