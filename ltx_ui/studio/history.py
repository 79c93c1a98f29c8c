"""Jobs that have ended: those of lately in memory, all others in the database."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import TypeVar

from ltx_ui.studio.job_store import JobStore
from ltx_ui.studio.jobs import Job

SHOWN = 20
"""Ended jobs that an owner is shown."""
_IN_MEMORY = 200
"""Ended jobs, and owners' latest ones, that can be looked at without the database."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class History:
    """Ended jobs. Not safe to call from several threads: the queue calls it with its lock held."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._latest: OrderedDict[str, tuple[Job, ...]] = OrderedDict()
        self._version = ""

    def add(self, job: Job) -> None:
        """Remember a job that has just ended."""
        _remember(self._jobs, job.id, job)
        if (latest := self._latest.get(job.owner)) is not None:
            _remember(self._latest, job.owner, (job, *latest)[:SHOWN])

    def forget(self, owner: str) -> None:
        """Read what there is to know of an owner's jobs from the store again."""
        for job_id in [job.id for job in self._jobs.values() if job.owner == owner]:
            del self._jobs[job_id]
        self._latest.pop(owner, None)

    def find(self, job_id: str) -> Job | None:
        """A job by its id; None if there is none."""
        self._drop_changed()
        if (found := self._jobs.get(job_id)) is not None:
            return found
        found = self._store.find(job_id)
        if found is not None and not found.live:
            _remember(self._jobs, job_id, found)
        return found

    def latest(self, owner: str) -> tuple[Job, ...]:
        """The owner's latest jobs that ended, at most :data:`SHOWN`, the last one first."""
        self._drop_changed()
        if owner not in self._latest:
            _remember(self._latest, owner, self._store.latest_ended(owner, SHOWN))
        return self._latest[owner]

    def _drop_changed(self) -> None:
        """Forget everything that another process may have changed meanwhile."""
        if (version := self._store.version()) != self._version:
            self._version = version
            self._jobs.clear()
            self._latest.clear()


def _remember(values: OrderedDict[K, V], key: K, value: V) -> None:
    values[key] = value
    values.move_to_end(key)
    while len(values) > _IN_MEMORY:
        values.popitem(last=False)
