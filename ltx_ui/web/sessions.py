"""Who is signed in, by the tokens in their browsers' cookies."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict

SESSION_SECONDS = 30 * 24 * 3600
MOST_SESSIONS = 1000


class Sessions:
    """Who is signed in, by the tokens in their cookies. Kept in memory only: a restart signs
    everybody out."""

    def __init__(self) -> None:
        self._ends: OrderedDict[bytes, float] = OrderedDict()

    def open(self) -> str:
        """Begin a session; returns the token for its cookie."""
        token = secrets.token_urlsafe(32)
        self._ends[_digest(token)] = time.monotonic() + SESSION_SECONDS
        while len(self._ends) > MOST_SESSIONS:
            self._ends.popitem(last=False)
        return token

    def holds(self, token: str) -> bool:
        """Whether this token belongs to a session that has not ended."""
        return self._ends.get(_digest(token), 0.0) > time.monotonic()

    def close(self, token: str) -> None:
        """End a session; nothing happens if there is none with this token."""
        self._ends.pop(_digest(token), None)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
