"""A job that is being made or saved: which of its takes who makes, and how far it is now."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from ltx_ui.studio.jobs import BEGUN, CancelledJob, Cancelling, Failed, Job, Running

runner_here: Callable[[], int] = threading.get_ident
"""Tells runners apart: each asks in a thread of its own."""


@dataclass
class Part:
    """A take that was begun and is not in the library yet.

    Attributes:
        runner: who makes it.
        fraction: how much of it is done, 0…1.
    """

    runner: int
    fraction: float = 0.0


@dataclass
class Report:
    """How far a runner is, and when it said so, on the clock of ``time.monotonic``."""

    running: Running
    at: float = field(default_factory=time.monotonic)

    def seconds_left(self) -> float | None:
        """Seconds that are left of those that it told."""
        left = self.running.seconds_left
        return None if left is None else max(0.0, left - (time.monotonic() - self.at))


class Started:
    """A job whose takes one runner makes, or several. Not safe to call from several threads: the
    queue calls it with its lock held.

    Attributes:
        kept: ids of its takes that are in the library, in their order.
        left: ids of those that nobody has begun.
        makers: the runners that make its takes.
        ending: the state it has to end in once nobody makes or saves it; None while it may go on.
    """

    def __init__(self, job: Job, runner: int) -> None:
        self.job = job
        self._takes = job.take_ids
        self.kept: tuple[str, ...] = ()
        self.left = list(self._takes)
        self.makers = {runner}
        self.ending: CancelledJob | Failed | None = None
        self._parts: dict[str, Part] = {}
        self._reports: dict[int, Report] = {}
        self._fraction = 0.0

    @property
    def open(self) -> bool:
        """Whether another runner could make some of its takes."""
        return bool(self.left and self.makers) and self.ending is None

    @property
    def whole(self) -> bool:
        """Whether all of its takes are kept."""
        return len(self.kept) == len(self._takes)

    @property
    def resting(self) -> bool:
        """Whether nobody makes or saves any of its takes."""
        return not self.makers and not self._parts

    def claim(self, runner: int, most: int) -> list[str]:
        """The next takes for a runner to make, so many at most."""
        if self.ending is not None:
            return []
        claimed, self.left = self.left[:most], self.left[most:]
        self._parts |= {take_id: Part(runner) for take_id in claimed}
        return claimed

    def keep(self, take_id: str) -> None:
        """A take is in the library."""
        self._parts.pop(take_id, None)
        kept = {*self.kept, take_id}
        self.kept = tuple(each for each in self._takes if each in kept)
        self._grow()

    def lose(self, take_id: str) -> None:
        """A take can't be kept."""
        self._parts.pop(take_id, None)

    def leave(self, runner: int, *, stopped: bool) -> None:
        """A runner makes no more of it.

        Args:
            stopped: whether that was in the middle: others may make what it has begun.
        """
        self.makers.discard(runner)
        if stopped:
            given_up = {each for each, part in self._parts.items() if part.runner == runner}
            left = {*self.left, *given_up}
            self.left = [each for each in self._takes if each in left]
            self._parts = {k: part for k, part in self._parts.items() if k not in given_up}
            self._reports.pop(runner, None)

    def report(self, runner: int, running: Running) -> None:
        """How far a runner is with a take. What is told of the whole job never goes back."""
        if part := self._parts.get(self._takes[running.take - 1]):
            part.fraction = running.fraction
        self._grow()
        self._reports[runner] = Report(running)

    def _grow(self) -> None:
        done = len(self.kept) + sum(part.fraction for part in self._parts.values())
        self._fraction = max(self._fraction, done / len(self._takes))

    def now(self) -> Job:
        """The job as it is now."""
        if isinstance(self.ending, CancelledJob):
            return replace(self.job, state=Cancelling(self._fraction, self.kept))
        told = (each.running for each in self._reports.values())
        latest = max(told, key=lambda running: running.take, default=BEGUN)
        left, kept = self.seconds_left(), self.kept
        state = replace(latest, fraction=self._fraction, take_ids=kept, seconds_left=left)
        return replace(self.job, state=state)

    def seconds_left(self) -> float | None:
        """Seconds until all of its makers are done; None while unknown."""
        left = [each.seconds_left() for each in self._reports.values()]
        return None if not left or None in left else max(each or 0.0 for each in left)


def free_after(started: Iterable[Started], runners: int) -> list[float] | None:
    """Seconds after which each runner has nothing to do; None while that is not known of any. One
    of which it is not known is left out.

    Args:
        runners: how many there are.
    """
    busy = [each.seconds_left() for each in started for _ in each.makers]
    known = [seconds for seconds in busy if seconds is not None]
    free = known + [0.0] * (runners - len(busy))
    return free or None
