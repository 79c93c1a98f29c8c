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
from ltx_ui.studio.making import Making
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
    """The engine's listener for one runner's part in a job: reports to the queue how far each take
    is, and stops it when the job was cancelled.

    Args:
        show: called with each preview.
        timing: predicts how long the job's stages take.
    """

    def __init__(self, queue: Making, job: Job, show: Show, timing: TimingModel) -> None:
        self._queue = queue
        self._job = job
        self._timing = timing
        self._expected = timing.expect(job.recipe)
        self._guessed: dict[Stage, float] = {}
        self._show = show
        self._takes: list[int] = []
        self._began: dict[Stage, float] = {}

    def begin(self, takes: list[int]) -> None:
        """Takes of these numbers, from 1, are made next."""
        self._takes, self._began = takes, {}

    def progress(self, stage: Stage, step: int = 0, steps: int = 0) -> None:
        """Implements :class:`ltx_ui.clip.Listener`."""
        if self._queue.must_stop(self._job.id):
            raise Cancelled
        if not self._takes:  # All are made, and the engine has not said so yet.
            return
        now = time.monotonic()
        elapsed = now - self._began.setdefault(stage, now)
        done = fraction(stage, step, steps, self._expected)
        left = self._seconds_left(stage, step, steps, elapsed)
        self._queue.report(self._job.id, Running(stage, step, steps, done, left, self._takes[0]))

    def _seconds_left(self, stage: Stage, step: int, steps: int, elapsed: float) -> float | None:
        """Seconds until all takes of the job are made: from earlier clips' times or, where there
        are none, from this job's own steps so far; None while neither tells anything."""
        if not self._expected and stage == "sampling" and step >= 2:
            self._guessed = guess(elapsed / step * steps)
        known = self._expected or self._guessed
        left = seconds_left(stage, step, steps, elapsed, known)
        if left is None:
            return None
        further = len(self._takes) - 1 + self._queue.unclaimed(self._job.id)
        return left + further * self._timing.each_further(self._job.recipe, known)

    def next_take(self) -> None:
        """A take is made; the next report is about the take after it."""
        self.begin(self._takes[1:])

    def preview(self, frames: NDArray[np.uint8], fps: float) -> None:
        """Implements :class:`ltx_ui.clip.PreviewListener`."""
        self._show(frames, fps)

    def timings(self) -> dict[str, float]:
        """Seconds by stage of the present take; a stage ends where the next one begins."""
        stages = list(self._began)
        ends = [*list(self._began.values())[1:], time.monotonic()]
        return {s: end - self._began[s] for s, end in zip(stages, ends, strict=True)}
