"""Stopping by a signal. Python raises an interrupt wherever the program is, and where that is a
library's clean-up it gets lost; whoever waits by :func:`pause` is stopped all the same."""

from __future__ import annotations

import logging
import signal
import time
from typing import NoReturn

from ltx_ui import runtime
from ltx_ui.logs import log_as
from ltx_ui.settings import Settings

_came: list[int] = []


def listen_and_log(settings: Settings) -> None:
    """Begin a command that makes clips: have SIGINT and SIGTERM stop the program, log what was
    asked for, or errors alone, and set the variables that libraries read."""
    if "log_level" in settings.model_fields_set:
        log_as(settings)
    else:  # The terminal is for what is asked for.
        logging.basicConfig(level="ERROR")
    runtime.set_up(settings.cache_dir)
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
