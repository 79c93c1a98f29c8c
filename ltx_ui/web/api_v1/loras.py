"""The LoRAs in the operator's folder, for programs."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from ltx_ui.studio.lora_folder import Lora
from ltx_ui.studio.studio import Studio
from ltx_ui.web.api_v1.routes import add


class LoraFile(BaseModel):
    """A LoRA that a recipe may name."""

    name: str = Field(description="What loras of a recipe take.")
    sha256: str = Field(
        description="Of its file. name@sha256 in a recipe is refused once the file is another one."
    )
    bytes: int
    rank: int | None = Field(description="The largest rank of its layers; null if unreadable.")
    trigger_words: list[str] = Field(description="What calls up what it was trained on.")
    fits: list[str] = Field(
        description="Models that it is known to fit: the loaded one, or none until it is loaded."
    )
    follows_film: bool = Field(
        description="Whether it is an IC-LoRA, by which a clip follows the film that control names."
    )
    reference_downscale_factor: int | None = Field(
        description="How many times as wide as that film the clip is; null for any other LoRA."
    )
    layers: int = Field(description="Layers that it changes.")
    matched_layers: int = Field(description="Those of them that the loaded model has.")
    usable: bool
    why_not: str | None = Field(description="Why it can't be used.")


class LoraFiles(BaseModel):
    """All LoRAs, by their names."""

    items: list[LoraFile]


def loras_router(studio: Studio) -> APIRouter:
    """The route, over one studio."""

    def told(lora: Lora) -> LoraFile:
        return LoraFile(
            name=lora.name,
            sha256=studio.loras.sha256(lora),
            bytes=lora.bytes,
            rank=lora.rank or None,
            trigger_words=list(lora.words),
            fits=list(lora.fits),
            follows_film=lora.factor > 0,
            reference_downscale_factor=lora.factor or None,
            layers=lora.layers,
            matched_layers=lora.matched,
            usable=bool(lora.fits),
            why_not=lora.why_not or None,
        )

    def list_loras() -> LoraFiles:
        """The LoRAs in the studio's folder, those that can't be used among them."""
        return LoraFiles(items=[told(lora) for lora in studio.loras.all()])

    router = APIRouter(tags=["offers"])
    add(router, "GET HEAD", "/loras", list_loras)
    return router
