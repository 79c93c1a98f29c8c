"""Stopping by a signal. Python raises an interrupt wherever the program is, and where that is a
library's clean-up it gets lost; whoever waits by :func:`pause` is stopped all the same."""

from __future__ import annotations

import signal
import time
from typing import NoReturn

_came: list[int] = []


def listen() -> None:
    """Have SIGINT and SIGTERM stop the program."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)


def pause(seconds: float) -> None:
    """Wait, unless the program is to stop.

    Raises:
        KeyboardInterrupt: a signal came, now or before.
    """
    if not _came:
        time.sleep(seconds)
    if _came:
        raise KeyboardInterrupt


def _stop(number: int, _: object) -> NoReturn:
    _came.append(number)
    raise KeyboardInterrupt
