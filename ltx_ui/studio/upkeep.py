"""The thread that looks after the library: what was deleted goes in its time, and what is not to be
kept for ever with it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from ltx_ui.errors import StudioError
from ltx_ui.studio.deleting import UNDO_SECONDS, Bin

SECONDS_BETWEEN_LOOKS = 3600.0
"""Seconds between two looks at what is not to be kept."""

_log = logging.getLogger(__name__)


class Upkeep:
    """The thread.

    Args:
        bin_: what was deleted.
        look: done at start and every hour; deletes what is not to be kept.
    """

    def __init__(self, bin_: Bin, look: Callable[[], None]) -> None:
        self._bin = bin_
        self._look = look
        self._woken = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="studio-upkeep", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """Something was deleted."""
        self._woken.set()

    def close(self, timeout: float) -> None:
        """Let the thread end, and wait for that at most ``timeout`` seconds."""
        self._closed = True
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        looked_at = -SECONDS_BETWEEN_LOOKS
        while not self._closed:
            if time.monotonic() - looked_at >= SECONDS_BETWEEN_LOOKS:
                looked_at = time.monotonic()
                self._do(self._look)
            if self._woken.wait(self._seconds()):
                self._woken.clear()
            else:
                self._do(self._bin.empty_what_is_due)

    def _seconds(self) -> float:
        try:
            left = self._bin.seconds_left()
        except StudioError:
            left = UNDO_SECONDS
        return SECONDS_BETWEEN_LOOKS if left is None else left

    def _do(self, work: Callable[[], object]) -> None:
        try:
            work()
        except StudioError as error:
            _log.warning("The library could not be looked after: %s", error)
