"""The queue as its owner sees it: how long it is, and their own jobs paused or going on."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from ltx_ui.studio.studio import Studio
from ltx_ui.web.access import Owner
from ltx_ui.web.api_v1 import schemas
from ltx_ui.web.api_v1.routes import add, body
from ltx_ui.web.bodies import read_json, validated
from ltx_ui.web.submitting import root_of

_MOST_BYTES = 1_000


class Pause(BaseModel):
    """Whether your waiting jobs are not begun."""

    model_config = ConfigDict(extra="forbid")

    paused: Annotated[bool, Field(strict=True)]


class Queue(BaseModel):
    """What waits and runs."""

    length: int = Field(description="Jobs that run or wait for their turn, of all people.")
    paused: bool = Field(description="Whether your waiting jobs are not begun.")
    held: bool = Field(
        description="Whether nobody's waiting jobs are begun, because the studio's owner wants so."
    )
    jobs: list[schemas.Job] = Field(
        description="Your jobs that run, then those that wait, in the order in which they begin."
    )


def queue_router(studio: Studio) -> APIRouter:
    """The routes, over one studio."""

    def get_queue(request: Request, owner: Owner) -> Queue:
        """Your jobs that wait or run, in the order in which they are begun."""
        session, root = studio.session(owner), root_of(request)
        return Queue(
            length=studio.queue_length(),
            paused=session.paused,
            held=studio.held,
            jobs=[schemas.job(job, root) for job in session.jobs],
        )

    async def pause_queue(request: Request, owner: Owner) -> Queue:
        """Begin no more of your jobs, or go on with them. What runs goes on; other people's jobs
        are begun meanwhile."""
        asked = validated(Pause, await read_json(request, _MOST_BYTES))
        await asyncio.to_thread(studio.pause, owner, asked.paused)
        return await asyncio.to_thread(get_queue, request, owner)

    router = APIRouter(tags=["jobs"])
    add(router, "GET HEAD", "/queue", get_queue)
    add(
        *(router, "PATCH", "/queue", pause_queue, 403, 409, 413, 415, 422),
        openapi_extra=body("Pause"),
    )
    return router
