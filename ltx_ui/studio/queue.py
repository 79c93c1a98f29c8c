"""The queue: first come, first served; a restart loses nothing."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from ltx_ui.errors import ModelUnavailable, NotFound, QueueFull, StudioError
from ltx_ui.recipe import Recipe
from ltx_ui.studio.database import Database, JobRow, TakeRow
from ltx_ui.studio.jobs import CancelledJob, Done, EndState, Failed, Job, JobState, Queued, Running

MAX_STARTS = 2
"""A job that took the process down this often is not tried again."""
HISTORY = 1000
"""Ended jobs that are kept to answer for."""
_IN_MEMORY = 200

_log = logging.getLogger(__name__)


_NAMES: dict[type[EndState], str] = {Done: "done", Failed: "failed", CancelledJob: "cancelled"}
_LIVE = ("queued", "running")


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
    """

    def __init__(self, database: Database, max_waiting: int) -> None:
        self._database = database
        self._max_waiting = max_waiting
        self._changed = threading.Condition()
        self._waiting: list[Job] = []
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
                self._waiting = _left_over(session)
            self._restored = True
            self._changed.notify_all()

    def submit(self, recipe: Recipe, owner: str, average_seconds: float) -> Job:
        """Put a recipe at the end of the queue.

        Raises:
            QueueFull: as many wait as may; one place comes free in about ``average_seconds``.
            ModelUnavailable: after :meth:`refuse`.
            MediaError: the disk is full.
        """
        self.restore()
        job = Job(uuid.uuid4().hex, owner, recipe, datetime.now(UTC), Queued(0))
        with self._changed:
            if self._refusal is not None:
                raise ModelUnavailable(self._refusal)
            if len(self._waiting) >= self._max_waiting:
                raise QueueFull(len(self._waiting), average_seconds)
            with self._database.session() as session:
                session.add(_row(job))
            self._waiting.append(job)
            self._changed.notify_all()
            return replace(job, state=Queued(len(self._waiting)))

    def next(self) -> Job | None:
        """Wait for a job and start it; None when the queue was closed."""
        self.restore()
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return None
            job = self._waiting.pop(0)
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

    def refuse(self, message: str) -> None:
        """End every job that waits, and take no more: there is no model to make them."""
        with self._changed:
            self._refusal = message
            waiting, self._waiting = self._waiting, []
            for job in waiting:
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
                self._waiting = [other for other in self._waiting if other.id != job_id]
                return self._end(job, CancelledJob())
            if job_id in self._started:
                self._started[job_id].ending = CancelledJob()
            return job

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
            self._waiting.insert(0, started.job)
            self._changed.notify_all()

    def _live(self) -> list[Job]:
        waiting = [replace(j, state=Queued(i)) for i, j in enumerate(self._waiting, start=1)]
        return [*map(_as_of_now, self._started.values()), *waiting]

    def _find(self, job_id: str, owner: str) -> Job:
        found = {job.id: job for job in self._live()}.get(job_id) or self._ended.get(job_id)
        if found is None:
            with self._database.session() as session:
                row = session.scalar(select(JobRow).where(JobRow.id == job_id))
                found = None if row is None else _job(row, _kept(session, row))
        if found is None or found.owner != owner:
            raise NotFound("This job is not here. It may have ended long ago.")
        return found

    def _end(self, job: Job, state: EndState) -> Job:
        ended = replace(job, state=state)
        self._ended[job.id] = ended
        while len(self._ended) > _IN_MEMORY:
            self._ended.popitem(last=False)
        message = state.message if isinstance(state, Failed) else ""
        self._record(job.id, state=_NAMES[type(state)], message=message)
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
    running = replace(started.running, take_ids=started.kept)
    if running.seconds_left is not None:
        left = running.seconds_left - (time.monotonic() - started.heard_at)
        running = replace(running, seconds_left=max(0.0, left))
    return replace(started.job, state=running)


def _left_over(session: Session) -> list[Job]:
    """The jobs an earlier process did not finish, its history cut to length on the way."""
    ended = select(JobRow.number).where(JobRow.state.not_in(_LIVE)).order_by(JobRow.number.desc())
    session.execute(delete(JobRow).where(JobRow.number.in_(ended.offset(HISTORY).limit(-1))))
    left = session.scalars(select(JobRow).where(JobRow.state.in_(_LIVE)).order_by(JobRow.number))
    return [_job(row, ()) for row in left if _goes_on(session, row)]


def _goes_on(session: Session, row: JobRow) -> bool:
    if len(_kept(session, row)) == _recipe(row).num_takes:
        row.state = "done"
    elif row.state == "running" and row.starts >= MAX_STARTS:
        row.state = "failed"
        row.message = (
            f"The program ended {row.starts} times while it made this clip, so it is not tried "
            "again. Try a shorter length or a smaller format."
        )
    else:
        row.state = "queued"
    return row.state == "queued"


def _row(job: Job) -> JobRow:
    return JobRow(
        id=job.id,
        owner=job.owner,
        recipe=job.recipe.model_dump(mode="json"),
        submitted_at=job.submitted_at,
        state="queued",
    )


def _job(row: JobRow, kept: tuple[str, ...]) -> Job:
    job = Job(row.id, row.owner, _recipe(row), row.submitted_at, Queued(0))
    states: dict[str, JobState] = {
        "done": Done(row.id, job.take_ids[1:]),
        "failed": Failed(row.message, kept),
        "cancelled": CancelledJob(kept),
    }
    return replace(job, state=states.get(row.state, job.state))


def _kept(session: Session, row: JobRow) -> tuple[str, ...]:
    """Those of a job's takes that are in the library."""
    ids = _job(row, ()).take_ids
    found = set(session.scalars(select(TakeRow.id).where(TakeRow.id.in_(ids))))
    return tuple(take_id for take_id in ids if take_id in found)


def _recipe(row: JobRow) -> Recipe:
    return Recipe.model_validate(row.recipe)
