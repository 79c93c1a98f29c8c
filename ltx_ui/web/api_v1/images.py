"""Pictures that recipes start from: stored once, and named by their digests from then on."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse

from ltx_ui.errors import InvalidRecipe
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.web.access import Owner
from ltx_ui.web.api_v1 import schemas
from ltx_ui.web.api_v1.routes import LOCATION, Digest, add, links_to
from ltx_ui.web.bodies import image_limit, media_type, read_body
from ltx_ui.web.decoding import decoding
from ltx_ui.web.forms import MULTIPART, read_form
from ltx_ui.web.media import BYTES, file_answer
from ltx_ui.web.submitting import root_of

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
        content = {
            "image/*": {"schema": binary},
            BYTES: {"schema": binary},
            MULTIPART: {"schema": form},
        }
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
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() == MULTIPART:
            sent = (await read_form(request, most + _ROUND_IT, FIELD)).get(FIELD)
            if isinstance(sent, bytes):
                return sent
            said = f"{FIELD}: is missing. Send the picture as a file in the form's field {FIELD}."
            raise InvalidRecipe.because(FIELD, said)
        kind = media_type(request)
        if not kind.startswith("image/") and kind != BYTES:
            raise HTTPException(
                415,
                "Send one picture as the body, with its type (image/…) as the Content-Type, or as "
                f"the field {FIELD} of a form ({MULTIPART}).",
            )
        return bytes(await read_body(request, most))
