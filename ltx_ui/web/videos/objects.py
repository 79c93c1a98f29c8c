"""Jobs and takes as OpenAI's video objects."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, Field

from ltx_ui.recipe import Recipe
from ltx_ui.studio.jobs import CancelledJob, Cancelling, Failed, Job, Origin, Running
from ltx_ui.studio.takes import Take

PREFIX = "video_"
"""How a video's id begins. The rest is its job's, which its take has as well."""

_ID = re.compile(PREFIX + r"([0-9a-f]{32})")
_CANCELLED = "It was cancelled before it was made."


class VideoError(BaseModel):
    """Why a video was not made."""

    code: Literal["failed", "cancelled"]
    message: str


class VideoObject(BaseModel):
    """A video that waits, is being made, or was made: OpenAI's object with its clip's seed."""

    id: str = Field(description="video_ and the id of its job, which its take has as well.")
    object: Literal["video"] = "video"
    status: Literal["queued", "in_progress", "completed", "failed"]
    progress: int = Field(description="How much of it is done, 0 to 100.")
    created_at: int = Field(
        description="When it was asked for, in Unix seconds; once it is made, when it was begun."
    )
    completed_at: int | None = None
    expires_at: int | None = Field(None, description="Always null: it stays until it is deleted.")
    model: str = Field(description="The model that makes it.")
    prompt: str
    seconds: str = Field(description="Its length: frames by frames a second, to a hundredth.")
    size: str = Field(description="Width and height in pixels, as in 1280x720.")
    remixed_from_video_id: str | None = None
    error: VideoError | None = None
    seed: int = Field(description="The same seed repeats it.")


class VideoList(BaseModel):
    """Some videos, in order."""

    object: Literal["list"] = "list"
    data: list[VideoObject]
    first_id: str | None = None
    last_id: str | None = Field(
        None, description="What after takes for the next page: the last one's id and its place."
    )
    has_more: bool = False


class VideoDeleted(BaseModel):
    """A video that was deleted, or cancelled where it was not made yet."""

    id: str
    object: Literal["video.deleted"] = "video.deleted"
    deleted: Literal[True] = True


def video_id(job_id: str) -> str:
    """A video's id, by that of its job or take."""
    return PREFIX + job_id


def id_in(text: str) -> str | None:
    """The job's id in a video's; None if it is not the id of a video."""
    found = _ID.fullmatch(text)
    return found[1] if found else None


def of_job(job: Job) -> VideoObject:
    """The video of a job that has not ended, or ended without it."""
    status: Literal["queued", "in_progress", "failed"] = "queued"
    fraction, error = 0.0, None
    match job.state:
        case Running(fraction=fraction) | Cancelling(fraction=fraction):
            status = "in_progress"
        case Failed(message):
            status, error = "failed", VideoError(code="failed", message=message)
        case CancelledJob():
            status, error = "failed", VideoError(code="cancelled", message=_CANCELLED)
    return VideoObject(
        id=video_id(job.id),
        status=status,
        progress=min(99, int(fraction * 100)),
        created_at=int(job.submitted_at.timestamp()),
        model=job.model,
        prompt=job.recipe.prompt,
        seconds=_seconds(job.recipe),
        size=job.recipe.resolution,
        remixed_from_video_id=_remixed_from(job.origin),
        error=error,
        seed=job.recipe.seed,
    )


def of_take(take: Take) -> VideoObject:
    """The video of a take."""
    made_at = take.created_at.timestamp()
    return VideoObject(
        id=video_id(take.id),
        status="completed",
        progress=100,
        created_at=int(made_at - take.seconds),
        completed_at=int(made_at),
        model=take.model,
        prompt=take.recipe.prompt,
        seconds=_seconds(take.recipe),
        size=take.recipe.resolution,
        remixed_from_video_id=_remixed_from(Origin.read(take.made_from, take.relation)),
        seed=take.recipe.seed,
    )


def _seconds(recipe: Recipe) -> str:
    return f"{round(recipe.duration, 2):g}"


def _remixed_from(origin: Origin | None) -> str | None:
    return video_id(origin.take_id) if origin and origin.relation == "variation" else None
