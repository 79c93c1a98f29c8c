"""Who is not let in any more: visitors, each by themselves or all from one address."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime

from sqlalchemy import delete, select

from ltx_ui.errors import NotAllowed, WrongMoment
from ltx_ui.settings import VISITOR
from ltx_ui.studio.database import Database
from ltx_ui.studio.guard import crowd_of, is_visitor
from ltx_ui.studio.lately import Lately
from ltx_ui.studio.tables import BanRow

_WHOLE = re.compile(rf"{VISITOR}[^-]+-[^-]+")
"""A visitor's name: where they come from, and who they are."""
BANNED = "Whoever runs this studio lets you in no more. Ask them, if that is a mistake."


class Bans:
    """Banned visitors. Safe to call from any thread, and from several processes.

    Attributes:
        names: visitors' names, and what the names of all from one address begin with.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.names: Lately[frozenset[str]] = Lately(self._read)

    def add(self, visitor: str, *, address: bool = False) -> str:
        """Ban a visitor; returns under what it is kept.

        Args:
            address: whether everybody from their address is banned, whoever comes later too.

        Raises:
            WrongMoment: it is no visitor's name.
            MediaError: it could not be written.
        """
        if not is_visitor(visitor):
            raise WrongMoment("Only visitors can be banned. A named user is removed instead.")
        if not _WHOLE.fullmatch(visitor):
            raise WrongMoment("No visitor has this name. Choose one of those who are here.")
        who = crowd_of(visitor) if address else visitor
        with self._database.session() as session:
            session.merge(BanRow(who=who, created_at=datetime.now(UTC)))
        self.names.changed()
        return who

    def remove(self, who: str) -> None:
        """Let somebody in again; nothing happens if they were not banned.

        Args:
            who: as :attr:`names` has it.

        Raises:
            MediaError: it could not be written.
        """
        with self._database.session(frees=True) as session:
            session.execute(delete(BanRow).where(BanRow.who == who))
        self.names.changed()

    def check(self, owner: str) -> None:
        """Refuse who is banned.

        Raises:
            NotAllowed: they are.
            MediaError: the library can't be read.
        """
        if is_visitor(owner) and is_banned(owner, self.names.get()):
            raise NotAllowed(BANNED)

    def _read(self) -> frozenset[str]:
        with self._database.reading() as session:
            return frozenset(session.scalars(select(BanRow.who)))


def is_banned(owner: str, names: Collection[str]) -> bool:
    """Whether a visitor is among those that are banned."""
    return owner in names or crowd_of(owner) in names
