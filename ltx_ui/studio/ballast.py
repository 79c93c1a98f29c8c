"""A file that can be given up: on a full disk it makes room for deleting takes."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ltx_ui.media.files import free_bytes, remove

SIZE = 1024 * 1024
"""Bytes. A deleted take writes a few pages of 4 KiB to the library's log."""
SPARE = 4 * SIZE
"""Free bytes without which the file is not made: it must not be what fills the disk."""

_log = logging.getLogger(__name__)


class Ballast:
    """One file beside the library, made while there is room."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def given_up(self) -> Iterator[None]:
        """Where the disk is full, its room is free while the block runs. Afterwards half of what is
        left is taken back, for the next time."""
        full = free_bytes(self._path.parent) < SIZE
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
                # Zeros would take no room on a file system that compresses.
                self._path.write_bytes(os.urandom(size))
        except OSError as error:
            _log.warning("%s could not be made: %s", self._path, error)
            remove(self._path)
