"""The routes of ``/v1/videos``, over one studio."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import FileResponse, Response

from ltx_ui.errors import FieldProblem, InvalidRecipe, NotFound, WrongMoment
from ltx_ui.presets import Presets
from ltx_ui.request import request_data
from ltx_ui.settings import Settings
from ltx_ui.shorthand import spelled_out
from ltx_ui.studio.asked import Key
from ltx_ui.studio.jobs import Job, Origin
from ltx_ui.studio.studio import Studio
from ltx_ui.studio.takes import Take
from ltx_ui.values import shown
from ltx_ui.web.access import Owner
from ltx_ui.web.bodies import read_json, recipe_limit
from ltx_ui.web.decoding import decoding
from ltx_ui.web.forms import MULTIPART, digest_of, read_form
from ltx_ui.web.media import file_answer
from ltx_ui.web.routing import add_get
from ltx_ui.web.submitting import KEYED, REPLAYED, Asked, key_name, submitted_once
from ltx_ui.web.videos.errors import ErrorObject
from ltx_ui.web.videos.listing import Order, page
from ltx_ui.web.videos.objects import (
    VideoDeleted,
    VideoList,
    VideoObject,
    id_in,
    of_job,
    of_take,
    video_id,
)

PICTURE = "input_reference"
"""The field of a request that OpenAI's clients put the first frame's picture into."""
_HERE = {"image_start": PICTURE}
"""What this API calls some of a recipe's fields."""
_NOT_HERE = "There is no such video here. It may have been deleted."

_FIELDS: dict[str, Any] = {
    "prompt": {"type": "string"},
    "model": {"type": "string", "description": "The loaded model's id; better left out."},
    "seconds": {"type": "string", "description": "The nearest length that there is, as in 4."},
    "size": {"type": "string", "description": "As in 1280x720, or a format's name."},
    "preset": {"type": "string", "description": "A preset's id or name."},
    PICTURE: {
        "description": "The first frame: a file, or an object with file_id (a digest as POST "
        "/inputs answers it) or image_url (a data URI).",
        "anyOf": [
            {"type": "string", "format": "binary"},
            {
                "type": "object",
                "properties": {"file_id": {"type": "string"}, "image_url": {"type": "string"}},
            },
        ],
    },
}
_SCHEMA = {
    "type": "object",
    "required": ["prompt"],
    "properties": _FIELDS,
    "description": "Beside these, every other field of a recipe, as POST /jobs takes it.",
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": _SCHEMA} for kind in (MULTIPART, "application/json")},
    }
}
_REMIX = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["prompt"],
                    "properties": {"prompt": {"type": "string"}},
                }
            }
        },
    }
}


class Videos:
    """The routes, over one studio."""

    def __init__(self, studio: Studio, settings: Settings, presets: Presets) -> None:
        self._studio = studio
        self._settings = settings
        self._presets = presets

    async def create(self, request: Request, response: Response, owner: Owner) -> VideoObject:
        """Queue a video. Beside OpenAI's fields every field of a recipe is taken: seed,
        num_inference_steps, guidance_scale, negative_prompt and so on."""
        limit = recipe_limit(self._settings)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == MULTIPART:
            data: Mapping[str, Any] = await read_form(request, limit, PICTURE)
        else:
            data = await read_json(request, limit)
        key = await _key(request, data)
        try:
            fields = await self._with_picture(_one_video(data), owner)
            return await self._submitted(Asked(fields, key), owner, response)
        except InvalidRecipe as error:
            raise _in_its_words(error) from None

    async def remix(
        self, request: Request, response: Response, video: str, owner: Owner
    ) -> VideoObject:
        """Queue a video like another one, of the same seed, with another prompt."""
        limit = recipe_limit(self._settings)
        data = await read_json(request, limit)
        take = await asyncio.to_thread(self._take, video, owner)
        if "prompt" not in data:
            raise InvalidRecipe.because("prompt", "prompt: is missing. Say what should change.")
        fields = {**request_data(take.recipe), **_one_video(data)}
        asked = Asked(fields, await _key(request, data))
        return await self._submitted(asked, owner, response, Origin(take.id, "variation"))

    def retrieve(self, video: str, owner: Owner) -> VideoObject:
        """How far a video is."""
        found = self._found(video, owner)
        return of_take(found) if isinstance(found, Take) else of_job(found)

    def list(
        self,
        owner: Owner,
        after: str | None = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        order: Order = "desc",
    ) -> VideoList:
        """Videos that were made or are on their way, the newest first unless order is asc."""
        return page(self._studio, owner, after, limit, order)

    def delete(self, video: str, owner: Owner) -> VideoDeleted:
        """Delete a video; cancel it if it is not made yet."""
        found = self._found(video, owner)
        if isinstance(found, Take):
            self._studio.library.delete([found.id], owner)
        else:
            self._studio.cancel(found.id, owner)
        return VideoDeleted(id=video_id(found.id))

    def content(
        self,
        request: Request,
        video: str,
        owner: Owner,
        variant: Literal["video", "thumbnail", "spritesheet"] = "video",
    ) -> Response:
        """A video's mp4, or with variant=thumbnail its still picture (JPEG). Ranges work. There are
        no sprite sheets."""
        if variant == "spritesheet":
            raise InvalidRecipe.because(
                "variant",
                "variant: this studio makes no sprite sheets; ask for video or thumbnail.",
            )
        take = self._take(video, owner)
        if variant == "video":
            return file_answer(request, self._studio.library.video(take.id, owner), "video/mp4")
        return file_answer(request, self._studio.library.poster(take.id, owner), "image/jpeg")

    def router(self) -> APIRouter:
        """All of the routes."""
        router = APIRouter(prefix="/v1/videos", tags=["OpenAI"], responses=_answers(401, 403))
        wrong = _answers(400, 413, 415, 429, 503)
        router.post("", openapi_extra=_BODY | KEYED, responses=wrong)(self.create)
        add_get(router, "", self.list, responses=_answers(400))
        for what in ("edits", "extensions", "characters"):
            router.post(f"/{what}", include_in_schema=False)(_not_offered)
        add_get(router, "/{video}", self.retrieve, responses=_answers(404))
        router.delete("/{video}", responses=_answers(404))(self.delete)
        add_get(
            router,
            "/{video}/content",
            self.content,
            response_class=FileResponse,
            responses=_answers(400, 404, 409),
        )
        router.post(
            "/{video}/remix", openapi_extra=_REMIX | KEYED, responses=wrong | _answers(404, 409)
        )(self.remix)
        return router

    async def _submitted(
        self, asked: Asked, owner: str, response: Response, origin: Origin | None = None
    ) -> VideoObject:
        spelled = Asked(spelled_out(asked.data, self._presets), asked.key)
        job, replayed = await submitted_once(self._studio, self._settings, spelled, owner, origin)
        if not replayed:
            return of_job(job)
        response.headers[REPLAYED] = "true"
        return await asyncio.to_thread(self.retrieve, video_id(job.id), owner)

    async def _with_picture(self, data: Mapping[str, Any], owner: str) -> dict[str, Any]:
        """The fields with the picture as a recipe names it; one that was sent is stored."""
        fields = {name: value for name, value in data.items() if name != PICTURE}
        match data.get(PICTURE):
            case None | "":
                return fields
            case bytes(file):
                stored = await decoding(self._studio.add_image, file, PICTURE, owner)
                return fields | {"image_start": stored.digest}
            case {"file_id": str(sent)} | {"image_url": str(sent)} | str(sent):
                return fields | {"image_start": sent}
            case strange:
                raise InvalidRecipe.because(
                    PICTURE,
                    f"{PICTURE}: is {shown(strange)}; send the picture as a file, or an object "
                    "with its file_id or image_url.",
                )

    def _found(self, video: str, owner: str) -> Job | Take:
        """The job for as long as it has not ended, then the take; the job again if it ended without
        one.

        Raises:
            NotFound: there is no such video, or it belongs to somebody else.
        """
        if (job_id := id_in(video)) is None:
            raise NotFound(_NOT_HERE)
        try:
            job = self._studio.job(job_id, owner)
        except NotFound:
            job = None
        if job is not None and job.live:
            return job
        if takes := self._studio.library.those([job_id], owner):
            return takes[0]
        if job is not None and job.id not in job.kept:
            return job
        raise NotFound(_NOT_HERE)

    def _take(self, video: str, owner: str) -> Take:
        """A video that is made.

        Raises:
            NotFound: there is no such video.
            WrongMoment: it is not made yet, or was not made at all.
        """
        found = self._found(video, owner)
        if isinstance(found, Take):
            return found
        if found.live:
            raise WrongMoment("This video is not made yet. Wait until its status is completed.")
        raise WrongMoment("This video was not made. Its error says why.")


async def _key(request: Request, data: Mapping[str, Any]) -> Key | None:
    """The client's key for its request, if it sent one."""
    if (name := key_name(request)) is None:
        return None
    return Key(name, await asyncio.to_thread(digest_of, data, request.url.path))


async def _not_offered() -> Response:
    raise HTTPException(
        404, "This studio offers no edits, extensions or characters here; /docs says what it does."
    )


def _one_video(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields, unless they ask for more than one take."""
    if str(data.get("num_takes") or 1) != "1":
        raise InvalidRecipe.because(
            "num_takes", "num_takes: here each request makes one video. Ask again for another."
        )
    return data


def _in_its_words(error: InvalidRecipe) -> InvalidRecipe:
    """The error with the names that the client knows."""
    return InvalidRecipe(
        [
            FieldProblem(name, problem.message.replace(problem.field, name, 1))
            for problem in error.problems
            for name in [_HERE.get(problem.field, problem.field)]
        ]
    )


def _answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI descriptions of error answers with these statuses."""
    meanings = {
        400: "A field has to change: see param",
        401: "The key is missing or wrong",
        403: "Not from another site's page, or not with this key",
        404: "Not here",
        409: "Not now",
        413: "The body is larger than allowed",
        415: "The body is neither a form nor JSON",
        429: "The queue is full, or more is asked for than allowed: see Retry-After",
        503: "The model could not be loaded",
    }
    return {status: {"description": meanings[status], "model": ErrorObject} for status in statuses}
