"""The queue of one process among others on a shared database."""

from __future__ import annotations

from ltx_ui.studio.jobs import CancelledJob
from ltx_ui.studio.ordered_queue import OrderedQueue


class SharedQueue(OrderedQueue):
    """A queue that sees what other processes write. Its jobs are its own: each process has some."""

    def refresh(self) -> None:
        """See to what other processes have written: which jobs they cancelled, who paused theirs.
        Who waits for a job of theirs looks again.

        Raises:
            MediaError: the database can't be reached.
        """
        self.restore()
        with self._changed:
            self._store.write_again()
            if not self._only_new:
                self._waiting.paused = self._store.paused()
            ours = [job.id for job in self._waiting] + [*self._started]
            for job_id in self._store.cancelled(ours):
                self._waiting.remove(job_id)
                if (started := self._started.get(job_id)) and started.ending is None:
                    started.ending = CancelledJob()
            self._waiting.changed()
            self._changed.notify_all()

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
