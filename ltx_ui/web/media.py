"""Clips, posters and pictures over HTTP: takes out, first and last frames in."""

from __future__ import annotations

import secrets
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, Field
from starlette.background import BackgroundTask

from ltx_ui.media.files import remove
from ltx_ui.media.mp4 import without_recipe
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.web.access import Owner
from ltx_ui.web.bodies import image_limit, media_type, read_body
from ltx_ui.web.decoding import decoding
from ltx_ui.web.routing import add_get, error_answers

_CACHED = {"Cache-Control": "private, no-cache"}
"""A browser may keep the file but has to ask each time, so that a deleted take is gone."""

_PICTURE = {
    "requestBody": {
        "required": True,
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}}
            for kind in ("image/*", "application/octet-stream")
        },
    }
}


class PictureAnswer(BaseModel):
    """A picture that was stored."""

    digest: str = Field(description="What image_start and image_end of a recipe take: sha256:…")
    width: int
    height: int
    note: str = Field(description="What was done with it, such as made smaller; empty if nothing.")


class Media:
    """The routes for takes' files and for pictures, over one studio."""

    def __init__(self, studio: Studio, settings: Settings) -> None:
        self._studio = studio
        self._settings = settings

    def video(self, request: Request, take_id: str, owner: Owner) -> Response:
        """A take's mp4; ranges work. It holds its recipe: see plain.mp4 for one to give away."""
        return _file(request, self._studio.library.video(take_id, owner), "video/mp4")

    def plain_video(self, take_id: str, owner: Owner) -> Response:
        """A take's mp4 without its recipe: no prompt, title or comment in the file."""
        video = self._studio.library.video(take_id, owner)
        target = self._settings.cache_dir / "plain" / f"{secrets.token_hex(8)}.mp4"
        without_recipe(video, target)
        return FileResponse(
            target,
            media_type="video/mp4",
            headers={"Cache-Control": "no-store"},
            background=BackgroundTask(remove, target),
        )

    def poster(self, request: Request, take_id: str, owner: Owner) -> Response:
        """A take's still picture."""
        return _file(request, self._studio.library.poster(take_id, owner), "image/jpeg")

    async def add_picture(self, request: Request, owner: Owner) -> PictureAnswer:
        """Store a picture for the first or last frame of clips. The body is the file itself."""
        kind = media_type(request)
        if not kind.startswith("image/") and kind != "application/octet-stream":
            raise HTTPException(
                415, "Send one picture as the body, with its type (image/…) as the Content-Type."
            )
        data = bytes(await read_body(request, image_limit(self._settings)))
        stored = await decoding(self._studio.add_image, data)
        return PictureAnswer(
            digest=stored.digest, width=stored.width, height=stored.height, note=stored.note
        )

    async def thumbnail(self, digest: str, owner: Owner) -> Response:
        """A thumbnail (WebP, at most 512 pixels) of a picture that was stored."""
        small = await decoding(self._studio.thumbnail, digest)
        # It never changes, for the digest names its content; but no shared cache may keep it.
        return Response(small, media_type="image/webp", headers={"Cache-Control": "private"})

    def router(self) -> APIRouter:
        """All of the routes."""
        router = APIRouter()
        answers = error_answers(401, 404)
        for path, answer in (
            ("/takes/{take_id}.mp4", self.video),
            ("/takes/{take_id}/plain.mp4", self.plain_video),
            ("/takes/{take_id}/poster", self.poster),
        ):
            add_get(router, path, answer, response_class=FileResponse, responses=answers)
        router.post(
            "/inputs",
            status_code=201,
            openapi_extra=_PICTURE,
            responses=error_answers(401, 403, 413, 415, 422, 503),
        )(self.add_picture)
        add_get(
            router, "/inputs/{digest}", self.thumbnail, response_class=Response, responses=answers
        )
        return router


def _file(request: Request, path: Path, kind: str) -> Response:
    """A file as it is on disk, or 304 for a browser that has it already."""
    answer = FileResponse(path, media_type=kind, headers=_CACHED, stat_result=path.stat())
    if answer.headers["etag"] in request.headers.get("if-none-match", ""):
        kept = {name: answer.headers[name] for name in ("etag", "cache-control", "last-modified")}
        return Response(status_code=304, headers=kept)
    return answer
