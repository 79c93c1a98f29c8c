"""What the owner of a studio sees and decides of the people in it."""

from __future__ import annotations

import threading
from contextlib import suppress

from ltx_ui.errors import NotFound
from ltx_ui.settings import LOCAL
from ltx_ui.studio.bans import is_banned
from ltx_ui.studio.guard import Guard, Limits
from ltx_ui.studio.job_store import JobStore
from ltx_ui.studio.jobs import Job
from ltx_ui.studio.kept import Kept
from ltx_ui.studio.member import WorkerStatus
from ltx_ui.studio.model_change import ChangeStatus
from ltx_ui.studio.people import Person
from ltx_ui.studio.shared_queue import SharedQueue
from ltx_ui.studio.worker import Worker


class Hosting(Kept):
    """The part of a studio by which it is shared."""

    _guard: Guard
    _queue: SharedQueue
    _store: JobStore
    _submitting: threading.Lock
    _worker: Worker

    def workers(self) -> int:
        """How many clips can be made at once now; 0 while no model is loaded."""
        return self._worker.team.count

    @property
    def many_workers(self) -> bool:
        """Whether there may be several, whose number can be changed."""
        return self._worker.team.many

    def each_worker(self) -> list[WorkerStatus]:
        """What is known of each worker."""
        return self._worker.team.now()

    def set_workers(self, count: int) -> None:
        """Let so many workers make clips from now on, until the program ends. What those make that
        are not needed any more is finished.

        Raises:
            WrongMoment: the model is not loaded, or clips are made in the studio's own process.
            InvalidRecipe: there are not as many processors, and no GPUs.
            ModelUnavailable: there are not as many GPUs.
        """
        self._worker.set_count(count)

    def drain_worker(self, number: int) -> None:
        """Let a worker finish what it makes, take no more, and end.

        Raises:
            NotFound: there is none by this number.
            WrongMoment: as :meth:`set_workers`, or it is the last one.
        """
        self._worker.drain(number)

    def models_to_change_to(self) -> list[str]:
        """What :meth:`change_model` takes."""
        return self._worker.change.names()

    def change_model(self, model: str) -> None:
        """Make clips with another model until the program ends: one worker after the other gets it,
        and the others go on until the first one is ready. Jobs for the model of before wait then.

        Args:
            model: a card's id, or the operator's name for the model of the start.

        Raises:
            WrongMoment: as :meth:`set_workers`, or there is but one worker, or the model is just
                being changed or in use already.
            InvalidRecipe: there is no such model.
            ModelUnavailable: this machine can't run it.
        """
        self._worker.change_model(model)

    @property
    def model_change(self) -> ChangeStatus | None:
        """How far the last change of the model is; None if there was none."""
        return self._worker.change.status

    def people(self) -> list[Person]:
        """Everybody who was seen lately, the last one first.

        Raises:
            MediaError: the library can't be read.
        """
        live, banned = self._store.live(), self.bans.names.get()
        return self.presence.people(self._database, live, self._guard.minutes, banned)

    def live_jobs(self) -> list[Job]:
        """Everybody's jobs that run or wait.

        Raises:
            MediaError: the library can't be read.
        """
        jobs = []
        for job_id, _ in self._store.live():
            with suppress(NotFound):  # It may have ended meanwhile.
                jobs.append(self._queue.job(job_id, LOCAL))
        return [job for job in jobs if job.live]

    def ban(self, visitor: str, *, address: bool = False) -> str:
        """Let a visitor in no more, and cancel what they wait for; returns under what name the ban
        is kept, by which :meth:`Bans.remove` lifts it.

        Args:
            address: whether it is for everybody from their address.

        Raises:
            WrongMoment: it is no visitor's name.
            MediaError: it could not be written.
        """
        with self._submitting:  # What comes later finds the ban.
            kept = self.bans.add(visitor, address=address)
        for job_id, owner in self._store.live():
            if is_banned(owner, {kept}):
                with suppress(NotFound):  # It may have ended meanwhile.
                    self._queue.cancel(job_id, owner)
        return kept

    def hold(self, on: bool) -> None:
        """Begin nobody's jobs, or go on. What runs goes on, and more may be queued. Holds over a
        restart, and on a shared database for all of its processes.

        Raises:
            MediaError: it could not be written.
        """
        self._queue.hold(on)

    @property
    def held(self) -> bool:
        """Whether nobody's jobs are begun."""
        return self._queue.held

    def limits(self, owner: str) -> Limits | None:
        """What a visitor may ask for, and what is left of it today; None for everybody else, who
        may ask for anything."""
        return self._guard.limits(owner)
