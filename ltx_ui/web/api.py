"""The HTTP API: ``/generate`` answers with a finished clip, ``/jobs`` queues one."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from ltx_ui import __version__
from ltx_ui.errors import Cancelled, ModelUnavailable, NotFound, StudioError
from ltx_ui.request import Request as Asked
from ltx_ui.request import request_data
from ltx_ui.settings import Settings
from ltx_ui.studio.jobs import CancelledJob, Cancelling, Done, Failed, Job, Queued, Running
from ltx_ui.studio.studio import Studio
from ltx_ui.studio.takes import Take
from ltx_ui.web.access import Caller, Owner
from ltx_ui.web.answers import CLIENT_GONE
from ltx_ui.web.api_v1 import schemas
from ltx_ui.web.api_v1.events import Watching
from ltx_ui.web.api_v1.examples import RECIPES
from ltx_ui.web.routing import add_get, error_answers
from ltx_ui.web.submitting import (
    Submitted,
    prefers_async,
    read_asked,
    root_of,
    submitted_once,
    tell_of,
)

POLL_SECONDS = 0.1
"""How often ``/generate`` checks its job, and whether its client is still connected."""

AUTO = "auto"
"""The model's name for as long as a studio that chooses by itself has not chosen yet."""

_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": Asked.model_json_schema(), "examples": RECIPES}},
    }
}
_ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "With Prefer: respond-async: the job, at Location",
        "model": schemas.Job,
    }
}


class TakeAnswer(BaseModel):
    """One of several takes."""

    id: str = Field(description="As in GET /takes/{take_id}.mp4.")
    seed: int = Field(description="The recipe's seed for the first take, then the ones after it.")
    generation_time_seconds: float
    video: str = Field(description="The clip as a data URI, as in the answer itself.")
    notes: list[str] | None = Field(None, description="As in the answer itself.")


class ClipAnswer(BaseModel):
    """A clip. With num_takes above 1 its fields are the first take's, and ``takes`` lists all."""

    video: str = Field(description="The clip as a data URI: data:video/mp4;base64,…")
    duration_seconds: float
    resolution: str
    fps: int
    seed: int
    generation_time_seconds: float
    has_audio: bool
    has_image_start: bool
    has_image_end: bool
    notes: list[str] | None = Field(
        None,
        description="What was done otherwise than asked, such as a prompt that was cut. Only there "
        "if there is something to say.",
    )
    takes: list[TakeAnswer] | None = Field(
        None,
        description=(
            "Every take in the order of the seeds, the first among them. Only there if num_takes "
            "is above 1."
        ),
    )


class Api:
    """The API's routes, over one studio."""

    def __init__(self, studio: Studio, settings: Settings, watching: Watching) -> None:
        self._studio = studio
        self._settings = settings
        self._watching = watching

    async def generate(
        self, request: Request, response: Response, caller: Caller
    ) -> ClipAnswer | Response:
        """Make a clip and answer with it: video, duration_seconds, resolution, fps, seed,
        generation_time_seconds, has_audio, has_image_start, has_image_end. With num_takes above 1
        these are the first take's, and takes lists all of them with id, seed,
        generation_time_seconds and video. notes says what was done otherwise than asked. Hang up,
        and the job is cancelled, unless the request has an Idempotency-Key or somebody follows the
        job's events; the same request with the same key then waits for the same job. With the
        header Prefer: respond-async the answer is 202 at once, with the job at Location."""
        owner, asked = caller.owner, await read_asked(request, self._settings)
        submission = await submitted_once(self._studio, self._settings, asked, owner)
        if prefers_async(request):
            return _accepted(request, submission)
        keeps = asked.key is not None
        with self._watching.streams.waiting(caller):
            takes = await self._finished(request, submission.job, owner, keeps=keeps)
        tell_of(submission, request, response)
        return await asyncio.to_thread(clip_answer, takes)

    async def submit_job(self, request: Request, response: Response, owner: Owner) -> Any:
        """Queue a clip and answer at once with its job."""
        asked = await read_asked(request, self._settings)
        submission = await submitted_once(self._studio, self._settings, asked, owner)
        tell_of(submission, request, response)
        return job_answer(submission.job)

    def read_job(self, job_id: str, owner: Owner) -> dict[str, Any]:
        """How far a job is. Its state is queued, running, cancelling (it was asked to stop and ends
        at its next step), done, failed or cancelled."""
        job = self._studio.job(job_id, owner)
        return job_answer(job) | self._notes(job, owner)

    def _notes(self, job: Job, owner: str) -> dict[str, Any]:
        """The field ``notes`` with all notes on a finished job's takes; empty if there are none."""
        if not isinstance(job.state, Done):
            return {}
        notes: dict[str, None] = {}
        for take_id in job.state.take_ids:
            with suppress(NotFound):  # It may have been deleted since.
                notes |= dict.fromkeys(self._studio.library.take(take_id, owner).notes)
        return {"notes": list(notes)} if notes else {}

    def preview(self, job_id: str, owner: Owner) -> Response:
        """What a running job's clip looks like so far: a small moving picture."""
        picture = self._studio.preview(job_id, owner)
        if picture is None:
            raise NotFound("There is nothing to be seen of this job now.")
        return Response(picture, media_type="image/webp", headers={"Cache-Control": "no-store"})

    def cancel_job(self, job_id: str, owner: Owner) -> dict[str, Any]:
        """Cancel a job that waits or runs."""
        return job_answer(self._studio.cancel(job_id, owner))

    def make_job(self, job_id: str, owner: Owner) -> dict[str, Any]:
        """Have a job that waits for another model made with the one that is loaded. Any other job
        stays as it is."""
        return job_answer(self._studio.make_with_loaded_model(job_id, owner))

    def health(self) -> dict[str, Any]:
        """Whether the studio is up, with which model, and how many clips wait."""
        return health_answer(self._studio)

    def router(self) -> APIRouter:
        """The API's routes."""
        router = APIRouter()
        errors = error_answers(401, 403, 413, 415, 422, 503)
        found: dict[int | str, dict[str, Any]]
        for path, status, make, found in (
            ("/generate", 200, self.generate, _ACCEPTED),
            ("/jobs", 202, self.submit_job, {}),
        ):
            router.add_api_route(
                path,
                make,
                methods=["POST"],
                status_code=status,
                response_model=ClipAnswer if found else dict[str, Any],
                openapi_extra=_BODY,
                responses=errors | found,
                response_model_exclude_none=True,
            )
        add_get(router, "/jobs/{job_id}", self.read_job, responses=error_answers(401, 404))
        add_get(
            router,
            "/jobs/{job_id}/preview",
            self.preview,
            response_class=Response,
            responses=error_answers(401, 404),
        )
        router.delete("/jobs/{job_id}", responses=error_answers(401, 403, 404))(self.cancel_job)
        router.post(
            "/jobs/{job_id}/make",
            status_code=202,
            responses=error_answers(401, 403, 404, 422, 503),
        )(self.make_job)
        add_get(router, "/health", self.health)
        return router

    async def _finished(self, request: Request, job: Job, owner: str, *, keeps: bool) -> list[Take]:
        """Wait until the job has ended, without blocking the event loop; returns its takes.

        Args:
            keeps: whether the job goes on when the client hangs up: it can come back for it.

        Raises:
            HTTPException: the client hung up, and the job was cancelled unless it goes on.
            ModelUnavailable: the job is for a model that this studio does not run.
            StudioError: the job failed.
            Cancelled: somebody cancelled the job.
        """
        while job.live:
            if await request.is_disconnected():
                if not keeps and not self._watching.is_watched(job.id):
                    await asyncio.to_thread(self._studio.cancel, job.id, owner)
                raise HTTPException(CLIENT_GONE, "The client hung up.")
            await asyncio.sleep(POLL_SECONDS)
            job = await asyncio.to_thread(self._studio.job, job.id, owner)
            if isinstance(job.state, Queued) and job.state.waits_for:
                await asyncio.to_thread(self._studio.cancel, job.id, owner)
                raise ModelUnavailable(f"This studio does not run {job.state.waits_for}.")
        match job.state:
            case Done() as done:
                take = self._studio.library.take
                return [await asyncio.to_thread(take, each, owner) for each in done.take_ids]
            case Failed(message, kept):
                raise StudioError(message + _kept(kept))
        raise Cancelled


def _kept(take_ids: Sequence[str]) -> str:
    """A sentence with the addresses of the takes that a failed job had finished."""
    if not take_ids:
        return ""
    paths = ", ".join(f"/takes/{each}.mp4" for each in take_ids)
    return f" The takes that were finished before are kept: {paths}"


def _accepted(request: Request, submission: Submitted) -> Response:
    """The answer to who would rather not wait."""
    told = schemas.job(submission.job, root_of(request)).model_dump_json()
    answer = Response(told, 202, {"Preference-Applied": "respond-async"}, "application/json")
    tell_of(submission, request, answer)
    return answer


def clip_answer(takes: Sequence[Take]) -> ClipAnswer:
    """What POST /generate answers.

    Args:
        takes: all takes of one job; at least one.
    """
    answers = [
        TakeAnswer(
            id=take.id,
            seed=take.recipe.seed,
            generation_time_seconds=round(take.seconds, 2),
            video=data_uri(take),
            notes=list(take.notes) or None,
        )
        for take in takes
    ]
    first, recipe = answers[0], takes[0].recipe
    return ClipAnswer(
        video=first.video,
        duration_seconds=round(recipe.duration, 3),
        resolution=recipe.resolution,
        fps=recipe.fps,
        seed=recipe.seed,
        generation_time_seconds=first.generation_time_seconds,
        has_audio=recipe.include_audio,
        has_image_start=recipe.inputs.image_at(0) is not None,
        has_image_end=recipe.inputs.image_at(-1) is not None,
        notes=first.notes,
        takes=answers if len(answers) > 1 else None,
    )


def data_uri(take: Take) -> str:
    """The take's mp4 for an answer.

    Raises:
        NotFound: its file was removed.
    """
    try:
        return "data:video/mp4;base64," + base64.b64encode(take.video.read_bytes()).decode()
    except FileNotFoundError:
        raise NotFound("The file of this take was removed while it was on its way.") from None


def job_answer(job: Job) -> dict[str, Any]:
    """A job as JSON: its id, its recipe, its state, and the takes that are in the library."""
    answer: dict[str, Any] = {
        "id": job.id,
        "submitted_at": job.submitted_at.isoformat(),
        "recipe": request_data(job.recipe),
        "state": job.state.name,
    }
    match job.state:
        case Queued() as queued:
            return answer | asdict(queued)
        case Running() as running:
            return answer | {
                "stage": running.stage,
                "step": running.step,
                "steps": running.steps,
                "fraction": round(running.fraction, 3),
                "seconds_left": running.seconds_left,
                "takes": list(running.take_ids),
            }
        case Cancelling(fraction, kept):
            return answer | {"fraction": round(fraction, 3), "takes": list(kept)}
        case Done(take_id) as done:
            return answer | {
                "take": take_id,
                "takes": list(done.take_ids),
                "video": f"takes/{take_id}.mp4",
            }
        case Failed(message, kept):
            return answer | {"message": message, "takes": list(kept)}
        case CancelledJob(kept):
            return answer | {"takes": list(kept)}


def health_answer(studio: Studio) -> dict[str, Any]:
    """What GET /health answers. A studio is unhealthy if its model can't be loaded. The model's id,
    title, demo mark and licence are null until it has been chosen."""
    model = studio.model_status()
    known = model.model != AUTO
    return {
        "status": "unhealthy" if model.state == "failed" else "healthy",
        "model": {
            "id": model.model if known else None,
            "title": model.title if known else None,
            "state": model.state,
            "message": model.message,
            "fraction": model.fraction,
            "demo": model.demo if known else None,
            "licence": model.licence or None,
            "licence_url": model.licence_url or None,
        },
        "device": model.device,
        "queue_length": studio.queue_length(),
        "version": __version__,
    }
