"""A queue whose jobs are in the order that their owners want, and wait when they want it."""

from __future__ import annotations

from ltx_ui.errors import ModelUnavailable, WrongMoment
from ltx_ui.studio.errands import Errand
from ltx_ui.studio.jobs import Job, Queued
from ltx_ui.studio.queue import ENDING, JobQueue
from ltx_ui.studio.waiting import EVERYBODY


class OrderedQueue(JobQueue):
    """A queue in which owners move their jobs and pause them."""

    def move(self, job_id: str, owner: str, before: str | None) -> Job:
        """Let a waiting job be begun before another one of its owner's, or after all of theirs.
        Nobody else is begun later for it: see :meth:`WaitingJobs.moved`.

        Raises:
            NotFound: there is no job by one of the ids, or it belongs to somebody else.
            WrongMoment: one of the two does not wait.
            MediaError: the new order could not be written.
        """
        self.restore()
        with self._changed:
            job = self._waiting_job(job_id, owner)
            other = None if before is None else self._waiting_job(before, job.owner)
            if before != job_id:
                order = self._waiting.moved(job, other)
                self._store.set_order([each.id for each in order])
                self._waiting.set_order(order)
            return self._find(job_id, owner)

    def pause(self, owner: str, on: bool) -> None:
        """Begin no more of an owner's jobs, or go on with them behind those that others have
        waiting by then. What runs goes on.

        Raises:
            WrongMoment: as many jobs are paused as may be.
            MediaError: it could not be written.
        """
        self.restore()
        with self._changed:
            if on == (owner in self._waiting.paused):
                return
            if on:
                self._set_aside(filter(self._waiting.fits, self._waiting.of(owner)))
                self._store.pause(owner)
                self._waiting.paused.add(owner)
            else:
                order = self._waiting.gone_on(owner)
                self._store.go_on(owner, [job.id for job in order])
                self._waiting.paused.remove(owner)
                self._waiting.set_order(order)
            self._waiting.changed()
            self._changed.notify_all()

    def hold(self, on: bool) -> None:
        """Begin nobody's jobs, or go on in the order that they have. What runs goes on.

        Raises:
            MediaError: it could not be written.
        """
        self.restore()
        with self._changed:
            if on:
                self._store.pause(EVERYBODY)
                self._waiting.paused.add(EVERYBODY)
            else:
                self._store.go_on(EVERYBODY, [job.id for job in self._waiting])
                self._waiting.paused.discard(EVERYBODY)
            self._waiting.changed()
            self._changed.notify_all()

    @property
    def held(self) -> bool:
        """Whether nobody's jobs are begun."""
        self.restore()
        with self._changed:
            return self._waiting.held

    def _waiting_job(self, job_id: str, owner: str) -> Job:
        job = self._find(job_id, owner)
        if self._waiting.find(job_id):
            return job
        if isinstance(job.state, Queued):
            raise WrongMoment("This clip waits in another process of the studio. Move it there.")
        raise WrongMoment("Only clips that wait can be moved, and this one has been begun.")

    def add_errand(self, errand: Errand) -> None:
        """Have something done between two clips.

        Raises:
            TooMuch: its owner has another one.
            WrongMoment: as many wait as may, or nobody's jobs are begun.
            ModelUnavailable: after :meth:`refuse`, or no more jobs are begun.
        """
        with self._changed:
            if self._refusal is not None or self._finishing:
                raise ModelUnavailable(self._refusal or ENDING)
            if self._waiting.held:
                raise WrongMoment("The queue is paused for everybody. Try again when it goes on.")
            self._errands.add(errand)
            self._changed.notify_all()
