"""What the tools answer with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from ltx_ui.presets import Format, Preset, rounded_seconds
from ltx_ui.request import request_data
from ltx_ui.studio.jobs import Cancelling, Failed, Job, Queued, Running, StateName
from ltx_ui.studio.takes import Take


class TakeAnswer(BaseModel):
    """A finished clip."""

    id: str
    prompt: str
    seed: int = Field(description="The same seed with the same settings makes the same clip.")
    size: str = Field(description="Width and height in pixels, as in 288x512.")
    seconds: float
    model: str
    made_at: str
    favourite: bool
    name: str
    tags: list[str]
    notes: list[str] = Field(description="What was done otherwise than asked.")
    video: str = Field(description="The mp4's address; needs the same key as this tool.")
    poster: str = Field(description="The still picture's address (JPEG).")


class WholeTake(TakeAnswer):
    """A finished clip with all that defines it."""

    recipe: dict[str, Any] = Field(description="As POST /jobs takes it.")


class JobAnswer(BaseModel):
    """A clip that waits, is being made, or has ended."""

    job_id: str
    state: StateName
    fraction: float = Field(description="How much of it is done, 0 to 1.")
    place: int | None = Field(None, description="Its place in the queue while it waits; 1 is next.")
    seconds_left: float | None = Field(None, description="Until it is begun, or done.")
    message: str | None = Field(None, description="Why it failed, or what to do next.")
    takes: list[TakeAnswer] = Field(description="The clips that are made.")


class FoundTakes(BaseModel):
    """Clips that were found, the newest first."""

    takes: list[TakeAnswer]
    total: int = Field(description="How many there are in all.")
    next: int | None = Field(None, description="What after takes for more; null at the end.")


class PresetAnswer(BaseModel):
    """A named bundle of settings."""

    id: str
    name: str
    note: str
    needs_picture: bool
    size: str
    seconds: float
    num_inference_steps: int
    guidance_scale: float


class FormatAnswer(BaseModel):
    """A named size."""

    name: str
    size: str
    note: str


class Choices(BaseModel):
    """What generate_clip may be asked for by name."""

    presets: list[PresetAnswer]
    formats: list[FormatAnswer]
    model: str = Field(description="The model that is loaded.")


def take_answer(take: Take, base_url: str) -> TakeAnswer:
    """A take, with addresses that begin with this one."""
    return TakeAnswer(
        id=take.id,
        prompt=take.recipe.prompt,
        seed=take.recipe.seed,
        size=take.recipe.resolution,
        seconds=round(take.recipe.duration, 2),
        model=take.model,
        made_at=take.created_at.isoformat(timespec="seconds"),
        favourite=take.favourite,
        name=take.name,
        tags=list(take.tags),
        notes=list(take.notes),
        video=f"{base_url}takes/{take.id}.mp4",
        poster=f"{base_url}takes/{take.id}/poster",
    )


def whole_take(take: Take, base_url: str) -> WholeTake:
    """A take with its recipe."""
    known = take_answer(take, base_url).model_dump()
    return WholeTake(**known, recipe=request_data(take.recipe))


def job_answer(job: Job, takes: Sequence[Take], base_url: str) -> JobAnswer:
    """A job with those of its takes that are here."""
    place = seconds_left = message = None
    fraction = 0.0
    match job.state:
        case Queued() as queued:
            place, seconds_left = queued.place, queued.seconds_left
            message = _why_it_waits(queued)
        case Running() as running:
            fraction, seconds_left = running.fraction, running.seconds_left
            message = "It is still being made. Ask job_status for it again in a while."
        case Cancelling(reached):
            fraction = reached
        case Failed(why):
            message = why
    return JobAnswer(
        job_id=job.id,
        state=job.state.name,
        fraction=1.0 if job.state.name == "done" else round(fraction, 3),
        place=place,
        seconds_left=seconds_left,
        message=message,
        takes=[take_answer(take, base_url) for take in takes],
    )


def preset_answer(preset: Preset, settings: dict[str, Any]) -> PresetAnswer:
    """A preset, with all settings that it means."""
    return PresetAnswer(
        id=preset.id,
        name=preset.name,
        note=preset.note,
        needs_picture=preset.needs_reference,
        size=f"{settings['width']}x{settings['height']}",
        seconds=rounded_seconds(settings["num_frames"], settings["fps"]),
        num_inference_steps=settings["num_inference_steps"],
        guidance_scale=settings["guidance_scale"],
    )


def format_answer(known: Format) -> FormatAnswer:
    """A format."""
    return FormatAnswer(name=known.name, size=f"{known.width}x{known.height}", note=known.note)


def _why_it_waits(queued: Queued) -> str:
    if queued.waits_for:
        return f"It waits until the studio runs {queued.waits_for}."
    if queued.paused:
        return "It waits because its owner has paused the queue."
    if queued.held:
        return "It waits because the studio's owner has paused the queue for everybody."
    return "It waits for its turn. Ask job_status for it again in a while."
