"""The thread that sees what other processes do on a shared database."""

from __future__ import annotations

import logging
import threading

from ltx_ui.errors import StudioError
from ltx_ui.studio.database import Database
from ltx_ui.studio.shared_queue import SharedQueue
from ltx_ui.studio.upkeep import Upkeep

SECONDS = 1.0
"""How often it looks whether something was written."""
TAKE_UP_SECONDS = 10.0
"""How often it looks for jobs whose process has ended."""
CLOSING_SECONDS = 0.3
"""How long closing waits for a look that has begun."""

_log = logging.getLogger(__name__)


class Watcher:
    """Lets the others see that this process lives, and the queue what they have written. What one
    of them deleted goes in its time, though that one may have ended by then."""

    def __init__(self, database: Database, queue: SharedQueue, upkeep: Upkeep) -> None:
        self._database = database
        self._queue = queue
        self._upkeep = upkeep
        self._version = ""
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="studio-watcher", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop, if possible once the present look is done."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(CLOSING_SECONDS)

    def _run(self) -> None:
        looks = 0
        while not self._closed.wait(SECONDS):
            looks += 1
            try:
                self._look(take_up=looks % round(TAKE_UP_SECONDS / SECONDS) == 0)
            except StudioError as error:
                _log.debug("The next look may be luckier: %s", error)
            except Exception:
                _log.exception("What other processes do could not be seen.")

    def _look(self, take_up: bool) -> None:
        self._database.hold()
        if (version := self._database.version()) != self._version:
            self._version = version
            self._queue.refresh()
            self._upkeep.wake()
        if take_up:
            self._queue.take_up()
