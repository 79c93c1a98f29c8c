"""Jobs in the database: what a restart finds of them."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ltx_ui.recipe import Recipe
from ltx_ui.studio.database import LIVE, JobRow, TakeRow
from ltx_ui.studio.jobs import CancelledJob, Done, EndState, Failed, Job, JobState, Queued

MAX_STARTS = 2
"""A job that took the process down this often is not tried again."""
HISTORY = 1000
"""Ended jobs that are kept to answer for."""
NAMES: dict[type[EndState], str] = {Done: "done", Failed: "failed", CancelledJob: "cancelled"}
"""What the column ``state`` says of those that have ended."""


def left_over(session: Session) -> list[Job]:
    """The jobs an earlier process did not finish, its history cut to length on the way."""
    ended = select(JobRow.number).where(JobRow.state.not_in(LIVE)).order_by(JobRow.number.desc())
    session.execute(delete(JobRow).where(JobRow.number.in_(ended.offset(HISTORY).limit(-1))))
    left = session.scalars(select(JobRow).where(JobRow.state.in_(LIVE)).order_by(JobRow.number))
    return [_job(row, ()) for row in left if _goes_on(session, row)]


def _goes_on(session: Session, row: JobRow) -> bool:
    if len(_kept(session, row)) == _recipe(row).num_takes:
        row.state = "done"
    elif row.state == "running" and row.starts >= MAX_STARTS:
        row.state = "failed"
        row.message = (
            f"The program ended {row.starts} times while it made this clip, so it is not tried "
            "again. Try a shorter length or a smaller format."
        )
    else:
        row.state = "queued"
    return row.state == "queued"


def row_of(job: Job) -> JobRow:
    """The row of a job that waits."""
    return JobRow(
        id=job.id,
        owner=job.owner,
        recipe=job.recipe.model_dump(mode="json"),
        submitted_at=job.submitted_at,
        state="queued",
        model=job.model,
    )


def find_job(session: Session, job_id: str) -> Job | None:
    """A job with the takes that are in the library, or None if there is none by this id."""
    row = session.scalar(select(JobRow).where(JobRow.id == job_id))
    return None if row is None else _job(row, _kept(session, row))


def _job(row: JobRow, kept: tuple[str, ...]) -> Job:
    job = Job(row.id, row.owner, _recipe(row), row.submitted_at, Queued(0), row.model)
    states: dict[str, JobState] = {
        "done": Done(row.id, job.take_ids[1:]),
        "failed": Failed(row.message, kept),
        "cancelled": CancelledJob(kept),
    }
    return replace(job, state=states.get(row.state, job.state))


def _kept(session: Session, row: JobRow) -> tuple[str, ...]:
    ids = _job(row, ()).take_ids
    found = set(session.scalars(select(TakeRow.id).where(TakeRow.id.in_(ids))))
    return tuple(take_id for take_id in ids if take_id in found)


def _recipe(row: JobRow) -> Recipe:
    return Recipe.model_validate(row.recipe)
