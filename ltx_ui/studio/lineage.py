"""Lineage: which take another one came from, and what came of it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, select

from ltx_ui.recipe import Recipe
from ltx_ui.studio.database import Database
from ltx_ui.studio.jobs import Origin
from ltx_ui.studio.tables import TakeRow
from ltx_ui.studio.takes import PRESENT, Take

MOST_OF_ONE = 48
"""Takes that came of one which are told, the newest ones."""
_REMEMBERED = 1000
"""Last frames that are known to be some take's. Each takes some 200 bytes."""


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
    """Which takes end with a picture, as far as that is known since the start. Safe to call from
    any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._takes: OrderedDict[tuple[str, str], str] = OrderedDict()

    def add(self, digest: str, owner: str, take_id: str) -> None:
        """Remember that a picture is the last frame of an owner's take."""
        with self._lock:
            self._takes[owner, digest] = take_id
            self._takes.move_to_end((owner, digest))
            if len(self._takes) > _REMEMBERED:
                self._takes.popitem(last=False)

    def origin(self, recipe: Recipe, owner: str) -> Origin | None:
        """The owner's take that a recipe goes on from: its first frame is that one's last."""
        first = recipe.inputs.image_at(0)
        with self._lock:
            take_id = self._takes.get((owner, first.digest)) if first else None
        return Origin(take_id, "continued") if take_id else None
