"""How far the running job is: what the engine reports while it makes a clip, and its previews."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ltx_ui.clip import Stage
from ltx_ui.errors import Cancelled
from ltx_ui.media.animation import animated_webp
from ltx_ui.studio.jobs import Job, Running
from ltx_ui.studio.queue import JobQueue
from ltx_ui.studio.timing import TimingModel, fraction, guess, seconds_left

Show = Callable[[NDArray[np.uint8], float], None]
"""Takes the frames of a preview (uint8, F×h×w×3) and their rate in frames a second."""


class Preview:
    """What a running job's clip looks like so far.

    Args:
        frames: uint8, F×h×w×3.
        fps: frames a second.
    """

    def __init__(self, job_id: str, frames: NDArray[np.uint8], fps: float) -> None:
        self.job_id = job_id
        self._frames = frames
        self._fps = fps
        self._lock = threading.Lock()
        self._webp: bytes | None = None

    def webp(self) -> bytes:
        """The preview as a small animated WebP. It is encoded by the first call, in its thread."""
        with self._lock:
            if self._webp is None:
                self._webp = animated_webp(self._frames, self._fps)
            return self._webp


class JobProgress:
    """The engine's listener for one job: reports to the queue how far the job is, and stops it when
    it was cancelled.

    Args:
        show: called with each preview.
        timing: predicts how long the job's stages take.
        left: how many of the job's takes are not made yet.
    """

    def __init__(
        self, queue: JobQueue, job: Job, show: Show, timing: TimingModel, left: int
    ) -> None:
        self._queue = queue
        self._job = job
        self._timing = timing
        self._expected = timing.expect(job.recipe)
        self._guessed: dict[Stage, float] = {}
        self._show = show
        self._takes = job.recipe.num_takes
        self._left = left
        self._began: dict[Stage, float] = {}

    def progress(self, stage: Stage, step: int = 0, steps: int = 0) -> None:
        """Implements :class:`ltx_ui.clip.Listener`."""
        if self._queue.must_stop(self._job.id):
            raise Cancelled
        now = time.monotonic()
        elapsed = now - self._began.setdefault(stage, now)
        before = self._takes - self._left
        done = (before + fraction(stage, step, steps, self._expected)) / self._takes
        left = self._seconds_left(stage, step, steps, elapsed)
        self._queue.report(self._job.id, Running(stage, step, steps, done, left, before + 1))

    def _seconds_left(self, stage: Stage, step: int, steps: int, elapsed: float) -> float | None:
        """Seconds until all takes of the job are made: from earlier clips' times or, where there
        are none, from this job's own steps so far; None while neither tells anything."""
        if not self._expected and stage == "sampling" and step >= 2:
            self._guessed = guess(elapsed / step * steps)
        known = self._expected or self._guessed
        left = seconds_left(stage, step, steps, elapsed, known)
        if left is None:
            return None
        return left + (self._left - 1) * self._timing.each_further(self._job.recipe, known)

    def next_take(self) -> None:
        """A take is made; the next report is about the take after it."""
        self._left -= 1
        self._began = {}

    def preview(self, frames: NDArray[np.uint8], fps: float) -> None:
        """Implements :class:`ltx_ui.clip.PreviewListener`."""
        self._show(frames, fps)

    def timings(self) -> dict[str, float]:
        """Seconds by stage of the present take; a stage ends where the next one begins."""
        stages = list(self._began)
        ends = [*list(self._began.values())[1:], time.monotonic()]
        return {s: end - self._began[s] for s, end in zip(stages, ends, strict=True)}
