"""Links to takes, by which they are given away: made, listed and taken back."""

from __future__ import annotations

import asyncio
from datetime import datetime

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from ltx_ui.studio.studio import Studio
from ltx_ui.studio.take_links import TakeLink
from ltx_ui.web.access import Owner
from ltx_ui.web.api_v1.routes import TakeId, add, body
from ltx_ui.web.api_v1.tokens import MOST_DAYS, expiry
from ltx_ui.web.bodies import read_json, validated
from ltx_ui.web.given import Given

_MOST_BYTES = 10_000


class LinkAsked(BaseModel):
    """A link to be made."""

    model_config = ConfigDict(extra="forbid", strict=True)

    expires_in_days: int | None = Field(
        None, ge=1, le=MOST_DAYS, description="After so many days it leads nowhere; null: never."
    )


class LinkAnswer(BaseModel):
    """A link by which whoever has it sees one take."""

    id: str
    url: str = Field(description="A page with the clip, its title and its prompt, and a download.")
    created_at: datetime
    expires_at: datetime | None


class LinksAnswer(BaseModel):
    """The links to a take that lead somewhere, oldest first."""

    links: list[LinkAnswer]


def router(studio: Studio, given: Given) -> APIRouter:
    """The routes, over one studio."""

    def told(link: TakeLink, request: Request) -> LinkAnswer:
        url = given.url(link.id, request)
        return LinkAnswer(
            id=link.id, url=url, created_at=link.created_at, expires_at=link.expires_at
        )

    async def make_link(request: Request, take_id: TakeId, owner: Owner) -> LinkAnswer:
        """Make a link to a take, for others to see it without signing in. They see its prompt, and
        its mp4 tells its recipe."""
        asked = validated(LinkAsked, await read_json(request, _MOST_BYTES))
        ends = expiry(asked.expires_in_days)
        link = await asyncio.to_thread(studio.take_links.make, take_id, owner, ends)
        return told(link, request)

    def list_links(request: Request, take_id: TakeId, owner: Owner) -> LinksAnswer:
        """The links to a take that lead somewhere."""
        found = studio.take_links.all(take_id, owner)
        return LinksAnswer(links=[told(link, request) for link in found])

    def revoke_link(take_id: TakeId, link_id: str, owner: Owner) -> Response:
        """Take a link back. Whoever has it finds nothing there from then on."""
        studio.take_links.revoke(take_id, link_id, owner)
        return Response(status_code=204)

    made = APIRouter(prefix="/api/v1/takes/{take_id}", tags=["takes"])
    add(
        *(made, "POST", "/links", make_link, 403, 404, 409, 413, 415, 422),
        status_code=201,
        openapi_extra=body("LinkAsked"),
    )
    add(made, "GET HEAD", "/links", list_links, 404)
    add(
        *(made, "DELETE", "/links/{link_id}", revoke_link, 403, 404, 422),
        status_code=204,
        response_class=Response,
    )
    return made
