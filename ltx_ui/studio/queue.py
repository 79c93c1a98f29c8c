"""The queue: everybody's jobs are made in turns, each person's in the order that they want, and a
restart loses none."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

from ltx_ui.errors import ModelUnavailable, NotFound, QueueFull, WrongMoment
from ltx_ui.recipe import Recipe
from ltx_ui.studio.asked import Key
from ltx_ui.studio.counts import Counts
from ltx_ui.studio.guard import places_for
from ltx_ui.studio.job_store import JobStore
from ltx_ui.studio.jobs import (
    ANY_MODEL,
    CancelledJob,
    Failed,
    Job,
    OwnersJobs,
    Queued,
)
from ltx_ui.studio.making import Making
from ltx_ui.studio.takes import sees
from ltx_ui.studio.waiting import Effort, Seconds, WaitingJobs

ENDING = "The studio is being stopped. Try again when it has been started."

_log = logging.getLogger(__name__)


class JobQueue(Making):
    """Everybody's jobs. Safe to call from any thread; the lock is never held while a clip is made.

    Args:
        counts: are told of jobs that end.
        max_waiting: jobs that may wait at once.
        seconds: how long a recipe will take; jobs behind it are told when they begin.
        effort: what a recipe costs; decides whether a job may be begun in another one's turn.
    """

    def __init__(
        self, store: JobStore, counts: Counts, max_waiting: int, seconds: Seconds, effort: Effort
    ) -> None:
        super().__init__(store, counts, WaitingJobs(seconds, effort))
        self._max_waiting = max_waiting
        self._only_new = False
        self._refusal: str | None = None

    def leave_waiting(self) -> None:
        """Leave the jobs of an earlier process to the next one: only new ones are made. Has to be
        called before anything else."""
        self._restored = self._only_new = True

    def finish(self) -> None:
        """Begin no more jobs. What runs goes on; those that wait are made by the next start."""
        with self._changed:
            self._finishing = True
            self._refuse_errands()
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

    def submit(self, job: Job, average_seconds: float, key: Key | None = None) -> Job:
        """Put a new job into the queue, in its owner's next turn.

        Args:
            key: stands for it from now on, if its client gave it one.

        Raises:
            QueueFull: as many wait as may; one place comes free in about ``average_seconds``.
            WrongMoment: the owner's jobs are paused, and as many are as may be.
            ModelUnavailable: after :meth:`refuse`.
            KeyTaken: the key stands for another job.
            MediaError: the disk is full.
        """
        self.restore()
        with self._changed:
            job = self._waiting.with_card_id(job)
            if self._refusal is not None:
                raise ModelUnavailable(self._refusal)
            if job.owner in self._waiting.paused:
                self._set_aside([job])
            elif len(self._waiting) >= places_for(job.owner, self._max_waiting):
                raise QueueFull(len(self._waiting), average_seconds)
            self._store.add(job, key)
            self._waiting.add(job)
            self._changed.notify_all()
            return self._find(job.id, job.owner)

    def check_room(self, count: int, owner: str, average_seconds: float) -> None:
        """Refuse jobs of which not all have room to wait.

        Raises:
            QueueFull: as :meth:`submit`.
        """
        with self._changed:
            waiting, places = len(self._waiting), places_for(owner, self._max_waiting)
            if owner not in self._waiting.paused and waiting + count > places:
                raise QueueFull(waiting, average_seconds)

    def refuse(self, message: str, model: str, asked: str) -> None:
        """Accept no more jobs, and end those that wait for this model: it could not be loaded.

        Args:
            message: why, for the visitors.
            model, asked: as :meth:`use_model`.
        """
        with self._changed:
            self._refusal = message
            self._waiting.use_model(model, {asked})
            for job in filter(self._waiting.fits, list(self._waiting)):
                self._waiting.remove(job.id)
                self._end(job, Failed(message))

    def break_off(self, message: str) -> None:
        """Accept no more jobs, and leave those that wait or run to the next start."""
        with self._changed:
            self._refusal = message
            self.close(0)

    def forget(self, owner: str) -> None:
        """Takes of this owner's were deleted, or brought back, and their jobs with them."""
        with self._changed:
            self._history.forget(owner)

    def cancel(self, job_id: str, owner: str) -> Job:
        """Stop a job: at once while it waits, at its next step while it runs. One whose last take
        is being saved is done all the same.

        Raises:
            NotFound: there is none by this id, or it belongs to somebody else.
        """
        self.restore()
        with self._changed:
            job = self._find(job_id, owner)
            if self._waiting.remove(job_id):
                return self._end(job, CancelledJob())
            if job_id in self._started:
                self._started[job_id].ending = CancelledJob()
            elif job.live:
                self._store.cancel(job_id)
            return self._find(job_id, owner)

    def job(self, job_id: str, owner: str) -> Job:
        """A job as it is now.

        Raises:
            NotFound: as :meth:`cancel`.
        """
        self.restore()
        with self._changed:
            return self._find(job_id, owner)

    def as_they_are(self, jobs: Iterable[Job]) -> list[Job]:
        """Jobs that were read from the database, as they are now."""
        with self._changed:
            return [self._live_one(job.id) or job for job in jobs]

    def takes_on_the_way(self, beginning: str) -> int:
        """How many takes the jobs have that wait or run, of owners whose names begin so."""
        with self._changed:
            started = (each.job for each in self._started.values())
            live = [*started, *self._waiting.all().values()]
            return sum(job.recipe.num_takes for job in live if job.owner.startswith(beginning))

    def of(self, owner: str) -> OwnersJobs:
        """All that there is to tell an owner, of one moment. Reads the database only for an owner
        who was not asked for lately."""
        self.restore()
        with self._changed:
            paused = owner in self._waiting.paused
            return OwnersJobs(self.live_of(owner), self._history.latest(owner), paused)

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
        those that did not end anew, unless they were cancelled; takes in the library are not made
        again."""
        with self._changed:
            self._finishing = self._closed = True
            self._refuse_errands()
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._started, timeout)
            for job_id, started in reversed(list(self._started.items())):
                if started.ending is None:
                    self._put_back(job_id)
                else:
                    del self._started[job_id]
                    self._end(started.job, replace(started.ending, take_ids=started.kept))

    def _refuse_errands(self) -> None:
        self._errands.refuse(ModelUnavailable(self._refusal or ENDING))

    def live_of(self, owner: str) -> tuple[Job, ...]:
        """An owner's jobs that have not ended, in their order. To be called with the lock held."""
        started = [each for each in self._started.values() if each.job.owner == owner]
        waiting = self._waiting.of(owner)
        return (*(each.now() for each in started), *map(self._from_now, waiting))

    def _set_aside(self, jobs: Iterable[Job]) -> None:
        """Refuse to pause so many more jobs if that is more than may be."""
        if self._waiting.set_aside() + len(list(jobs)) > self._max_waiting:
            raise WrongMoment(
                f"At most {self._max_waiting} clips may be paused in this studio. Let the clips in "
                "your queue go on, or cancel some of them."
            )

    def _find(self, job_id: str, owner: str) -> Job:
        found = self.anybodys(job_id)
        if found is None or not sees(owner, found.owner):
            raise NotFound("This job is not here. It ended long ago, or its clips were deleted.")
        return found

    def anybodys(self, job_id: str) -> Job | None:
        """A job, whoever it belongs to. To be called with the lock held."""
        return self._live_one(job_id) or self._history.find(job_id)

    def _live_one(self, job_id: str) -> Job | None:
        if started := self._started.get(job_id):
            return started.now()
        waiting = self._waiting.find(job_id)
        return self._from_now(waiting) if waiting else None
