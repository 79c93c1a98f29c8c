"""The whole of the versioned API."""

from __future__ import annotations

from fastapi import APIRouter

from ltx_ui.presets import Presets
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.web.api_v1.events import Watching
from ltx_ui.web.api_v1.images import Images
from ltx_ui.web.api_v1.jobs import Jobs
from ltx_ui.web.api_v1.loras import loras_router
from ltx_ui.web.api_v1.offers import Offers
from ltx_ui.web.api_v1.queue import queue_router
from ltx_ui.web.api_v1.takes import Takes
from ltx_ui.web.api_v1.workers import workers_router

PREFIX = "/api/v1"


def api_v1_router(
    studio: Studio, settings: Settings, presets: Presets, watching: Watching
) -> APIRouter:
    """All routes of the versioned API, over one studio.

    Args:
        watching: follows jobs for those who want their events.
    """
    router = APIRouter(prefix=PREFIX)
    for part in (
        Jobs(studio, settings, watching),
        Takes(studio, settings, presets),
        Images(studio, settings),
        Offers(studio, settings, presets),
    ):
        router.include_router(part.router())
    router.include_router(queue_router(studio))
    router.include_router(loras_router(studio))
    router.include_router(workers_router(studio))
    return router
