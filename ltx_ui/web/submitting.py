"""How what a client asks for becomes a job, whichever way it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from ltx_ui.request import Request, parse_request
from ltx_ui.settings import Settings
from ltx_ui.studio.jobs import Job, Origin
from ltx_ui.studio.studio import Studio
from ltx_ui.web.decoding import decoding


async def submitted(
    studio: Studio,
    settings: Settings,
    data: Mapping[str, Any],
    owner: str,
    origin: Origin | None = None,
) -> Job:
    """Queue a recipe from untrusted data, without blocking the event loop.

    Args:
        data: the fields, as in the API's JSON.
        origin: the take that its takes come from, if its client named one.

    Raises:
        InvalidRecipe: a field has to change.
        StudioError: as :meth:`Studio.submit`.
    """
    asked = await asyncio.to_thread(parse_request, data, max_volume=settings.max_volume)
    if asked.files:
        return await decoding(_submit, studio, asked, owner, origin)
    return await asyncio.to_thread(_submit, studio, asked, owner, origin)


def _submit(studio: Studio, asked: Request, owner: str, origin: Origin | None) -> Job:
    """Store the pictures that a request carries, and queue its recipe."""
    add = studio.add_image
    stored = {field: add(file, field, owner).digest for field, file in asked.files.items()}
    return studio.submit(asked.recipe(stored), owner, origin=origin)
