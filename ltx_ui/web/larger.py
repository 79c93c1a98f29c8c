"""The sheet from which the page has a take made larger. What it asks for is a job as programs ask
for it: its fields have the API's names."""

from __future__ import annotations

import json

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from ltx_ui.errors import InvalidRecipe
from ltx_ui.inputs import UPSCALE
from ltx_ui.recipe import MAX_FRAMES, MAX_PROMPT, MAX_SIDE, Recipe
from ltx_ui.studio.studio import Studio
from ltx_ui.upscaling import TIMES
from ltx_ui.web.access import Owner
from ltx_ui.web.language import t
from ltx_ui.web.routing import add_get
from ltx_ui.web.templating import render


class Larger:
    """The route, over one studio."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def sheet(self, take_id: str, owner: Owner) -> HTMLResponse:
        """The page's form for it, in HTML."""
        recipe = self._studio.library.take(take_id, owner).recipe
        page = render(
            "larger.html",
            recipe=recipe,
            name=UPSCALE,
            film=json.dumps({"take": take_id}),
            size=f"{TIMES * recipe.width}x{TIMES * recipe.height}",
            problem=self._problem(recipe),
            most_words=MAX_PROMPT,
        )
        return HTMLResponse(page, headers={"Cache-Control": "no-store"})

    def _problem(self, recipe: Recipe) -> str:
        """Why a take can't be made larger here; empty where it can."""
        if recipe.film_frames > MAX_FRAMES:
            return t("upscale.too_long", most=f"{MAX_FRAMES / recipe.fps:.1f} s")
        if TIMES * max(recipe.width, recipe.height) > MAX_SIDE:
            return t("upscale.too_large", most=str(MAX_SIDE))
        card = self._studio.model_card()
        if card is not None:
            try:
                card.check(recipe.model_copy(update={"two_stage": True}))
            except InvalidRecipe as error:
                return str(error)
        return ""

    def parts(self) -> APIRouter:
        """The route for the page."""
        router = APIRouter(include_in_schema=False)
        add_get(router, "/takes/{take_id}/upscale", self.sheet, response_class=HTMLResponse)
        return router
