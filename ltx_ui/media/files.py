"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ltx_ui.errors import MediaError

_MARK = ".part"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_log = logging.getLogger(__name__)


def is_full(error: OSError) -> bool:
    """Whether a write failed for want of room: disk, quota or file size limit."""
    return error.errno in _FULL


def says_full(log: str) -> bool:
    """The same, read from what another program wrote about its failure."""
    return any(os.strerror(code) in log for code in _FULL)


def no_room(folder: Path) -> MediaError:
    """The error for a full disk."""
    return MediaError(
        f"There is no room left to save this: the disk that holds {folder} is full. "
        "Free some space, for instance by deleting takes in the Gallery, and try again."
    )


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
        if is_full(error):
            raise no_room(path.parent) from error
        raise MediaError(
            f"{path.parent} could not be written: {error.strerror or error}. "
            "Check the folder's permissions, or choose another with --data-dir."
        ) from error
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


def sweep(folder: Path) -> None:
    """Remove the temporary files that a killed process left in ``folder``."""
    for leftover in folder.glob(f".*{_MARK}"):
        remove(leftover)
