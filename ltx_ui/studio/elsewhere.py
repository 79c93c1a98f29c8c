"""Jobs of other processes on a shared database, as far as it tells of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import select

from ltx_ui.studio.damaged import Readable
from ltx_ui.studio.database import Database
from ltx_ui.studio.job_rows import read_job
from ltx_ui.studio.jobs import Job, Queued, Running
from ltx_ui.studio.tables import LIVE, JobRow


class Elsewhere:
    """Jobs that have not ended and are another process's. Not safe to call from several threads:
    the queue calls it with its lock held."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows = Readable(JobRow)
        self._read: Sequence[tuple[int, Job]] = ()
        self._version = ""

    def jobs(self, paused: Collection[str]) -> Mapping[str, Job]:
        """These jobs by their ids: those that run, then those that wait, each with its place among
        its process's. Reads them only after something was written.

        Args:
            paused: owners whose jobs are not begun.

        Raises:
            MediaError: the database can't be reached.
        """
        if not self._database.shared:
            return {}
        if (version := self._database.version()) != self._version:
            theirs = select(JobRow).where(
                JobRow.state.in_(LIVE), JobRow.holder != self._database.holder
            )
            in_order = theirs.order_by(JobRow.state != Running.name, JobRow.position, JobRow.number)
            with self._database.reading() as session:
                self._read = self._rows.read(session, lambda: in_order, _held)
            self._version = version
        return {job.id: job for job in _placed(self._read, paused)}


def _held(row: JobRow) -> tuple[int, Job]:
    return row.holder, replace(read_job(row), elsewhere=True)


def _placed(held: Sequence[tuple[int, Job]], paused: Collection[str]) -> Iterator[Job]:
    waiting: Counter[int] = Counter()
    for holder, job in held:
        if not isinstance(job.state, Queued):
            yield job
        elif job.owner in paused:
            yield replace(job, state=Queued(0, paused=True))
        else:
            waiting[holder] += 1
            yield replace(job, state=Queued(waiting[holder]))
