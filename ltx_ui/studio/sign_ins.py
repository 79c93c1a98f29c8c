"""Who is signed in, by the tokens in their browsers' cookies."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ltx_ui.studio.database import Database
from ltx_ui.studio.lately import SECONDS
from ltx_ui.studio.tables import SignInRow

LASTS = timedelta(days=30)
"""How long somebody stays signed in."""
MOST = 1000
"""Who signs in beyond so many ends the sign-in that was made longest ago."""


@dataclass(frozen=True)
class SignedIn:
    """Somebody who has signed in.

    Attributes:
        name: with which they did.
        stamp: of their password; when it is another one, they have to sign in again.
    """

    name: str
    stamp: str


class SignIns:
    """Who is signed in, by the tokens in their cookies. Kept in the database, the tokens as their
    digests alone: a restart signs nobody out, and who signs out is signed out in all processes.
    Safe to call from any thread.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._lately: OrderedDict[str, tuple[float, SignedIn]] = OrderedDict()

    def open(self, who: SignedIn) -> str:
        """Sign somebody in; returns the token for their cookie, always a new one.

        Raises:
            MediaError: it could not be written.
        """
        token, now = secrets.token_urlsafe(32), datetime.now(UTC)
        row = SignInRow(
            digest=_digest(token), name=who.name, stamp=who.stamp, expires_at=now + LASTS
        )
        # Who has no room left has to come in to make some.
        with self._database.session(frees=True) as session:
            session.add(row)
            session.flush()
            newest = select(SignInRow.digest).order_by(SignInRow.expires_at.desc()).limit(MOST)
            session.execute(delete(SignInRow).where(SignInRow.digest.not_in(newest)))
            session.execute(delete(SignInRow).where(SignInRow.expires_at <= now))
        return token

    def lately(self, token: str) -> SignedIn | None:
        """Who has this token, by a look into the database of a moment ago; None where :meth:`who`
        has to look."""
        with self._lock:
            seen, who = self._lately.get(_digest(token), (0.0, None))
        return who if who is not None and self._clock() - seen < SECONDS else None

    def who(self, token: str) -> SignedIn | None:
        """Who has this token; None where the sign-in has ended or never was.

        Raises:
            MediaError: the library can't be read.
        """
        digest = _digest(token)
        with self._database.reading() as session:
            row = session.get(SignInRow, digest)
        if row is None or row.expires_at <= datetime.now(UTC):
            return None
        who = SignedIn(row.name, row.stamp)
        with self._lock:
            self._lately[digest] = self._clock(), who
            self._lately.move_to_end(digest)
            if len(self._lately) > MOST:
                self._lately.popitem(last=False)
        return who

    def close(self, token: str) -> None:
        """Sign out who has this token; nothing happens if nobody has.

        Raises:
            MediaError: it could not be written.
        """
        digest = _digest(token)
        with self._database.session(frees=True) as session:
            session.execute(delete(SignInRow).where(SignInRow.digest == digest))
        with self._lock:
            self._lately.pop(digest, None)


def sign_out(session: Session, name: str) -> None:
    """Sign a user out everywhere, in a session that writes."""
    session.execute(delete(SignInRow).where(SignInRow.name == name))


def _digest(token: str) -> str:
    # Nobody guesses 256 random bits, so a fast hash is as good as a slow one.
    return hashlib.sha256(token.encode()).hexdigest()
