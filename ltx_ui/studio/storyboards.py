"""Storyboards as the studio keeps them: their shots, each with its takes."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, and_, delete, or_, select
from sqlalchemy.orm import Session

from ltx_ui.errors import NotFound, WrongMoment
from ltx_ui.media.splicing import Piece
from ltx_ui.storyboards import Shot
from ltx_ui.studio.clip_files import present
from ltx_ui.studio.damaged import UNREADABLE, Readable
from ltx_ui.studio.database import Database
from ltx_ui.studio.kept_shots import (
    SeenShot,
    Storyboard,
    Written,
    edited,
    joined_by,
    outdated,
    read_board,
)
from ltx_ui.studio.library import Library
from ltx_ui.studio.tables import StoryboardRow
from ltx_ui.studio.takes import Take

MOST_STORYBOARDS = 100
"""Of one owner."""
MOST_TAKES = 24
"""Takes of a shot that it can be shown with; older ones stay in the library."""
NOT_HERE = "This storyboard is not here. It may have been deleted."
_DAMAGED = "This storyboard is damaged and can't be read. Delete it."

Place = tuple[datetime, int]
"""Where a storyboard stands among those of its owner: when it was changed, and its number."""


class Storyboards:
    """The storyboards of all owners. Each owner sees their own. Safe to call from any thread."""

    def __init__(self, database: Database, library: Library) -> None:
        self._database, self._library = database, library
        self._rows = Readable(StoryboardRow)

    def all(self, owner: str) -> list[Storyboard]:
        """An owner's storyboards, the one that was changed last first."""
        return self.page(owner)[0]

    def page(
        self, owner: str, limit: int | None = None, after: Place | None = None
    ) -> tuple[list[Storyboard], Place | None]:
        """Some of an owner's storyboards, the one that was changed last first, and where the rest
        begins: after that place. None where there is no rest.

        Args:
            limit: how many at most; None for all.
            after: those behind this place alone.
        """
        latest = StoryboardRow.changed_at.desc(), StoryboardRow.number.desc()
        query = _of(owner).order_by(*latest)
        if limit is not None:
            query = query.limit(limit + 1)
        if after is not None:
            earlier, number = StoryboardRow.changed_at < after[0], StoryboardRow.number < after[1]
            query = query.where(or_(earlier, and_(StoryboardRow.changed_at == after[0], number)))
        with self._database.reading() as session:
            found = self._rows.read(
                session, lambda: query, lambda row: (read_board(row), (row.changed_at, row.number))
            )
        shown = found[:limit]
        return [board for board, _ in shown], shown[-1][1] if len(shown) < len(found) else None

    def one(self, board_id: str, owner: str) -> Storyboard:
        """One storyboard.

        Raises:
            NotFound: there is none by this id, or it belongs to somebody else.
        """
        with self._database.reading() as session:
            return _told(_row(session, board_id, owner))

    def making(self) -> list[tuple[Storyboard, str]]:
        """Those of which shots are to be made, each with its owner."""
        query = select(StoryboardRow).where(StoryboardRow.making).order_by(StoryboardRow.number)
        with self._database.reading() as session:
            return self._rows.read(session, lambda: query, lambda row: (read_board(row), row.owner))

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
            return _told(row)

    def change(
        self,
        board_id: str,
        owner: str,
        change: Callable[[Storyboard], Storyboard],
        was: Written | None = None,
    ) -> Storyboard:
        """Change a storyboard; nobody else does meanwhile.

        Args:
            change: what becomes of it; what it raises passes through, and nothing is changed.
            was: what whoever changes it takes for written there; None to replace it, whatever
                it is.

        Raises:
            NotFound: as :meth:`one`.
            ChangedMeanwhile: something else is written there by now.
        """
        with self._database.session(frees=True) as session:
            row = _row(session, board_id, owner, writes=True)
            before = _told(row)
            after = change(before)
            if was is not None:
                was.check(before, after)
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
        its = StoryboardRow.owner == owner, StoryboardRow.id == board_id
        with self._database.session(frees=True) as session:
            if session.scalar(select(StoryboardRow.number).where(*its)) is None:
                raise NotFound(NOT_HERE)
            try:
                board = _told(_row(session, board_id, owner, writes=True))
            except NotFound:  # It is damaged.
                board = Storyboard(id=board_id, settings={}, shots=())
            session.execute(delete(StoryboardRow).where(*its))
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
            reason = outdated(shot, chosen, before) if chosen is not None else None
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


def _frame(take: Take) -> tuple[str, int]:
    return take.recipe.resolution, take.recipe.fps


def _of(owner: str) -> Select[StoryboardRow]:
    return select(StoryboardRow).where(StoryboardRow.owner == owner)


def _row(session: Session, board_id: str, owner: str, *, writes: bool = False) -> StoryboardRow:
    query = _of(owner).where(StoryboardRow.id == board_id)
    try:
        row = session.scalar(query.with_for_update() if writes else query)
    except UNREADABLE:
        raise NotFound(_DAMAGED) from None
    if row is None:
        raise NotFound(NOT_HERE)
    return row


def _write(row: StoryboardRow, board: Storyboard) -> None:
    row.told, row.making = board.model_dump(mode="json"), bool(board.turns)


def _told(row: StoryboardRow) -> Storyboard:
    try:
        return read_board(row)
    except UNREADABLE:
        raise NotFound(_DAMAGED) from None
