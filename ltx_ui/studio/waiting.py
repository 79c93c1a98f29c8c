"""The jobs that wait: which is next, which waits for another model, and for how long."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Set
from dataclasses import replace

from ltx_ui.recipe import Recipe
from ltx_ui.studio.jobs import ANY_MODEL, Job, Queued

Seconds = Callable[[Recipe], float | None]
"""How long all takes of a recipe will take; None while nothing is known."""
Effort = Callable[[Recipe], float]
"""How much all takes of a recipe cost the machine, in a unit that never changes."""

EVERYBODY = ""
"""Stands among those who are paused for all owners: none of them is without a name."""


class WaitingJobs:
    """Waiting jobs in the order in which they are begun: one of each owner's in turn, and each
    owner's in the order in which they came. A job for a model that is not loaded, or of an owner
    who has paused theirs, keeps its position, but delays no other and has no place in the count.

    Not safe to call from several threads: the queue calls it with its lock held.

    Args:
        seconds: called only after something has changed.
        effort: decides which job may be begun in another one's turn.

    Attributes:
        paused: the owners whose jobs are not begun, :data:`EVERYBODY` among them if nobody's are;
            call :meth:`changed` after changing it.
    """

    def __init__(self, seconds: Seconds, effort: Effort) -> None:
        self._seconds = seconds
        self._effort = effort
        self.paused: set[str] = set()
        self._jobs: list[Job] = []
        self._served: str | None = None
        self._model: str | None = None
        self._names: Set[str] = frozenset()
        self._places: dict[str, Queued] | None = None

    def __len__(self) -> int:
        """How many jobs wait for their turn."""
        return sum(map(self.has_turn, self._jobs))

    def __iter__(self) -> Iterator[Job]:
        """All jobs, each with its place."""
        return map(self._placed, self._jobs)

    @property
    def held(self) -> bool:
        """Whether nobody's jobs are begun. They keep their places meanwhile."""
        return EVERYBODY in self.paused

    def changed(self) -> None:
        """Compute places and waiting times anew when they are next asked for: how long clips take
        is known better now."""
        self._places = None

    def use_model(self, model: str, names: Set[str]) -> list[Job]:
        """From now on only jobs for this model have their turn.

        Args:
            model: its card's id.
            names: other names that jobs may have for it.

        Returns:
            The jobs whose model is known by its card's id only now.
        """
        self._model, self._names = model, {model, *names, ANY_MODEL}
        before, self._jobs = self._jobs, [self.with_card_id(job) for job in self._jobs]
        self.changed()
        return [now for was, now in zip(before, self._jobs, strict=True) if now != was]

    def with_card_id(self, job: Job) -> Job:
        """The job with its model called by its card's id, if it is for the loaded model."""
        if self._model is None or job.model not in self._names:
            return job
        return replace(job, model=self._model)

    def fits(self, job: Job) -> bool:
        """Whether the job is for the loaded model; true of every job until that is known."""
        return self._model is None or job.model == self._model

    def has_turn(self, job: Job) -> bool:
        """Whether the job will be begun by itself."""
        return job.owner not in self.paused and self.fits(job)

    def set_aside(self) -> int:
        """How many jobs for the loaded model are paused."""
        return sum(job.owner in self.paused and self.fits(job) for job in self._jobs)

    def find(self, job_id: str) -> Job | None:
        """A job with its place; None if it does not wait."""
        return next((self._placed(job) for job in self._jobs if job.id == job_id), None)

    def add(self, job: Job, *, first: bool = False) -> None:
        """Add a job in its owner's next turn, or at the front.

        Whoever has no other one waiting comes behind the first of everybody's, whoever has one
        behind the second of everybody's, and so on; the owner whose job was begun last has had a
        turn already. So nobody is kept waiting by how many jobs another has, and whoever waits is
        overtaken a few times only.
        """
        job = self.with_card_id(job)
        self._jobs.insert(0 if first else self._next_turn(job), job)
        self.changed()

    def _next_turn(self, job: Job) -> int:
        if not self.has_turn(job):
            return len(self._jobs)
        turns = Counter({self._served: 1})
        theirs = (other for other in self._jobs if other.owner == job.owner)
        own = turns[job.owner] + sum(map(self.has_turn, theirs))
        behind = 0
        for position, other in enumerate(self._jobs, 1):
            if not self.has_turn(other):
                continue
            if other.owner == job.owner or turns[other.owner] <= own:
                behind = position
            turns[other.owner] += 1
        return behind

    def pop(self) -> Job | None:
        """Remove the job whose turn it is; None if none fits."""
        job = next(filter(self.has_turn, self._jobs), None)
        if job is None:
            return None
        self._served = job.owner
        return self.remove(job.id)

    def remove(self, job_id: str) -> Job | None:
        """Remove a job, wherever it stands; None if it does not wait."""
        job = self.find(job_id)
        self._jobs = [other for other in self._jobs if other.id != job_id]
        self.changed()
        return job

    def replace(self, job: Job) -> None:
        """Put a changed job in the position that it has already."""
        self._jobs = [job if other.id == job.id else other for other in self._jobs]
        self.changed()

    def moved(self, job: Job, before: Job | None) -> list[Job]:
        """All jobs in the order in which one is begun before another of its owner's, or after all
        of theirs.

        Nobody else is begun later for it. The owner's jobs take the turns that are the owner's
        already; one that costs more than the job whose turn it takes is begun only when their turns
        up to there cost as much.
        """
        wanted = [other for other in self.of(job.owner) if other.id != job.id]
        ids = [other.id for other in wanted]
        wanted.insert(len(ids) if before is None else ids.index(before.id), job)
        return self._in_turns(wanted)

    def _in_turns(self, wanted: list[Job]) -> list[Job]:
        """All jobs, with those of one owner in this order."""
        costs = {own.id: self._effort(own.recipe) * self.has_turn(own) for own in wanted}
        order, rest, turns, spare = list[Job](), deque(wanted), 0, 0.0
        for other in self._jobs:
            if other.id not in costs:
                order.append(other)
                continue
            turns, spare = turns + self.has_turn(other), spare + costs[other.id]
            while rest and turns >= (turn := self.has_turn(rest[0])) and spare >= costs[rest[0].id]:
                turns, spare = turns - turn, spare - costs[rest[0].id]
                order.append(rest.popleft())
        return order

    def gone_on(self, owner: str) -> list[Job]:
        """All jobs, those of this owner behind the others."""
        return sorted(self._jobs, key=lambda job: job.owner == owner)

    def of(self, owner: str) -> list[Job]:
        """An owner's jobs, each with its place."""
        return [self._placed(job) for job in self._jobs if job.owner == owner]

    def set_order(self, jobs: list[Job]) -> None:
        """Let the jobs be begun in this order; they are the same ones."""
        self._jobs = jobs
        self.changed()

    def _placed(self, job: Job) -> Job:
        if self._places is None:
            self._places = self._computed_places()
        return replace(job, state=self._places[job.id])

    def _computed_places(self) -> dict[str, Queued]:
        """Places by job id. ``seconds_left`` counts from when the first waiting job is begun."""
        places, place = {}, 0
        begins: float | None = None if self.held else 0.0
        for job in self._jobs:
            if not self.has_turn(job):
                other = None if self.fits(job) else job.model
                places[job.id] = Queued(0, waits_for=other, paused=job.owner in self.paused)
                continue
            place += 1
            places[job.id] = Queued(place, seconds_left=begins, held=self.held)
            takes = None if begins is None else self._seconds(job.recipe)
            begins = None if begins is None or takes is None else begins + takes
        return places
