"""The line of jobs that wait: who is next, who waits for another model, and how long."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from dataclasses import replace

from ltx_ui.recipe import Recipe
from ltx_ui.studio.jobs import ANY_MODEL, Job, Queued

Seconds = Callable[[Recipe], float | None]
"""How long all takes of a recipe will take; None while nothing is known."""


class Line:
    """Jobs in their order. Those for a model that is not loaded keep theirs, but nobody waits for
    them. Not safe by itself: the queue's lock is held around every call.

    Args:
        seconds: asked only when the line has changed.
    """

    def __init__(self, seconds: Seconds) -> None:
        self._seconds = seconds
        self._jobs: list[Job] = []
        self._model: str | None = None
        self._names: Set[str] = frozenset()
        self._places: dict[str, Queued] | None = None

    def __len__(self) -> int:
        """How many wait for their turn."""
        return sum(map(self.fits, self._jobs))

    def __iter__(self) -> Iterator[Job]:
        """Every job, with its place."""
        return map(self._placed, self._jobs)

    def changed(self) -> None:
        """Forget what was reckoned: something was learnt about how long clips take."""
        self._places = None

    def name(self, model: str, names: Set[str]) -> list[Job]:
        """Let only the jobs for one model have their turn.

        Args:
            names: what it is called otherwise.

        Returns:
            the jobs that are now known to be for this model.
        """
        self._model, self._names = model, {model, *names, ANY_MODEL}
        before, self._jobs = self._jobs, [self.named(job) for job in self._jobs]
        self.changed()
        return [now for was, now in zip(before, self._jobs, strict=True) if now != was]

    def named(self, job: Job) -> Job:
        """A job with its model's one name."""
        if self._model is None or job.model not in self._names:
            return job
        return replace(job, model=self._model)

    def fits(self, job: Job) -> bool:
        """Whether the loaded model may make it; true of every job until that is known."""
        return self._model is None or job.model == self._model

    def find(self, job_id: str) -> Job | None:
        """One of the jobs, with its place."""
        return next((self._placed(job) for job in self._jobs if job.id == job_id), None)

    def put(self, job: Job, *, first: bool = False) -> None:
        """Add a job, or put one back that was taken."""
        self._jobs.insert(0 if first else len(self._jobs), self.named(job))
        self.changed()

    def take(self) -> Job | None:
        """Remove the one whose turn it is."""
        job = next(filter(self.fits, self._jobs), None)
        return job and self.remove(job.id)

    def remove(self, job_id: str) -> Job | None:
        """Remove one of them."""
        job = self.find(job_id)
        self._jobs = [other for other in self._jobs if other.id != job_id]
        self.changed()
        return job

    def replace(self, job: Job) -> None:
        """Change a job where it stands."""
        self._jobs = [job if other.id == job.id else other for other in self._jobs]
        self.changed()

    def _placed(self, job: Job) -> Job:
        if self._places is None:
            self._places = self._reckoned()
        return replace(job, state=self._places[job.id])

    def _reckoned(self) -> dict[str, Queued]:
        """Places, with the seconds from when the first of them is begun."""
        places, place = {}, 0
        begins: float | None = 0.0
        for job in self._jobs:
            if not self.fits(job):
                places[job.id] = Queued(0, waits_for=job.model)
                continue
            place += 1
            places[job.id] = Queued(place, seconds_left=begins)
            takes = None if begins is None else self._seconds(job.recipe)
            begins = None if begins is None or takes is None else begins + takes
        return places
