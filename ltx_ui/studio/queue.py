"""The queue: first come, first served; a restart loses nothing."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sqlalchemy import update

from ltx_ui.errors import ModelUnavailable, NotFound, QueueFull, StudioError
from ltx_ui.recipe import Recipe
from ltx_ui.studio.database import Database, JobRow
from ltx_ui.studio.job_rows import NAMES, find_job, left_over, row_of
from ltx_ui.studio.jobs import (
    ANY_MODEL,
    CancelledJob,
    Done,
    EndState,
    Failed,
    Job,
    Queued,
    Running,
)
from ltx_ui.studio.line import Line, Seconds

_IN_MEMORY = 200

_log = logging.getLogger(__name__)

_BEGUN = Running("text", 0, 0, 0.0, None)


@dataclass
class _Started:
    """A job that is being made or saved, and what was last heard of it.

    Attributes:
        kept: its takes that are in the library.
        ending: what it has to end as, before it is made.
    """

    job: Job
    running: Running = _BEGUN
    heard_at: float = field(default_factory=time.monotonic)
    kept: tuple[str, ...] = ()
    ending: CancelledJob | Failed | None = None


class JobQueue:
    """Everybody's jobs. Safe to call from any thread; the lock is never held while a clip is made.

    One job is made at a time. The one before it may still be saved meanwhile: it runs until its
    last take is kept.

    Args:
        max_waiting: jobs that may wait at once.
        seconds: how long a recipe will take, for who waits behind it.
    """

    def __init__(
        self, database: Database, max_waiting: int, seconds: Seconds = lambda _: None
    ) -> None:
        self._database = database
        self._max_waiting = max_waiting
        self._changed = threading.Condition()
        self._waiting = Line(seconds)
        self._started: dict[str, _Started] = {}
        self._ended: OrderedDict[str, Job] = OrderedDict()
        self._restored = False
        self._closed = False
        self._refusal: str | None = None

    def restore(self) -> None:
        """Take up what an earlier process left, in its order. Done once, by whoever comes first."""
        with self._changed:
            if self._restored:
                return
            with self._database.session() as session:
                jobs = left_over(session)
            for job in jobs:
                self._waiting.put(job)
            self._restored = True
            self._changed.notify_all()

    def make_for(self, model: str, asked: str) -> None:
        """From now on only jobs for this model are begun; the others wait until a studio with
        theirs is started.

        Args:
            model: the card's id.
            asked: what the operator named it.
        """
        self.restore()
        with self._changed:
            for job in self._waiting.name(model, {asked}):
                self._record(job.id, model=model)
            self._changed.notify_all()

    def adopt(self, job_id: str, owner: str, recipe: Recipe) -> Job:
        """Have a job that waits for another model made with the one that is loaded, in its turn.
        Any other job stays as it is.

        Args:
            recipe: the job's own, but for the model.

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
            job = self._waiting.named(replace(job, recipe=recipe, model=ANY_MODEL))
            self._waiting.replace(job)
            self._record(job_id, recipe=recipe.model_dump(mode="json"), model=job.model)
            self._changed.notify_all()
            return self.job(job_id, owner)

    def submit(self, recipe: Recipe, owner: str, model: str, average_seconds: float) -> Job:
        """Put a recipe at the end of the queue.

        Args:
            model: the one it is for.

        Raises:
            QueueFull: as many wait as may; one place comes free in about ``average_seconds``.
            ModelUnavailable: after :meth:`refuse`.
            MediaError: the disk is full.
        """
        self.restore()
        job = Job(uuid.uuid4().hex, owner, recipe, datetime.now(UTC), Queued(0), model)
        with self._changed:
            job = self._waiting.named(job)
            if self._refusal is not None:
                raise ModelUnavailable(self._refusal)
            if len(self._waiting) >= self._max_waiting:
                raise QueueFull(len(self._waiting), average_seconds)
            with self._database.session() as session:
                session.add(row_of(job))
            self._waiting.put(job)
            self._changed.notify_all()
            return self._find(job.id, owner)

    def next(self) -> Job | None:
        """Wait for a job whose turn it is and start it; None when the queue was closed."""
        self.restore()
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) or self._closed)
            if self._closed or (job := self._waiting.take()) is None:
                return None
            self._started[job.id] = _Started(job)
            self._record(job.id, state="running", starts=JobRow.starts + 1)
            self._changed.notify_all()
            return job

    def hear(self, job_id: str, running: Running) -> None:
        """Note how far a job is. The fraction never goes back."""
        with self._changed:
            if started := self._started.get(job_id):
                reached = max(running.fraction, started.running.fraction)
                started.running = replace(running, fraction=reached)
                started.heard_at = time.monotonic()

    def kept(self, job_id: str, take_id: str) -> None:
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
        """Let a job end. After :meth:`close` it waits for the next start instead."""
        with self._changed:
            if started := self._started.pop(job.id, None):
                kept = started.kept
                self._end(job, state if isinstance(state, Done) else replace(state, take_ids=kept))

    def fail(self, job: Job, state: Failed) -> None:
        """Let a job that is still being made end like this at its next step."""
        with self._changed:
            started = self._started.get(job.id)
            if started is not None and started.ending is None:
                started.ending = state

    def stopped(self, job: Job) -> None:
        """A job gave way: to its cancel, to a failure, or to the end of the program."""
        with self._changed:
            started = self._started.get(job.id)
            if started is not None and started.ending is not None:
                self.end(job, started.ending)
            else:
                self._put_back(job.id)

    def refuse(self, message: str, model: str, asked: str) -> None:
        """Take no more jobs, and end those that wait for this model: it could not be loaded.

        Args:
            model, asked: as :meth:`make_for`.
        """
        with self._changed:
            self._refusal = message
            self._waiting.name(model, {asked})
            while (job := self._waiting.take()) is not None:
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
        """A job of this owner's as it is now, None if there is none by this id, and whether any of
        theirs runs or waits for its turn."""
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
        """Stop. Jobs that run get ``timeout`` seconds to; the next start begins them anew, but for
        the takes that are kept."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._started, timeout)
            for job_id in reversed(list(self._started)):
                self._put_back(job_id)

    def _put_back(self, job_id: str) -> None:
        if started := self._started.pop(job_id, None):
            self._record(job_id, state="queued", starts=JobRow.starts - 1)
            self._waiting.put(started.job, first=True)
            self._changed.notify_all()

    def _live(self) -> list[Job]:
        return [*map(_as_of_now, self._started.values()), *map(self._from_now, self._waiting)]

    def _find(self, job_id: str, owner: str) -> Job:
        found = self._in_memory(job_id)
        if found is None:
            with self._database.reading() as session:
                found = find_job(session, job_id)
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
        """A job of the line, with the seconds until it is begun: the line's own, after what is left
        of the jobs that run."""
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
        message = state.message if isinstance(state, Failed) else ""
        self._record(job.id, state=NAMES[type(state)], message=message)
        self._changed.notify_all()
        return ended

    def _record(self, job_id: str, **values: object) -> None:
        try:
            with self._database.session() as session:
                session.execute(update(JobRow).where(JobRow.id == job_id).values(**values))
        except StudioError as error:
            # The job itself goes on: its state is also in memory, and the clip may still be kept.
            _log.error("The state of job %s could not be written: %s", job_id, error)


def _as_of_now(started: _Started) -> Job:
    running = replace(
        started.running,
        take_ids=started.kept,
        seconds_left=_seconds_left(started),
        cancelling=isinstance(started.ending, CancelledJob),
    )
    return replace(started.job, state=running)


def _seconds_left(started: _Started) -> float | None:
    left = started.running.seconds_left
    return None if left is None else max(0.0, left - (time.monotonic() - started.heard_at))
