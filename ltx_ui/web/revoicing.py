"""The sheet from which the page has a take get another sound, or none. What it asks for is a job as
programs ask for it: its fields have the API's names."""

from __future__ import annotations

import json

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from ltx_ui.inputs import AUDIO, PICTURE_OF, SOUND_FORMATS
from ltx_ui.recipe import MAX_FRAMES, MAX_PROMPT, MAX_SEED
from ltx_ui.studio.studio import Studio
from ltx_ui.web.access import Owner
from ltx_ui.web.given_sound import ACCEPTED
from ltx_ui.web.longer import kept_of
from ltx_ui.web.routing import add_get
from ltx_ui.web.templating import render

_LISTED = 30
"""Takes whose sound may be chosen: the latest."""
_LEFT = ("include_audio", "two_stage")
"""What the sheet, or the film, decides."""


class Revoicing:
    """The route, over one studio."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def sheet(self, take_id: str, owner: Owner) -> HTMLResponse:
        """The page's form for it, in HTML."""
        recipe = self._studio.library.take(take_id, owner).recipe
        kept = kept_of(recipe, self._studio.model_card())
        others = {
            json.dumps({"take": take.id}): take
            for take in self._studio.library.takes(owner, limit=_LISTED)
            if take.recipe.include_audio and not take.missing and take.id != take_id
        }
        page = render(
            "revoicing.html",
            take=take_id,
            recipe=recipe,
            name=PICTURE_OF,
            sound=AUDIO,
            others=others,
            kept={name: value for name, value in kept.items() if name not in _LEFT},
            by_model=recipe.film_frames <= MAX_FRAMES,
            accept=ACCEPTED,
            formats=SOUND_FORMATS,
            most_words=MAX_PROMPT,
            most_seed=MAX_SEED,
        )
        return HTMLResponse(page, headers={"Cache-Control": "no-store"})

    def parts(self) -> APIRouter:
        """The route for the page."""
        router = APIRouter(include_in_schema=False)
        add_get(router, "/takes/{take_id}/sound", self.sheet, response_class=HTMLResponse)
        return router
