"""Pictures that recipes start from: stored once, and named by their digests from then on."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from ltx_ui.errors import InvalidRecipe
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.web.access import Owner
from ltx_ui.web.api_v1 import schemas
from ltx_ui.web.api_v1.routes import LOCATION, Digest, add, links_to
from ltx_ui.web.bodies import image_limit, media_type, read_body
from ltx_ui.web.decoding import decoding
from ltx_ui.web.media import BYTES, file_answer
from ltx_ui.web.submitting import root_of

FORM = "multipart/form-data"
FIELD = "image"
"""The form's field with the picture."""
_ROUND_IT = 10_000
"""Bytes that a form may have around its picture."""
_KINDS = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}


class Images:
    """The routes for pictures, over one studio."""

    def __init__(self, studio: Studio, settings: Settings) -> None:
        self._studio = studio
        self._settings = settings

    async def store_image(
        self, request: Request, response: Response, owner: Owner
    ) -> schemas.Image:
        """Store a picture for the first or last frame of clips. The body is the file itself, or a
        form with it as the field image. Large ones are made smaller, and all are written anew."""
        data = await self._sent(request)
        stored = await decoding(self._studio.add_image, data, FIELD, owner)
        href = f"{root_of(request)}/api/v1/images/{stored.digest}"
        response.headers["Location"] = href
        return schemas.Image(href=href, **vars(stored))

    def get_image(self, request: Request, digest: Digest, owner: Owner) -> Response:
        """A stored picture of yours, as it is kept."""
        path = self._studio.reference(digest, owner)
        return file_answer(request, path, _KINDS.get(path.suffix, BYTES))

    def router(self) -> APIRouter:
        """Both routes."""
        router = APIRouter(tags=["images"])
        binary = {"type": "string", "format": "binary"}
        form = {"type": "object", "properties": {FIELD: binary}, "required": [FIELD]}
        content = {"image/*": {"schema": binary}, BYTES: {"schema": binary}, FORM: {"schema": form}}
        add(
            *(router, "POST", "/images", self.store_image, 403, 413, 415, 422, 503),
            answers={
                201: {"headers": LOCATION, "links": links_to([self.get_image], digest="digest")}
            },
            status_code=201,
            openapi_extra={"requestBody": {"required": True, "content": content}},
        )
        kinds = {kind: {"schema": binary} for kind in (*_KINDS.values(), BYTES)}
        add(
            *(router, "GET HEAD", "/images/{digest}", self.get_image, 404),
            answers={
                200: {"content": kinds},
                206: {"description": "The range that was asked for", "content": kinds},
                304: {"description": "You have it as it is: see If-None-Match"},
                416: {"description": "The file has no such range"},
            },
            response_class=FileResponse,
        )
        return router

    async def _sent(self, request: Request) -> bytes:
        most = image_limit(self._settings)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM:
            return await _in_form(request, await read_body(request, most + _ROUND_IT))
        kind = media_type(request)
        if not kind.startswith("image/") and kind != BYTES:
            raise HTTPException(
                415,
                "Send one picture as the body, with its type (image/…) as the Content-Type, or as "
                f"the field {FIELD} of a form ({FORM}).",
            )
        return bytes(await read_body(request, most))


async def _in_form(request: Request, body: bytearray) -> bytes:
    """The picture in a form that is in memory already."""

    async def stream() -> AsyncGenerator[bytes]:
        yield bytes(body)

    parser = MultiPartParser(request.headers, stream(), max_files=1, max_fields=1)
    parser.spool_max_size = len(body) + 1  # Nothing of it goes to the disk.
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        said: Any = getattr(error, "message", "its parts can't be told apart.")
        raise HTTPException(400, f"The form can't be read: {said}") from None
    try:
        sent = form.get(FIELD)
        if not isinstance(sent, UploadFile):
            said = f"{FIELD}: is missing. Send the picture as a file in the form's field {FIELD}."
            raise InvalidRecipe.because(FIELD, said)
        return await sent.read()
    finally:
        await form.close()
