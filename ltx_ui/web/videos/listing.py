"""An owner's videos page by page: jobs that have not ended, and takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from ltx_ui.errors import InvalidRecipe
from ltx_ui.studio.jobs import Cancelling, Job
from ltx_ui.studio.sought import Sought
from ltx_ui.studio.studio import Studio
from ltx_ui.studio.takes import Take
from ltx_ui.web.videos.objects import PREFIX, VideoList, of_job, of_take, video_id

Order = Literal["asc", "desc"]

_PLACE = re.compile(PREFIX + r"([0-9a-f]{32})(?:\.([jt])(\d{1,18}))?")


class _Place(NamedTuple):
    """Where in the list a video stands. It names no row: the next page is the same when the last
    video of this one was deleted meanwhile.

    Attributes:
        kind: ``j`` is a job, ``t`` a take.
        number: a job's microseconds, or a take's number.
    """

    kind: str
    number: int


def page(studio: Studio, owner: str, after: str | None, limit: int, order: Order) -> VideoList:
    """Some of an owner's videos. Those that are not made yet count as newer than all others; those
    that failed or were cancelled are not among them.

    Args:
        after: the id of the last one of the page before, or that page's ``last_id``.

    Raises:
        InvalidRecipe: ``after`` names no video of the owner's.
    """
    unended = (job for job in studio.session(owner).jobs if not isinstance(job.state, Cancelling))
    live = sorted(unended, key=_microseconds)
    place = _place_of(studio, owner, after, live) if after else None
    jobs, takes = _jobs(live, place, order), _takes(studio, owner, live, place, limit, order)
    found: list[Job | Take] = [*takes, *jobs] if order == "asc" else [*jobs, *takes]
    shown = found[:limit]
    videos = [of_job(each) if isinstance(each, Job) else of_take(each) for each in shown]
    return VideoList(
        data=videos,
        first_id=videos[0].id if videos else None,
        last_id=_last_id(shown[-1]) if shown else None,
        has_more=len(found) > limit,
    )


def _jobs(live: Sequence[Job], place: _Place | None, order: Order) -> list[Job]:
    """The jobs behind a place, in order."""
    if order == "asc":
        since = place.number if place and place.kind == "j" else 0
        return [job for job in live if _microseconds(job) > since]
    if place and place.kind == "t":
        return []
    return [job for job in reversed(live) if place is None or _microseconds(job) < place.number]


def _takes(
    studio: Studio,
    owner: str,
    live: Sequence[Job],
    place: _Place | None,
    limit: int,
    order: Order,
) -> list[Take]:
    """The takes behind a place, in order: as many as a page needs to know whether there are more.
    The first take of a job that makes several is its job's video for as long as that is made."""
    if order == "asc" and place and place.kind == "j":
        return []
    sought = Sought(order="oldest" if order == "asc" else "newest")
    after = (0.0, place.number) if place and place.kind == "t" else None
    made = studio.library.takes(owner, sought, limit=limit + 1 + len(live), after=after)
    still_made = {job.id for job in live}
    return [take for take in made if take.id not in still_made]


def _place_of(studio: Studio, owner: str, after: str, live: Sequence[Job]) -> _Place:
    if found := _PLACE.fullmatch(after):
        job_id, kind, number = found.groups()
        if kind:
            return _Place(kind, int(number))
        if job := next((job for job in live if job.id == job_id), None):
            return _Place("j", _microseconds(job))
        if takes := studio.library.those([job_id], owner):
            return _Place("t", takes[0].number)
    raise InvalidRecipe.because(
        "after",
        "after: there is no such video. Give the id of the last video of the page before, or that "
        "page's last_id, with which the list goes on even where that video was deleted since.",
    )


def _last_id(last: Job | Take) -> str:
    place = f"j{_microseconds(last)}" if isinstance(last, Job) else f"t{last.number}"
    return f"{video_id(last.id)}.{place}"


def _microseconds(job: Job) -> int:
    return round(job.submitted_at.timestamp() * 1e6)
