"""Who is here: everybody who was seen lately, for the owner of the studio."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import func, select

from ltx_ui.errors import InvalidRecipe, SettingsError
from ltx_ui.settings import LOCAL, Settings
from ltx_ui.studio.bans import is_banned
from ltx_ui.studio.database import Database
from ltx_ui.studio.guard import is_visitor
from ltx_ui.studio.tables import TakeRow
from ltx_ui.studio.takes import PRESENT
from ltx_ui.studio.users import Users, checked_name

MOST = 1000
"""People who are remembered; those who were seen longest ago are forgotten first."""

Role = Literal["owner", "user", "visitor"]
"""``owner``: the person at the machine, or whoever opened the owner link; ``user``: somebody with a
name; ``visitor``: everybody else who was let in."""


def role_of(owner: str) -> Role:
    """In which part somebody is here."""
    if owner == LOCAL:
        return "owner"
    return "visitor" if is_visitor(owner) else "user"


@dataclass(frozen=True)
class Person:
    """Somebody who is here.

    Attributes:
        name: the owner of what they make.
        seen_at: when they asked for something last.
        live_jobs: their jobs that wait or run.
        takes: how many they have in the library, without drafts.
        minutes: that the studio has worked for them within a day.
        banned: whether they are let in no more.
    """

    name: str
    role: Role
    seen_at: datetime
    live_jobs: int
    takes: int
    minutes: float
    banned: bool


class Presence:
    """When everybody was seen last, since the start. Safe to call from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, datetime] = OrderedDict()

    def seen(self, owner: str) -> None:
        """Somebody asks for something."""
        with self._lock:
            self._seen[owner] = datetime.now(UTC)
            self._seen.move_to_end(owner)
            if len(self._seen) > MOST:
                self._seen.popitem(last=False)

    def people(
        self,
        database: Database,
        live: Collection[tuple[str, str]],
        minutes: Callable[[str], float],
        banned: Collection[str],
    ) -> list[Person]:
        """Everybody who was seen, the last one first.

        Args:
            live: id and owner of each job that has not ended.
            minutes: tells for how long the studio has worked for somebody within a day.
            banned: as :attr:`~ltx_ui.studio.bans.Bans.names` has them.

        Raises:
            MediaError: the library can't be read.
        """
        with self._lock:
            seen = list(reversed(self._seen.items()))
        takes, jobs = _takes(database), Counter(owner for _, owner in live)
        return [
            Person(
                name=owner,
                role=role_of(owner),
                seen_at=at,
                live_jobs=jobs[owner],
                takes=takes.get(owner, 0),
                minutes=minutes(owner),
                banned=is_banned(owner, banned),
            )
            for owner, at in seen
        ]


def named(database: Database, settings: Settings) -> set[str]:
    """Who has a name here: the owner, users, and whom ``--auth`` names.

    Raises:
        MediaError: the library can't be read.
    """
    names = {LOCAL, *(user.name for user in Users(database).all())}
    return names | {settings.credentials[0]} if settings.credentials else names


def check_owner(database: Database, settings: Settings, name: str) -> None:
    """Refuse a name that nobody has here, and under which nothing lies in the library.

    Raises:
        SettingsError: it is one; says who is known.
        MediaError: the library can't be read.
    """
    known = named(database, settings)
    if name in known or name in _takes(database):
        return
    if settings.user_header:  # The proxy may know more people than have come by.
        with suppress(InvalidRecipe):
            checked_name(name)
            return
    raise SettingsError(
        f"nobody is called {name} here, but {', '.join(sorted(known))}. ltx-ui user add gives "
        "somebody a name."
    )


def _takes(database: Database) -> dict[str, int]:
    count = func.count(TakeRow.number)
    those = select(TakeRow.owner, count).where(TakeRow.draft.is_(False), PRESENT)
    with database.reading() as session:
        return dict(session.execute(those.group_by(TakeRow.owner)).all())
