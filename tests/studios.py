"""Studios in this process, for tests."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ltx_ui.studio.studio import Studio

PATIENCE = 120.0
"""Seconds after which a test gives up on a clip."""

OpenStudio = Callable[..., Studio]


def leave(*studios: Studio) -> None:
    """Close, and wait for the threads as well: what a process does by ending."""
    for studio in studios:
        studio.close()
    for thread in threading.enumerate():
        if thread.name.startswith("studio-"):
            thread.join()
