"""The queue: jobs are made in the order they were submitted, and a restart loses none."""

from __future__ import annotations

import threading
import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from ltx_ui.errors import ModelUnavailable, NotFound, QueueFull
from ltx_ui.recipe import Recipe
from ltx_ui.studio.job_store import JobStore
from ltx_ui.studio.jobs import (
    ANY_MODEL,
    CancelledJob,
    Cancelling,
    Done,
    EndState,
    Failed,
    Job,
    Queued,
    Running,
)
from ltx_ui.studio.waiting import Seconds, WaitingJobs

_IN_MEMORY = 200
"""Ended jobs that can be looked at without the database."""

_BEGUN = Running("text", 0, 0, 0.0, None)


@dataclass
class _Started:
    """A job that is being made or saved.

    Attributes:
        running: the latest report.
        reported_at: when that came, on the clock of ``time.monotonic``.
        kept: ids of its takes that are in the library.
        ending: the state it has to end in at its next step; None while it may go on.
    """

    job: Job
    running: Running = _BEGUN
    reported_at: float = field(default_factory=time.monotonic)
    kept: tuple[str, ...] = ()
    ending: CancelledJob | Failed | None = None


class JobQueue:
    """Everybody's jobs. Safe to call from any thread; the lock is never held while a clip is made.

    One job is made at a time. The one before it may still be saved meanwhile: it runs until its
    last take is kept.

    Args:
        max_waiting: jobs that may wait at once.
        seconds: how long a recipe will take; jobs behind it are told when they begin.
    """

    def __init__(
        self, store: JobStore, max_waiting: int, seconds: Seconds = lambda _: None
    ) -> None:
        self._store = store
        self._max_waiting = max_waiting
        self._changed = threading.Condition()
        self._waiting = WaitingJobs(seconds)
        self._started: dict[str, _Started] = {}
        self._ended: OrderedDict[str, Job] = OrderedDict()
        self._restored = False
        self._closed = False
        self._refusal: str | None = None

    def restore(self) -> None:
        """Queue the jobs that an earlier process left, in their order. Only the first call does
        anything."""
        with self._changed:
            if self._restored:
                return
            for job in self._store.left_over():
                self._waiting.add(job)
            self._restored = True
            self._changed.notify_all()

    def use_model(self, model: str, asked: str) -> None:
        """From now on only jobs for this model are begun; others wait until the studio is started
        with their model.

        Args:
            model: the card's id.
            asked: the operator's name for it (``--model``).
        """
        self.restore()
        with self._changed:
            for job in self._waiting.use_model(model, {asked}):
                self._store.set_model(job.id, model)
            self._changed.notify_all()

    def adopt(self, job_id: str, owner: str, recipe: Recipe) -> Job:
        """Let a job that waits for another model be made with the loaded one, in its turn. Any
        other job stays as it is.

        Args:
            recipe: the job's own, with another model.

        Raises:
            NotFound: as :meth:`cancel`.
            ModelUnavailable: after :meth:`refuse`.
        """
        with self._changed:
            job = self.job(job_id, owner)
            if not isinstance(job.state, Queued) or job.state.waits_for is None:
                return job
            if self._refusal is not None:
                raise ModelUnavailable(self._refusal)
            job = self._waiting.with_card_id(replace(job, recipe=recipe, model=ANY_MODEL))
            self._waiting.replace(job)
            self._store.set_recipe(job)
            self._changed.notify_all()
            return self.job(job_id, owner)

    def submit(self, recipe: Recipe, owner: str, model: str, average_seconds: float) -> Job:
        """Put a recipe at the end of the queue.

        Args:
            model: the model it is for: a card's id, or the operator's name for it.

        Raises:
            QueueFull: as many wait as may; one place comes free in about ``average_seconds``.
            ModelUnavailable: after :meth:`refuse`.
            MediaError: the disk is full.
        """
        self.restore()
        job = Job(uuid.uuid4().hex, owner, recipe, datetime.now(UTC), Queued(0), model)
        with self._changed:
            job = self._waiting.with_card_id(job)
            if self._refusal is not None:
                raise ModelUnavailable(self._refusal)
            if len(self._waiting) >= self._max_waiting:
                raise QueueFull(len(self._waiting), average_seconds)
            self._store.add(job)
            self._waiting.add(job)
            self._changed.notify_all()
            return self._find(job.id, owner)

    def next(self) -> Job | None:
        """Wait until there is a job to make, and start it; None once the queue is closed."""
        self.restore()
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) or self._closed)
            if self._closed or (job := self._waiting.pop()) is None:
                return None
            self._started[job.id] = _Started(job)
            self._store.started(job.id)
            self._changed.notify_all()
            return job

    def report(self, job_id: str, running: Running) -> None:
        """Note how far a job is. The fraction never decreases."""
        with self._changed:
            if started := self._started.get(job_id):
                reached = max(running.fraction, started.running.fraction)
                started.running = replace(running, fraction=reached)
                started.reported_at = time.monotonic()

    def add_take(self, job_id: str, take_id: str) -> None:
        """Note that a take of a job is in the library."""
        with self._changed:
            if started := self._started.get(job_id):
                started.kept = (*started.kept, take_id)
                self._waiting.changed()

    def must_stop(self, job_id: str) -> bool:
        """Whether a job was cancelled or has failed, or the queue was closed."""
        with self._changed:
            started = self._started.get(job_id)
            return self._closed or started is None or started.ending is not None

    def end(self, job: Job, state: EndState) -> None:
        """A job has ended. After :meth:`close` it waits for the next start instead."""
        with self._changed:
            if started := self._started.pop(job.id, None):
                kept = started.kept
                self._end(job, state if isinstance(state, Done) else replace(state, take_ids=kept))

    def fail(self, job: Job, state: Failed) -> None:
        """Let a job that is still being made fail at its next step."""
        with self._changed:
            started = self._started.get(job.id)
            if started is not None and started.ending is None:
                started.ending = state

    def stopped(self, job: Job) -> None:
        """A job was stopped: it was cancelled, failed, or the program ends."""
        with self._changed:
            started = self._started.get(job.id)
            if started is not None and started.ending is not None:
                self.end(job, started.ending)
            else:
                self._put_back(job.id)

    def refuse(self, message: str, model: str, asked: str) -> None:
        """Accept no more jobs, and end those that wait for this model: it could not be loaded.

        Args:
            message: why, for the visitors.
            model, asked: as :meth:`use_model`.
        """
        with self._changed:
            self._refusal = message
            self._waiting.use_model(model, {asked})
            while (job := self._waiting.pop()) is not None:
                self._end(job, Failed(message))

    def cancel(self, job_id: str, owner: str) -> Job:
        """Stop a job: at once while it waits, at its next step while it runs. One whose last take
        is being saved is done all the same.

        Raises:
            NotFound: there is none by this id, or it belongs to somebody else.
        """
        self.restore()
        with self._changed:
            job = self._find(job_id, owner)
            if isinstance(job.state, Queued):
                self._waiting.remove(job_id)
                return self._end(job, CancelledJob())
            if job_id in self._started:
                self._started[job_id].ending = CancelledJob()
            return self._find(job_id, owner)

    def job(self, job_id: str, owner: str) -> Job:
        """A job as it is now.

        Raises:
            NotFound: as :meth:`cancel`.
        """
        self.restore()
        with self._changed:
            return self._find(job_id, owner)

    def live(self, owner: str) -> list[Job]:
        """The owner's jobs that run or wait, in that order."""
        self.restore()
        with self._changed:
            return [job for job in self._live() if job.owner == owner]

    def look(self, job_id: str | None, owner: str) -> tuple[Job | None, bool]:
        """A job of this owner, None if they have none by this id; and whether any of their jobs
        runs or waits for its turn."""
        self.restore()
        with self._changed:
            live = any(
                job.owner == owner and not (isinstance(job.state, Queued) and job.state.waits_for)
                for job in self._live()
            )
            try:
                return (None if job_id is None else self._find(job_id, owner)), live
            except NotFound:
                return None, live

    def wait(self, job_id: str, owner: str, timeout: float | None) -> Job:
        """A job once it has ended, or as it is after ``timeout`` seconds or when the queue closes.

        Raises:
            NotFound: as :meth:`cancel`.
        """
        self.restore()
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or not self._find(job_id, owner).live, timeout
            )
            return self._find(job_id, owner)

    def __len__(self) -> int:
        with self._changed:
            return len(self._waiting) + len(self._started)

    def close(self, timeout: float) -> None:
        """Stop, after at most ``timeout`` seconds for running jobs to end. The next start begins
        those that did not end anew; takes in the library are not made again."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._started, timeout)
            for job_id in reversed(list(self._started)):
                self._put_back(job_id)

    def _put_back(self, job_id: str) -> None:
        if started := self._started.pop(job_id, None):
            self._store.put_back(job_id)
            self._waiting.add(started.job, first=True)
            self._changed.notify_all()

    def _live(self) -> list[Job]:
        return [*map(_as_of_now, self._started.values()), *map(self._from_now, self._waiting)]

    def _find(self, job_id: str, owner: str) -> Job:
        found = self._in_memory(job_id)
        if found is None:
            found = self._store.find(job_id)
            if found is not None and not found.live:
                self._remember(found)
        if found is None or found.owner != owner:
            raise NotFound("This job is not here. It may have ended long ago.")
        return found

    def _in_memory(self, job_id: str) -> Job | None:
        if started := self._started.get(job_id):
            return _as_of_now(started)
        if waiting := self._waiting.find(job_id):
            return self._from_now(waiting)
        return self._ended.get(job_id)

    def _from_now(self, job: Job) -> Job:
        """A waiting job with the seconds until it is begun from now: those from the start of the
        first waiting job, and what is left of the running jobs."""
        queued = job.state
        assert isinstance(queued, Queued)
        left = [_seconds_left(started) for started in self._started.values()]
        if queued.seconds_left is None or not left or None in left:
            return replace(job, state=replace(queued, seconds_left=None))
        begins = queued.seconds_left + max(seconds or 0.0 for seconds in left)
        return replace(job, state=replace(queued, seconds_left=begins))

    def _remember(self, job: Job) -> None:
        self._ended[job.id] = job
        while len(self._ended) > _IN_MEMORY:
            self._ended.popitem(last=False)

    def _end(self, job: Job, state: EndState) -> Job:
        ended = replace(job, state=state)
        self._remember(ended)
        self._store.ended(job.id, state)
        self._changed.notify_all()
        return ended


def _as_of_now(started: _Started) -> Job:
    if isinstance(started.ending, CancelledJob):
        return replace(started.job, state=Cancelling(started.running.fraction, started.kept))
    left = _seconds_left(started)
    running = replace(started.running, take_ids=started.kept, seconds_left=left)
    return replace(started.job, state=running)


def _seconds_left(started: _Started) -> float | None:
    left = started.running.seconds_left
    return None if left is None else max(0.0, left - (time.monotonic() - started.reported_at))
