"""Takes fit for posting: an mp4 as a platform takes it, made when it is asked for, and the sheet
from which the page asks for it."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from ltx_ui.errors import InvalidParameter
from ltx_ui.media.posting import Extend, Fill, Post, write_post
from ltx_ui.presets import Posting, Presets
from ltx_ui.publishing import seconds_for
from ltx_ui.studio.studio import Studio
from ltx_ui.studio.takes import Take
from ltx_ui.web.access import Owner
from ltx_ui.web.api_v1.routes import TakeId, add
from ltx_ui.web.made_films import MadeFilms
from ltx_ui.web.routing import add_get
from ltx_ui.web.templating import render


class Asked(BaseModel):
    """How a take is to be exported."""

    model_config = ConfigDict(extra="forbid")

    for_: str = Field(
        alias="for",
        max_length=20,
        description="The platform: tiktok, reels, shorts or x, unless the operator offers others.",
    )
    fill: Fill = Field(
        "crop",
        description="Where the shapes differ: cut at the edges, or all of it with itself blurred "
        "or black around it.",
    )
    extend: Extend = Field(
        "none",
        description="How a clip that is too short for the platform gets longer: from its start "
        "again, or back and forth.",
    )
    loudness: bool = Field(True, description="Bring the sound to -16 LUFS, peaks to -1 dB or less.")
    sound: bool = Field(True, description="Off: without sound.")
    recipe: bool = Field(False, description="On: the file tells how the clip was made.")


class Exports:
    """The routes, over one studio."""

    def __init__(self, studio: Studio, made: MadeFilms, presets: Presets) -> None:
        self._library = studio.library
        self._made = made
        self._presets = presets

    async def export_take(
        self, request: Request, take_id: TakeId, owner: Owner, asked: Annotated[Asked, Query()]
    ) -> Response:
        """A take's clip as a platform takes it: its size, length and loudness. It is made when it
        is asked for; the take stays as it is."""
        platform = self._platform(asked.for_)
        take = await asyncio.to_thread(self._library.take, take_id, owner)
        video = await asyncio.to_thread(self._library.video, take_id, owner)
        post = self._post(take, platform, asked)
        name = f"ltx2-{take.recipe.seed}-{take.id[:8]}-{platform.id}.mp4"
        return await self._made.film(
            request, lambda target, stop: write_post(video, target, post, stop), name
        )

    def sheet(self, take_id: str, owner: Owner) -> HTMLResponse:
        """The page's form for it, in HTML."""
        take = self._library.take(take_id, owner)
        least = {each.platform: seconds_for(each, self._presets) for each in self._presets.posting}
        short: dict[float, list[str]] = {}
        for name, lasts in least.items():
            if lasts > take.recipe.duration:
                short.setdefault(lasts, []).append(name)
        page = render("posting.html", take=take.id, platforms=self._presets.posting, short=short)
        return HTMLResponse(page, headers={"Cache-Control": "no-store"})

    def _platform(self, name: str) -> Posting:
        known = {each.id: each for each in self._presets.posting}
        if name not in known:
            raise InvalidParameter.because(
                "for", f"for: is not a platform that is known; there are {', '.join(known)}."
            )
        return known[name]

    def _post(self, take: Take, platform: Posting, asked: Asked) -> Post:
        width, height = platform.width, platform.height
        if platform.turns and take.recipe.width > take.recipe.height:
            width, height = height, width
        return Post(
            width=width,
            height=height,
            fill=asked.fill,
            extend=asked.extend,
            seconds=seconds_for(platform, self._presets),
            fps=platform.fps,
            lufs=platform.lufs if asked.loudness else None,
            peak=platform.peak,
            sound=asked.sound,
            recipe=asked.recipe,
        )

    def router(self) -> APIRouter:
        """The route for programs."""
        router = APIRouter(tags=["takes"])
        content = {"video/mp4": {"schema": {"type": "string", "format": "binary"}}}
        add(
            *(router, "GET", "/api/v1/takes/{take_id}/export", self.export_take, 404, 409, 422),
            answers={200: {"description": "The mp4", "content": content}},
            response_class=FileResponse,
        )
        return router

    def parts(self) -> APIRouter:
        """The route for the page."""
        router = APIRouter(include_in_schema=False)
        add_get(router, "/takes/{take_id}/posting", self.sheet, response_class=HTMLResponse)
        return router
