"""A Job and its states: waits, runs, ended."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from datetime import datetime

from ltx_ui.clip import Stage
from ltx_ui.errors import StudioError
from ltx_ui.recipe import Recipe

_log = logging.getLogger(__name__)

UNEXPECTED = (
    "Something unexpected went wrong while this clip was made; the log has the details. "
    "Generate it again, and if it fails again, try other settings."
)


ANY_MODEL = "auto"
"""What a job is for that was queued before it was known which model would be loaded."""


@dataclass(frozen=True)
class Queued:
    """Waits.

    Attributes:
        place: 1 is next; 0 for a job that waits for another model.
        waits_for: the model it was made for, where that is not the one that is loaded. It is begun
            when a studio with that model is started, or when it is to be made with this one.
        seconds_left: until it is begun; None while that is not known.
    """

    place: int
    waits_for: str | None = None
    seconds_left: float | None = None


@dataclass(frozen=True)
class Running:
    """Is being made; ``fraction`` is 0…1, ``seconds_left`` None while nothing is known. ``take``
    counts from 1, and ``take_ids`` are those that are kept already."""

    stage: Stage
    step: int
    steps: int
    fraction: float
    seconds_left: float | None
    take: int = 1
    take_ids: tuple[str, ...] = ()
    cancelling: bool = False


@dataclass(frozen=True)
class Done:
    """Was made and kept; ``others`` are the takes after the first."""

    take_id: str
    others: tuple[str, ...] = ()

    @property
    def take_ids(self) -> tuple[str, ...]:
        """All takes, in the order of their seeds."""
        return self.take_id, *self.others


@dataclass(frozen=True)
class Failed:
    """Could not be made; ``message`` is written for a person. ``take_ids`` are kept anyway."""

    message: str
    take_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class CancelledJob:
    """Was stopped. The takes that were finished by then are kept."""

    take_ids: tuple[str, ...] = ()


JobState = Queued | Running | Done | Failed | CancelledJob
EndState = Done | Failed | CancelledJob


@dataclass(frozen=True)
class Job:
    """A recipe that waits, runs, or ended. Its first take, if it comes to one, has the same id.
    ``model`` is the one it is for, by its card's id where that is known."""

    id: str
    owner: str
    recipe: Recipe
    submitted_at: datetime
    state: JobState
    model: str = ANY_MODEL

    @property
    def live(self) -> bool:
        """Whether it still waits or runs."""
        return isinstance(self.state, Queued | Running)

    @property
    def kept(self) -> tuple[str, ...]:
        """The ids of the takes that it has made so far."""
        return () if isinstance(self.state, Queued) else self.state.take_ids

    @property
    def take_ids(self) -> tuple[str, ...]:
        """The ids that its takes have, or will have."""
        others = (
            uuid.uuid5(uuid.UUID(self.id), str(n)).hex for n in range(1, self.recipe.num_takes)
        )
        return self.id, *others


def failure(job: Job, error: Exception) -> Failed:
    """What a job ends as after an error; the log gets the details of what nobody foresaw."""
    if isinstance(error, StudioError):
        _log.warning("Job %s failed: %s", job.id, error)
        return Failed(str(error))
    _log.error("Job %s failed", job.id, exc_info=error)
    return Failed(UNEXPECTED)
