"""Who is signed in, by the tokens in their browsers' cookies."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass

SESSION_SECONDS = 30 * 24 * 3600
MOST_SESSIONS = 1000


@dataclass(frozen=True)
class SignedIn:
    """Somebody who has signed in.

    Attributes:
        name: with which they did.
        stamp: of their password; when it is another one, they have to sign in again.
    """

    name: str
    stamp: str


class Sessions:
    """Who is signed in, by the tokens in their cookies. Kept in memory only: a restart signs
    everybody out. For one thread only, the event loop's."""

    def __init__(self) -> None:
        self._open: OrderedDict[bytes, tuple[float, SignedIn]] = OrderedDict()

    def open(self, who: SignedIn) -> str:
        """Begin a session; returns the token for its cookie, always a new one."""
        token = secrets.token_urlsafe(32)
        self._open[_digest(token)] = time.monotonic() + SESSION_SECONDS, who
        while len(self._open) > MOST_SESSIONS:
            self._open.popitem(last=False)
        return token

    def who(self, token: str) -> SignedIn | None:
        """Whose session this token belongs to; None where it has ended or never was."""
        ends, who = self._open.get(_digest(token), (0.0, None))
        return who if ends > time.monotonic() else None

    def close(self, token: str) -> None:
        """End a session; nothing happens if there is none with this token."""
        self._open.pop(_digest(token), None)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
