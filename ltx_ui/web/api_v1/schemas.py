"""What the versioned API answers with, as models: the documentation is derived from them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ltx_ui.clip import Stage
from ltx_ui.inputs import (
    CONTROL,
    EXTEND,
    PICTURE_OF,
    RETAKE,
    UPSCALE,
    ControlKind,
    Direction,
    OfSound,
    SoundOn,
)
from ltx_ui.loras import LEAST_STRENGTH, MOST_STRENGTH
from ltx_ui.recipe import ClipFields
from ltx_ui.recipe import Recipe as StoredRecipe
from ltx_ui.request import request_data
from ltx_ui.studio import jobs, takes
from ltx_ui.studio.jobs import Cancelling, Done, Failed, Queued, Running, StateName

Digest = Annotated[str, Field(pattern="^sha256:[0-9a-f]{64}$")]
Id = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Extended(BaseModel):
    """A film that a clip goes on from."""

    video: Digest = Field(description="The stored film.")
    direction: Direction = Field(description="after the film, or before it.")
    overlap: int = Field(description="How many of num_frames are the film's.")
    sound: SoundOn = Field(description="continue: the film's goes on. new: sound of its own.")


class Retaken(BaseModel):
    """A film of which a part is made again."""

    video: Digest = Field(description="The stored film.")
    start_frame: int = Field(description="The first frame that is made again, counted from 0.")
    end_frame: int = Field(description="The first one after it that stays.")
    sound: OfSound = Field(description="new: made again with the picture. keep: the film's.")
    region: list[Fraction] | None = Field(
        None, description="What of the picture: left, top, width and height, in shares of it."
    )
    mask: Digest | None = Field(None, description="Likewise: a picture that is white there.")


class Revoiced(BaseModel):
    """A film that gets another sound."""

    video: Digest = Field(description="The stored film.")


class Upscaled(BaseModel):
    """A film that a clip makes larger."""

    video: Digest = Field(description="The stored film.")


class Followed(BaseModel):
    """A film that a clip follows, by an IC-LoRA."""

    video: Digest = Field(description="The stored film.")
    kind: ControlKind = Field(description="given: as it is. canny: its edges, drawn here.")
    strength: float = Field(ge=0, le=1, description="How closely; at 0 it has no effect.")
    start: float = Field(description="Seconds into the film where the clip begins.")


class Lora(BaseModel):
    """A LoRA of a recipe."""

    name: str = Field(description="With @ and its file's SHA-256 after it, once that is known.")
    strength: float = Field(ge=LEAST_STRENGTH, le=MOST_STRENGTH)


class Keyframe(BaseModel):
    """A picture at a frame of the clip."""

    image: Digest
    frame: int = Field(ge=-1, description="0 is the first one, -1 the last.")
    strength: Fraction
    focus: list[Fraction] = Field(min_length=2, max_length=2)


class Recipe(ClipFields):
    """All that defines a clip, as ``POST /api/v1/jobs`` takes it: files by their digests."""

    image_start: Digest | None = Field(description="The first frame's picture.")
    image_end: Digest | None = Field(description="The last frame's picture.")
    image_start_focus: list[Fraction] = Field(min_length=2, max_length=2)
    image_end_focus: list[Fraction] = Field(min_length=2, max_length=2)
    image_strength: Fraction
    audio: Digest | None = Field(None, description="The sound that the clip is made to.")
    audio_strength: Fraction = 1.0
    audio_start: float = Field(0.0, ge=0, description="Seconds into it where the clip begins.")
    loras: list[Lora] = Field([], description="LoRAs that it is made with.")
    keyframes: list[Keyframe] = Field(description="Pictures at other frames, or of other strength.")
    extend: Extended | None = Field(None, description="The film that it goes on from.")
    retake: Retaken | None = Field(None, description="The film of which a part is made again.")
    picture_of: Revoiced | None = Field(None, description="The film whose picture it keeps.")
    upscale: Upscaled | None = Field(None, description="The film that it makes larger.")
    control: Followed | None = Field(None, description="The film that it follows.")


class TakeLinks(BaseModel):
    """Where a take and its files are."""

    id: Id
    href: str = Field(description="The take as JSON.")
    video: str = Field(description="Its mp4; ranges work.")
    poster: str = Field(description="A still picture, JPEG; smaller with w=320 or w=640.")


class Progress(BaseModel):
    """How far a job is."""

    id: Id
    state: StateName = Field(
        description="queued → running → done, failed or cancelled. cancelling: it was asked to "
        "stop and ends at its next step."
    )
    place: int | None = Field(
        description="While it waits: 1 is next; 0 for one that is paused or waits for a model."
    )
    paused: bool = Field(description="Whether its owner has paused their jobs.")
    held: bool = Field(description="Whether the studio's owner has paused the queue for everybody.")
    waits_for: str | None = Field(description="The model that it waits for, if not the loaded one.")
    elsewhere: bool = Field(
        description="Whether another process on the same database has it. How far it is, is not "
        "known here then, and it can't be moved from here."
    )
    stage: Stage | None = Field(description="While it runs: what is being done.")
    step: int = Field(ge=0, description="Steps of the present take that are done.")
    steps: int = Field(ge=0, description="Steps that the stage has; 0 where it has none.")
    take: int | None = Field(description="While it runs: which of its takes is made, from 1.")
    fraction: Fraction = Field(description="How much of it is done.")
    seconds_left: float | None = Field(
        description="Seconds until it begins, while it waits; until it is done, while it runs. "
        "null while unknown."
    )
    message: str | None = Field(description="Why it failed.")
    takes: list[TakeLinks] = Field(description="Its takes that are kept so far.")


class Job(Progress):
    """A recipe that was submitted, and what has become of it."""

    submitted_at: datetime
    recipe: Recipe
    href: str = Field(description="The job as JSON.")
    events: str = Field(description="Server-sent events until it has ended.")
    preview: str = Field(description="The clip so far, while it runs.")


class JobPage(BaseModel):
    """Jobs, those that were submitted last first."""

    items: list[Job]
    next_cursor: str | None = Field(description="For the next page; null on the last one.")


class Take(TakeLinks):
    """A clip that was made and kept."""

    created_at: datetime
    recipe: Recipe
    duration_seconds: float
    resolution: str
    name: str
    note: str
    tags: list[str]
    favourite: bool
    draft: bool = Field(description="Whether it was only tried; drafts are listed by themselves.")
    generation_time_seconds: float
    timings: dict[str, float] = Field(description="Seconds by stage.")
    model: str
    device: str
    versions: dict[str, str]
    notes: list[str] = Field(description="What was done otherwise than asked.")
    findings: list[str] = Field(description="What was found wrong with the clip.")
    made_from: Id | None = Field(description="The take that it came from.")
    relation: str | None = Field(description="How it came from that one.")


class TakePage(BaseModel):
    """Takes, in the order that was asked for."""

    items: list[Take]
    next_cursor: str | None = Field(description="For the next page; null on the last one.")


class Deleted(BaseModel):
    """A take that was deleted."""

    id: Id
    restorable_seconds: float = Field(
        description="For so long POST …/restore brings it back; on a full disk not at all."
    )


class Image(BaseModel):
    """A picture that was stored."""

    digest: Digest = Field(description="What image_start and image_end of a recipe take.")
    href: str
    width: int
    height: int
    note: str = Field(description="What was done with it, such as made smaller; empty if nothing.")


class Move(BaseModel):
    """Where a waiting job is to go."""

    model_config = ConfigDict(extra="forbid")

    before: Id | None = Field(
        description="Another waiting job of the same owner; null: behind all of them."
    )


class Model(BaseModel):
    """The model that clips are made with."""

    id: str | None = Field(description="null until it has been chosen.")
    title: str | None
    state: Literal["starting", "downloading", "loading", "ready", "failed"]
    message: str
    fraction: float | None = Field(description="How much of it is loaded.")
    demo: bool | None
    device: str | None
    licence: str | None
    licence_url: str | None
    fixed_steps: int | None = Field(description="The steps of a distilled model, if it is one.")
    modes: list[str] = Field(description="What mode of a recipe may be.")
    two_stage: bool = Field(description="Whether HD in two stages can be made.")


class Models(BaseModel):
    """What a recipe's model may be."""

    items: list[Model]


def recipe(stored: StoredRecipe) -> Recipe:
    """A recipe under the API's names. It was valid when it was stored, and stays as it is."""
    told = request_data(stored)
    films: Mapping[str, type[BaseModel]] = {
        EXTEND: Extended,
        RETAKE: Retaken,
        PICTURE_OF: Revoiced,
        UPSCALE: Upscaled,
        CONTROL: Followed,
    }
    for name in films.keys() & told.keys():
        told[name] = films[name].model_construct(**told[name])
    for name, kind in (("keyframes", Keyframe), ("loras", Lora)):
        told[name] = [kind.model_construct(**each) for each in told.get(name, ())]
    return Recipe.model_construct(**told)


def links(take_id: str, root: str) -> TakeLinks:
    """Where a take is, below the studio's root."""
    at = f"{root}/api/v1/takes/{take_id}"
    return TakeLinks(id=take_id, href=at, video=f"{at}/video", poster=f"{at}/poster")


def progress(found: jobs.Job, root: str) -> Progress:
    """How far a job is."""
    told = Progress(
        id=found.id,
        state=found.state.name,
        place=None,
        paused=False,
        held=False,
        waits_for=None,
        elsewhere=found.elsewhere,
        stage=None,
        step=0,
        steps=0,
        take=None,
        fraction=0.0,
        seconds_left=None,
        message=None,
        takes=[links(take_id, root) for take_id in found.kept],
    )
    return told.model_copy(update=_state(found.state))


def _state(state: jobs.JobState) -> dict[str, Any]:
    """What a state alone has to tell."""
    match state:
        case Queued():
            return {
                "place": state.place,
                "paused": state.paused,
                "held": state.held,
                "waits_for": state.waits_for,
                "seconds_left": _seconds(state.seconds_left),
            }
        case Running():
            return {
                "stage": state.stage,
                "step": state.step,
                "steps": state.steps,
                "take": state.take,
                "fraction": round(state.fraction, 3),
                "seconds_left": _seconds(state.seconds_left),
            }
        case Cancelling():
            return {"fraction": round(state.fraction, 3)}
        case Done():
            return {"fraction": 1.0}
        case Failed():
            return {"message": state.message}
    return {}


def _seconds(left: float | None) -> float | None:
    return None if left is None else round(left, 1)


def job(found: jobs.Job, root: str) -> Job:
    """A job.

    Args:
        root: the path below which the studio is.
    """
    at = f"{root}/api/v1/jobs/{found.id}"
    return Job(
        **dict(progress(found, root)),
        submitted_at=found.submitted_at,
        recipe=recipe(found.recipe),
        href=at,
        events=f"{at}/events",
        preview=f"{at}/preview",
    )


def take(found: takes.Take, root: str) -> Take:
    """A take.

    Args:
        root: the path below which the studio is.
    """
    return Take(
        **dict(links(found.id, root)),
        created_at=found.created_at,
        recipe=recipe(found.recipe),
        duration_seconds=round(found.recipe.duration, 3),
        resolution=found.recipe.resolution,
        name=found.name,
        note=found.note,
        tags=list(found.tags),
        favourite=found.favourite,
        draft=found.draft,
        generation_time_seconds=round(found.seconds, 2),
        timings=found.timings,
        model=found.model,
        device=found.device,
        versions=found.versions,
        notes=list(found.notes),
        findings=list(found.findings),
        made_from=found.made_from,
        relation=found.relation,
    )
