"""Jobs: submit one, follow it, cancel it, let it be made earlier, or once more."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from ltx_ui.errors import NotFound
from ltx_ui.settings import Settings
from ltx_ui.studio.jobs import Job, StateName
from ltx_ui.studio.studio import Studio
from ltx_ui.web.access import Caller, Owner
from ltx_ui.web.api_v1 import schemas
from ltx_ui.web.api_v1.cursors import cursor_of_jobs, number_of_job
from ltx_ui.web.api_v1.events import EVENT, Watching, stream
from ltx_ui.web.api_v1.examples import RECIPES
from ltx_ui.web.api_v1.routes import LOCATION, JobId, add, body, links_to
from ltx_ui.web.bodies import read_json, validated
from ltx_ui.web.submitting import (
    KEYED,
    REPLAYED,
    Submitted,
    read_asked,
    root_of,
    submitted_once,
    tell_of,
)

MOST_LISTED = 200
_MOVE_BYTES = 1_000
_STORED: dict[StateName, str] = {"cancelling": "running"}
"""States that the library stores under another name."""


class Jobs:
    """The routes for jobs, over one studio."""

    def __init__(self, studio: Studio, settings: Settings, watching: Watching) -> None:
        self._studio = studio
        self._settings = settings
        self._watching = watching

    async def submit_job(self, request: Request, response: Response, owner: Owner) -> schemas.Job:
        """Queue a clip. The body is a recipe; pictures are base64, data URIs, or digests of
        pictures that were stored with POST /api/v1/images."""
        asked = await read_asked(request, self._settings)
        submission = await submitted_once(self._studio, self._settings, asked, owner)
        tell_of(submission, request, response)
        return schemas.job(submission.job, root_of(request))

    def list_jobs(
        self,
        request: Request,
        owner: Owner,
        state: Annotated[
            list[StateName] | None, Query(description="Only jobs in one of these states.")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 50,
        cursor: Annotated[str | None, Query(description="next_cursor of the page before.")] = None,
    ) -> schemas.JobPage:
        """Your jobs, those that were submitted last first."""
        before = None if cursor is None else number_of_job(cursor)
        states: Sequence[StateName] = state or ()
        stored = {_STORED.get(each, each) for each in states}
        page = self._studio.jobs(owner, stored, limit=limit, before=before)
        found = [job for _, job in page if job and (not states or job.state.name in states)]
        root = root_of(request)
        return schemas.JobPage(
            items=[schemas.job(job, root) for job in found],
            next_cursor=cursor_of_jobs(page[-1][0]) if len(page) == limit else None,
        )

    def get_job(self, request: Request, job_id: JobId, owner: Owner) -> schemas.Job:
        """How far a job is, and where its takes are."""
        return self._told(request, self._studio.job(job_id, owner))

    async def get_job_events(
        self,
        request: Request,
        job_id: JobId,
        caller: Caller,
        last_event_id: Annotated[
            str, Header(description="The id of the last event that you have.")
        ] = "",
    ) -> Response:
        """A job's progress as server-sent events: progress each time that something has changed,
        then done, failed or cancelled, which is the last one; gone if its takes were deleted. Each
        one's data is all that there is to tell (Progress). An event that you have, by the header
        Last-Event-ID, is not sent again; 204 after the last one."""
        job = await asyncio.to_thread(self._studio.job, job_id, caller.owner)
        return stream(self._watching, job, caller, root_of(request), last_event_id)

    def cancel_job(self, request: Request, job_id: JobId, owner: Owner) -> schemas.Job:
        """Cancel a job: at once while it waits, at its next step while it runs. One that has ended
        stays as it is."""
        return self._told(request, self._studio.cancel(job_id, owner))

    async def move_job(self, request: Request, job_id: JobId, owner: Owner) -> schemas.Job:
        """Let a waiting job be begun before another one of yours, or behind all of them. Nobody
        else waits longer for it."""
        asked = validated(schemas.Move, await read_json(request, _MOVE_BYTES))
        job = await asyncio.to_thread(self._studio.move, job_id, owner, asked.before)
        return self._told(request, job)

    def repeat_job(
        self, request: Request, response: Response, job_id: JobId, owner: Owner
    ) -> schemas.Job:
        """Queue the recipe of a job that has ended once more, with the same seed."""
        job = self._studio.again(job_id, owner)
        tell_of(Submitted(job, False), request, response)
        return self._told(request, job)

    def get_job_preview(self, job_id: JobId, owner: Owner) -> Response:
        """What a running job's clip looks like so far: a small moving picture (WebP)."""
        picture = self._studio.preview(job_id, owner)
        if picture is None:
            raise NotFound("There is nothing to be seen of this job now.")
        return Response(picture, media_type="image/webp", headers={"Cache-Control": "no-store"})

    def router(self) -> APIRouter:
        """All of the routes."""
        router, one = APIRouter(tags=["jobs"]), "/jobs/{job_id}"
        headers = LOCATION | {
            REPLAYED: {
                "description": "true if an earlier request with the same key submitted the job.",
                "schema": {"type": "string", "enum": ["true"]},
            }
        }
        those = (self.get_job, self.get_job_events, self.cancel_job, self.move_job, self.repeat_job)
        links = links_to(those, job_id="id")
        add(
            *(router, "POST", "/jobs", self.submit_job),
            *(403, 409, 413, 415, 422, 429, 503),
            answers={202: {"headers": headers, "links": links}},
            status_code=202,
            openapi_extra=KEYED | body("RecipeRequest", RECIPES),
        )
        add(router, "GET HEAD", "/jobs", self.list_jobs, 422)
        add(router, "GET HEAD", one, self.get_job, 404)
        add(
            *(router, "GET HEAD", f"{one}/events", self.get_job_events, 404, 429),
            answers={
                200: {"content": {"text/event-stream": {"schema": EVENT}}},
                204: {"description": "You have the last event already."},
            },
            response_class=Response,
        )
        add(
            *(router, "GET HEAD", f"{one}/preview", self.get_job_preview, 404),
            answers={200: {"content": {"image/webp": {"schema": _BINARY}}}},
            response_class=Response,
        )
        add(router, "DELETE", one, self.cancel_job, 403, 404)
        add(
            *(router, "POST", f"{one}/move", self.move_job, 403, 404, 409, 413, 415, 422),
            openapi_extra=body("Move"),
        )
        add(
            *(router, "POST", f"{one}/again", self.repeat_job, 403, 404, 409, 422, 429, 503),
            answers={202: {"headers": LOCATION, "links": links}},
            status_code=202,
        )
        return router

    def _told(self, request: Request, job: Job) -> schemas.Job:
        return schemas.job(job, root_of(request))


_BINARY = {"type": "string", "format": "binary"}
