"""A storyboard as it is kept: its shots with their takes, and what is still to be made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ltx_ui.errors import ChangedMeanwhile, NotFound
from ltx_ui.storyboards import MAX_NAME, Join, Shot
from ltx_ui.studio.shelves import one_line
from ltx_ui.studio.tables import StoryboardRow
from ltx_ui.studio.takes import Take

_CONTENT = ("prompt", "num_frames", "seed")
"""What a shot's take was made of, besides the settings and the shot before."""

ShotState = Literal["missing", "outdated", "ready"]
"""Whether a shot has a take, and whether that is of what the shot says now."""
Reason = Literal["edited", "join", "before"]
"""Why a take is out of date: its words or settings are others now, its shot begins in another way,
or the shot before has another take."""


class KeptShot(Shot):
    """A shot with its takes.

    Attributes:
        takes: the ids of its takes, oldest first, also of those that were deleted.
        chosen: the one that the film has.
        edited: whether that was made of something else than the shot says now.
    """

    takes: tuple[str, ...] = ()
    chosen: str | None = None
    edited: bool = False

    @property
    def written(self) -> Shot:
        """The shot without its takes."""
        return Shot.model_validate(self.model_dump(include={*Shot.model_fields}))


class Turn(BaseModel):
    """A shot that is to be made.

    Attributes:
        key: under which its job is submitted, so that it is submitted once.
        job: its job's id, once it is submitted.
        edited: whether the shot's take was out of date when it was.
    """

    model_config = ConfigDict(frozen=True)

    shot: str
    seed: int
    key: str
    job: str | None = None
    edited: bool = False


class Storyboard(BaseModel):
    """A storyboard.

    Attributes:
        settings: what its shots share: see :func:`ltx_ui.storyboards.read_settings`.
        turns: the shots that are still to be made; the first one is in the queue.
        message: why the last making ended before its time; empty if it did not.
    """

    model_config = ConfigDict(frozen=True)

    id: str = ""
    name: str = ""
    settings: dict[str, Any]
    shots: tuple[KeptShot, ...]
    turns: tuple[Turn, ...] = ()
    message: str = ""

    def place(self, shot_id: str) -> int:
        """Where a shot is.

        Raises:
            NotFound: there is none by this id.
        """
        for place, shot in enumerate(self.shots):
            if shot.id == shot_id:
                return place
        raise NotFound("There is no such shot in this storyboard any more.")

    def ended(self, message: str) -> Storyboard:
        """The same, of which nothing is made any more. The shot whose turn it was is as far from
        what it says as it was before.

        Args:
            message: why; empty where there is no reason to tell.
        """
        if not self.turns:
            return self
        first = self.turns[0]
        board = self.with_shot(first.shot, edited=True) if first.edited else self
        return board.model_copy(update={"turns": (), "message": message})

    def with_shot(self, shot_id: str, **changes: Any) -> Storyboard:
        """The same with one shot changed."""
        shots = (
            each.model_copy(update=changes) if each.id == shot_id else each for each in self.shots
        )
        return self.model_copy(update={"shots": tuple(shots)})


@dataclass(frozen=True)
class Written:
    """What somebody who changes a storyboard takes for written there; None leaves a part out.

    Attributes:
        shots: all of them, in their order, each without its takes.
    """

    name: str | None = None
    settings: Mapping[str, Any] | None = None
    shots: Sequence[Shot] | None = None

    def check(self, before: Storyboard, after: Storyboard) -> None:
        """See that nothing is replaced that was not seen. What is asked for once more, for lack of
        an answer, replaces nothing.

        Args:
            after: what the change makes of it.

        Raises:
            ChangedMeanwhile: something else is written there by now.
        """
        if after != before and not self._is_of(before):
            raise ChangedMeanwhile

    def _is_of(self, board: Storyboard) -> bool:
        return (
            (self.name is None or one_line(self.name, "name", MAX_NAME) == board.name)
            and (self.settings is None or dict(self.settings) == board.settings)
            and (self.shots is None or [*self.shots] == [shot.written for shot in board.shots])
        )


@dataclass(frozen=True)
class SeenShot:
    """A shot as it is now.

    Attributes:
        chosen: the take that the film has, if it is still there.
        takes: those that can be chosen, oldest first.
        reason: why the chosen one is out of date; None where it is not.
    """

    shot: KeptShot
    chosen: Take | None
    takes: tuple[Take, ...]
    reason: Reason | None

    @property
    def state(self) -> ShotState:
        """How far it is."""
        if self.chosen is None:
            return "missing"
        return "ready" if self.reason is None else "outdated"


def joined_by(take: Take) -> Join:
    """How a take that was made for a shot joins the one that it came from."""
    if take.recipe.inputs.film is not None:
        return "go_on"
    return "last_frame" if take.relation == "continued" else "cut"


def outdated(shot: KeptShot, take: Take, before: Take | None) -> Reason | None:
    """Why a shot's take is not what the shot says now; None where it is."""
    if shot.edited:
        return "edited"
    if joined_by(take) != shot.join:
        return "join"
    follows = shot.join == "cut" or (before is not None and take.made_from == before.id)
    return None if follows else "before"


def edited(
    board: Storyboard, name: str, settings: Mapping[str, Any], shots: Sequence[Shot]
) -> Storyboard:
    """A storyboard with another name, other settings and other shots. Shots that it had keep their
    takes.

    Raises:
        InvalidRecipe: the name is too long.
    """
    had = {shot.id: shot for shot in board.shots}
    other = {k: v for k, v in settings.items() if k != "seed"} != {
        k: v for k, v in board.settings.items() if k != "seed"
    }

    def kept(shot: Shot) -> KeptShot:
        before = had.get(shot.id)
        told = shot.model_dump()
        if before is None:
            return KeptShot(**told)
        changed = other or any(getattr(shot, name) != getattr(before, name) for name in _CONTENT)
        own = {"takes": before.takes, "chosen": before.chosen}
        return KeptShot(**told, **own, edited=before.edited or changed)

    return board.model_copy(
        update={
            "name": one_line(name, "name", MAX_NAME),
            "settings": dict(settings),
            "shots": tuple(map(kept, shots)),
        }
    )


def chosen_again(board: Storyboard, shot_id: str, take_id: str) -> Storyboard:
    """A storyboard that has another one of a shot's takes.

    Raises:
        NotFound: there is no such shot, or it has no such take.
    """
    shot = board.shots[board.place(shot_id)]
    if take_id not in shot.takes:
        raise NotFound(
            "This shot has no such take any more. Look at the storyboard for those that it has."
        )
    return board.with_shot(shot_id, chosen=take_id, edited=False)


def read_board(row: StoryboardRow) -> Storyboard:
    """A storyboard out of its row.

    Raises:
        ValueError: it is damaged.
    """
    return Storyboard.model_validate(row.told)
