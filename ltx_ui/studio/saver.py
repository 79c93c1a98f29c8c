"""The one thread that saves clips, beside the one that makes them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from ltx_ui.clip import Clip
from ltx_ui.recipe import Recipe
from ltx_ui.studio.jobs import Job

CHECKED = 0.1
"""Seconds between two looks at whether a clip that waits may still be handed over."""


@dataclass(frozen=True, eq=False)
class Made:
    """A clip that is not a take yet.

    Attributes:
        recipe: of this take alone.
        timings: seconds of each stage until now.
        last: whether it completes its job.
    """

    job: Job
    take_id: str
    recipe: Recipe
    clip: Clip
    timings: dict[str, float]
    last: bool


class Saver:
    """Saves one clip at a time. Whoever hands over the next one waits until that is done, so that
    two clips are in memory at most: the one that is saved, and the one that is made.

    Args:
        save: does the work; its errors are its own to handle.
    """

    def __init__(self, save: Callable[[Made], None]) -> None:
        self._save = save
        self._changed = threading.Condition()
        self._made: Made | None = None
        self._closed = False
        # A daemon, as the worker's: what it had not kept when the program ended is made again.
        self._thread = threading.Thread(target=self._run, name="studio-saver", daemon=True)
        self._thread.start()

    def hand_over(self, made: Made, check: Callable[[], None]) -> None:
        """Have a clip saved; returns when the one before it is.

        Args:
            check: called until then, and once more at the end; what it raises keeps the clip back.
        """
        with self._changed:
            while self._made is not None:
                check()
                self._changed.wait(CHECKED)
            check()
            self._made = made
            self._changed.notify_all()

    def wait_for(self, job: Job) -> None:
        """Return when no clip of this job is being saved."""
        with self._changed:
            self._changed.wait_for(lambda: self._made is None or self._made.job.id != job.id)

    def close(self) -> None:
        """Let the thread end after what it has."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _run(self) -> None:
        while (made := self._next()) is not None:
            self._save(made)
            # Let go of before the next one is waited for: a clip may take half a gigabyte.
            del made
            with self._changed:
                self._made = None
                self._changed.notify_all()

    def _next(self) -> Made | None:
        with self._changed:
            self._changed.wait_for(lambda: self._made is not None or self._closed)
            return self._made
