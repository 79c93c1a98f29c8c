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
from ltx_ui.studio.people import Person
from ltx_ui.studio.shared_queue import SharedQueue


class Hosting(Kept):
    """The part of a studio by which it is shared."""

    _guard: Guard
    _queue: SharedQueue
    _store: JobStore
    _submitting: threading.Lock

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
