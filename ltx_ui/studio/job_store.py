"""Jobs in the database: what the next start takes up, and what has become of those that ended."""

from __future__ import annotations

import logging
from dataclasses import replace

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from ltx_ui.errors import StudioError
from ltx_ui.recipe import Recipe
from ltx_ui.studio.database import LIVE, Database, JobRow, TakeRow
from ltx_ui.studio.jobs import CancelledJob, Done, EndState, Failed, Job, Queued, Running

MAX_STARTS = 2
"""A job that took the process down this often is not tried again."""
HISTORY = 1000
"""Ended jobs that are kept, for clients that still ask about them."""

_log = logging.getLogger(__name__)


class JobStore:
    """The table of jobs. A change that can't be written is logged and otherwise passed over: the
    job itself goes on, its state is also in memory, and the clip may still be kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def left_over(self) -> list[Job]:
        """The jobs that an earlier process did not finish, in their order. Deletes the oldest
        ended jobs beyond :data:`HISTORY` on the way.

        Raises:
            MediaError, SettingsError: as :meth:`Database.session`.
        """
        ended = select(JobRow.number).where(JobRow.state.not_in(LIVE))
        oldest = ended.order_by(JobRow.number.desc()).offset(HISTORY).limit(-1)
        live = select(JobRow).where(JobRow.state.in_(LIVE)).order_by(JobRow.number)
        with self._database.session() as session:
            session.execute(delete(JobRow).where(JobRow.number.in_(oldest)))
            return [_job(row, ()) for row in session.scalars(live) if _goes_on(session, row)]

    def add(self, job: Job) -> None:
        """Write down a new job, which waits.

        Raises:
            MediaError: it could not be written.
        """
        row = JobRow(
            id=job.id,
            owner=job.owner,
            recipe=job.recipe.model_dump(mode="json"),
            submitted_at=job.submitted_at,
            state=Queued.name,
            model=job.model,
        )
        with self._database.session() as session:
            session.add(row)

    def find(self, job_id: str) -> Job | None:
        """A job with its takes that are in the library; None if there is none by this id."""
        with self._database.reading() as session:
            row = session.scalar(select(JobRow).where(JobRow.id == job_id))
            return None if row is None else _job(row, _kept(session, row))

    def started(self, job_id: str) -> None:
        """A job is being made."""
        self._write(job_id, state=Running.name, starts=JobRow.starts + 1)

    def put_back(self, job_id: str) -> None:
        """A job waits again, as if it had not been started."""
        self._write(job_id, state=Queued.name, starts=JobRow.starts - 1)

    def ended(self, job_id: str, state: EndState) -> None:
        """A job has ended."""
        message = state.message if isinstance(state, Failed) else ""
        self._write(job_id, state=state.name, message=message)

    def set_model(self, job_id: str, model: str) -> None:
        """A job is for this model, by the id of its card."""
        self._write(job_id, model=model)

    def set_recipe(self, job: Job) -> None:
        """A job has another recipe, or is for another model, than before."""
        self._write(job.id, recipe=job.recipe.model_dump(mode="json"), model=job.model)

    def _write(self, job_id: str, **values: object) -> None:
        try:
            with self._database.session() as session:
                session.execute(update(JobRow).where(JobRow.id == job_id).values(**values))
        except StudioError as error:
            _log.error("The state of job %s could not be written: %s", job_id, error)


def _goes_on(session: Session, row: JobRow) -> bool:
    if len(_kept(session, row)) == _recipe(row).num_takes:
        row.state = Done.name
    elif row.state == Running.name and row.starts >= MAX_STARTS:
        row.state = Failed.name
        row.message = (
            f"The program ended {row.starts} times while it made this clip, so it is not tried "
            "again. Try a shorter length or a smaller format."
        )
    else:
        row.state = Queued.name
    return row.state == Queued.name


def _job(row: JobRow, kept: tuple[str, ...]) -> Job:
    job = Job(row.id, row.owner, _recipe(row), row.submitted_at, Queued(0), row.model)
    ends: tuple[EndState, ...] = (
        Done(row.id, job.take_ids[1:]),
        Failed(row.message, kept),
        CancelledJob(kept),
    )
    return replace(job, state=next((end for end in ends if end.name == row.state), job.state))


def _kept(session: Session, row: JobRow) -> tuple[str, ...]:
    ids = _job(row, ()).take_ids
    found = set(session.scalars(select(TakeRow.id).where(TakeRow.id.in_(ids))))
    return tuple(take_id for take_id in ids if take_id in found)


def _recipe(row: JobRow) -> Recipe:
    return Recipe.model_validate(row.recipe)
