"""Jobs in the database: what the next start takes up, and what has become of those that ended."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import Select, bindparam, delete, func, select, update
from sqlalchemy.orm import Session, aliased

from ltx_ui.errors import StudioError
from ltx_ui.studio.asked import Key, job_of, note
from ltx_ui.studio.damaged import Readable
from ltx_ui.studio.database import Database
from ltx_ui.studio.job_rows import MAX_STARTS, going_on, numbered, shown
from ltx_ui.studio.jobs import CancelledJob, EndState, Failed, Job, Queued, Running
from ltx_ui.studio.lineage import columns_of
from ltx_ui.studio.tables import LIVE, JobRow, PausedRow

HISTORY = 1000
"""Ended jobs that are kept, for clients that still ask about them."""

_WAITING = aliased(JobRow)
_FIRST, _LAST = (
    select(func.coalesce(end(_WAITING.position), 0))
    .where(_WAITING.state == Queued.name)
    .scalar_subquery()
    for end in (func.min, func.max)
)
"""The positions of the first and the last job that wait."""

_log = logging.getLogger(__name__)


class JobStore:
    """The table of jobs. A change that can't be written is logged and otherwise passed over: the
    job itself goes on, its state is also in memory, and the clip may still be kept.

    On a shared database other processes have jobs there as well. Each is its holder's alone, until
    it has ended or its holder has.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows = Readable(JobRow)
        self._mine = JobRow.holder == database.holder
        self._unwritten: dict[str, dict[str, Any]] = {}

    def version(self) -> str:
        """As :meth:`Database.version`."""
        return self._database.version()

    def left_over(self) -> list[Job]:
        """The jobs that a process did not finish which has ended, in their order: what ran comes
        first. They are this one's from now on. Deletes the oldest ended jobs beyond
        :data:`HISTORY` on the way.

        Raises:
            MediaError, SettingsError: as :meth:`Database.session`.
        """
        ended = select(JobRow.number).where(JobRow.state.not_in(LIVE))
        oldest = ended.order_by(JobRow.number.desc()).offset(HISTORY)
        live = select(JobRow).where(JobRow.state.in_(LIVE))
        live = live.order_by(JobRow.state != Running.name, JobRow.position, JobRow.number)
        with self._database.session() as session:
            session.execute(delete(JobRow).where(JobRow.number.in_(oldest)))
            holders = session.scalars(
                live.with_only_columns(JobRow.holder).order_by(None).distinct()
            )
            gone = [each for each in holders if self._database.is_gone(session, each)]
            theirs = live.where(JobRow.holder.in_(gone))
            taken_up = partial(going_on, session, self._database.holder)
            return [job for job in self._rows.read(session, lambda: theirs, taken_up) if job]

    def others_wait(self) -> bool:
        """Whether some job that has not ended is another process's."""
        others = select(JobRow.number).where(JobRow.state.in_(LIVE), ~self._mine).limit(1)
        with self._database.reading() as session:
            return session.scalar(others) is not None

    def cancelled(self, job_ids: Collection[str]) -> set[str]:
        """Those of these jobs that another process has cancelled."""
        states = select(JobRow.id).where(JobRow.state == CancelledJob.name)
        with self._database.reading() as session:
            return set(session.scalars(states.where(JobRow.id.in_(job_ids))))

    def ours(self) -> set[str]:
        """The jobs of this process that have not ended."""
        those = select(JobRow.id).where(self._mine, JobRow.state.in_(LIVE))
        with self._database.reading() as session:
            return set(session.scalars(those))

    def cancel(self, job_id: str) -> None:
        """Let the process whose job it is cancel it.

        Raises:
            MediaError: it could not be written.
        """
        live = update(JobRow).where(JobRow.id == job_id, JobRow.state.in_(LIVE))
        with self._database.session() as session:
            session.execute(live.values(state=CancelledJob.name, ended_at=datetime.now(UTC)))

    def write_again(self) -> None:
        """Write how jobs ended that could not be written when they did."""
        for job_id in list(self._unwritten):
            self._write(job_id, **self._unwritten.pop(job_id))

    def add(self, job: Job, key: Key | None = None) -> None:
        """Write down a new job, which waits, and the key that stands for it if there is one: both,
        or neither.

        Raises:
            KeyTaken: the key stands for another job.
            MediaError: it could not be written.
        """
        row = JobRow(
            id=job.id,
            owner=job.owner,
            recipe=job.recipe.model_dump(mode="json"),
            submitted_at=job.submitted_at,
            state=Queued.name,
            model=job.model,
            draft=job.draft,
            holder=self._database.holder,
            **columns_of(job.origin),
        )
        with self._database.session() as session:
            if key is not None:
                note(session, key, job.owner, job.id)
            row.position = session.scalars(select(_LAST)).one() + 1
            session.add(row)

    def asked(self, key: Key, owner: str) -> str | None:
        """The id of the job that an owner's key stands for; None if it stands for none.

        Raises:
            KeyReused: it stands for one that was asked for with other words.
        """
        with self._database.reading() as session:
            return job_of(session, key, owner)

    def page(
        self, owner: str, states: Collection[str], limit: int, before: int | None
    ) -> list[tuple[int, Job | None]]:
        """Some of an owner's jobs, those that were submitted last first, each with its number; None
        in place of one whose takes were all deleted.

        Args:
            states: as the column has them; none: all.
            before: only jobs of smaller numbers.
        """
        which = [JobRow.owner == owner, *([JobRow.state.in_(states)] if states else [])]
        which += [] if before is None else [JobRow.number < before]

        def asked() -> Select[JobRow]:
            numbers = select(JobRow.number).where(*which, self._rows.readable)
            some = numbers.order_by(JobRow.number.desc()).limit(limit)
            return select(JobRow).where(JobRow.number.in_(some)).order_by(JobRow.number.desc())

        with self._database.reading() as session:
            return self._rows.read(session, asked, partial(numbered, session))

    def live(self) -> list[tuple[str, str]]:
        """Id and owner of each job that has not ended, in every process."""
        those = select(JobRow.id, JobRow.owner).where(JobRow.state.in_(LIVE))
        with self._database.reading() as session:
            return [(job_id, owner) for job_id, owner in session.execute(those)]

    def find(self, job_id: str) -> Job | None:
        """A job with its takes that are in the library; None if there is none by this id, or all
        its takes were deleted."""
        with self._database.reading() as session:
            asked = select(JobRow).where(JobRow.id == job_id)
            found = self._rows.read(session, lambda: asked, partial(shown, session))
            return next(iter(found), None)

    def latest_ended(self, owner: str, limit: int) -> tuple[Job, ...]:
        """The owner's jobs that ended last, newest first, without those of deleted takes."""
        ended = select(JobRow).where(JobRow.owner == owner, JobRow.state.not_in(LIVE))
        present: list[Job] = []
        offset, found = 0, limit
        with self._database.reading() as session:
            while len(present) < limit == found:
                asked = partial(self._some, ended, offset, limit)
                jobs = self._rows.read(session, asked, partial(shown, session))
                present += filter(None, jobs)
                offset, found = offset + limit, len(jobs)
        return tuple(present[:limit])

    def _some(self, query: Select[JobRow], offset: int, limit: int) -> Select[JobRow]:
        """Some rows of a query's that can be read, those that ended last first."""
        last_first = (JobRow.ended_at.desc(), JobRow.number.desc())
        numbers = query.with_only_columns(JobRow.number).where(self._rows.readable)
        some = numbers.order_by(*last_first).offset(offset).limit(limit)
        return select(JobRow).where(JobRow.number.in_(some)).order_by(*last_first)

    def set_order(self, job_ids: Sequence[str]) -> None:
        """Let the jobs that wait be begun in this order.

        Raises:
            MediaError: it could not be written; the order is as before.
        """
        with self._database.session() as session:
            _set_order(session, job_ids)

    def paused(self) -> set[str]:
        """The owners whose waiting jobs are not begun; among them
        :data:`~ltx_ui.studio.waiting.EVERYBODY` if nobody's are."""
        with self._database.reading() as session:
            return set(session.scalars(select(PausedRow.owner)))

    def pause(self, owner: str) -> None:
        """Let an owner's waiting jobs not be begun.

        Raises:
            MediaError: it could not be written.
        """
        with self._database.session() as session:
            session.merge(PausedRow(owner=owner))

    def go_on(self, owner: str, job_ids: Sequence[str]) -> None:
        """Let an owner's jobs be begun again, and all that wait in this order.

        Raises:
            MediaError: it could not be written; they are paused as before.
        """
        with self._database.session() as session:
            session.execute(delete(PausedRow).where(PausedRow.owner == owner))
            _set_order(session, job_ids)

    def started(self, job_id: str) -> bool:
        """A job is being made.

        Returns:
            Whether it may be: another process may have cancelled it.
        """
        waits = update(JobRow).where(JobRow.id == job_id, self._mine, JobRow.state.in_(LIVE))
        begun = waits.values(state=Running.name, starts=JobRow.starts + 1)
        try:
            with self._database.session() as session:
                return bool(session.scalars(begun.returning(JobRow.number)).all())
        except StudioError as error:
            said = "The start of job %s could not be written: %s"
            _log.error(said, job_id, error, extra={"job": job_id})
            return True

    def put_back(self, job_id: str, *, counts: bool = False) -> None:
        """A job waits again, before all others, as if it had not been started, unless its start
        counts."""
        starts = JobRow.starts - int(not counts)
        self._write(job_id, state=Queued.name, starts=starts, position=_FIRST - 1)

    def may_start_again(self, job_id: str) -> bool:
        """Whether a job may be started once more though what made it has died."""
        starts = select(JobRow.starts).where(JobRow.id == job_id)
        try:
            with self._database.reading() as session:
                return (session.scalar(starts) or 0) < MAX_STARTS
        except StudioError:
            return True

    def ended(self, job_id: str, state: EndState) -> bool:
        """A job has ended.

        Returns:
            Whether its owner sees it. One whose takes have all been deleted meanwhile they don't.
        """
        message = state.message if isinstance(state, Failed) else ""
        self._write(job_id, state=state.name, message=message, ended_at=datetime.now(UTC))
        try:
            return not state.take_ids or self.find(job_id) is not None
        except StudioError:
            return True

    def set_model(self, job_id: str, model: str) -> None:
        """A job is for this model, by the id of its card."""
        self._write(job_id, model=model)

    def set_recipe(self, job: Job) -> None:
        """A job has another recipe, or is for another model, than before."""
        self._write(job.id, recipe=job.recipe.model_dump(mode="json"), model=job.model)

    def _write(self, job_id: str, **values: Any) -> None:
        changed = update(JobRow).where(JobRow.id == job_id, self._mine)
        try:
            with self._database.session() as session:
                session.execute(changed.values(**values))
        except StudioError as error:
            said = "The state of job %s could not be written: %s"
            _log.error(said, job_id, error, extra={"job": job_id})
            if "ended_at" in values:
                self._unwritten[job_id] = values


def _set_order(session: Session, job_ids: Sequence[str]) -> None:
    one = update(JobRow).where(JobRow.id == bindparam("job")).values(position=bindparam("at"))
    places = [{"job": job_id, "at": place} for place, job_id in enumerate(job_ids)]
    if places:
        session.connection().execute(one, places)
