"""Jobs of other processes on a shared database, as far as it tells of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from sqlalchemy import Select, select

from ltx_ui.studio.damaged import Readable
from ltx_ui.studio.database import Database
from ltx_ui.studio.job_rows import read_job
from ltx_ui.studio.jobs import Job, Queued, Running
from ltx_ui.studio.parts import in_parts
from ltx_ui.studio.tables import LIVE, JobRow

_AT_ONCE = 500

_Kind = tuple[int, str, str]
"""A job's number, state and model: as long as they are the same, so is its row."""


class Elsewhere:
    """Jobs that have not ended and are another process's. Not safe to call from several threads:
    the queue calls it with its lock held."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows = Readable(JobRow)
        self._read: dict[_Kind, Job] = {}
        self._held: Sequence[tuple[int, Job]] = ()
        self._version = ""
        self._placed: tuple[frozenset[str], Mapping[str, Job]] | None = None

    def jobs(self, paused: Collection[str]) -> Mapping[str, Job]:
        """These jobs by their ids: those that run, then those that wait, each with its place among
        its process's. Reads them only after something was written, and then those that are new.

        Args:
            paused: owners whose jobs are not begun.

        Raises:
            MediaError: the database can't be reached.
        """
        if not self._database.shared:
            return {}
        if (version := self._database.version()) != self._version:
            self._held = self._look()
            self._version, self._placed = version, None
        if self._placed is None or self._placed[0] != paused:
            told = {job.id: job for job in _placed(self._held, paused)}
            self._placed = frozenset(paused), told
        return self._placed[1]

    def _look(self) -> Sequence[tuple[int, Job]]:
        """The jobs in their order, each with its holder."""
        theirs = (JobRow.state.in_(LIVE), JobRow.holder != self._database.holder)
        columns = select(JobRow.holder, JobRow.number, JobRow.state, JobRow.model)
        in_order = columns.where(*theirs, self._rows.readable).order_by(
            JobRow.state != Running.name, JobRow.position, JobRow.number
        )
        with self._database.reading() as session:
            found: list[tuple[int, _Kind]] = [
                (holder, (number, state, model))
                for holder, number, state, model in session.execute(in_order)
            ]
            known = {kind: self._read[kind] for _, kind in found if kind in self._read}
            new = [kind[0] for _, kind in found if kind not in known]
            for some in in_parts(new, _AT_ONCE):
                known.update(self._rows.read(session, partial(_rows_of, some), _made))
        self._read = known
        return [(holder, known[kind]) for holder, kind in found if kind in known]


def _rows_of(numbers: Sequence[int]) -> Select[JobRow]:
    return select(JobRow).where(JobRow.number.in_(numbers))


def _made(row: JobRow) -> tuple[_Kind, Job]:
    return (row.number, row.state, row.model), replace(read_job(row), elsewhere=True)


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
