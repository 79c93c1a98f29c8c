"""``/gradio``: what programs need that use ``gradio_client``, and nothing else of Gradio's API.

It speaks that client's protocol on routes of our own, past Gradio: the one endpoint ``/generate``
takes what ``POST /generate`` takes, for whom it does, and makes the same jobs.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Annotated, Any

import gradio
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field
from sse_starlette import ServerSentEvent

from ltx_ui.errors import NotFound, StudioError, TooMuch
from ltx_ui.settings import Settings
from ltx_ui.studio.jobs import Done, Failed, Job, Queued, Running
from ltx_ui.studio.studio import Studio
from ltx_ui.web.access import Caller, Owner
from ltx_ui.web.api_v1 import schemas
from ltx_ui.web.api_v1.events import Watching
from ltx_ui.web.bodies import read_json, recipe_limit, validated
from ltx_ui.web.media import file_answer
from ltx_ui.web.routing import add_get
from ltx_ui.web.streams import Stream, whose
from ltx_ui.web.submitting import root_of, submitted

PREFIX = "/gradio"
MOST_SESSIONS, MOST_EACH, MOST_CALLS = 1000, 50, 100
"""Clients whose calls are known, how many of them may come from one address, and open calls of one.
Those that came longest ago are forgotten first."""
_SESSION = r"^[\w-]{1,64}$"
_IN, _VIDEO, _JOB = 1, 2, 3
_CONFIG = {
    "version": gradio.__version__,
    "protocol": "sse_v3",
    "api_prefix": ".",  # Relative to the address that the client was given.
    "connect_heartbeat": False,
    "components": [
        {"id": number, "type": kind, "props": {}}
        for number, kind in ((_IN, "json"), (_VIDEO, "video"), (_JOB, "json"))
    ],
    "dependencies": [
        {
            "id": 0,
            "api_name": "generate",
            "api_visibility": "public",
            "inputs": [_IN],
            "outputs": [_VIDEO, _JOB],
            "backend_fn": True,
            "cancels": [],
        }
    ],
}
_RECIPE = {
    "label": "Recipe",
    "parameter_name": "recipe",
    "parameter_has_default": False,
    "parameter_default": None,
    "type": {"type": "object"},
    "python_type": {"type": "dict", "description": "as POST /generate takes it; see /docs"},
    "component": "Json",
    "example_input": {"prompt": "Ocean waves at sunset", "num_frames": 25},
}
_RETURNS = [
    {
        "label": label,
        "type": {"type": kind},
        "python_type": {"type": python, "description": ""},
        "component": component,
    }
    for label, kind, python, component in (
        ("The first take's mp4", "object", "filepath", "Video"),
        ("The job, as in /api/v1/jobs", "object", "dict", "Json"),
    )
]
_INFO = {
    "named_endpoints": {"/generate": {"parameters": [_RECIPE], "returns": _RETURNS}},
    "unnamed_endpoints": {},
}


class Joined(BaseModel):
    """A call of the endpoint; what else the client sends is left aside."""

    data: tuple[dict[str, Any]] = Field(description="The recipe.")
    fn_index: int = Field(ge=0, le=0)
    session_hash: str = Field(pattern=_SESSION)


class Left(BaseModel):
    """A call that is to be cancelled."""

    event_id: str


class GradioClients:
    """The routes, over one studio. For the server's event loop alone."""

    def __init__(self, studio: Studio, settings: Settings, watching: Watching) -> None:
        self._studio, self._settings, self._watching = studio, settings, watching
        self._calls: OrderedDict[tuple[str, str], dict[str, str | None]] = OrderedDict()

    async def join(self, request: Request, owner: Owner) -> dict[str, str]:
        """Queue a clip. A refusal is told in the stream: of statuses the client tells no more than
        the number."""
        asked = validated(Joined, await read_json(request, recipe_limit(self._settings)))
        key = owner, asked.session_hash
        if len(self._calls.get(key, ())) >= MOST_CALLS:
            raise TooMuch(f"At most {MOST_CALLS} calls may be open at once. Wait for some.")
        refusal: str | None = None
        try:
            event = (await submitted(self._studio, self._settings, asked.data[0], owner)).id
        except StudioError as error:
            event, refusal = uuid.uuid4().hex, str(error)
        self._calls.setdefault(key, {})[event] = refusal
        self._calls.move_to_end(key)
        beside = [each for each in self._calls if whose(each[0]) == whose(owner)]
        if len(beside) > MOST_EACH:
            del self._calls[beside[0]]
        elif len(self._calls) > MOST_SESSIONS:
            self._calls.popitem(last=False)
        return {"event_id": event}

    async def data(
        self,
        request: Request,
        caller: Caller,
        session_hash: Annotated[str, Query(pattern=_SESSION)],
    ) -> Response:
        """How far a client's calls are, one after the other, and how each has ended."""
        told = self._told((caller.owner, session_hash), root_of(request))
        return Stream(self._watching.streams, caller, told, lambda: _message("heartbeat"))

    async def cancel(self, request: Request, owner: Owner) -> dict[str, bool]:
        """Cancel a call's job."""
        asked = validated(Left, await read_json(request, 1000))
        await asyncio.to_thread(self._studio.cancel, asked.event_id, owner)
        return {"success": True}

    def file(self, request: Request, take_id: str, owner: Owner) -> Response:
        """A take's mp4, where the client looks for the files in answers."""
        return file_answer(request, self._studio.library.video(take_id, owner), "video/mp4")

    async def _told(self, key: tuple[str, str], root: str) -> AsyncIterator[ServerSentEvent]:
        while calls := self._calls.get(key):
            event, refusal = next(iter(calls.items()))
            output: Mapping[str, Any] = {"error": refusal}
            if refusal is None:
                async with aclosing(self._progress(event, key[0])) as states:
                    async for job in states:
                        if job is not None and job.live:
                            yield _progress(job)
                        output = _output(job, root)
            yield _message("process_completed", event, success="data" in output, output=output)
            calls.pop(event, None)
        self._calls.pop(key, None)
        yield _message("close_stream")

    async def _progress(self, job_id: str, owner: str) -> AsyncGenerator[Job | None]:
        try:
            job = await asyncio.to_thread(self._studio.job, job_id, owner)
        except NotFound:
            yield None
            return
        async with aclosing(self._watching.follow(job)) as states:
            async for now in states:
                yield now

    def router(self) -> APIRouter:
        """The routes; left out of the API's schema, for they are that client's alone."""
        router = APIRouter(prefix=PREFIX, include_in_schema=False)
        add_get(router, "/config", lambda: _CONFIG)
        add_get(router, "/info", lambda: _INFO)
        router.post("/queue/join")(self.join)
        router.post("/cancel")(self.cancel)
        add_get(router, "/queue/data", self.data, response_class=Response)
        add_get(router, "/file={take_id}.mp4", self.file, response_class=Response)
        return router


def _message(msg: str, event: str | None = None, **more: Any) -> ServerSentEvent:
    told = {"msg": msg, "event_id": event, **more}
    return ServerSentEvent(json.dumps(told), sep="\n")


def _progress(job: Job) -> ServerSentEvent:
    match job.state:
        case Queued(place, _, left):
            return _message("estimation", job.id, rank=place, queue_size=place, rank_eta=left)
        case Running(stage, step, steps, fraction):
            unit = {"index": step, "length": steps, "unit": "steps", "desc": stage}
            data = [unit | {"progress": fraction}]
            return _message("progress", job.id, progress_data=data)
    return _message("log", job.id)


def _output(job: Job | None, root: str) -> Mapping[str, Any]:
    """What a call answers with, once its job has ended."""
    match job and job.state:
        case Done(take_id):
            assert job is not None
            file = {"path": f"{take_id}.mp4", "meta": {"_type": "gradio.FileData"}}
            return {"data": [file, schemas.job(job, root).model_dump(mode="json")]}
        case Failed(message):
            return {"error": message}
    return {"error": "Cancelled."}
