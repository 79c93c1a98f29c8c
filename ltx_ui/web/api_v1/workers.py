"""Who makes clips, for the studio's owner: each worker, how many there are to be, and with which
model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from ltx_ui.studio.member import WorkerState
from ltx_ui.studio.model_change import ChangeState
from ltx_ui.studio.studio import Studio
from ltx_ui.studio.team import MOST
from ltx_ui.web.access import Caller
from ltx_ui.web.api_v1.routes import add, body
from ltx_ui.web.api_v1.schemas import Id
from ltx_ui.web.bodies import read_json, validated
from ltx_ui.web.caller import owners_only

_MOST_BYTES = 1_000


class WorkersAsked(BaseModel):
    """How many workers there are to be."""

    model_config = ConfigDict(extra="forbid", strict=True)

    count: int = Field(ge=1, le=MOST)


class ModelAsked(BaseModel):
    """The model that clips are to be made with."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: str = Field(max_length=1000, description="One of models, as GET tells them.")


class Worker(BaseModel):
    """One that makes clips."""

    number: int = Field(description="No other one has it until the studio is started anew.")
    state: WorkerState = Field(
        description="loading → idle or working. draining: it finishes what it makes, and ends. "
        "failed: no process could be started for it any more."
    )
    message: str = Field(description="How far it is loaded, or why it has failed.")
    job: Id | None = Field(description="The job whose takes it makes.")
    model: str
    device: str | None = Field(description="null until its model is loaded.")
    placement: str | None = Field(description="Where the weights are, likewise.")
    takes: int = Field(description="Takes that it has made and that were kept.")
    deaths: int = Field(description="How often its process ended and another one was started.")


class Change(BaseModel):
    """The last change of the model."""

    model: str
    state: ChangeState = Field(
        description="loading: clips are made with the model of before. rolling: they are made with "
        "this one, and some workers are still to get it. failed: the model of before stays."
    )
    message: str


class Workers(BaseModel):
    """All that make clips."""

    items: list[Worker]
    ready: int = Field(description="Clips that can be made at once now.")
    changeable: bool = Field(
        description="Whether their number and the model can be changed while they work: not where "
        "clips are made in the studio's own process."
    )
    models: list[str] = Field(description="What the model can be changed to.")
    change: Change | None = Field(description="null if the model was not changed.")


def workers_router(studio: Studio) -> APIRouter:
    """The routes, over one studio."""

    def told() -> Workers:
        change = studio.model_change
        return Workers(
            items=[
                Worker(**{**vars(each), "job": each.job and each.job.id})
                for each in studio.each_worker()
            ],
            ready=studio.workers(),
            changeable=studio.many_workers,
            models=studio.models_to_change_to(),
            change=Change(**vars(change)) if change else None,
        )

    async def done(change: Callable[..., None], *given: Any) -> Workers:
        await asyncio.to_thread(change, *given)
        return await asyncio.to_thread(told)

    def get_workers(caller: Caller) -> Workers:
        """Who makes clips, and what each does. For the studio's owner, as all of this."""
        owners_only(caller)
        return told()

    async def set_workers(request: Request, caller: Caller) -> Workers:
        """Let so many workers make clips, until the studio is started anew: as many as there are
        GPUs or, without any, processors. What is being made is finished. A change of the model that
        is going on ends; until the new one is loaded, that of before stays."""
        owners_only(caller)
        asked = validated(WorkersAsked, await read_json(request, _MOST_BYTES))
        return await done(studio.set_workers, asked.count)

    async def drain_worker(
        number: Annotated[int, Path(description="A worker's number.")], caller: Caller
    ) -> Workers:
        """Let a worker finish what it makes, take no more, and end."""
        owners_only(caller)
        return await done(studio.drain_worker, number)

    async def change_model(request: Request, caller: Caller) -> Workers:
        """Make clips with another model, until the studio is started anew. One worker after the
        other gets it; until the first one is ready, the others make clips with the model of before.
        Jobs for that wait from then on. One for which this machine has too little memory is
        refused."""
        owners_only(caller)
        asked = validated(ModelAsked, await read_json(request, _MOST_BYTES))
        return await done(studio.change_model, asked.model)

    router = APIRouter(tags=["monitoring"])
    add(router, "GET HEAD", "/workers", get_workers, 403)
    add(
        *(router, "PATCH", "/workers", set_workers, 403, 409, 413, 415, 422, 503),
        openapi_extra=body("WorkersAsked"),
    )
    add(
        *(router, "POST", "/workers/model", change_model, 403, 409, 413, 415, 422, 503),
        openapi_extra=body("ModelAsked"),
    )
    add(router, "POST", "/workers/{number}/drain", drain_worker, 403, 404, 409, 422)
    return router
