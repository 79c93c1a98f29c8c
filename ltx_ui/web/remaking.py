"""The sheet from which the page has a part of a take made again. What it asks for is a job as
programs ask for it: its fields have the API's names, those of the part after a point."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from ltx_ui.geometry import TEMPORAL_COMPRESSION, latent_frames, whole_frames
from ltx_ui.inputs import RETAKE
from ltx_ui.recipe import MAX_FRAMES, MAX_PROMPT, MAX_SEED
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.web.access import Owner
from ltx_ui.web.longer import kept_of
from ltx_ui.web.routing import add_get
from ltx_ui.web.templating import render

REGIONS: Mapping[str, str] = {
    "retake.all": "",
    "retake.left": "0, 0, 0.5, 1",
    "retake.right": "0.5, 0, 0.5, 1",
    "retake.top": "0, 0, 1, 0.5",
    "retake.bottom": "0, 0.5, 1, 0.5",
    "retake.middle": "0.25, 0.25, 0.5, 0.5",
}
"""Where in the picture a part may be made again, each after its text."""


class Remaking:
    """The route, over one studio."""

    def __init__(self, studio: Studio, settings: Settings) -> None:
        self._studio = studio
        self._most = settings.max_volume

    def sheet(self, take_id: str, owner: Owner) -> HTMLResponse:
        """The page's form for it, in HTML."""
        recipe = self._studio.library.take(take_id, owner).recipe
        limits = self._studio.limits(owner)
        volume = min(self._most, limits.volume) if limits else self._most
        fits = whole_frames(volume // (recipe.width * recipe.height))
        eights = latent_frames(recipe.film_frames) // 3 * TEMPORAL_COMPRESSION
        page = render(
            "remaking.html",
            take=take_id,
            recipe=recipe,
            name=RETAKE,
            start=eights + 1,
            end=max(2 * eights + 1, eights + 2),
            sampled=min(fits, MAX_FRAMES, whole_frames(recipe.film_frames)),
            regions=REGIONS,
            kept=kept_of(recipe, self._studio.model_card()),
            most_words=MAX_PROMPT,
            most_seed=MAX_SEED,
        )
        return HTMLResponse(page, headers={"Cache-Control": "no-store"})

    def parts(self) -> APIRouter:
        """The route for the page."""
        router = APIRouter(include_in_schema=False)
        add_get(router, "/takes/{take_id}/retake", self.sheet, response_class=HTMLResponse)
        return router
