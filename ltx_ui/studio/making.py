"""What runners do with the queue: they begin jobs, claim takes of them, and tell what became of
those."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from ltx_ui.studio.counts import Counts
from ltx_ui.studio.errands import Errand, Errands
from ltx_ui.studio.history import History
from ltx_ui.studio.job_store import JobStore
from ltx_ui.studio.jobs import LOST, Done, EndState, Failed, Job, Running
from ltx_ui.studio.started import Started, free_after, runner_here
from ltx_ui.studio.waiting import WaitingJobs

IDLE_SECONDS = 3.0
"""Between two looks of a runner that has nothing to do at whether its engine is still there."""
ALL = 2**31
"""More takes than a job has."""

_log = logging.getLogger(__name__)


class Making:
    """The part of the queue that runners see. Safe to call from any thread.

    A runner makes one job at a time; one that has nothing else to do makes takes of another one's
    job. The job before it may still be saved meanwhile: it runs until its last take is kept.

    Args:
        counts: are told of jobs that end.
        waiting: those that wait.

    Attributes:
        runners: tells how many runners there are.
    """

    def __init__(self, store: JobStore, counts: Counts, waiting: WaitingJobs) -> None:
        self._store = store
        self._counts = counts
        self._changed = threading.Condition()
        self._waiting = waiting
        self._started: dict[str, Started] = {}
        self._history = History(store)
        self._errands = Errands()
        self._restored = False
        self._finishing = self._closed = False
        self.runners: Callable[[], int] = lambda: 0

    def restore(self) -> None:
        """Queue the jobs that an earlier process left, in their order. Only the first call does
        anything."""
        with self._changed:
            if self._restored:
                return
            self._waiting.paused = self._store.paused()
            for job in self._store.left_over():
                self._waiting.add(job)
            self._restored = True
            self._changed.notify_all()

    def _due(self) -> bool:
        """Whether a clip can be begun."""
        return bool(len(self._waiting)) and not self._waiting.held

    def next(
        self,
        leaving: Callable[[], bool] = lambda: False,
        idle: Callable[[], None] = lambda: None,
    ) -> Job | Errand | None:
        """Wait until there is a job to make, and start it, or one with takes that nobody has begun,
        or an errand, which has a turn between two jobs; None once no more are begun.

        Args:
            leaving: whether the runner is to begin no more; :meth:`wake` has it asked again.
            idle: called now and then meanwhile; what it raises passes through.
        """
        self.restore()
        while True:
            with self._changed:
                something = self._changed.wait_for(
                    lambda: self._ended(leaving) or self._something(), IDLE_SECONDS
                )
                if self._ended(leaving):
                    return None
                if errand := self._errands.next(self._due()):
                    return errand
                if job := self._begun() or self._joined():
                    return job
            if not something:
                idle()

    def _ended(self, leaving: Callable[[], bool]) -> bool:
        return self._finishing or leaving()

    def _something(self) -> bool:
        return bool(self._errands) or self._due() or self._open() is not None

    def _begun(self) -> Job | None:
        """The job that is due, unless it was cancelled elsewhere."""
        job = self._waiting.pop(runner_here()) if self._due() else None
        if job is None or not self._store.started(job.id):
            return None
        self._started[job.id] = Started(job, runner_here())
        self._changed.notify_all()
        return job

    def _joined(self) -> Job | None:
        """A job of which another runner makes some takes."""
        if (started := self._open()) is None:
            return None
        started.makers.add(runner_here())
        return started.job

    def _open(self) -> Started | None:
        """The job for the loaded model with most takes for each who makes some, that nobody has
        begun."""
        fit = (each for each in self._started.values() if self._waiting.fits(each.job))
        some = filter(lambda each: each.open, fit)
        return max(some, key=lambda each: len(each.left) / len(each.makers), default=None)

    def wake(self) -> None:
        """Let the runners that wait ask again whether they are to leave."""
        with self._changed:
            self._changed.notify_all()

    def claim(self, job_id: str, at_once: int) -> list[str]:
        """Takes of a job for the runner that asks to make next; none if it has no more to make.

        Args:
            at_once: how many it samples in one batch. Of several runners each takes no more.
        """
        with self._changed:
            started = self._started.get(job_id)
            most = at_once if self.runners() > 1 else ALL
            claimed = started.claim(runner_here(), most) if started and not self._closed else []
            self._changed.notify_all()
            return claimed

    def unclaimed(self, job_id: str) -> float:
        """How many takes of a job nobody makes yet, for each runner that makes some."""
        with self._changed:
            started = self._started.get(job_id)
            return len(started.left) / max(1, len(started.makers)) if started else 0.0

    def report(self, job_id: str, running: Running) -> None:
        """Note how far the runner that asks is with a take of a job. The job's fraction never
        decreases.

        Args:
            running: has the take's own fraction.
        """
        with self._changed:
            if started := self._started.get(job_id):
                started.report(runner_here(), running)

    def add_take(self, job_id: str, take_id: str) -> None:
        """Note that a take of a job is in the library. With its last one the job is done."""
        with self._changed:
            if started := self._started.get(job_id):
                started.keep(take_id)
                self._waiting.changed()
                self._settle(started)

    def must_stop(self, job_id: str) -> bool:
        """Whether a job was cancelled or has failed, or the queue was closed."""
        with self._changed:
            started = self._started.get(job_id)
            return self._closed or started is None or started.ending is not None

    def leave(self, job: Job) -> None:
        """The runner that asks has made all that it had claimed of a job; some of that may still be
        saved."""
        with self._changed:
            if started := self._started.get(job.id):
                started.leave(runner_here(), stopped=False)
                self._settle(started)

    def _settle(self, started: Started, *, died: bool = False) -> None:
        """End a job of which all is kept, or that has to end and that nobody makes or saves any
        more. If nobody does and there are takes left, it waits again."""
        job = started.job
        if started.whole:
            del self._started[job.id]
            self._end(job, Done(job.id, job.take_ids[1:]))
        elif started.resting and started.ending is not None:
            del self._started[job.id]
            self._end(job, replace(started.ending, take_ids=started.kept))
        elif started.resting:
            self._put_back(job.id, counts=died)

    def fail(self, job: Job, state: Failed, take_id: str | None = None) -> None:
        """Let a job fail once nobody makes or saves it; who makes it stops at the next step.

        Args:
            take_id: of a take that can't be kept.
        """
        with self._changed:
            if started := self._started.get(job.id):
                started.ending = started.ending or state
                if take_id is not None:
                    started.lose(take_id)
                self._settle(started)

    def stopped(self, job: Job, *, died: bool = False) -> None:
        """The runner that asks has stopped in the middle of a job: it was cancelled, has failed, or
        the program ends.

        Args:
            died: what made it has ended in its middle, which may happen once.
        """
        with self._changed:
            if (started := self._started.get(job.id)) is None:
                return
            started.leave(runner_here(), stopped=True)
            died = died and started.ending is None
            if died and not self._store.may_start_again(job.id):
                started.ending = Failed(LOST)
            elif died and not started.resting:
                self._store.started(job.id)  # Who makes the rest is the second one to begin it.
            self._settle(started, died=died)
            self._changed.notify_all()

    def running(self) -> bool:
        """Whether a clip is being made or saved."""
        with self._changed:
            return bool(self._started)

    def _put_back(self, job_id: str, *, counts: bool = False) -> None:
        if started := self._started.pop(job_id, None):
            self._store.put_back(job_id, counts=counts)
            self._waiting.add(started.job, first=True)
            self._changed.notify_all()

    def _from_now(self, job: Job) -> Job:
        """A waiting job with the seconds until it is begun."""
        return self._waiting.timed(job, lambda: free_after(self._started.values(), self.runners()))

    def _end(self, job: Job, state: EndState) -> Job:
        ended = replace(job, state=state)
        self._counts.ended(state.name)
        _log.info("Job %s is %s.", job.id, state.name, extra={"job": job.id})
        if self._store.ended(job.id, state):
            self._history.add(ended)
        self._changed.notify_all()
        return ended
