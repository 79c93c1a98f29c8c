"""Rows of the table of jobs: what they tell, and those whose takes are gone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Text, cast, delete, select
from sqlalchemy.orm import Session

from ltx_ui.recipe import MAX_TAKES, Recipe
from ltx_ui.studio.damaged import UNREADABLE
from ltx_ui.studio.jobs import (
    BEGUN,
    CancelledJob,
    Done,
    EndState,
    Failed,
    Job,
    Origin,
    Queued,
    Running,
    take_ids_of,
)
from ltx_ui.studio.tables import LIVE, JobRow, TakeRow

MAX_STARTS = 2
"""A job that took the process down this often is not tried again."""


def still_made(session: Session, owners: Iterable[str]) -> set[str]:
    """The ids of all takes of the owners' jobs that have not ended."""
    live = (JobRow.owner.in_(owners), JobRow.state.in_(LIVE))
    return {take_id for _, ids in _take_ids(session, *live) for take_id in ids}


def forget_jobs_of(session: Session, take_ids: Set[str], owner: str) -> None:
    """Delete the jobs that made these takes, which have been deleted themselves: those that have
    ended and of which no take is left."""
    ended = (JobRow.owner == owner, JobRow.state.not_in(LIVE))
    for number, ids in list(_take_ids(session, *ended)):
        if not take_ids.isdisjoint(ids) and not _takes(session, ids):
            session.execute(delete(JobRow).where(JobRow.number == number))


def read_job(row: JobRow) -> Job:
    """The job of a row, without its takes. Raises one of :data:`~damaged.UNREADABLE` if there is
    something wrong with it."""
    return _job(row, ())


def interrupted(session: Session) -> Iterator[Recipe]:
    """The recipes of all takes of jobs that were not done, or not at once, if they can be read."""
    which = (JobRow.state != Done.name) | (JobRow.starts > 1)
    for recipe in session.scalars(select(cast(JobRow.recipe, Text)).where(which)):
        with suppress(*UNREADABLE):
            yield from Recipe.model_validate_json(recipe).takes()


def _take_ids(
    session: Session, *which: ColumnElement[bool]
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Jobs' numbers, and the ids of all their takes, also where the recipe is damaged."""
    text = cast(JobRow.recipe, Text)
    for number, job_id, recipe in session.execute(
        select(JobRow.number, JobRow.id, text).where(*which)
    ):
        yield number, take_ids_of(job_id, _num_takes(recipe))


def _num_takes(recipe: str) -> int:
    try:
        asked = json.loads(recipe)["num_takes"]
    except (*UNREADABLE, KeyError):
        return 1
    return asked if asked in range(1, MAX_TAKES + 1) else 1


def going_on(session: Session, holder: int, row: JobRow) -> Job | None:
    """A job that a process did not finish which has ended: it is this holder's from now on. None if
    it has ended with that."""
    job = _job(row, ())
    row.holder = holder
    if len(_takes(session, job.take_ids)) == len(job.take_ids):
        row.state, row.ended_at = Done.name, datetime.now(UTC)
    elif row.state == Running.name and row.starts >= MAX_STARTS:
        row.state, row.ended_at = Failed.name, datetime.now(UTC)
        row.message = (
            f"The program ended {row.starts} times while it made this clip, so it is not tried "
            "again. Try a shorter length or a smaller format."
        )
    else:
        row.state = Queued.name
    return replace(job, state=Queued(0)) if row.state == Queued.name else None


def _job(row: JobRow, kept: tuple[str, ...]) -> Job:
    origin = Origin.read(row.made_from, row.relation)
    kind = row.model, row.draft, origin
    live = BEGUN if row.state == Running.name else Queued(0)
    job = Job(row.id, row.owner, _recipe(row), row.submitted_at, live, *kind)
    ends: tuple[EndState, ...] = (
        Done(row.id, job.take_ids[1:]),
        Failed(row.message, kept),
        CancelledJob(kept),
    )
    return replace(job, state=next((end for end in ends if end.name == row.state), job.state))


def numbered(session: Session, row: JobRow) -> tuple[int, Job | None]:
    """A job as :func:`shown` tells it, with its number."""
    return row.number, shown(session, row)


def _takes(session: Session, take_ids: Sequence[str]) -> dict[str, bool]:
    """Those of a job's takes that are in the library, and whether they were not deleted."""
    rows = select(TakeRow.id, TakeRow.deleted_at).where(TakeRow.id.in_(take_ids))
    found = {take_id: deleted_at is None for take_id, deleted_at in session.execute(rows)}
    return {take_id: found[take_id] for take_id in take_ids if take_id in found}


def shown(session: Session, row: JobRow) -> Job | None:
    """A job as its owner sees it; None if all its takes were deleted."""
    takes = _takes(session, _job(row, ()).take_ids)
    kept = tuple(take_id for take_id, present in takes.items() if present)
    return None if takes and not kept else _job(row, kept)


def _recipe(row: JobRow) -> Recipe:
    return Recipe.model_validate(row.recipe)
