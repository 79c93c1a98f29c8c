"""The model's licence, which visitors accept once before clips are made for them."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from pydantic import BaseModel, Field

from ltx_ui.studio.studio import Studio
from ltx_ui.web.access import Owner
from ltx_ui.web.api_v1.routes import add


class Licence(BaseModel):
    """The licence of the model that clips are made with."""

    title: str | None = Field(description="null until the model has been chosen.")
    url: str | None = Field(description="Where its text is.")
    to_accept: bool = Field(
        description="Whether you have to accept it before clips are made for you."
    )


def router(studio: Studio) -> APIRouter:
    """The routes, over one studio."""

    def get_licence(owner: Owner) -> Licence:
        """The model's licence, and whether you have to accept it."""
        model = studio.model_status()
        return Licence(
            title=model.licence or None,
            url=model.licence_url or None,
            to_accept=studio.licences.to_accept(owner, model),
        )

    async def accept_licence(owner: Owner) -> Licence:
        """Accept the model's licence, as visitors have to, once. The cookie of the answer stands
        for you from then on."""
        await asyncio.to_thread(studio.licences.accept, owner, studio.model_status())
        return await asyncio.to_thread(get_licence, owner)

    made = APIRouter(prefix="/api/v1", tags=["offers"])
    add(made, "GET HEAD", "/licence", get_licence)
    add(made, "POST", "/licence", accept_licence, 403, 503)
    return made
