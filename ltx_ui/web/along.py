"""Takes along: a zip of them out and in, and recipes as links and QR codes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import segno
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, StreamingResponse
from markupsafe import Markup
from pydantic import BaseModel, Field

from ltx_ui.engine.models import CARDS
from ltx_ui.errors import BodyTooLarge, DiskFull, InvalidRecipe
from ltx_ui.link import MOST_CHARACTERS, as_fragment
from ltx_ui.media.files import free_bytes, scratch
from ltx_ui.recall import Recalled, recall_link
from ltx_ui.settings import Settings
from ltx_ui.studio.guard import is_visitor
from ltx_ui.studio.importing import SPARE_BYTES, Brought
from ltx_ui.studio.studio import Studio
from ltx_ui.studio.takes import Take
from ltx_ui.values import shown
from ltx_ui.web.access import Owner
from ltx_ui.web.bodies import TO_DISK, media_type, read_body, read_json
from ltx_ui.web.identity import is_loopback
from ltx_ui.web.language import t
from ltx_ui.web.routing import error_answers
from ltx_ui.web.templating import render

MOST_IN_CODE = 1000
"""Characters of a link that a QR code is made of. At one of 1200 a phone's camera gives up on a
screen; the largest codes hold 2953."""
ZIPS = ("application/zip", "application/x-zip-compressed", "application/octet-stream")
_OWNERS_ONLY = (
    "Visitors of this studio make clips and take them along, and bring none in. Whoever runs it "
    "may do that."
)
_FORM = "application/x-www-form-urlencoded"
_EXPORTED = ("take", "storyboard")
"""Fields of that form."""
_MOST_FORM = 1_000_000
_MOST_PAGE = 300
_MOST_SAID = 10
"""Takes of which is told why they could not be read; of the others only how many they are."""
_PIECE = 4_000_000
"""Bytes that are gathered before they are written."""


class BroughtAnswer(BaseModel):
    """What became of the clips and the storyboards in a zip."""

    came: int = Field(description="Clips that were added.")
    here: int = Field(description="Clips that were here already, and stayed as they are.")
    storyboards: int = Field(description="Storyboards that were added.")
    storyboards_here: int = Field(description="Storyboards that were here already, and stayed.")
    unreadable: list[str] = Field(
        description="Why clips or storyboards could not be added, a sentence each."
    )
    message: str = Field(description="All of this in words.")


class Along:
    """The routes, over one studio."""

    def __init__(self, studio: Studio, settings: Settings) -> None:
        self._studio = studio
        self._settings = settings

    async def export(self, request: Request, owner: Owner) -> StreamingResponse:
        """A zip of takes: mp4s, posters, pictures, and library.json, which tells recipes, names,
        tags, notes and storyboards. The body is a form whose fields take and storyboard, as often
        as wanted, are ids; a storyboard comes with the takes of its shots. Without any, all takes
        come but drafts, and all storyboards."""
        if media_type(request) not in (_FORM, ""):
            raise HTTPException(
                415, f"Send a form ({_FORM}) with the fields take and storyboard, or nothing."
            )
        form = _ids(await read_body(request, _MOST_FORM))
        stream = self._studio.exporting.stream
        pieces = await asyncio.to_thread(stream, owner, form.get("take"), form.get("storyboard"))
        name = f"ltx-2-studio-{date.today()}.zip"
        headers = {
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        }
        return StreamingResponse(pieces, media_type=ZIPS[0], headers=headers)

    async def bring(self, request: Request, owner: Owner) -> BroughtAnswer:
        """Add the takes of a zip that /library/export made, here or elsewhere. The body is the zip
        itself. Takes that are here already are left as they are."""
        if media_type(request) not in ZIPS:
            raise HTTPException(415, f"Send one zip as the body, as {', '.join(ZIPS)}.")
        if is_visitor(owner):
            raise HTTPException(403, _OWNERS_ONLY)
        with scratch(self._settings.takes_dir / "upload.zip") as file:
            await self._receive(request, file)
            brought = await asyncio.to_thread(self._studio.importing.bring, file, owner)
        return _answer(brought)

    async def _receive(self, request: Request, target: Path) -> None:
        """Write a body to the disk, as it comes."""
        announced = request.headers.get("content-length", "0")
        if not announced.isdecimal():
            raise HTTPException(400, "Content-Length is not a number.")
        self._check_size(int(announced))
        size, piece = 0, bytearray()
        with target.open("wb") as file:
            async for chunk in request.stream():
                piece += chunk
                size += len(chunk)
                if len(piece) >= _PIECE:
                    self._check_size(size)
                    await asyncio.to_thread(file.write, piece)
                    piece = bytearray()
            await asyncio.to_thread(file.write, piece)

    def _check_size(self, size: int) -> None:
        """Refuse a zip that is too large, or for which, once unpacked, there is no room."""
        most = self._studio.importing.most_bytes
        if size > most:
            raise BodyTooLarge(
                f"The zip is larger than {most / 1e9:g} GB. Export fewer clips at once, or let "
                "whoever runs the studio allow more (--max-import-gb)."
            )
        if free_bytes(self._settings.takes_dir) < size + SPARE_BYTES:
            raise DiskFull(self._settings.takes_dir)

    async def share(self, request: Request, owner: Owner) -> HTMLResponse:
        """A take's recipe as a link and a QR code: a part of the page, in HTML."""
        asked = await read_json(request, _MOST_FORM)
        take = await asyncio.to_thread(
            self._studio.library.take, str(asked.get("take"))[:100], owner
        )
        return HTMLResponse(shared(take, _page(asked)))

    async def link(self, request: Request, owner: Owner) -> HTMLResponse:
        """What the part of a link behind # tells: a part of the page, in HTML. Browsers keep that
        part to themselves, so the page sends it as the body, of which no log is kept."""
        if media_type(request) != "text/plain":
            raise HTTPException(415, "Send what stands behind # in the link, as text/plain.")
        text = (await read_body(request, MOST_CHARACTERS + 100)).decode(errors="replace")
        found = await asyncio.to_thread(recall_link, text)
        return HTMLResponse(await asyncio.to_thread(linked, found))

    def router(self) -> APIRouter:
        """The routes for programs."""
        router = APIRouter()
        router.post(
            "/library/export",
            response_class=StreamingResponse,
            responses=error_answers(401, 403, 404, 415, 422)
            | {200: {"description": "The zip", "content": {ZIPS[0]: {}}}},
        )(self.export)
        zips: Mapping[str, Any] = {
            kind: {"schema": {"type": "string", "format": "binary"}} for kind in ZIPS
        }
        router.post(
            TO_DISK,
            openapi_extra={"requestBody": {"required": True, "content": zips}},
            responses=error_answers(401, 403, 409, 413, 415, 422),
        )(self.bring)
        return router

    def parts(self) -> APIRouter:
        """The routes for the page's script."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/recipe/share", self.share, methods=["POST"])
        router.add_api_route("/recipe/link", self.link, methods=["POST"])
        return router


def _ids(body: bytes | bytearray) -> Mapping[str, list[str]]:
    """The fields of a form that says what is to be exported."""
    form = parse_qs(body.decode(errors="replace"), keep_blank_values=True)
    if strange := next((name for name in form if name not in _EXPORTED), None):
        raise InvalidRecipe.because(
            strange[:60],
            f"{shown(strange)} is not a field of an export. Known: {', '.join(_EXPORTED)}. "
            "Without any, the whole library is exported.",
        )
    return form


def shared(take: Take, page: str) -> str:
    """HTML with the link to a take's recipe.

    Args:
        page: the studio's address, as its visitor sees it.
    """
    # A model of one's own is called by its folder, which is nobody's business.
    link = f"{page}#{as_fragment(take.recipe, take.model if take.model in CARDS else None)}"
    return render(
        "share.html",
        link=link,
        code=Markup(_code(link)) if len(link) <= MOST_IN_CODE else "",  # our SVG  # nosec B704
        here_only=_is_here_only(page),
        pictures=len(take.recipe.inputs.images),
    )


def linked(found: Recalled) -> str:
    """HTML that says what a link tells, with a button that uses it."""
    return render("linked.html", recipe=found.recipe, model=found.making.model, told=found.answer())


def _code(link: str) -> str:
    """A QR code as SVG, with the quiet zone that readers need."""
    code = segno.make_qr(link, error="l", boost_error=False)
    return code.svg_inline(omitsize=True, light="#fff", svgclass=None, lineclass=None)


def _page(asked: Mapping[str, Any]) -> str:
    page = asked.get("page")
    if not isinstance(page, str) or len(page) > _MOST_PAGE:
        raise InvalidRecipe.because("page", "page: send the address of the studio's page.")
    try:
        parts = urlsplit(page)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidRecipe.because("page", "page: send its address with http:// or https://.")
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _is_here_only(page: str) -> bool:
    name = urlsplit(page).hostname or ""
    return is_loopback(name) or name.endswith(".localhost")


def _answer(brought: Brought) -> BroughtAnswer:
    said = _shortened(brought.unreadable)
    counted = [("along.came", brought.came), ("along.here", brought.here)]
    counted += [("along.boards", brought.boards), ("along.boards_here", brought.boards_here)]
    counted += [("along.unreadable", len(brought.unreadable))]
    parts = [t(text, count=count) for text, count in counted if count or text == "along.came"]
    message = t("along.sentence", parts=t("along.comma").join(parts))
    return BroughtAnswer(
        came=brought.came,
        here=brought.here,
        storyboards=brought.boards,
        storyboards_here=brought.boards_here,
        unreadable=list(brought.unreadable),
        message=" ".join([message, *said]),
    )


def _shortened(sentences: Sequence[str]) -> list[str]:
    more = len(sentences) - _MOST_SAID
    return [*sentences[:_MOST_SAID], *([t("along.more", count=more)] if more > 0 else [])]
