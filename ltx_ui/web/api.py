"""The HTTP API: one blocking call, and jobs for those who would rather ask again."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, Field

from ltx_ui import __version__
from ltx_ui.errors import (
    BodyTooLarge,
    Cancelled,
    InvalidRecipe,
    ModelUnavailable,
    NotFound,
    QueueFull,
    StudioError,
)
from ltx_ui.recipe import Recipe, parse_recipe
from ltx_ui.settings import Settings
from ltx_ui.studio.jobs import CancelledJob, Done, Failed, Job, Queued, Running
from ltx_ui.studio.library import Take
from ltx_ui.studio.studio import Studio
from ltx_ui.web.access import Door
from ltx_ui.web.docs import docs_page

POLL_SECONDS = 0.1
"""How often a waiting call looks at its job and at whether its client is still there."""

CLIENT_GONE = 499
"""What a log shows for a client that hung up, as nginx does; nobody reads the answer."""

_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": Recipe.model_json_schema()}},
    }
}


class TakeAnswer(BaseModel):
    """One of several takes."""

    id: str = Field(description="As in GET /takes/{take_id}.mp4.")
    seed: int = Field(description="The recipe's seed for the first take, then the ones after it.")
    generation_time_seconds: float
    video: str = Field(description="The clip as a data URI, as in the answer itself.")


class ClipAnswer(BaseModel):
    """A clip, and with num_takes above 1 every take: the answer's own fields are the first's."""

    video: str = Field(description="The clip as a data URI: data:video/mp4;base64,…")
    duration_seconds: float
    resolution: str
    fps: int
    seed: int
    generation_time_seconds: float
    has_audio: bool
    has_image_start: bool
    has_image_end: bool
    takes: list[TakeAnswer] | None = Field(
        None,
        description=(
            "Every take in the order of the seeds, the first among them. Only there if num_takes "
            "is above 1."
        ),
    )


def include_api(app: FastAPI, studio: Studio, settings: Settings) -> None:
    """Put the API beside the page, on the same port and the same queue.

    An app that already serves takes no more exception handlers, so :func:`answer_error` has to be
    among those it was made with.
    """
    app.state.door = Door(settings.credentials)
    app.include_router(Api(studio, settings).router())


def _let_in(request: Request) -> str:
    door: Door = request.app.state.door
    return door(request)


Owner = Annotated[str, Depends(_let_in)]


class Api:
    """The routes, over one studio."""

    def __init__(self, studio: Studio, settings: Settings) -> None:
        self._studio = studio
        self._settings = settings

    async def generate(self, request: Request, owner: Owner) -> ClipAnswer:
        """Make a clip and answer with it: video, duration_seconds, resolution, fps, seed,
        generation_time_seconds, has_audio, has_image_start, has_image_end. With num_takes above 1
        these are the first take's, and takes lists all of them with id, seed,
        generation_time_seconds and video. Hang up, and the job is cancelled."""
        job = await self._submitted(request, owner)
        takes = await self._finished(request, job, owner)
        return await asyncio.to_thread(clip_answer, takes)

    async def submit_job(self, request: Request, owner: Owner) -> dict[str, Any]:
        """Queue a clip and answer at once with its job."""
        return job_answer(await self._submitted(request, owner))

    def read_job(self, job_id: str, owner: Owner) -> dict[str, Any]:
        """How far a job is."""
        return job_answer(self._studio.job(job_id, owner))

    def preview(self, job_id: str, owner: Owner) -> Response:
        """What a running job's clip looks like so far: a small moving picture."""
        picture = self._studio.preview(job_id, owner)
        if picture is None:
            raise NotFound("There is nothing to be seen of this job now.")
        return Response(picture, media_type="image/webp", headers={"Cache-Control": "no-store"})

    def cancel_job(self, job_id: str, owner: Owner) -> dict[str, Any]:
        """Cancel a job that waits or runs."""
        return job_answer(self._studio.cancel(job_id, owner))

    def video(self, take_id: str, owner: Owner) -> FileResponse:
        """A take's mp4; ranges work."""
        video = self._studio.library.video(take_id, owner)
        return FileResponse(video, media_type="video/mp4", headers=_PRIVATE)

    def poster(self, take_id: str, owner: Owner) -> FileResponse:
        """A take's still picture."""
        return FileResponse(self._studio.library.poster(take_id, owner), headers=_PRIVATE)

    def health(self) -> dict[str, Any]:
        """Whether the studio is up, with which model, and how many clips wait."""
        return health_answer(self._studio)

    def router(self) -> APIRouter:
        """Every route, and the pages that describe them."""
        router = APIRouter()
        router.post(
            "/generate",
            openapi_extra=_BODY,
            responses=_error_answers(401, 413, 422, 503),
            response_model_exclude_none=True,
        )(self.generate)
        router.post(
            "/jobs",
            status_code=202,
            openapi_extra=_BODY,
            responses=_error_answers(401, 413, 422, 503),
        )(self.submit_job)
        router.get("/jobs/{job_id}", responses=_error_answers(404))(self.read_job)
        router.get(
            "/jobs/{job_id}/preview", response_class=Response, responses=_error_answers(404)
        )(self.preview)
        router.delete("/jobs/{job_id}", responses=_error_answers(404))(self.cancel_job)
        router.get("/takes/{take_id}.mp4", response_class=FileResponse)(self.video)
        router.get("/takes/{take_id}/poster", response_class=FileResponse)(self.poster)
        router.get("/health")(self.health)
        _add_docs(router)
        return router

    async def _submitted(self, request: Request, owner: str) -> Job:
        data = await read_json(request, body_limit(self._settings))
        recipe = parse_recipe(data, max_volume=self._settings.max_volume)
        return await asyncio.to_thread(self._studio.submit, recipe, owner)

    async def _finished(self, request: Request, job: Job, owner: str) -> list[Take]:
        """The job's takes, once all are made; the event loop stays free meanwhile."""
        while job.live:
            if await request.is_disconnected():
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
    """Where the takes are that a failed job had finished."""
    if not take_ids:
        return ""
    paths = ", ".join(f"/takes/{each}.mp4" for each in take_ids)
    return f" The takes that were finished before are kept: {paths}"


_PRIVATE = {"Cache-Control": "private, max-age=31536000, immutable"}
"""A take never changes under its name, and belongs to one visitor."""


def _error_answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    meanings = {
        401: "Name and password are missing or wrong",
        404: "Not here",
        413: "The body is larger than allowed",
        422: "The recipe can't be made; detail names the field",
        503: "The queue is full, or the model could not be loaded; see Retry-After",
    }
    return {status: {"description": meanings[status]} for status in statuses}


def _add_docs(router: APIRouter) -> None:
    # From our own routes alone, taken before these two are added: Gradio's are not part of the API.
    schema = get_openapi(title="LTX-2 Studio", version=__version__, routes=list(router.routes))

    def openapi() -> dict[str, Any]:
        return schema

    def docs() -> HTMLResponse:
        return HTMLResponse(docs_page(schema))

    router.get("/openapi.json", include_in_schema=False)(openapi)
    router.get("/docs", include_in_schema=False)(docs)


def body_limit(settings: Settings) -> int:
    """Bytes a request may have: two reference images in base64, and room for the words."""
    return int(2 * settings.max_image_mb * 1e6 * 4 / 3) + 100_000


async def read_json(request: Request, limit: int) -> Mapping[str, Any]:
    """The request's JSON object, never holding more than ``limit`` bytes of it.

    Raises:
        BodyTooLarge: as soon as that is known.
        InvalidRecipe: not a JSON object.
        HTTPException: 415, a body that is not declared as JSON. Another site's page can send forms
            here behind a visitor's back, but not ``application/json``.
    """
    if "json" not in request.headers.get("content-type", ""):
        raise HTTPException(415, "Send JSON with the header Content-Type: application/json.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise BodyTooLarge(
                f"The request is larger than {limit / 1e6:.1f} MB. Send smaller images."
            )
    try:
        data = json.loads(body, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise InvalidRecipe.because("body", f"body: is not valid JSON ({error}).") from None
    if not isinstance(data, dict):
        raise InvalidRecipe.because("body", "body: must be a JSON object with the recipe's fields.")
    return data


def clip_answer(takes: Sequence[Take]) -> ClipAnswer:
    """What POST /generate answers; ``takes`` are those of one job, at least one."""
    answers = [
        TakeAnswer(
            id=take.id,
            seed=take.recipe.seed,
            generation_time_seconds=round(take.seconds, 2),
            video="data:video/mp4;base64," + base64.b64encode(take.video.read_bytes()).decode(),
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
        has_image_start=recipe.image_start is not None,
        has_image_end=recipe.image_end is not None,
        takes=answers if len(answers) > 1 else None,
    )


def job_answer(job: Job) -> dict[str, Any]:
    """A job as JSON: its id, its recipe, where it stands, and the takes that are kept by now."""
    answer: dict[str, Any] = {
        "id": job.id,
        "submitted_at": job.submitted_at.isoformat(),
        "recipe": job.recipe.model_dump(mode="json"),
    }
    match job.state:
        case Queued() as queued:
            return answer | {"state": "queued", **asdict(queued)}
        case Running() as running:
            return answer | {
                "state": "running",
                "stage": running.stage,
                "step": running.step,
                "steps": running.steps,
                "fraction": round(running.fraction, 3),
                "seconds_left": running.seconds_left,
                "cancelling": running.cancelling,
                "takes": list(running.take_ids),
            }
        case Done(take_id) as done:
            return answer | {
                "state": "done",
                "take": take_id,
                "takes": list(done.take_ids),
                "video": f"takes/{take_id}.mp4",
            }
        case Failed(message, kept):
            return answer | {"state": "failed", "message": message, "takes": list(kept)}
        case CancelledJob(kept):
            return answer | {"state": "cancelled", "takes": list(kept)}


def health_answer(studio: Studio) -> dict[str, Any]:
    """What GET /health answers; unhealthy is a studio whose model can't be loaded."""
    model = studio.model_status()
    return {
        "status": "unhealthy" if model.state == "failed" else "healthy",
        "model": {
            "id": model.model,
            "title": model.title,
            "state": model.state,
            "message": model.message,
            "fraction": model.fraction,
            "demo": model.demo,
        },
        "device": model.device,
        "queue_length": studio.queue_length(),
        "version": __version__,
    }


async def answer_error(request: Request, error: Exception) -> Response:
    """An error as JSON; ``detail`` is a list with the field for a recipe, a sentence otherwise."""
    if isinstance(error, InvalidRecipe):
        detail = [
            {"loc": ["body", p.field], "msg": p.message, "type": "recipe"} for p in error.problems
        ]
        return JSONResponse({"detail": detail}, 422)
    status = error.http_status if isinstance(error, StudioError) else 500
    answer = partial(JSONResponse, {"detail": str(error)}, status)
    if isinstance(error, QueueFull):
        return answer(headers={"Retry-After": str(error.retry_after)})
    return answer(headers={"Retry-After": "60"}) if status == 503 else answer()
