"""The jobs that wait: which is next, which waits for another model, and for how long."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from heapq import heapify, heappop, heappush
from itertools import islice

from ltx_ui.recipe import Recipe
from ltx_ui.studio.jobs import ANY_MODEL, Job, Queued
from ltx_ui.studio.scheduling import Line, Ready, Waiter, Wants

Seconds = Callable[[Recipe], float | None]
"""How long all takes of a recipe will take; None while nothing is known."""
Effort = Callable[[Recipe], float]
"""How much all takes of a recipe cost the machine, in a unit that never changes."""

MANY, SPARED = 200, 9
"""Where more jobs wait, finding their places may take a tenth of the time."""
RENEWED = 1000
"""Estimates that are made anew when more is known, those first that were made longest ago."""
TIMED_SECONDS = 0.25
"""How long it is remembered when jobs begin."""
EVERYBODY = ""
"""Stands among those who are paused for all owners: none of them is without a name."""


class WaitingJobs:
    """Waiting jobs in the order in which they are begun, which :mod:`~ltx_ui.studio.scheduling`
    decides. A job for a model that is not loaded, or of an owner who has paused theirs, keeps its
    position, but delays no other and has no place in the count.

    Not safe to call from several threads: the queue calls it with its lock held.

    Args:
        seconds: called only after something has changed.
        effort: decides which job is short beside which other one, and which may be begun in another
            one's turn.

    Attributes:
        paused: the owners whose jobs are not begun, :data:`EVERYBODY` among them if nobody's are;
            call :meth:`changed` after changing it.
    """

    def __init__(self, seconds: Seconds, effort: Effort) -> None:
        self._seconds = seconds
        self._effort = effort
        self.paused: set[str] = set()
        self._set_aside: set[str] = set()
        self._jobs: dict[str, Job] = {}
        self._line = Line()
        self._ready: dict[Hashable, Ready] = {}
        self._model: str | None = None
        self._names: Set[str] = frozenset()
        self._takes: dict[str, float] = {}
        self._places: dict[str, int] | None = None
        self._stale, self._next_look = False, 0.0
        self._begins: list[float | None] | None = None
        self._timed_at = 0.0

    def __len__(self) -> int:
        """How many jobs wait for their turn."""
        return len(self._line)

    def __iter__(self) -> Iterator[Job]:
        """All jobs, each with its place."""
        return map(self._placed, self._in_line())

    def all(self) -> Mapping[str, Job]:
        """All jobs by their ids, without their places, which take time to find."""
        return self._jobs

    @property
    def held(self) -> bool:
        """Whether nobody's jobs are begun. They keep their places meanwhile."""
        return EVERYBODY in self.paused

    def changed(self) -> None:
        """Compute places and waiting times anew when they are next asked for: how long clips take
        is known better now, or others are paused."""
        for job_id in list(islice(self._takes, RENEWED)):
            del self._takes[job_id]
        self._see_to_turns()
        self._moved_on()

    def _see_to_turns(self) -> None:
        if self._set_aside != self.paused:
            self._set_aside = self.paused.copy()
            self._line.have_turns({job.id: self.has_turn(job) for job in self._jobs.values()})

    def use_model(self, model: str, names: Set[str]) -> list[Job]:
        """From now on only jobs for this model have their turn.

        Args:
            model: its card's id.
            names: other names that jobs may have for it.

        Returns:
            The jobs whose model is known by its card's id only now.
        """
        self._model, self._names = model, {model, *names, ANY_MODEL}
        before, self._jobs, self._line = self._in_line(), {}, Line()
        for job in map(self.with_card_id, before):
            self._jobs[job.id] = job
            self._line.add(self._waiter(job))
        self._line.set_order([job.id for job in before])
        self.changed()
        return [now for was, now in zip(before, self._jobs.values(), strict=True) if now != was]

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
        return sum(job.owner in self.paused and self.fits(job) for job in self._jobs.values())

    def find(self, job_id: str) -> Job | None:
        """A job with its place; None if it does not wait."""
        job = self._jobs.get(job_id)
        return None if job is None else self._placed(job)

    def add(self, job: Job, *, first: bool = False) -> None:
        """Add a job in its owner's next turn, or at the front: see :meth:`Line.add`."""
        self._see_to_turns()
        job = self.with_card_id(job)
        self._jobs[job.id] = job
        self._line.add(self._waiter(job), first=first)
        self._moved_on()

    def _waiter(self, job: Job) -> Waiter:
        recipe = job.recipe
        wants = Wants(
            texts=frozenset({recipe.prompt, recipe.negative_prompt}),
            loras=recipe.inputs.loras,
            shape=(recipe.width, recipe.height, recipe.num_frames),
        )
        return Waiter(job.id, job.owner, self._effort(recipe), wants, self.has_turn(job))

    def pop(self, runner: Hashable = None) -> Job | None:
        """Remove the job that is begun next; None if none fits.

        Args:
            runner: who begins it. What each began before, it has at hand.
        """
        self._see_to_turns()
        ready = self._ready.setdefault(runner, Ready())
        begun = self._line.next(ready)
        if begun is None:
            return None
        ready.begins(begun.wants)
        return self._forget(begun.id)

    def remove(self, job_id: str) -> Job | None:
        """Remove a job, wherever it stands; None if it does not wait."""
        return self._forget(job_id) if self._line.remove(job_id) else None

    def _forget(self, job_id: str) -> Job:
        self._takes.pop(job_id, None)
        self._moved_on()
        return self._jobs.pop(job_id)

    def replace(self, job: Job) -> None:
        """Put a changed job in the position that it has already."""
        order = [waiter.id for waiter in self._line]
        self._line.remove(job.id)
        self._jobs[job.id] = job
        self._line.add(self._waiter(job))
        self._line.set_order(order)
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
        for other in self._in_line():
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
        return sorted(self._in_line(), key=lambda job: job.owner == owner)

    def of(self, owner: str) -> list[Job]:
        """An owner's jobs, each with its place."""
        return [self._placed(self._jobs[waiter.id]) for waiter in self._line.of(owner)]

    def set_order(self, jobs: list[Job]) -> None:
        """Let the jobs have positions in this order; they are the same ones."""
        self._see_to_turns()
        self._line.set_order([job.id for job in jobs])
        self._moved_on()

    def _in_line(self) -> list[Job]:
        """All jobs by their positions."""
        return [self._jobs[waiter.id] for waiter in self._line]

    def timed(self, job: Job, free: Callable[[], Sequence[float] | None]) -> Job:
        """A job, as :meth:`find` returns it, with the seconds until it is begun.

        Args:
            free: tells after how many seconds each runner has nothing to do; None while unknown.
        """
        state, now = job.state, time.monotonic()
        assert isinstance(state, Queued)
        if not state.place or self.held:
            return job
        if self._begins is None or now - self._timed_at > TIMED_SECONDS:
            # Of those that were told their places, some may have gone.
            takes = [self._seconds_of(each) if each in self._jobs else 0.0 for each in self._told()]
            self._begins, self._timed_at = begin_times(free() or (), takes), now
        begins = self._begins[state.place - 1] if state.place <= len(self._begins) else None
        left = None if begins is None else max(0.0, begins - (now - self._timed_at))
        return replace(job, state=replace(state, seconds_left=left))

    def _placed(self, job: Job) -> Job:
        if not self.has_turn(job):
            return replace(job, state=self._aside(job))
        return replace(job, state=Queued(self._told().get(job.id, len(self)), held=self.held))

    def _told(self) -> Mapping[str, int]:
        """The places, or those of a moment ago where very many wait: with short and long ones among
        each other, telling them takes long. Who has come since is told the last place."""
        if self._places is None or (self._stale and time.monotonic() >= self._next_look):
            began = time.monotonic()
            in_order = enumerate(self._line.in_order(), 1)
            self._places = {waiter.id: place for place, waiter in in_order}
            self._stale, self._begins = False, None
            if len(self) > MANY:
                self._next_look = time.monotonic() + SPARED * (time.monotonic() - began)
        return self._places

    def _moved_on(self) -> None:
        self._places, self._stale = self._places if len(self) > MANY else None, True

    def _aside(self, job: Job) -> Queued:
        other = None if self.fits(job) else job.model
        return Queued(0, waits_for=other, paused=job.owner in self.paused)

    def _seconds_of(self, job_id: str) -> float | None:
        known = self._takes.get(job_id)
        if known is None and (known := self._seconds(self._jobs[job_id].recipe)) is not None:
            self._takes[job_id] = known
        return known


def begin_times(free: Sequence[float], takes: Iterable[float | None]) -> list[float | None]:
    """When jobs are begun, each by the runner that comes free first; None where that is unknown.

    Args:
        free: seconds after which each runner has nothing to do.
        takes: seconds that each job takes, in their order; None where that is unknown.
    """
    runners, begins = list(free), list[float | None]()
    heapify(runners)
    for seconds in takes:
        begins.append(heappop(runners) if runners else None)
        if (began := begins[-1]) is not None and seconds is not None:
            heappush(runners, began + seconds)
    return begins
