"""Sounds that clips are made to: taken in before they are asked for, and played on the page."""

from __future__ import annotations

import asyncio
import mimetypes

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, Field

from ltx_ui.inputs import SOUND_FORMATS
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.web.access import Owner
from ltx_ui.web.bodies import image_limit, media_type, read_body
from ltx_ui.web.decoding import decoding
from ltx_ui.web.media import BYTES, file_answer
from ltx_ui.web.routing import add_get, error_answers


class SoundAnswer(BaseModel):
    """A sound that was stored."""

    digest: str = Field(description="What audio of a recipe takes: sha256:…")
    seconds: float


def router(studio: Studio, settings: Settings) -> APIRouter:
    """The routes for sounds."""
    made = APIRouter()

    async def add_sound(request: Request, owner: Owner) -> SoundAnswer:
        """Store a sound that clips can be made to. The body is the file itself."""
        kind = media_type(request)
        if not kind.startswith(("audio/", "video/")) and kind != BYTES:
            raise HTTPException(
                415, f"Send one sound ({SOUND_FORMATS}) as the body, with its type (audio/…)."
            )
        data = bytes(await read_body(request, image_limit(settings)))
        stored = await decoding(studio.add_sound, data, owner)
        return SoundAnswer(digest=stored.digest, seconds=stored.seconds)

    async def sound(request: Request, digest: str, owner: Owner) -> Response:
        """A stored sound, or a film for its sound, as it was sent."""
        path = await asyncio.to_thread(studio.media_file, digest, owner)
        return file_answer(request, path, mimetypes.guess_type(path.name)[0] or BYTES)

    made.post(
        "/inputs/sound", status_code=201, responses=error_answers(401, 403, 413, 415, 422, 503)
    )(add_sound)
    add_get(
        made,
        "/inputs/{digest}/sound",
        sound,
        response_class=FileResponse,
        responses=error_answers(401, 403, 404),
    )
    return made
