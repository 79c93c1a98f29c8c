"""Films that clips follow: taken in before they are asked for, and what is followed of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from ltx_ui.given_films import MOST_SECONDS
from ltx_ui.inputs import ControlKind
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.web.access import Owner
from ltx_ui.web.bodies import image_limit, media_type, read_body
from ltx_ui.web.decoding import decoding
from ltx_ui.web.media import BYTES
from ltx_ui.web.routing import add_get, error_answers


class FilmAnswer(BaseModel):
    """A film that was stored."""

    digest: str = Field(description="What video takes where a recipe names a film: sha256:…")
    seconds: float


def router(studio: Studio, settings: Settings) -> APIRouter:
    """The routes for films."""
    made = APIRouter()

    async def add_film(request: Request, owner: Owner) -> FilmAnswer:
        """Store a film that clips can be made from. The body is the file itself."""
        kind = media_type(request)
        if not kind.startswith("video/") and kind != BYTES:
            raise HTTPException(
                415, "Send one MP4 or MOV film as the body, with its type (video/…)."
            )
        data = bytes(await read_body(request, image_limit(settings)))
        stored = await decoding(studio.add_film, data, owner)
        return FilmAnswer(digest=stored.digest, seconds=stored.seconds)

    async def followed(
        digest: str,
        owner: Owner,
        kind: ControlKind = "given",
        start: Annotated[float, Query(ge=0, le=MOST_SECONDS, allow_inf_nan=False)] = 0.0,
    ) -> Response:
        """What a clip follows of a stored film at a time, as a small WebP."""
        picture = await decoding(studio.followed, digest, owner, kind, start)
        return Response(
            picture, headers={"Cache-Control": "private, max-age=86400"}, media_type="image/webp"
        )

    made.post(
        "/inputs/film", status_code=201, responses=error_answers(401, 403, 413, 415, 422, 503)
    )(add_film)
    add_get(
        made,
        "/inputs/{digest}/followed",
        followed,
        response_class=Response,
        responses=error_answers(401, 403, 404, 422),
    )
    return made
