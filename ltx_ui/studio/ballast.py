"""A file that is deleted when the disk is full, to make room for deleting takes."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ltx_ui.media.files import free_bytes, remove

SIZE = 1024 * 1024
"""Bytes of the file. Deleting a take writes a few pages of 4 KiB to SQLite's log."""
SPARE = 4 * SIZE
"""Bytes that have to be free for the file to be made: it must not fill the disk itself."""

_log = logging.getLogger(__name__)


def is_full(folder: Path) -> bool:
    """Whether the disk with this folder may have too little room for SQLite itself.

    Raises:
        MediaError: the disk can't be asked.
    """
    return free_bytes(folder) < SIZE


class Ballast:
    """The file beside the library. It is made while there is room on the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def given_up(self) -> Iterator[None]:
        """Inside the block the file is deleted if the disk is full. Afterwards it is made again for
        the next time: in full where there is room, or of half of what is free."""
        full = is_full(self._path.parent)
        if full:
            remove(self._path)
        try:
            yield
        finally:
            free = free_bytes(self._path.parent)
            if free >= SPARE:
                self._make(SIZE)
            elif full:
                self._make(min(SIZE, free // 2))

    def _make(self, size: int) -> None:
        try:
            if not self._path.exists() or self._path.stat().st_size < size:
                # Random bytes: zeros would take no room on a file system that compresses.
                self._path.write_bytes(os.urandom(size))
        except OSError as error:
            _log.warning("%s could not be made: %s", self._path, error)
            remove(self._path)
