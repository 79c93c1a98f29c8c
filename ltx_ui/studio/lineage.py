"""Lineage: which take another one came from, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, select

from ltx_ui.recipe import Recipe
from ltx_ui.studio.database import Database
from ltx_ui.studio.jobs import Origin
from ltx_ui.studio.tables import LastFrameRow, TakeRow
from ltx_ui.studio.takes import PRESENT, Take

MOST_OF_ONE = 48
"""Takes that came of one which are told, the newest ones."""

Those = Callable[[Sequence[str], str], tuple[Take, ...]]


@dataclass(frozen=True)
class Lineage:
    """Where a take came from, and what came of it.

    Attributes:
        came_from: the take that it came from; None if it came from none, or that one is gone.
        gone: whether it came from a take that was deleted.
        came_of: the takes that came from it, oldest first; at most :data:`MOST_OF_ONE`.
    """

    came_from: Take | None
    gone: bool
    came_of: tuple[Take, ...]


def lineage_of(take: Take, database: Database, those: Those) -> Lineage:
    """A take's lineage.

    Args:
        those: finds an owner's takes by their ids.
    """
    with database.reading() as session:
        ids = session.scalars(_made_from(take.id, take.owner)).all()
    found = those([take.made_from], take.owner) if take.made_from else ()
    came_from = next(iter(found), None)
    gone = take.made_from is not None and came_from is None
    return Lineage(came_from, gone, those(ids[::-1], take.owner))


def columns_of(origin: Origin | None) -> dict[str, str | None]:
    """What a row of a job or a take has of its origin."""
    return {
        "made_from": origin.take_id if origin else None,
        "relation": origin.relation if origin else None,
    }


def _made_from(take_id: str, owner: str) -> Select[str]:
    """The query for the ids of an owner's newest takes that came from a take, newest first."""
    those = select(TakeRow.id).where(TakeRow.made_from == take_id, TakeRow.owner == owner, PRESENT)
    return those.order_by(TakeRow.number.desc()).limit(MOST_OF_ONE)


class LastFrames:
    """Which takes end with a picture. Safe to call from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, digest: str, owner: str, take_id: str) -> None:
        """Remember, as long as the take is there, that a picture which an owner has is its last
        frame.

        Raises:
            MediaError: it could not be written.
        """
        with self._database.session() as session:
            take = session.scalar(select(TakeRow.number).where(TakeRow.id == take_id))
            if take is not None:
                session.merge(LastFrameRow(owner=owner, digest=digest, take=take))

    def origin(self, recipe: Recipe, owner: str) -> Origin | None:
        """The take that a recipe of the owner's goes on from: its first frame is that one's last.

        Raises:
            MediaError: the library can't be read.
        """
        if (first := recipe.inputs.image_at(0)) is None:
            return None
        its = (LastFrameRow.owner == owner, LastFrameRow.digest == first.digest)
        query = select(TakeRow.id).join(LastFrameRow, LastFrameRow.take == TakeRow.number)
        with self._database.reading() as session:
            take_id = session.scalar(query.where(*its))
        return Origin(take_id, "continued") if take_id else None
