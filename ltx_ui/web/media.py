"""Files over HTTP: clips and posters out, pictures and what tells a recipe in."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from io import BytesIO
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, Field
from starlette.background import BackgroundTask

from ltx_ui.media.files import remove
from ltx_ui.media.metadata import without_tags
from ltx_ui.media.mp4 import without_recipe
from ltx_ui.media.posters import small_poster
from ltx_ui.recall import recall
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.web.access import Owner
from ltx_ui.web.bodies import JSON, image_limit, media_type, read_body, recipe_limit
from ltx_ui.web.decoding import decoding
from ltx_ui.web.routing import add_get, error_answers

_CACHED = {"Cache-Control": "private, no-cache"}
"""A browser may keep the file but has to ask each time, so that a deleted take is gone."""

BYTES = "application/octet-stream"
"""The type of a file of which no more is told."""


def _body(*kinds: str) -> dict[str, Any]:
    """The OpenAPI description of a body that is a file of one of these types."""
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in kinds}
    return {"requestBody": {"required": True, "content": content}}


TELLING = ("video/mp4", "video/quicktime", "image/jpeg", JSON, BYTES)
"""Types of files that may tell a recipe."""


class PictureAnswer(BaseModel):
    """A picture that was stored."""

    digest: str = Field(description="What image_start and image_end of a recipe take: sha256:…")
    width: int
    height: int
    note: str = Field(description="What was done with it, such as made smaller; empty if nothing.")


class RecipeAnswer(BaseModel):
    """What a file tells of how its clip was made; all but the recipe only where it is known."""

    recipe: dict[str, Any] = Field(description="As POST /jobs takes it, pictures by their digests.")
    typed: dict[str, str | None] | None = Field(
        None, description="What was typed on the page for the recipe's prompts."
    )
    model: str | None = None
    device: str | None = None
    versions: dict[str, str] | None = None
    timings: dict[str, float] | None = Field(None, description="Seconds by stage.")
    made_at: str | None = None
    made_from: str | None = Field(
        None, description="The take that it came from, where it was made."
    )
    relation: str | None = Field(None, description="How it came from that take.")


class Media:
    """The routes for takes' files, for pictures and for recipes, over one studio."""

    def __init__(self, studio: Studio, settings: Settings) -> None:
        self._studio = studio
        self._settings = settings

    def video(self, request: Request, take_id: str, owner: Owner) -> Response:
        """A take's mp4; ranges work. It holds its recipe: see plain.mp4 for one to give away."""
        return file_answer(request, self._studio.library.video(take_id, owner), "video/mp4")

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

    def plain_poster(self, take_id: str, owner: Owner) -> Response:
        """A take's still picture without its recipe: no tags in the file."""
        data = without_tags(self._studio.library.poster(take_id, owner).read_bytes())
        return Response(data, media_type="image/jpeg", headers={"Cache-Control": "no-store"})

    async def poster(self, request: Request, take_id: str, owner: Owner, w: int = 0) -> Response:
        """A take's still picture; with w a small one about so many pixels wide, 320 or 640."""
        path = await asyncio.to_thread(self._studio.library.poster, take_id, owner)
        if w <= 0:
            return file_answer(request, path, "image/jpeg")
        small = await decoding(small_poster, path, w)
        return _fresh(request, Response(small, media_type="image/jpeg", headers=_tagged(small)))

    async def add_picture(self, request: Request, owner: Owner) -> PictureAnswer:
        """Store a picture for the first or last frame of clips. The body is the file itself."""
        kind = media_type(request)
        if not kind.startswith("image/") and kind != BYTES:
            raise HTTPException(
                415, "Send one picture as the body, with its type (image/…) as the Content-Type."
            )
        data = bytes(await read_body(request, image_limit(self._settings)))
        stored = await decoding(self._studio.add_image, data, "image_start", owner)
        return PictureAnswer(
            digest=stored.digest, width=stored.width, height=stored.height, note=stored.note
        )

    async def read_recipe(self, request: Request, owner: Owner) -> RecipeAnswer:
        """What a file tells of how its clip was made. The body is one of the studio's mp4s or
        posters, whole or from its start as far as its tags (of an mp4 the boxes ftyp and moov are
        enough), or JSON: a recipe as POST /jobs takes it, whose pictures are stored, or what this
        answers."""
        if media_type(request) not in TELLING:
            raise HTTPException(415, f"Send one file as the body, as {', '.join(TELLING)}.")
        data = await read_body(request, recipe_limit(self._settings))
        return await decoding(self._recalled, data, owner)

    def _recalled(self, data: bytearray, owner: str) -> RecipeAnswer:
        found = recall(BytesIO(data))
        add = self._studio.add_file
        stored = {field: add(file, field, owner) for field, file in found.pictures.items()}
        return RecipeAnswer.model_validate(found.with_pictures(stored).answer())

    async def thumbnail(self, digest: str, owner: Owner) -> Response:
        """A thumbnail (WebP, at most 512 pixels) of a picture that was stored."""
        small = await decoding(self._studio.thumbnail, digest, owner)
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
            ("/takes/{take_id}/plain.jpg", self.plain_poster),
        ):
            add_get(router, path, answer, response_class=FileResponse, responses=answers)
        router.post(
            "/inputs",
            status_code=201,
            openapi_extra=_body("image/*", BYTES),
            responses=error_answers(401, 403, 413, 415, 422, 503),
        )(self.add_picture)
        router.post(
            "/recipe",
            openapi_extra=_body(*TELLING),
            responses=error_answers(401, 403, 413, 415, 422, 503),
            response_model_exclude_unset=True,
        )(self.read_recipe)
        add_get(
            router, "/inputs/{digest}", self.thumbnail, response_class=Response, responses=answers
        )
        return router


def file_answer(request: Request, path: Path, kind: str) -> Response:
    """A file as it is on disk; ranges and tags work."""
    answer = FileResponse(path, media_type=kind, headers=_CACHED, stat_result=path.stat())
    return _fresh(request, answer)


def _tagged(data: bytes) -> dict[str, str]:
    return _CACHED | {"ETag": f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'}


def _fresh(request: Request, answer: Response) -> Response:
    """An answer with a tag, or 304 for a browser that has it already."""
    if answer.headers["etag"] in request.headers.get("if-none-match", ""):
        names = ("etag", "cache-control", "last-modified")
        kept = {name: answer.headers[name] for name in names if name in answer.headers}
        return Response(status_code=304, headers=kept)
    return answer
