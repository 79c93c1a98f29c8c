"""A job that is being made or saved, and how far it is now."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ltx_ui.studio.jobs import BEGUN, CancelledJob, Cancelling, Failed, Job, Queued, Running


@dataclass
class Started:
    """A job that is being made or saved.

    Attributes:
        running: the latest report.
        reported_at: when that came, on the clock of ``time.monotonic``.
        kept: ids of its takes that are in the library.
        ending: the state it has to end in at its next step; None while it may go on.
    """

    job: Job
    running: Running = BEGUN
    reported_at: float = field(default_factory=time.monotonic)
    kept: tuple[str, ...] = ()
    ending: CancelledJob | Failed | None = None

    def now(self) -> Job:
        """The job as it is now."""
        if isinstance(self.ending, CancelledJob):
            return replace(self.job, state=Cancelling(self.running.fraction, self.kept))
        left = self.seconds_left()
        return replace(self.job, state=replace(self.running, take_ids=self.kept, seconds_left=left))

    def seconds_left(self) -> float | None:
        """Seconds until it is done, as last reported and less what has passed since."""
        left = self.running.seconds_left
        return None if left is None else max(0.0, left - (time.monotonic() - self.reported_at))


def from_now(job: Job, started: Iterable[Started]) -> Job:
    """A waiting job with the seconds until it is begun from now: those from the start of the first
    waiting job, and what is left of the running jobs."""
    queued = job.state
    assert isinstance(queued, Queued)
    left = [each.seconds_left() for each in started]
    if queued.seconds_left is None or not left or None in left:
        return replace(job, state=replace(queued, seconds_left=None))
    begins = queued.seconds_left + max(seconds or 0.0 for seconds in left)
    return replace(job, state=replace(queued, seconds_left=begins))
