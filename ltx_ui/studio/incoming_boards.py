"""The storyboards of a zip, made into rows: each as a whole, or left out with a sentence."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ltx_ui.alternatives import one_prompt
from ltx_ui.errors import InvalidRecipe
from ltx_ui.loras import read_sent
from ltx_ui.recipe import MIN_FRAMES, Recipe
from ltx_ui.storyboards import MAX_NAME, SHARED, Shot, check_joins
from ltx_ui.studio.archive import ShotTold, StoryboardTold
from ltx_ui.studio.incoming import called, told_as
from ltx_ui.studio.kept_shots import KeptShot, Storyboard, edited
from ltx_ui.studio.shelves import one_line, storable
from ltx_ui.studio.storyboards import MOST_STORYBOARDS, MOST_TAKES
from ltx_ui.studio.tables import StoryboardRow
from ltx_ui.studio.zips import BadZip
from ltx_ui.words import tidy_lines


class IncomingBoards:
    """The rows of a zip's storyboards.

    Args:
        present: the owners of the library's storyboards, by their ids.
        ids: those that takes have here, by the ones that the zip has for them.

    Attributes:
        again: those that are here already, as the zip has them.
        unreadable: a sentence for each that can't be taken.
    """

    def __init__(self, owner: str, present: Mapping[str, str], ids: Mapping[str, str]) -> None:
        self._owner, self._present, self._ids = owner, dict(present), ids
        self.again: list[Storyboard] = []
        self.unreadable: list[str] = []

    @property
    def here(self) -> int:
        """How many are here already."""
        return len(self.again)

    def rows(self, entries: Sequence[Any]) -> list[StoryboardRow]:
        """The rows of the storyboards that come, as long as there is room."""
        rows: list[StoryboardRow] = []
        for entry in entries:
            try:
                row = self._row(told_as(StoryboardTold, entry))
            except (BadZip, InvalidRecipe) as error:
                name = entry.get("name") if isinstance(entry, Mapping) else None
                said = called(name or "A storyboard without a name")
                self.unreadable.append(f"{said}: {str(error).rstrip('.')}.")
                continue
            if row is not None:
                rows.append(row)
        return rows

    def _row(self, told: StoryboardTold) -> StoryboardRow | None:
        board_id = self._id(told.id)
        board = _board(told, self._ids).model_copy(update={"id": board_id})
        if self._present.get(board_id) == self._owner:
            self.again.append(board)
            return None
        if [*self._present.values()].count(self._owner) >= MOST_STORYBOARDS:
            raise BadZip(f"{MOST_STORYBOARDS} storyboards are the most. Delete one first")
        self._present[board_id] = self._owner
        return StoryboardRow(
            id=board_id,
            owner=self._owner,
            told=board.model_dump(mode="json"),
            making=False,
            created_at=told.created_at,
            changed_at=told.changed_at,
        )

    def _id(self, told: str) -> str:
        """The id here: another one where it is somebody else's, the same each time it comes."""
        again = hashlib.sha256(f"{self._owner} {told}".encode()).hexdigest()[:32]
        free = (
            each for each in (told, again) if self._present.get(each, self._owner) == self._owner
        )
        return next(free, secrets.token_hex(16))


def with_takes(board: Storyboard, came: Storyboard, here: Collection[str]) -> Storyboard:
    """A storyboard whose shots have the takes that came for them with another zip.

    Args:
        came: the same storyboard, as that zip has it.
        here: the ids of the takes that are here by now.
    """
    waits = {turn.shot for turn in board.turns}
    theirs = edited(came, board.name, board.settings, [shot.written for shot in board.shots])

    def found(shot: KeptShot, other: KeptShot) -> KeptShot:
        if {*other.takes} <= {*shot.takes}:
            return shot
        takes = tuple(dict.fromkeys((*other.takes, *shot.takes)))[-MOST_TAKES:]
        if shot.chosen in here or shot.id in waits:
            return shot.model_copy(update={"takes": takes})
        chosen = other.chosen if other.chosen in takes else None
        return shot.model_copy(update={"takes": takes, "chosen": chosen, "edited": other.edited})

    shots = tuple(map(found, board.shots, theirs.shots))
    return board.model_copy(update={"shots": shots})


def _board(told: StoryboardTold, ids: Mapping[str, str]) -> Storyboard:
    """A storyboard as it is kept.

    Raises:
        BadZip, InvalidRecipe: it can't be used.
    """
    if strange := [name for name in told.settings if name not in SHARED]:
        raise BadZip(f"{called(strange[0])!r} is not a field that all shots share")
    if len({shot.id for shot in told.shots}) < len(told.shots):
        raise BadZip("two of its shots have the same id")
    settings = _settings(told.settings)
    shots = tuple(_shot(shot, settings, ids) for shot in told.shots)
    check_joins(shots, settings["fps"])
    return Storyboard(name=one_line(told.name, "name", MAX_NAME), settings=settings, shots=shots)


def _settings(told: Mapping[str, Any]) -> dict[str, Any]:
    recipe = _recipe(told, prompt="-", num_frames=MIN_FRAMES)
    settings = recipe.model_dump(mode="json", include={*SHARED} - {"seed"})
    if loras := told.get("loras"):
        settings["loras"] = loras
    if "seed" in told:
        settings["seed"] = recipe.seed
    return settings


def _shot(told: ShotTold, settings: Mapping[str, Any], ids: Mapping[str, str]) -> KeptShot:
    prompt = tidy_lines(storable(told.prompt))
    one_prompt(prompt)
    own = {"prompt": prompt, "num_frames": told.num_frames}
    _recipe(settings, **own, **({} if told.seed is None else {"seed": told.seed}))
    takes = tuple(dict.fromkeys(ids[take] for take in told.takes if take in ids))[-MOST_TAKES:]
    chosen = ids.get(told.chosen or "")
    return KeptShot(
        **told.model_dump(include={*Shot.model_fields}) | own,
        takes=takes,
        chosen=chosen if chosen in takes else None,
        edited=told.edited,
    )


def _recipe(settings: Mapping[str, Any], **own: Any) -> Recipe:
    """A recipe that says all that shots share, and what one of them has of its own."""
    shared = {name: value for name, value in settings.items() if name != "loras"}
    try:
        inputs = {"loras": read_sent(settings.get("loras", []))}
    except ValueError as error:
        raise BadZip(f"its loras: {error}") from None
    return told_as(Recipe, {**shared, **own, "inputs": inputs})
