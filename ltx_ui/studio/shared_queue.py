"""The queue of one process among others on a shared database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ltx_ui.studio.counts import Counts
from ltx_ui.studio.elsewhere import Elsewhere
from ltx_ui.studio.job_store import JobStore
from ltx_ui.studio.jobs import CancelledJob, Job, Queued
from ltx_ui.studio.ordered_queue import OrderedQueue
from ltx_ui.studio.waiting import Effort, Seconds


class SharedQueue(OrderedQueue):
    """A queue that sees what other processes write. The jobs that it begins are its own; those of
    other processes it only tells of.

    Args:
        elsewhere: those.
    """

    def __init__(
        self,
        store: JobStore,
        counts: Counts,
        max_waiting: int,
        seconds: Seconds,
        effort: Effort,
        elsewhere: Elsewhere,
    ) -> None:
        super().__init__(store, counts, max_waiting, seconds, effort)
        self._elsewhere = elsewhere

    def as_they_are(self, jobs: Iterable[Job]) -> list[Job]:
        """Jobs that were read from the database, as they are now."""
        with self._changed:
            now = super().as_they_are(jobs)
            theirs = self._theirs() if any(job.live for job in now) else {}
            return [theirs.get(job.id, job) for job in now]

    def takes_on_the_way(self, beginning: str) -> int:
        """How many takes the jobs have that wait or run, in all processes, of owners whose names
        begin so."""
        with self._changed:
            theirs = [job for job in self._theirs().values() if job.owner.startswith(beginning)]
            ours = super().takes_on_the_way(beginning)
            return ours + sum(job.recipe.num_takes for job in theirs)

    def refresh(self) -> None:
        """See to what other processes have written: which jobs they cancelled or have taken up, who
        paused theirs. Who waits for a job of theirs looks again.

        Raises:
            MediaError: the database can't be reached.
        """
        self.restore()
        with self._changed:
            self._store.write_again()
            if not self._only_new:
                self._waiting.paused = self._store.paused()
            self._let_go()
            self._waiting.changed()
            self._changed.notify_all()

    def _let_go(self) -> None:
        """Stop what others have cancelled. What they have taken up, because this process seemed to
        have ended, is theirs: it is forgotten here."""
        ours = self._store.ours()
        gone = {*self._waiting.all(), *self._started} - ours
        cancelled = self._store.cancelled(gone) if gone else set()
        for job_id in gone:
            self._waiting.remove(job_id)
            if job_id not in cancelled:
                self._started.pop(job_id, None)
            elif (started := self._started.get(job_id)) and started.ending is None:
                started.ending = CancelledJob()

    def take_up(self) -> None:
        """Queue the jobs of other processes that have ended without finishing them.

        Raises:
            MediaError: the database can't be reached.
        """
        with self._changed:
            if self._finishing or self._only_new or not self._store.others_wait():
                return
            for job in self._store.left_over():
                self._waiting.add(job)
            self._changed.notify_all()

    def live_of(self, owner: str) -> tuple[Job, ...]:
        theirs = (job for job in self._theirs().values() if job.owner == owner)
        # A stable sort: what waits comes behind what runs.
        jobs = sorted((*super().live_of(owner), *theirs), key=_waits)
        return tuple(jobs)

    def anybodys(self, job_id: str) -> Job | None:
        return self._live_one(job_id) or self._theirs().get(job_id) or super().anybodys(job_id)

    def _theirs(self) -> Mapping[str, Job]:
        return self._elsewhere.jobs(self._waiting.paused)


def _waits(job: Job) -> bool:
    return isinstance(job.state, Queued)
