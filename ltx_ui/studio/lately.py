"""A value from the database that every request needs, read again every other second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

SECONDS = 2.0
"""How old the value may be. Another process may have changed it: ``ltx-ui user`` does."""

T = TypeVar("T")


class Lately(Generic[T]):
    """What a function returned lately. Safe to call from any thread."""

    def __init__(self, read: Callable[[], T], clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._lock = threading.Lock()
        self._known: tuple[float, T] | None = None
        self._changes = 0

    @property
    def known(self) -> T | None:
        """The value; None where it has to be read, which :meth:`get` does."""
        with self._lock:
            if self._known is None or self._clock() - self._known[0] > SECONDS:
                return None
            return self._known[1]

    def get(self) -> T:
        """The value. Raises what reading it raises."""
        if (known := self.known) is not None:
            return known
        with self._lock:
            changes, now = self._changes, self._clock()
        value = self._read()
        with self._lock:
            if changes == self._changes:
                self._known = now, value
        return value

    def changed(self) -> None:
        """This process has changed it."""
        with self._lock:
            self._known = None
            self._changes += 1
