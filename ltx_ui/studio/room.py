"""How much room takes need on the disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from ltx_ui.studio.clip_files import Files
from ltx_ui.studio.database import Database
from ltx_ui.studio.parts import in_parts
from ltx_ui.studio.tables import TakeRow
from ltx_ui.studio.takes import PRESENT

_AT_ONCE = 500


@dataclass(frozen=True)
class Room:
    """What an owner's takes need.

    Attributes:
        takes, drafts: how many there are.
        bytes: size of the clips and posters of both.
        picture_bytes: size of the pictures that clips start from; of all owners.
    """

    takes: int
    drafts: int
    bytes: int
    picture_bytes: int = 0

    @property
    def total(self) -> int:
        """Size of all of it."""
        return self.bytes + self.picture_bytes


def room_of(session: Session, owner: str) -> Room:
    """What an owner's takes need."""
    columns = (TakeRow.draft, func.count(TakeRow.number), func.sum(TakeRow.bytes))
    theirs = select(*columns).where(TakeRow.owner == owner, PRESENT).group_by(TakeRow.draft)
    counts = {draft: (count, size) for draft, count, size in session.execute(theirs)}
    takes, drafts = (counts.get(draft, (0, 0)) for draft in (False, True))
    return Room(takes[0], drafts[0], int(takes[1] + drafts[1]))


def measure(database: Database, folder: Path) -> None:
    """Find out the sizes that are not known: earlier versions did not keep them.

    Raises:
        MediaError: they could not be written.
    """
    unknown = select(TakeRow.number, TakeRow.video, TakeRow.poster).where(TakeRow.bytes == 0)
    with database.reading() as session:
        rows = session.execute(unknown).all()
    sizes = [(row.number, Files(folder / row.video, folder / row.poster).bytes) for row in rows]
    set_sizes(database, [(number, size) for number, size in sizes if size])


def set_sizes(database: Database, sizes: Sequence[tuple[int, int]]) -> None:
    """Keep the sizes of takes, which are named by their numbers.

    Raises:
        MediaError: they could not be written.
    """
    for some in in_parts(sizes, _AT_ONCE):
        with database.session() as session:
            for number, size in some:
                this = update(TakeRow).where(TakeRow.number == number)
                session.execute(this.values(bytes=size))
