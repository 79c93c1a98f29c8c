"""Storyboards as the studio keeps them: their shots, each with its takes."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ltx_ui.errors import NotFound, WrongMoment
from ltx_ui.media.splicing import Piece
from ltx_ui.storyboards import MAX_NAME, Join, Shot
from ltx_ui.studio.clip_files import present
from ltx_ui.studio.database import Database
from ltx_ui.studio.library import Library
from ltx_ui.studio.shelves import one_line
from ltx_ui.studio.tables import StoryboardRow
from ltx_ui.studio.takes import Take

MOST_STORYBOARDS = 100
"""Of one owner."""
MOST_TAKES = 24
"""Takes of a shot that it can be shown with; older ones stay in the library."""
NOT_HERE = "This storyboard is not here. It may have been deleted."

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

    def with_shot(self, shot_id: str, **changes: Any) -> Storyboard:
        """The same with one shot changed."""
        shots = (
            each.model_copy(update=changes) if each.id == shot_id else each for each in self.shots
        )
        return self.model_copy(update={"shots": tuple(shots)})


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


class Storyboards:
    """The storyboards of all owners. Each owner sees their own. Safe to call from any thread."""

    def __init__(self, database: Database, library: Library) -> None:
        self._database, self._library = database, library

    def all(self, owner: str) -> list[Storyboard]:
        """An owner's storyboards, the one that was changed last first."""
        query = _of(owner).order_by(StoryboardRow.changed_at.desc(), StoryboardRow.number.desc())
        with self._database.reading() as session:
            found = [_read(row) for row in session.scalars(query)]
        return [each for each in found if each is not None]

    def one(self, board_id: str, owner: str) -> Storyboard:
        """One storyboard.

        Raises:
            NotFound: there is none by this id, or it belongs to somebody else.
        """
        with self._database.reading() as session:
            return _storyboard(_row(session, board_id, owner))

    def making(self) -> list[tuple[Storyboard, str]]:
        """Those of which shots are to be made, each with its owner."""
        query = select(StoryboardRow).where(StoryboardRow.making).order_by(StoryboardRow.number)
        with self._database.reading() as session:
            found = [(_read(row), row.owner) for row in session.scalars(query)]
        return [(board, owner) for board, owner in found if board is not None]

    def add(
        self, name: str, settings: Mapping[str, Any], shots: Sequence[Shot], owner: str
    ) -> Storyboard:
        """Keep a new storyboard.

        Raises:
            InvalidRecipe: the name is too long.
            WrongMoment: there are too many.
        """
        now, board = datetime.now(UTC), Storyboard(settings=dict(settings), shots=())
        board = edited(board, name, settings, shots)
        with self._database.session() as session:
            if len(session.scalars(_of(owner)).all()) >= MOST_STORYBOARDS:
                raise WrongMoment(f"{MOST_STORYBOARDS} storyboards are the most. Delete one first.")
            row = StoryboardRow(
                id=secrets.token_hex(16), owner=owner, told={}, created_at=now, changed_at=now
            )
            _write(row, board.model_copy(update={"id": row.id}))
            session.add(row)
            return _storyboard(row)

    def change(
        self, board_id: str, owner: str, change: Callable[[Storyboard], Storyboard]
    ) -> Storyboard:
        """Change a storyboard; nobody else does meanwhile.

        Args:
            change: what becomes of it; what it raises passes through, and nothing is changed.

        Raises:
            NotFound: as :meth:`one`.
        """
        with self._database.session(frees=True) as session:
            row = _row(session, board_id, owner, writes=True)
            before = _storyboard(row)
            after = change(before)
            if after != before:
                _write(row, after)
                row.changed_at = datetime.now(UTC)
        return after

    def delete(self, board_id: str, owner: str) -> Storyboard:
        """Delete a storyboard, and leave nothing of its words; its takes stay in the library.
        Returns what it was.

        Raises:
            NotFound: as :meth:`one`.
        """
        with self._database.session(frees=True) as session:
            row = _row(session, board_id, owner, writes=True)
            board = _read(row) or Storyboard(id=row.id, settings={}, shots=())
            session.delete(row)
        self._database.forget()
        return board

    def seen(self, board: Storyboard, owner: str) -> list[SeenShot]:
        """A storyboard's shots as they are now."""
        ids = [take for shot in board.shots for take in shot.takes]
        found = {take.id: take for take in self._library.those(ids, owner)}
        seen: list[SeenShot] = []
        for shot in board.shots:
            chosen = found.get(shot.chosen or "")
            before = seen[-1].chosen if seen else None
            takes = tuple(found[each] for each in shot.takes if each in found)
            reason = _outdated(shot, chosen, before) if chosen is not None else None
            seen.append(SeenShot(shot, chosen, takes, reason))
        return seen

    def pieces(self, board: Storyboard, owner: str) -> list[Piece]:
        """What the film of a storyboard is joined from: the chosen takes, in their order. The take
        of a shot that goes on is the whole film up to there, and stands for those before it.

        Raises:
            WrongMoment: a shot has no take, or one that doesn't join the others.
            NotFound: a take's file was deleted from outside.
        """
        pieces: list[Piece] = []
        takes: list[Take] = []
        for number, each in enumerate(self.seen(board, owner), 1):
            take = each.chosen
            if take is None:
                raise WrongMoment(f"Shot {number} has no take yet. Make it first.")
            before = takes[-1] if takes else None
            joined = joined_by(take)
            follows = before is not None and take.made_from == before.id
            if joined == "go_on" and not follows:
                raise WrongMoment(
                    f"The take of shot {number} goes on from another take than the one before it. "
                    "Make it again."
                )
            if before is not None and _frame(take) != _frame(before):
                raise WrongMoment(
                    f"Shot {number} has another size or other frames a second than the shot before "
                    "it. Make what is out of date again."
                )
            if joined == "go_on":
                pieces[-1] = replace(pieces[-1], path=present(take.video))
            else:
                goes_on = joined == "last_frame" and follows
                pieces.append(Piece(present(take.video), skipped=int(goes_on)))
            takes.append(take)
        return pieces


def joined_by(take: Take) -> Join:
    """How a take that was made for a shot joins the one that it came from."""
    if take.recipe.inputs.film is not None:
        return "go_on"
    return "last_frame" if take.relation == "continued" else "cut"


def _frame(take: Take) -> tuple[str, int]:
    return take.recipe.resolution, take.recipe.fps


def _outdated(shot: KeptShot, take: Take, before: Take | None) -> Reason | None:
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
        raise NotFound("This shot has no such take. GET the storyboard for those that it has.")
    return board.with_shot(shot_id, chosen=take_id, edited=False)


def _of(owner: str) -> Select[StoryboardRow]:
    return select(StoryboardRow).where(StoryboardRow.owner == owner)


def _row(session: Session, board_id: str, owner: str, *, writes: bool = False) -> StoryboardRow:
    query = _of(owner).where(StoryboardRow.id == board_id)
    row = session.scalar(query.with_for_update() if writes else query)
    if row is None:
        raise NotFound(NOT_HERE)
    return row


def _write(row: StoryboardRow, board: Storyboard) -> None:
    row.told, row.making = board.model_dump(mode="json"), bool(board.turns)


def _storyboard(row: StoryboardRow) -> Storyboard:
    board = _read(row)
    if board is None:
        raise NotFound("This storyboard is damaged and can't be read. Delete it.")
    return board


def _read(row: StoryboardRow) -> Storyboard | None:
    """None where it is damaged."""
    try:
        return Storyboard.model_validate(row.told)
    except ValidationError:
        return None
