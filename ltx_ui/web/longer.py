"""The sheet from which the page has a take made longer. What it asks for is a job as programs ask
for it: its fields have the API's names, those of the film after a point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from ltx_ui.engine.models import ModelCard
from ltx_ui.extending import OVERLAP
from ltx_ui.geometry import TEMPORAL_COMPRESSION, whole_frames
from ltx_ui.given_films import MOST_SECONDS
from ltx_ui.inputs import EXTEND
from ltx_ui.recipe import MAX_FRAMES, MAX_PROMPT, Recipe
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.web.access import Owner
from ltx_ui.web.routing import add_get
from ltx_ui.web.templating import render

SECONDS = (1, 2, 3, 4, 5, 6, 8, 10)
"""How much longer a take may get at once, as far as a clip is long enough."""
_KEPT = ("negative_prompt", "num_inference_steps", "guidance_scale", "include_audio")
"""What the new part has of the take's recipe, beside the prompt."""


class Longer:
    """The route, over one studio."""

    def __init__(self, studio: Studio, settings: Settings) -> None:
        self._studio = studio
        self._most = settings.max_volume

    def sheet(self, take_id: str, owner: Owner) -> HTMLResponse:
        """The page's form for it, in HTML."""
        recipe = self._studio.library.take(take_id, owner).recipe
        overlap = min(OVERLAP, whole_frames(recipe.film_frames))
        limits = self._studio.limits(owner)
        most = min(self._most, limits.volume) if limits else self._most
        page = render(
            "longer.html",
            take=take_id,
            recipe=recipe,
            name=EXTEND,
            overlap=overlap,
            new_sound=bool(recipe.inputs.film and recipe.inputs.film.sound == "new"),
            lengths=_lengths(recipe, overlap, most),
            kept=kept_of(recipe, self._studio.model_card()),
            most=MOST_SECONDS,
            most_words=MAX_PROMPT,
        )
        return HTMLResponse(page, headers={"Cache-Control": "no-store"})

    def parts(self) -> APIRouter:
        """The route for the page."""
        router = APIRouter(include_in_schema=False)
        add_get(router, "/takes/{take_id}/extend", self.sheet, response_class=HTMLResponse)
        return router


def _lengths(recipe: Recipe, overlap: int, most_volume: int) -> Mapping[int, float]:
    """By how many seconds a take may get longer, by the number of frames to ask for."""
    area = recipe.width * recipe.height
    found = {}
    for seconds in SECONDS:
        new = round(seconds * recipe.fps / TEMPORAL_COMPRESSION) * TEMPORAL_COMPRESSION
        frames = new + overlap
        fits = frames <= MAX_FRAMES and area * frames <= most_volume
        if fits and recipe.film_frames + new <= MOST_SECONDS * recipe.fps:
            found[frames] = new / recipe.fps
    return found


def kept_of(recipe: Recipe, card: ModelCard | None) -> Mapping[str, Any]:
    """What a new part of a take has of its recipe, beside the prompt."""
    kept = {name: getattr(recipe, name) for name in _KEPT}
    if card is None or card.has_high:
        kept["mode"] = recipe.mode
    if card is None or card.has_upsampler:
        kept["two_stage"] = recipe.two_stage
    return kept
