"""Prompts said in more words: for programs, and on the page a sheet with what that changes."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import ClientDisconnect

from ltx_ui.enhancing import Kind, Suggestion
from ltx_ui.phrases import Words
from ltx_ui.presets import Presets
from ltx_ui.recipe import MAX_PROMPT, MAX_SEED
from ltx_ui.studio.errands import Errand
from ltx_ui.studio.studio import Studio
from ltx_ui.values import is_blank
from ltx_ui.web.access import Owner
from ltx_ui.web.api_v1.routes import add, body
from ltx_ui.web.bodies import read_json, validated
from ltx_ui.web.decoding import decoding
from ltx_ui.web.templating import render

_MOST_BYTES = 8 * MAX_PROMPT + 1_000
_ASKS_SECONDS = 0.1
"""How often it is looked whether the client is still there."""


class PromptToEnhance(BaseModel):
    """A prompt that is to be said in more words."""

    model_config = ConfigDict(extra="forbid")

    prompt: Annotated[
        str,
        Field(
            strict=True,
            min_length=1,
            max_length=MAX_PROMPT,
            description="Passages in quotes, names with an @, choices in braces and words for the "
            "camera stay as they are.",
        ),
    ]
    seed: Annotated[
        int | None,
        Field(
            strict=True,
            ge=0,
            le=MAX_SEED,
            description="The same prompt and seed give the same suggestion; drawn if left out.",
        ),
    ] = None
    image_start: Annotated[
        str | None,
        Field(
            strict=True,
            max_length=100,
            description="The digest of the picture that the clip starts from: what moves in it is "
            "described, and not what is seen in it anyway.",
        ),
    ] = None


class PromptPiece(BaseModel):
    """Some words, and whether they are in both prompts or in one of them alone."""

    kind: Kind
    text: str


class EnhancedPrompt(BaseModel):
    """A suggestion. Nothing is made of it until you send it as a clip's prompt."""

    prompt: str = Field(description="The suggestion.")
    before: str = Field(description="What was sent, on one line.")
    seed: int
    put_back: list[str] = Field(
        description="What the model had left out or changed that has to stay, and was put back."
    )
    difference: list[PromptPiece] = Field(
        description="All words of both, in order. Those that are not removed are the suggestion."
    )


class Enhance:
    """The routes, over one studio."""

    def __init__(self, studio: Studio, presets: Presets) -> None:
        self._studio = studio
        self._presets = presets

    async def enhance_prompt(self, request: Request, owner: Owner) -> EnhancedPrompt:
        """Have the model's own text encoder say a prompt in more words. It does so between two
        clips; who hangs up ends it. Models whose text encoder can't write answer 409."""
        found = await self._suggestion(request, owner)
        return EnhancedPrompt(
            prompt=found.text,
            before=found.before,
            seed=found.seed,
            put_back=list(found.put_back),
            difference=[PromptPiece(kind=each.kind, text=each.text) for each in found.difference],
        )

    async def sheet(self, request: Request, owner: Owner) -> HTMLResponse:
        """The page's suggestion, in HTML."""
        found = await self._suggestion(request, owner)
        page = render("enhanced.html", found=found, most=MAX_PROMPT)
        return HTMLResponse(page, headers={"Cache-Control": "no-store"})

    def router(self) -> APIRouter:
        """The route for programs."""
        router = APIRouter(prefix="/api/v1", tags=["jobs"])
        add(
            *(router, "POST", "/enhance", self.enhance_prompt),
            *(403, 409, 413, 415, 422, 429, 503, 507),
            openapi_extra=body("PromptToEnhance", _EXAMPLES),
        )
        return router

    def parts(self) -> APIRouter:
        """The route for the page."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route(
            "/prompt/enhanced", self.sheet, methods=["POST"], response_class=HTMLResponse
        )
        return router

    async def _suggestion(self, request: Request, owner: str) -> Suggestion:
        asked = validated(PromptToEnhance, await read_json(request, _MOST_BYTES))
        run = asyncio.to_thread if is_blank(asked.image_start) else decoding
        errand = await run(self._ask, asked, owner)
        done = asyncio.wrap_future(errand.done)
        done.add_done_callback(_looked_at)
        try:
            while not (await asyncio.wait([done], timeout=_ASKS_SECONDS))[0]:
                if await request.is_disconnected():
                    raise ClientDisconnect
            suggestion: Suggestion = await done
            return suggestion
        finally:
            errand.stop()

    def _ask(self, asked: PromptToEnhance, owner: str) -> Errand:
        image = None if is_blank(asked.image_start) else asked.image_start
        return self._studio.enhancing.ask(
            *(asked.prompt, owner, self._camera), seed=asked.seed, image=image
        )

    @property
    def _camera(self) -> Words:
        card = self._studio.model_card()
        own = card.vocabulary if card else None
        return self._presets.vocabulary.camera + (own.camera if own else ())


def _looked_at(done: asyncio.Future[Suggestion]) -> None:
    """Nobody may be left to be told of an error, and that is none of the event loop's."""
    if not done.cancelled():
        done.exception()


_EXAMPLES = {
    "said": {
        "summary": "What is said stays as it is",
        "value": {"prompt": 'A baker opens the shop and says: "Fresh bread!" Slow pan.'},
    },
    "picture": {
        "summary": "For a clip that starts from a picture",
        "value": {"prompt": "She turns around and laughs", "image_start": f"sha256:{64 * '0'}"},
    },
}
