"""A job and its states."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Literal, get_args

from ltx_ui.clip import Stage
from ltx_ui.errors import StudioError
from ltx_ui.recipe import Recipe

_log = logging.getLogger(__name__)

UNEXPECTED = (
    "Something unexpected went wrong while this clip was made; the log has the details. "
    "Generate it again, and if it fails again, try other settings."
)

LOST = (
    "The worker that made this clip ended in the middle, twice, so it is not tried again. Try a "
    "shorter length or a smaller format."
)
ANY_MODEL = "auto"
"""The model of a job that was queued before it was known which model would be loaded."""

StateName = Literal["queued", "running", "cancelling", "done", "failed", "cancelled"]
"""What the API calls the states of a job, and the library those that it stores."""

Relation = Literal[
    "variation",
    "finished",
    "continued",
    "again",
    "cured",
    "extended",
    "retaken",
    "revoiced",
    "upscaled",
    "followed",
]
"""How a take came from another one: with other seeds or settings, at full quality, going on from
its last frame, by the same recipe, with what may cure a finding, as the longer film, with a part of
it made again, with another sound, larger."""


@dataclass(frozen=True)
class Origin:
    """The take that a job's takes come from, and how."""

    take_id: str
    relation: Relation

    @classmethod
    def read(cls, take_id: object, relation: object) -> Origin | None:
        """What was stored or sent; None unless it is both an id and a relation."""
        known = next((each for each in get_args(Relation) if each == relation), None)
        return cls(take_id, known) if isinstance(take_id, str) and known else None


@dataclass(frozen=True)
class Queued:
    """The job waits.

    Attributes:
        place: 1 is next; 0 for a job that waits for another model or is paused.
        waits_for: the model that it is for, if another one is loaded. It waits until the studio is
            started with that model, or until its owner has it made with the loaded one.
        seconds_left: seconds until it is begun; None while unknown.
        paused: whether its owner has paused their jobs; it is not begun before they go on.
        held: whether the studio's owner has paused everybody's; it keeps its place meanwhile.
    """

    name: ClassVar[StateName] = "queued"
    place: int
    waits_for: str | None = None
    seconds_left: float | None = None
    paused: bool = False
    held: bool = False

    @property
    def has_turn(self) -> bool:
        """Whether it will be begun without its owner doing something."""
        return self.waits_for is None and not self.paused


@dataclass(frozen=True)
class Running:
    """The job is being made.

    Attributes:
        stage, step, steps: where the present take is.
        fraction: how much of the job is done, 0…1.
        seconds_left: seconds until it is done; None while unknown.
        take: number of the present take, from 1.
        take_ids: its takes that are saved already.
    """

    name: ClassVar[StateName] = "running"
    stage: Stage
    step: int
    steps: int
    fraction: float
    seconds_left: float | None
    take: int = 1
    take_ids: tuple[str, ...] = ()


BEGUN = Running("text", 0, 0, 0.0, None)
"""A job of which no more is known yet than that it is made."""


@dataclass(frozen=True)
class Cancelling:
    """The job was cancelled while it was made, and ends at its next step.

    Attributes:
        fraction: how much of it is done, 0…1.
        take_ids: its takes that are saved already.
    """

    name: ClassVar[StateName] = "cancelling"
    fraction: float
    take_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Done:
    """The job's takes were made and saved; ``others`` are those after the first."""

    name: ClassVar[StateName] = "done"
    take_id: str
    others: tuple[str, ...] = ()

    @property
    def take_ids(self) -> tuple[str, ...]:
        """All takes, in the order of their seeds."""
        return self.take_id, *self.others


@dataclass(frozen=True)
class Failed:
    """The job could not be made. ``message`` tells its owner why; ``take_ids`` were saved
    before."""

    name: ClassVar[StateName] = "failed"
    message: str
    take_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class CancelledJob:
    """The job was cancelled. Its takes that were saved before are kept."""

    name: ClassVar[StateName] = "cancelled"
    take_ids: tuple[str, ...] = ()


JobState = Queued | Running | Cancelling | Done | Failed | CancelledJob
EndState = Done | Failed | CancelledJob


@dataclass(frozen=True)
class Job:
    """A recipe that was submitted, and its state.

    Attributes:
        id: also the id of its first take.
        model: the model that it is for, by its card's id where that is known.
        draft: whether its takes are drafts, as in :class:`~ltx_ui.studio.takes.Take`.
        origin: the take that its takes come from; None where they come from none.
        elsewhere: whether another process of the studio has it. How far it is, is not known here.
    """

    id: str
    owner: str
    recipe: Recipe
    submitted_at: datetime
    state: JobState
    model: str = ANY_MODEL
    draft: bool = False
    origin: Origin | None = None
    elsewhere: bool = False

    @property
    def live(self) -> bool:
        """Whether it waits or runs."""
        return isinstance(self.state, Queued | Running | Cancelling)

    @property
    def kept(self) -> tuple[str, ...]:
        """The ids of its takes that are saved."""
        return () if isinstance(self.state, Queued) else self.state.take_ids

    @property
    def take_ids(self) -> tuple[str, ...]:
        """The ids of all its takes, also of those that are not made yet."""
        return take_ids_of(self.id, self.recipe.num_takes)


def new_job(recipe: Recipe, owner: str, model: str, *, draft: bool, origin: Origin | None) -> Job:
    """A job that was submitted just now."""
    kind = model, draft, origin
    return Job(uuid.uuid4().hex, owner, recipe, datetime.now(UTC), Queued(0), *kind)


def take_ids_of(job_id: str, count: int) -> tuple[str, ...]:
    """The ids of a job's takes, by the job's id and how many there are."""
    others = (uuid.uuid5(uuid.UUID(job_id), str(number)).hex for number in range(1, count))
    return job_id, *others


@dataclass(frozen=True)
class OwnersJobs:
    """All that a queue has to tell one owner.

    Attributes:
        live: their jobs that run, then those that wait, in the order in which they are begun.
        ended: their latest jobs that ended, the last one first.
        paused: whether those that wait are not begun.
    """

    live: tuple[Job, ...]
    ended: tuple[Job, ...]
    paused: bool

    @property
    def go_on(self) -> bool:
        """Whether a live job will change without anybody doing something."""
        return any(not isinstance(job.state, Queued) or job.state.has_turn for job in self.live)


def failure(job: Job, error: Exception) -> Failed:
    """The state of a job that ends by an error. Logs it; an unexpected error with its traceback."""
    if isinstance(error, StudioError):
        _log.warning("Job %s failed: %s", job.id, error, extra={"job": job.id})
        return Failed(str(error))
    _log.error("Job %s failed", job.id, exc_info=error, extra={"job": job.id})
    return Failed(UNEXPECTED)
