"""What may be asked for: presets, formats, the model, and the limits of who asks."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from ltx_ui.inputs import FORMATS
from ltx_ui.presets import Presets
from ltx_ui.recipe import MAX_FRAMES, MAX_PROMPT, MAX_SIDE, MAX_TAKES, MIN_FRAMES, MIN_SIDE
from ltx_ui.request import bounds, choices
from ltx_ui.settings import Settings
from ltx_ui.studio.guard import places_for
from ltx_ui.studio.model_loader import ModelStatus
from ltx_ui.studio.studio import Studio
from ltx_ui.web.access import Owner
from ltx_ui.web.api import AUTO
from ltx_ui.web.api_v1 import schemas
from ltx_ui.web.api_v1.routes import add


class Preset(BaseModel):
    """A named bundle of settings."""

    id: str
    name: str
    note: str
    needs_reference: bool = Field(description="Whether it is meant for clips from a picture.")
    default: bool
    settings: dict[str, Any] = Field(description="Fields of a recipe, to be sent with a prompt.")


class PresetList(BaseModel):
    """All presets, in their order."""

    items: list[Preset]


class Format(BaseModel):
    """A named size."""

    name: str
    width: int
    height: int
    aspect: str
    note: str
    recommended: bool
    settings: dict[str, Any] = Field(description="Fields of a recipe.")


class FormatList(BaseModel):
    """All formats that the model makes, in their order."""

    items: list[Format]


class Bounds(BaseModel):
    """The least and the greatest number that is taken."""

    least: float
    most: float


class Limits(BaseModel):
    """What you may ask for. null: there is no such limit for you."""

    prompt_characters: int
    frames: list[int] = Field(description="All numbers of frames that a clip may have.")
    sides: Bounds = Field(description="Of width and height, which are even.")
    fps: list[int]
    steps: Bounds
    guidance: Bounds
    takes: int = Field(description="Most takes of a job.")
    volume: int = Field(description="Most width × height × frames.")
    waiting: int = Field(description="Jobs that may wait when you add one, of all people.")
    clips_at_once: int | None = Field(description="Your takes that may wait or run at once.")
    minutes_a_day: float | None = Field(description="Of the studio's work for you.")
    minutes_left: float | None = Field(description="Of those of today.")
    image_megabytes: float
    image_formats: str


class Offers:
    """The routes for what may be asked for, over one studio."""

    def __init__(self, studio: Studio, settings: Settings, presets: Presets) -> None:
        self._studio = studio
        self._settings = settings
        self._presets = presets

    def list_presets(self) -> PresetList:
        """The presets that the page offers."""
        given = self._presets
        return PresetList(
            items=[
                Preset(
                    id=each.id,
                    name=each.name,
                    note=each.note,
                    needs_reference=each.needs_reference,
                    default=each.id == given.default_preset,
                    settings=each.settings,
                )
                for each in given.presets
            ]
        )

    def list_formats(self) -> FormatList:
        """The formats that the page offers."""
        card = self._studio.model_card()
        found = self._presets.formats_for(has_upsampler=card is None or card.has_upsampler)
        same = ("name", "width", "height", "aspect", "note", "recommended", "settings")
        return FormatList(
            items=[Format(**{name: getattr(each, name) for name in same}) for each in found]
        )

    def list_models(self) -> schemas.Models:
        """The model that clips are made with: there is one at a time."""
        return schemas.Models(items=[self._model(self._studio.model_status())])

    def get_limits(self, owner: Owner) -> Limits:
        """What you may ask for."""
        given, card = self._settings, self._studio.model_card()
        visits = self._studio.limits(owner)
        least, most = bounds("num_inference_steps")
        if card and card.fixed_steps:
            least = most = card.fixed_steps
        elif visits:
            most = min(most, visits.steps)
        low, high = bounds("guidance_scale")
        volume = min(given.max_volume, visits.volume) if visits else given.max_volume
        return Limits(
            prompt_characters=MAX_PROMPT,
            frames=list(range(MIN_FRAMES, MAX_FRAMES + 1, 8)),
            sides=Bounds(least=MIN_SIDE, most=MAX_SIDE),
            fps=list(choices("fps")),
            steps=Bounds(least=least, most=most),
            guidance=Bounds(least=low, most=high),
            takes=MAX_TAKES,
            volume=volume,
            waiting=places_for(owner, given.max_queue),
            clips_at_once=visits.clips if visits else None,
            minutes_a_day=visits.minutes if visits else None,
            minutes_left=visits.minutes_left if visits else None,
            image_megabytes=given.max_image_mb,
            image_formats=FORMATS,
        )

    def router(self) -> APIRouter:
        """All of the routes."""
        router = APIRouter(tags=["offers"])
        for path, answer in (
            ("/presets", self.list_presets),
            ("/formats", self.list_formats),
            ("/models", self.list_models),
            ("/limits", self.get_limits),
        ):
            add(router, "GET HEAD", path, answer)
        return router

    def _model(self, status: ModelStatus) -> schemas.Model:
        known, card = status.model != AUTO, self._studio.model_card()
        return schemas.Model(
            id=status.model if known else None,
            title=status.title if known else None,
            state=status.state,
            message=status.message,
            fraction=status.fraction,
            demo=status.demo if known else None,
            device=status.device,
            licence=status.licence or None,
            licence_url=status.licence_url or None,
            fixed_steps=card.fixed_steps if card else None,
            modes=["standard", "high"] if card and card.has_high else ["standard"],
            two_stage=card is not None and card.has_upsampler,
        )
